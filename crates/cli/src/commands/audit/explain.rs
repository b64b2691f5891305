//! `ledger explain`.

use std::fs;
use std::path::{Path, PathBuf};

use colophon_audit::{BundleParts, Life, NamedFile, ReceiptFile, bundle};
use colophon_imaging::write_atomic;
use colophon_keys::{CLAIM_CERTIFICATE_FILE, ISSUING_CERTIFICATE_FILE, ROOT_CERTIFICATE_FILE};
use colophon_ledger::{Entry, Ledger, LogEntry, WitnessPolicy};
use colophon_provenance::Home;

use super::{decided, open, which};
use crate::args::Explain;
use crate::commands::{Context, ledger, receipt};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{ALERT, FAINT, GOOD, STRONG, styled};
use crate::text::{clean, wrapped};

/// Runs `ledger explain`.
pub fn run(context: &Context<'_>, options: &Explain) -> Result<Exit, Failure> {
    let ledger = open(context)?;
    let decisions = decided::open(context)?;
    let policy_file = policy_file(context, options)?;
    let policy = policy_file.as_deref().map(read_policy).transpose()?;
    let entry = find(context, &ledger, &options.record)?;
    let life = Life::of(
        &ledger,
        entry,
        decisions.as_ref(),
        policy.as_ref().map(|(_, it)| it),
    )?;
    if let Some(path) = &options.bundle {
        let parts = parts(context, &ledger, &life, policy.map(|(bytes, _)| bytes))?;
        let packed = bundle(&life, &parts)?;
        let _writing = context.interrupt.writing();
        write_atomic(path, &packed, options.overwrite)?;
    }
    let exit = Exit::sound(!life.has_findings());
    if options.json {
        context.printer.json(&life.to_json())?;
        return Ok(exit);
    }
    tell(context, &life)?;
    if let Some(path) = &options.bundle {
        let packed = format!(
            "Bundle: {}; its README.md tells how to check it",
            path.display()
        );
        context.printer.say(&packed)?;
    }
    Ok(exit)
}

fn tell(context: &Context<'_>, life: &Life) -> Result<(), Failure> {
    let printer = context.printer;
    let title = format!("Record {}", life.entry.id());
    printer.say(&styled(STRONG, &title))?;
    for line in life.lines() {
        let label = styled(FAINT, &format!("{:<14}", line.label));
        let text = clean(&line.text);
        let lines = wrapped(&text, printer.width().saturating_sub(14).max(20), "", "");
        for (number, text) in lines.iter().enumerate() {
            let before = if number == 0 {
                label.clone()
            } else {
                " ".repeat(14)
            };
            let text = if line.finding {
                styled(ALERT, text)
            } else {
                text.clone()
            };
            printer.say(&format!("{before}{text}"))?;
        }
    }
    if !life.has_findings() {
        printer.say(&styled(GOOD, "Nothing here contradicts itself."))?;
    }
    Ok(())
}

/// The record that a name, or a picture, leads to.
fn find(context: &Context<'_>, ledger: &Ledger, record: &str) -> Result<Entry, Failure> {
    let path = Path::new(record);
    let entries = ledger::find(ledger, record)?.into_iter();
    let mut found: Vec<Entry> = entries.filter_map(LogEntry::into_record).collect();
    if found.is_empty() && path.is_file() {
        found = ledger.by_asset_sha256(&colophon_audit::file_hash(path)?)?;
        if found.is_empty() {
            // Not the issued file itself: its mark, manifest or likeness may lead on.
            let report = which::check(context, path)?;
            let place = report.evidence.ledger.as_ref().and_then(decided::place_of);
            if let Some(id) = place {
                let entry = ledger.get(id)?.and_then(LogEntry::into_record);
                found.extend(entry);
            }
        }
    }
    found.into_iter().next().ok_or_else(|| {
        Failure::Request(format!(
            "the ledger has no record of `{record}`; give its number, watermark id, the SHA-256 of the issued file, the manifest id or the picture"
        ))
    })
}

/// The witness policy to hold proofs against: the one named, else the home's.
fn policy_file(context: &Context<'_>, options: &Explain) -> Result<Option<PathBuf>, Failure> {
    if options.witness_policy.is_some() {
        return Ok(options.witness_policy.clone());
    }
    let own = context.home()?.root.join("witness-policy");
    Ok(Some(own).filter(|path| path.is_file()))
}

fn read_policy(path: &Path) -> Result<(Vec<u8>, WitnessPolicy), Failure> {
    let bytes = fs::read(path).map_err(Failure::file("read", path))?;
    let policy = WitnessPolicy::parse(&bytes)
        .map_err(|error| Failure::Request(format!("{}: {error}", path.display())))?;
    Ok((bytes, policy))
}

/// What a bundle holds besides the life itself.
fn parts(
    context: &Context<'_>,
    ledger: &Ledger,
    life: &Life,
    witness_policy: Option<Vec<u8>>,
) -> Result<BundleParts, Failure> {
    let home = context.home()?;
    let mut certificates = Vec::new();
    for name in [
        ROOT_CERTIFICATE_FILE,
        ISSUING_CERTIFICATE_FILE,
        CLAIM_CERTIFICATE_FILE,
    ] {
        // A key kept elsewhere leaves none.
        if let Ok(bytes) = fs::read(home.keys().join(name)) {
            certificates.push(NamedFile {
                name: format!("certificates/{name}"),
                bytes,
            });
        }
    }
    let shards = ledger.shards()?.into_iter();
    let mut keys = shards.filter(|shard| shard.name == life.entry.id().shard);
    let log_key = keys.next().map(|shard| shard.key);
    Ok(BundleParts {
        log_key: log_key.unwrap_or_else(|| ledger.verifier_key().clone()),
        certificates,
        witness_policy,
        shards: fs::read(home.ledger().join("shards")).ok(),
        receipt: receipt(context, &home, ledger, life)?,
    })
}

/// The receipt with its key; without one that opens, the bundle does without, and says so.
fn receipt(
    context: &Context<'_>,
    home: &Home,
    ledger: &Ledger,
    life: &Life,
) -> Result<Option<ReceiptFile>, Failure> {
    let signer = match receipt::signer(context, home) {
        Ok(signer) => signer,
        Err(why) => {
            let why = crate::printer::describe(&why);
            context
                .printer
                .note(&format!("the bundle has no COSE receipt: {why}"));
            return Ok(None);
        }
    };
    let receipt = ledger.receipt(life.entry.id(), &*signer)?;
    Ok(Some(ReceiptFile {
        receipt: receipt.to_bytes(),
        key_pem: signer.receipt_key().to_pem(),
    }))
}
