//! `generate`: make pictures from a prompt and issue them.

mod facts;
mod grid;
mod maker;

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use colophon_diffusion::RgbImage;
use colophon_imaging::{Format, StagedFile, decode, write_atomic};
use colophon_provenance::{
    Destination, GeneratedRequest, GenerationFacts, IssueOptions, Issued, Issuer, ModelOutput,
    Prompt,
};

use super::{Context, issuing, now};
use crate::args::{Generate, Keep};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::making::{Made, MadePicture, Maker};
use crate::printer::{FAINT, styled};
use crate::show;
use crate::text::{clean, counted};

pub use maker::embedded_picture;

/// Runs `generate`.
pub fn run(context: &Context<'_>, options: &Generate) -> Result<Exit, Failure> {
    let text = match (&options.prompt, &options.prompt_file) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => issuing::prompt_in(path)?,
        // The command line asks for one of them.
        (None, None) => String::new(),
    };
    let maker = maker::new(context, options, &text, random_seed()?)?;
    let targets = Targets::new(options, &maker)?;
    let home = context.home()?;
    let passphrase = issuing::passphrase(context, &home)?;
    // Held until the ledger is closed again, which is done properly after Ctrl-C too.
    let _writing = context.interrupt.writing();
    let issuer = issuing::open(context, &home, passphrase, &options.issue)?;
    targets.check(options)?;
    let prompt = Prompt {
        text,
        negative: options.negative.clone(),
        keep: options.keep_prompt == Keep::Yes,
    };
    // Before any work is spent on a picture that may not be issued.
    let asked = issuing::options(&options.issue);
    issuer.may_generate(&maker.facts(), &prompt, maker.source().is_some(), &asked)?;
    if options.grid {
        grid::check(options.count, maker.size(), issuer.limits())?;
    }
    let run = Run {
        context,
        options,
        issuer: &issuer,
        prompt,
        source: maker.source().map(<[u8]>::to_vec),
    };
    run.all(&maker, &targets)?;
    Ok(Exit::DONE)
}

/// Short enough to be typed again, and within what every server takes.
fn random_seed() -> Result<u64, Failure> {
    match getrandom::u32() {
        Ok(seed) => Ok(u64::from(seed >> 1)),
        Err(error) => Err(Failure::Request(format!(
            "the system's random number source failed ({error}); name a --seed"
        ))),
    }
}

/// The files to write.
struct Targets {
    /// One a picture; none where only the grid is written.
    pictures: Vec<PathBuf>,
    grid: Option<PathBuf>,
}

impl Targets {
    fn new(options: &Generate, maker: &Maker) -> Result<Self, Failure> {
        let issue = &options.issue;
        if options.grid && options.count == 1 {
            return Err(Failure::Request(
                "a grid shows several pictures; give --count 2 or more".to_owned(),
            ));
        }
        if let Some(out) = &issue.out {
            return match (options.grid, options.count) {
                (true, _) => Ok(Self {
                    pictures: Vec::new(),
                    grid: Some(out.clone()),
                }),
                (false, 1) => Ok(Self {
                    pictures: vec![out.clone()],
                    grid: None,
                }),
                (false, _) => Err(Failure::Request(
                    "several pictures need --out-dir instead of --out, or --grid to show all in one"
                        .to_owned(),
                )),
            };
        }
        let folder = issue.out_dir.clone().unwrap_or_default();
        let extension = issue.format.map_or(Format::Png, Format::from).extension();
        // Not after the prompt: names of files travel further than it should.
        let place = |kind: &str, seed: Option<u64>, otherwise: u32| {
            folder.join(match seed {
                Some(seed) => format!("{kind}-seed-{seed}.{extension}"),
                None => format!("{kind}-{otherwise}.{extension}"),
            })
        };
        Ok(Self {
            pictures: (0..options.count)
                .map(|number| place("picture", maker.seed(number), number + 1))
                .collect(),
            grid: options
                .grid
                .then(|| place("grid", maker.seed(0), options.count)),
        })
    }

    /// Says before any work is spent which file could not be written.
    fn check(&self, options: &Generate) -> Result<(), Failure> {
        let issue = issuing::options(&options.issue);
        let mut seen = HashSet::new();
        for path in self.pictures.iter().chain(&self.grid) {
            if !seen.insert(path) {
                return Err(Failure::Request(format!(
                    "two of the pictures would be written to {}; choose another --seed",
                    path.display()
                )));
            }
            issue.output_format(path, Format::Png)?;
            // Dropped again: nothing is left.
            drop(StagedFile::create(path, options.issue.overwrite)?);
            if options.sidecar {
                drop(StagedFile::create(&sidecar(path), options.issue.overwrite)?);
            }
        }
        Ok(())
    }
}

/// `fox.png.json` beside `fox.png`.
fn sidecar(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".json");
    PathBuf::from(name)
}

struct Run<'a> {
    context: &'a Context<'a>,
    options: &'a Generate,
    issuer: &'a Issuer,
    prompt: Prompt,
    /// The file of the picture to start from.
    source: Option<Vec<u8>>,
}

impl Run<'_> {
    /// Makes and issues one picture after the other, so that a failure costs none before it.
    fn all(&self, maker: &Maker, targets: &Targets) -> Result<(), Failure> {
        let count = self.options.count;
        let mut shown: Vec<RgbImage> = Vec::new();
        let mut facts: Option<GenerationFacts> = None;
        for number in 0..count {
            let one = || -> Result<(), Failure> {
                let made = maker::make(self.context, maker, number, count)?;
                if targets.grid.is_some() {
                    shown.push(self.pixels(&made)?);
                    match &mut facts {
                        Some(facts) => facts.seeds.extend(&made.facts.seeds),
                        None => facts = Some(made.facts.clone()),
                    }
                }
                match targets.pictures.get(number as usize) {
                    Some(path) => self.issue(made, path),
                    None => Ok(()),
                }
            };
            self.or_count(number, &targets.pictures, one)?;
        }
        if let (Some(path), Some(facts)) = (&targets.grid, facts) {
            let picture = MadePicture::Pixels(grid::arrange(&shown));
            drop(shown);
            self.or_count(count, &targets.pictures, || {
                let understood = None;
                let made = Made {
                    picture,
                    facts,
                    understood,
                    notes: Vec::new(),
                };
                self.issue(made, path)
            })?;
        }
        Ok(())
    }

    /// Runs `work`; when it fails, tells how many pictures are there all the same.
    fn or_count(
        &self,
        number: u32,
        pictures: &[PathBuf],
        work: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        work().inspect_err(|_| {
            let issued = (number as usize).min(pictures.len());
            if issued > 0 {
                self.context.printer.note(&format!(
                    "{issued} of {} pictures were issued before that; they are recorded and stay",
                    pictures.len()
                ));
            }
        })
    }

    /// The picture's pixels, for the grid.
    fn pixels(&self, made: &Made) -> Result<RgbImage, Failure> {
        match &made.picture {
            MadePicture::Pixels(image) => Ok(image.clone()),
            MadePicture::File(bytes) => {
                let picture = decode(bytes, self.issuer.limits())?;
                Ok(RgbImage {
                    width: picture.width(),
                    height: picture.height(),
                    pixels: picture.to_rgb8(),
                })
            }
        }
    }

    fn issue(&self, made: Made, path: &Path) -> Result<(), Failure> {
        let request = GeneratedRequest {
            facts: made.facts,
            prompt: self.prompt.clone(),
            source_picture: self.source.clone(),
            options: IssueOptions {
                issued_at: now(),
                ..issuing::options(&self.options.issue)
            },
        };
        let mut file = Vec::new();
        let output: ModelOutput<'_> = made.picture.into_output(&mut file);
        let destination = Destination {
            path: path.to_path_buf(),
            overwrite: self.options.issue.overwrite,
        };
        let issued = self.issuer.issue_generated(output, &request, destination)?;
        self.tell(&issued, &request.facts, made.understood.as_deref())?;
        if self.options.sidecar {
            let text = facts::sidecar(&issued, &request)?;
            write_atomic(
                &sidecar(path),
                text.as_bytes(),
                self.options.issue.overwrite,
            )?;
        }
        show::picture(self.context, self.options, path)
    }

    fn tell(
        &self,
        issued: &Issued,
        facts: &GenerationFacts,
        understood: Option<&str>,
    ) -> Result<(), Failure> {
        let printer = self.context.printer;
        if self.options.issue.json {
            return printer.json(&facts::line(issued, facts)?);
        }
        issuing::tell(self.context, issued)?;
        if let Some(understood) = understood {
            let line = format!("understood: {}", clean(understood));
            printer.say(&format!("  {}", styled(FAINT, &line)))?;
        }
        printer.say(&format!("  {}", styled(FAINT, &clean(&how(facts)))))
    }
}

/// "seed 7, 20 steps, euler, guidance 4.5, by Miniature 1".
fn how(facts: &GenerationFacts) -> String {
    let seeds = match facts.seeds.as_slice() {
        [] => None,
        [seed] => Some(format!("seed {seed}")),
        [first, .., last] => Some(format!("seeds {first} to {last}")),
    };
    let model = match &facts.model.version {
        Some(version) => format!("by {} {version}", facts.model.name),
        None => format!("by {}", facts.model.name),
    };
    [
        seeds,
        facts.steps.map(|steps| counted(steps as usize, "step")),
        facts.sampler.clone(),
        facts.guidance.map(|scale| format!("guidance {scale}")),
        Some(model),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(", ")
}
