//! `watermark`: the mark alone, without manifest and record.

use std::io;
use std::path::Path;
use std::time::Instant;

use colophon_imaging::{Format, Picture, decode, read_bounded, read_bounded_from, write_atomic};
use colophon_keys::KeyStore;
use colophon_provenance::{Config, InitOptions, Outcome, Strength, mark_only};
use colophon_watermark::{
    Detection, Detector, Embedder, Payload, Plane, WatermarkError, WatermarkKey,
};
use serde::Serialize;

use super::{Context, is_stdin, name_of, now};
use crate::args::{self, Watermark};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::jobs;
use crate::passphrase;
use crate::printer::{FAINT, GOOD, describe, styled};
use crate::text::clean;

/// Runs `watermark`.
pub fn run(context: &Context<'_>, command: &Watermark) -> Result<Exit, Failure> {
    match command {
        Watermark::Embed {
            input,
            output,
            payload,
            strength,
            overwrite,
        } => {
            let payload = payload.map_or_else(random_payload, Ok)?;
            let strength = strength.map(Strength::from);
            embed(
                context,
                &Embedding {
                    input,
                    output,
                    payload,
                    strength,
                    overwrite: *overwrite,
                },
            )
        }
        Watermark::Detect { json, files } => detect(context, files, *json),
    }
}

struct Embedding<'a> {
    input: &'a Path,
    output: &'a Path,
    payload: Payload,
    /// `None` goes by the settings.
    strength: Option<Strength>,
    overwrite: bool,
}

impl From<args::Strength> for Strength {
    fn from(strength: args::Strength) -> Self {
        match strength {
            args::Strength::Subtle => Self::Subtle,
            args::Strength::Standard => Self::Standard,
            args::Strength::Strong => Self::Strong,
        }
    }
}

fn embed(context: &Context<'_>, job: &Embedding<'_>) -> Result<Exit, Failure> {
    let config = config(context)?;
    let limits = config.limits();
    let picture = decode(&read_bounded(job.input, &limits)?, &limits)?;
    let extension = job
        .output
        .extension()
        .and_then(|extension| extension.to_str());
    let format = extension
        .and_then(Format::from_extension)
        .filter(|format| format.can_encode());
    let format = format.ok_or_else(|| {
        Failure::Request(format!(
            "{}: name the output .png, .jpg or .webp",
            job.output.display()
        ))
    })?;
    let strength = job.strength.unwrap_or(config.strength.value);
    let embedder = Embedder::new(&key(context, true)?);
    let marked = mark_only(
        &picture,
        &embedder,
        job.payload,
        strength.options(),
        format,
        &config,
    )?;
    {
        let _writing = context.interrupt.writing();
        write_atomic(job.output, &marked.bytes, job.overwrite)?;
    }
    let about = styled(
        FAINT,
        &format!("({:.1} dB, margin {:.0})", marked.psnr_mark, marked.margin),
    );
    context.printer.say(&format!(
        "{}  {}  {about}",
        job.payload,
        clean(&name_of(job.output))
    ))?;
    Ok(Exit::DONE)
}

/// The home's settings.
fn config(context: &Context<'_>) -> Result<Config, Failure> {
    Ok(Config::load(Some(&context.home()?))?)
}

fn plane(picture: &Picture) -> Result<Plane, WatermarkError> {
    Plane::new(
        picture.width() as usize,
        picture.height() as usize,
        picture.luma(),
    )
}

/// The home's watermark key; `make` makes keys on first use.
fn key(context: &Context<'_>, make: bool) -> Result<WatermarkKey, Failure> {
    let home = context.home()?;
    if make && !home.has_keys() {
        let passphrase = passphrase::to_protect(context.global, false)?;
        let _writing = context.interrupt.writing();
        home.init(InitOptions {
            passphrase,
            ..InitOptions::new(now())
        })?;
        context.printer.note(&format!(
            "first use: keys made in {}",
            home.keys().display()
        ));
    }
    let store = KeyStore::open(
        &home.keys(),
        passphrase::to_open(context.global, &home.keys())?,
    )?;
    Ok(WatermarkKey::new(*store.watermark_key()?))
}

fn random_payload() -> Result<Payload, Failure> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::Request(format!(
            "the system gave no random numbers ({error}); try again"
        ))
    })?;
    Ok(Payload(u64::from_be_bytes(bytes)))
}

/// The line of `detect --json`, a public contract.
#[derive(Serialize)]
struct Finding {
    file: String,
    /// 16 hexadecimal digits.
    payload: Option<String>,
    /// Log10 of the bound on the false-positive probability.
    confidence: Option<f64>,
    geometry: Option<Geometry>,
    /// Milliseconds from bytes to answer, reading the file not counted.
    ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What was done to the picture since it was marked, as far as the mark alone tells: how it was
/// scaled depends on the size that it was issued with, which is in the record.
#[derive(Serialize)]
struct Geometry {
    /// Degrees clockwise, after the flip.
    rotation: f64,
    /// Mirrored horizontally.
    flip: bool,
}

impl Geometry {
    fn of(mark: &Detection, luma: &Plane) -> Self {
        // Any size of the same proportions tells the turn.
        let pose = mark.placement.pose(luma.width(), luma.height());
        Self {
            rotation: rounded(pose.rotation_degrees(), 2),
            flip: pose.flipped(),
        }
    }
}

type Found = (Detection, Geometry);

impl Finding {
    fn outcome(&self) -> Outcome {
        match (&self.error, &self.payload) {
            (Some(_), _) => Outcome::CouldNotCheck,
            (None, Some(_)) => Outcome::EvidenceFound,
            (None, None) => Outcome::NothingFound,
        }
    }

    fn new(path: &Path, ms: f64, answer: Result<Option<Found>, Failure>) -> Self {
        let (found, error) = match answer {
            Ok(found) => (found, None),
            Err(failure) => (None, Some(clean(&describe(&failure)).into_owned())),
        };
        Self {
            file: name_of(path),
            payload: found.as_ref().map(|(mark, _)| mark.payload.to_string()),
            confidence: found
                .as_ref()
                .map(|(mark, _)| rounded(mark.log10_false_positive, 2)),
            geometry: found.map(|(_, geometry)| geometry),
            ms: rounded(ms, 1),
            error,
        }
    }
}

/// Without digits that mean nothing, and without a negative zero.
fn rounded(value: f64, digits: i32) -> f64 {
    let unit = 10f64.powi(digits);
    (value * unit).round() / unit + 0.0
}

fn detect(
    context: &Context<'_>,
    files: &[std::path::PathBuf],
    json: bool,
) -> Result<Exit, Failure> {
    let detector = Detector::new([&key(context, false)?]);
    let limits = config(context)?.limits();
    let mut outcomes = Vec::new();
    let look = |path: &std::path::PathBuf| {
        let read = if is_stdin(path) {
            read_bounded_from(io::stdin().lock(), &limits)
        } else {
            read_bounded(path, &limits)
        };
        let begun = Instant::now();
        let answer = read.map_err(Failure::from).and_then(|bytes| {
            let picture = decode(&bytes, &limits)?;
            let luma = plane(&picture)?;
            let found = detector.detect(&luma);
            Ok(found.map(|mark| {
                let geometry = Geometry::of(&mark, &luma);
                (mark, geometry)
            }))
        });
        Finding::new(path, begun.elapsed().as_secs_f64() * 1e3, answer)
    };
    jobs::in_order(files, context, look, |finding| {
        outcomes.push(finding.outcome());
        if json {
            context.printer.json(&finding)
        } else {
            tell(context, &finding)
        }
    })?;
    Ok(Exit::of(outcomes))
}

fn tell(context: &Context<'_>, finding: &Finding) -> Result<(), Failure> {
    let file = clean(&finding.file);
    if let Some(error) = &finding.error {
        context
            .printer
            .failure(&Failure::Request(format!("{file}: {error}")));
        return Ok(());
    }
    let line = match (&finding.payload, finding.confidence, &finding.geometry) {
        (Some(payload), Some(confidence), Some(geometry)) => {
            let flip = if geometry.flip { ", mirrored" } else { "" };
            let about = format!(
                "chance 10^{confidence:.0}; turned {} degrees{flip}",
                geometry.rotation
            );
            format!(
                "{file}: {} {}",
                styled(GOOD, payload),
                styled(FAINT, &format!("({about})"))
            )
        }
        _ => format!("{file}: {}", styled(FAINT, "no mark found")),
    };
    context.printer.say(&line)
}
