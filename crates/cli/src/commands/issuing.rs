//! What `stamp` and `generate` do alike.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use colophon_imaging::Format;
use colophon_policy::Principal;
use colophon_provenance::{Config, Home, IssueOptions, Issued, Issuer, Passphrase, Strength};
use serde_json::json;

use super::{Context, expiry_notes, is_stdin, name_of, now};
use crate::args::{Issue, OutputFormat};
use crate::failure::Failure;
use crate::passphrase;
use crate::printer::{CAUTION, FAINT, GOOD, styled};
use crate::services;
use crate::text::clean;

/// Longest prompt that a record takes, bytes.
const MOST_PROMPT_BYTES: u64 = 1 << 20;

/// The passphrase of the keys, or that of keys yet to be made.
///
/// # Errors
/// As [`passphrase::to_open`].
pub fn passphrase(context: &Context<'_>, home: &Home) -> Result<Option<Passphrase>, Failure> {
    if home.has_keys() {
        passphrase::to_open(context.global, &home.keys())
    } else {
        passphrase::to_protect(context.global, false)
    }
}

/// Opens the home for issuing and makes the folder for the pictures. Only while
/// [`crate::interrupt::Interrupt::writing`] is held.
///
/// # Errors
/// [`Failure::File`] for the folder, [`Failure::Provenance`] for the home.
pub fn open(
    context: &Context<'_>,
    home: &Home,
    passphrase: Option<Passphrase>,
    issue: &Issue,
) -> Result<Issuer, Failure> {
    if let Some(folder) = &issue.out_dir {
        fs::create_dir_all(folder).map_err(Failure::file("make the folder", folder))?;
    }
    open_with(context, home, passphrase, issue.timestamp.as_deref())
}

/// As [`open`], for no folder; `timestamp` names an authority other than that of the settings.
///
/// # Errors
/// [`Failure::Provenance`] for the home, [`Failure::Gateway`] for the authority.
pub fn open_with(
    context: &Context<'_>,
    home: &Home,
    passphrase: Option<Passphrase>,
    timestamp: Option<&str>,
) -> Result<Issuer, Failure> {
    let config = Config::load(Some(home))?;
    let stamps = services::time_stamps(timestamp, &config)?;
    let mut issuer = Issuer::open(home, passphrase, now())?;
    if let Some(authority) = stamps {
        issuer = issuer.with_time_stamps(authority);
    }
    expiry_notes(context, home);
    if issuer.made_home() {
        context.printer.note(&format!(
            "first use: made keys and a ledger in {}; the signing chain is local, on no public list",
            home.root.display()
        ));
    }
    Ok(issuer)
}

/// The options of issuing as asked for on the command line.
pub fn options(issue: &Issue) -> IssueOptions {
    IssueOptions {
        title: issue.title.clone(),
        embed: issue.strength.map(|name| Strength::from(name).options()),
        format: issue.format.map(Format::from),
        jpeg_quality: issue.quality,
        allow_unmarked: issue.allow_unmarked,
        principal: issue.requester.clone().unwrap_or_else(Principal::owner),
        purpose: issue.purpose.clone(),
        ..IssueOptions::new(now())
    }
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Png => Self::Png,
            OutputFormat::Jpeg => Self::Jpeg,
            OutputFormat::Webp => Self::WebP,
        }
    }
}

/// The prompt in a file, without white space at its end; `-` is standard input.
///
/// # Errors
/// [`Failure::File`], [`Failure::Request`] for one that is too long.
pub fn prompt_in(path: &Path) -> Result<String, Failure> {
    let read = |source: &mut dyn Read| {
        let mut text = String::new();
        source
            .take(MOST_PROMPT_BYTES + 1)
            .read_to_string(&mut text)
            .map(|_| text)
    };
    let text = if is_stdin(path) {
        read(&mut io::stdin().lock())
    } else {
        fs::File::open(path).and_then(|mut file| read(&mut file))
    };
    let mut text = text.map_err(Failure::file("read the prompt file", path))?;
    if text.len() as u64 > MOST_PROMPT_BYTES {
        return Err(Failure::Request(format!(
            "the prompt in {} is longer than {MOST_PROMPT_BYTES} bytes",
            path.display()
        )));
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// What was issued, headed by the name of the file it is about.
///
/// # Errors
/// [`Failure::Output`].
pub fn with_file(file: &str, issued: &Issued) -> Result<serde_json::Value, Failure> {
    let mut line = json!({ "file": file });
    let about = serde_json::to_value(issued).map_err(|error| Failure::Output(error.into()))?;
    if let (Some(line), serde_json::Value::Object(about)) = (line.as_object_mut(), about) {
        line.extend(about);
    }
    Ok(line)
}

/// Tells a person what was issued.
///
/// # Errors
/// [`Failure::Output`].
pub fn tell(context: &Context<'_>, issued: &Issued) -> Result<(), Failure> {
    let printer = context.printer;
    let path = name_of(&issued.path);
    let mark = match (&issued.watermark_id, &issued.unmarked_reason) {
        (Some(id), _) => format!("id {id}"),
        (None, reason) => styled(
            CAUTION,
            &format!(
                "no mark: {}",
                clean(reason.as_deref().unwrap_or("none could be put in"))
            ),
        ),
    };
    printer.say(&format!(
        "{}  record {}, {mark}",
        styled(GOOD, &clean(&path)),
        issued.record
    ))?;
    if !issued.labels.is_empty() {
        let labels = format!("labels {}", issued.labels.join(", "));
        printer.say(&format!("  {}", styled(CAUTION, &labels)))?;
    }
    if printer.is_verbose() {
        let steps = &issued.elapsed;
        let decibels =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1} dB"));
        for line in [
            format!(
                "{} {} x {}, {} bytes, sha-256 {}",
                issued.format, issued.width, issued.height, issued.bytes, issued.sha256
            ),
            format!(
                "mark {}, file {}, margin {}",
                decibels(issued.psnr_mark),
                decibels(issued.psnr_file),
                issued
                    .margin
                    .map_or("-".to_owned(), |it| format!("{it:.0}"))
            ),
            format!("manifest {}", issued.manifest_id),
            format!("leaf {}", issued.leaf_hash),
            format!("policy {}", issued.policy_hash),
            format!(
                "decode {:.0}, mark {:.0}, encode {:.0}, sign {:.0}, read back {:.0}, store {:.0} ms",
                steps.decode_ms,
                steps.mark_ms,
                steps.encode_ms,
                steps.sign_ms,
                steps.read_back_ms,
                steps.store_ms
            ),
        ] {
            printer.say(&format!("  {}", styled(FAINT, &line)))?;
        }
    }
    Ok(())
}
