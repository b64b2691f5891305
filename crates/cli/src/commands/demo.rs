//! `demo`: the whole way on one picture, in a home of its own.

use std::fs;
use std::path::{Path, PathBuf};

use colophon_imaging::{
    Channels, ChromaSubsampling, EncodeOptions, Format, Limits, Picture, Samples, decode, encode,
    read_bounded, write_atomic,
};
use colophon_ledger::check_proof;
use colophon_provenance::{
    Destination, DigitalSourceType, GeneratedRequest, Home, IssueOptions, Issued, Issuer, Language,
    Outcome, Prompt, Report, StampRequest, Verifier, VerifierOptions, Wording,
};
use colophon_rendering::terminal::render;

use super::generate::embedded_picture;
use super::{Context, now};
use crate::args::Demo;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::making::{Made, MadePicture};
use crate::printer::{FAINT, STRONG, styled};
use crate::text::wrapped;

/// What the model that is part of the program is asked for, and where its noise starts.
const PROMPT: &str = "a red fox in the snow";
const SEED: u64 = 7;
/// How much the difference between original and stamped picture is amplified.
const AMPLIFIED: i32 = 16;
/// Quality at which the attack saves the picture again.
const ATTACK_QUALITY: u8 = 60;
/// Columns of the report that is left as a file.
const REPORT_WIDTH: usize = 80;

/// Runs `demo`.
pub fn run(context: &Context<'_>, options: &Demo) -> Result<Exit, Failure> {
    let stage = Stage::set(context, &options.out)?;
    let source = match &options.picture {
        Some(path) => Source::Given(read_bounded(path, &Limits::default())?),
        None => Source::Made(embedded_picture(context, PROMPT, SEED)?),
    };
    let picture = source.picture()?;
    let whence = match &options.picture {
        Some(path) => format!(
            "{}; it stands in for the output of an image model",
            path.display()
        ),
        None => {
            format!("Made from the prompt \"{PROMPT}\" by the model that is part of the program")
        }
    };
    stage.step(
        1,
        "A picture",
        &format!(
            "{whence}; {} x {} pixels.",
            picture.width(),
            picture.height()
        ),
    )?;
    let (extension, original) = source.file(&picture)?;
    stage.write(&format!("original.{extension}"), &original)?;
    drop(original);

    let (issued, stamped) = stage.issue(source)?;
    let id = issued.watermark_id.as_deref().unwrap_or("none");
    stage.step(2, "Issued", &format!(
        "stamped.jpg carries the invisible mark {id} ({:.1} dB; difference-amplified.png \
         shows it {AMPLIFIED} times stronger) and a signed manifest. Ledger record {} was made first.",
        issued.psnr_mark.unwrap_or(f64::INFINITY), issued.record
    ))?;
    let stamped_picture = decode(&stamped, &Limits::default())?;
    stage.write(
        "difference-amplified.png",
        &difference(&picture, &stamped_picture)?,
    )?;
    drop(picture);

    let verifier = Verifier::open(Some(&stage.home), VerifierOptions::default())?;
    let as_issued = verifier.verify(&stamped, "stamped.jpg");
    stage.step(3, "Verified", &as_issued.verdict.headline)?;

    let attacked = attacked(&stamped_picture)?;
    stage.write("attacked.jpg", &attacked)?;
    stage.step(4, "Attacked", &format!(
        "attacked.jpg is stamped.jpg cropped to half its area and saved again as JPEG at quality {ATTACK_QUALITY}; \
         the manifest and all other metadata are gone."
    ))?;
    let traced = verifier.verify(&attacked, "attacked.jpg");
    stage.step(5, "Traced back", &traced.verdict.headline)?;
    stage.prove(issued.record)?;

    let unmarked = encode(&unmarked()?, &jpeg(95))?;
    stage.write("unmarked.jpg", &unmarked)?;
    let nothing = verifier.verify(&unmarked, "unmarked.jpg");
    stage.step(
        6,
        "Another picture, never stamped",
        &nothing.verdict.headline,
    )?;

    let went_well = as_issued.outcome == Outcome::EvidenceFound
        && traced.outcome == Outcome::EvidenceFound
        && traced.evidence.watermark.as_ref().map(|mark| &mark.payload)
            == issued.watermark_id.as_ref()
        && nothing.outcome == Outcome::NothingFound;
    stage.finish(&[as_issued, traced, nothing], went_well)
}

/// What the demo issues.
#[expect(clippy::large_enum_variant, reason = "there is one of them")]
enum Source {
    /// A file of the user's.
    Given(Vec<u8>),
    /// A picture made here.
    Made(Made),
}

impl Source {
    fn picture(&self) -> Result<Picture, Failure> {
        match self {
            Self::Given(bytes)
            | Self::Made(Made {
                picture: MadePicture::File(bytes),
                ..
            }) => Ok(decode(bytes, &Limits::default())?),
            Self::Made(Made {
                picture: MadePicture::Pixels(image),
                ..
            }) => {
                let samples = Samples::U8(image.pixels.clone());
                Ok(Picture::new(
                    image.width,
                    image.height,
                    Channels::Rgb,
                    samples,
                )?)
            }
        }
    }

    /// The picture as it was before it was issued, as a file, with the file's extension.
    fn file(&self, picture: &Picture) -> Result<(&'static str, Vec<u8>), Failure> {
        match self {
            Self::Given(bytes) => Ok((picture.source_format().extension(), bytes.clone())),
            Self::Made(_) => {
                let format = Format::Png;
                Ok((
                    format.extension(),
                    encode(picture, &EncodeOptions::new(format))?,
                ))
            }
        }
    }
}

/// The folder of the demo and what is said about it.
struct Stage<'a> {
    context: &'a Context<'a>,
    folder: PathBuf,
    home: Home,
}

impl<'a> Stage<'a> {
    /// Makes the folder, which must not hold anything yet.
    fn set(context: &'a Context<'a>, folder: &Path) -> Result<Self, Failure> {
        let holds_something =
            fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if holds_something {
            return Err(Failure::Request(format!(
                "{} is not empty; name another folder with --out, or remove it",
                folder.display()
            )));
        }
        fs::create_dir_all(folder).map_err(Failure::file("make the folder", folder))?;
        Ok(Self {
            context,
            folder: folder.to_path_buf(),
            home: Home::new(folder.join("home")),
        })
    }

    fn step(&self, number: usize, title: &str, text: &str) -> Result<(), Failure> {
        let printer = self.context.printer;
        printer.say(&format!(
            "{} {}",
            styled(STRONG, &format!("{number}.")),
            styled(STRONG, title)
        ))?;
        for line in wrapped(text, printer.width(), "   ", "   ") {
            printer.say(&line)?;
        }
        Ok(())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let _writing = self.context.interrupt.writing();
        Ok(write_atomic(&self.folder.join(name), bytes, false)?)
    }

    fn issue(&self, source: Source) -> Result<(Issued, Vec<u8>), Failure> {
        let _writing = self.context.interrupt.writing();
        let issuer = Issuer::open(&self.home, None, now())?;
        let path = self.folder.join("stamped.jpg");
        let destination = Destination {
            path: path.clone(),
            overwrite: false,
        };
        let issued = match source {
            Source::Given(bytes) => {
                let mut request =
                    StampRequest::new(DigitalSourceType::TrainedAlgorithmicMedia, now());
                request.generator = Some("Demo model".to_owned());
                // The manifest itself must not mislead whoever meets the file later.
                request.options.title =
                    Some("Colophon demo: this picture stands in for a generated one".to_owned());
                issuer.stamp(&bytes, &request, destination)?
            }
            Source::Made(made) => {
                let request = GeneratedRequest {
                    source_picture: None,
                    facts: made.facts,
                    prompt: Prompt {
                        text: PROMPT.to_owned(),
                        negative: None,
                        keep: true,
                    },
                    options: IssueOptions::new(now()),
                };
                let mut file = Vec::new();
                let output = made.picture.into_output(&mut file);
                issuer.issue_generated(output, &request, destination)?
            }
        };
        Ok((issued, read_bounded(&path, issuer.limits())?))
    }

    /// Makes the proof of the record and checks it as anyone could, without the ledger.
    fn prove(&self, record: u64) -> Result<(), Failure> {
        let ledger = self.home.open_ledger_read_only()?;
        let proof = ledger.prove(record)?;
        let leaf = ledger
            .get(record)?
            .map(|entry| entry.leaf().to_vec())
            .unwrap_or_default();
        let checkpoint = check_proof(&proof, &leaf, ledger.verifier_key())?;
        self.write("record.tlog-proof", proof.as_bytes())?;
        self.write("record.leaf", &leaf)?;
        let text = format!(
            "The proof of record {record} (record.tlog-proof) holds against the signed checkpoint of {}, checked without the ledger.",
            checkpoint.origin
        );
        wrapped(&text, self.context.printer.width(), "   ", "   ")
            .iter()
            .try_for_each(|line| self.context.printer.say(line))
    }

    /// Leaves the reports and says where everything is.
    fn finish(&self, reports: &[Report], went_well: bool) -> Result<Exit, Failure> {
        let wording = Wording::of(Language::English);
        let texts: Vec<String> = reports
            .iter()
            .map(|report| render(report, wording, REPORT_WIDTH, true))
            .collect();
        let text = anstream::adapter::strip_str(&texts.join("\n\n\n")).to_string() + "\n";
        self.write("report.txt", text.as_bytes())?;
        let json =
            serde_json::to_string_pretty(reports).map_err(|error| Failure::Output(error.into()))?;
        self.write("report.json", (json + "\n").as_bytes())?;
        let printer = self.context.printer;
        printer.say("")?;
        if let Some(traced) = reports.get(1) {
            let text = render(traced, wording, printer.width(), printer.is_verbose());
            printer.say(&text)?;
            printer.say("")?;
        }
        let folder = self.folder.display();
        printer.say(&format!(
            "Pictures, reports and proof are in {}",
            styled(STRONG, &folder.to_string())
        ))?;
        printer.say(&styled(FAINT, &format!(
            "Try it yourself: damage {folder}/stamped.jpg in any editor, then\n  colophon --home {folder}/home verify YOUR-FILE"
        )))?;
        if went_well {
            return Ok(Exit::DONE);
        }
        Err(Failure::Request(
            "the demo did not end as it should; see report.txt. Please report it, with the picture"
                .into(),
        ))
    }
}

fn jpeg(quality: u8) -> EncodeOptions {
    EncodeOptions {
        jpeg_quality: quality,
        chroma: ChromaSubsampling::S420,
        ..EncodeOptions::new(Format::Jpeg)
    }
}

/// Half the area, cut out off the middle, saved again at low quality without metadata.
fn attacked(stamped: &Picture) -> Result<Vec<u8>, Failure> {
    let cut = |side: u32| (f64::from(side) * 0.5f64.sqrt()).round() as u32;
    let (width, height) = (cut(stamped.width()), cut(stamped.height()));
    let (x, y) = (
        (stamped.width() - width) * 2 / 3,
        (stamped.height() - height) / 3,
    );
    let mut rest = stamped.crop(x, y, width, height)?;
    rest.strip_metadata();
    Ok(encode(&rest, &jpeg(ATTACK_QUALITY))?)
}

/// What changed, amplified, around middle gray.
fn difference(before: &Picture, after: &Picture) -> Result<Vec<u8>, Failure> {
    let amplified = |(a, b): (&u8, &u8)| {
        (128 + AMPLIFIED * (i32::from(*b) - i32::from(*a))).clamp(0, 255) as u8
    };
    let samples = before
        .to_rgb8()
        .iter()
        .zip(&after.to_rgb8())
        .map(amplified)
        .collect();
    let picture = Picture::new(
        before.width(),
        before.height(),
        Channels::Rgb,
        Samples::U8(samples),
    )?;
    Ok(encode(&picture, &EncodeOptions::new(Format::Png))?)
}

/// A picture from formulas: rings over a slope, with grain.
fn unmarked() -> Result<Picture, Failure> {
    const WIDTH: u32 = 800;
    const HEIGHT: u32 = 600;
    let mut grain = 0x2545_F491u32;
    let mut samples = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (dx, dy) = (f64::from(x) - 510.0, f64::from(y) - 220.0);
            let rings =
                (dx.hypot(dy) / 17.0).sin() * 40.0 + (f64::from(x * y) / 9_000.0).cos() * 25.0;
            let light = 90.0 + f64::from(y) / 8.0 + rings + f64::from(grain >> 27);
            samples.extend([light + 12.0, light, light - 18.0].map(|v| v.clamp(0.0, 255.0) as u8));
        }
    }
    Ok(Picture::new(
        WIDTH,
        HEIGHT,
        Channels::Rgb,
        Samples::U8(samples),
    )?)
}
