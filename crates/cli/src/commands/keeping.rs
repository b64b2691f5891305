//! `ledger backup`, `restore`, `publish`, `seal`, and the mending of `fsck --repair`.

use std::fs;
use std::path::{Path, PathBuf};

use colophon_ledger::Backup;
use serde_json::json;

use super::{Context, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::passphrase;
use crate::printer::{GOOD, styled};
use crate::text::{counted, hex};

/// A signed checkpoint or list has at most 1,000,000 bytes.
const MOST_NOTE_BYTES: u64 = 1_000_000;

/// Runs `ledger backup`.
pub fn back_up(context: &Context<'_>, folder: &Path, json: bool) -> Result<Exit, Failure> {
    let made = context.home()?.back_ledger_up(folder)?;
    tell(context, &made, "Copied", json)
}

/// Runs `ledger restore`.
pub fn restore(
    context: &Context<'_>,
    folder: &Path,
    seen: &[PathBuf],
    json: bool,
) -> Result<Exit, Failure> {
    let seen = seen.iter().map(|path| read_note(path));
    let seen: Vec<Vec<u8>> = seen.collect::<Result<_, _>>()?;
    let _writing = context.interrupt.writing();
    let restored = context.home()?.restore_ledger(folder, seen)?;
    tell(context, &restored, "Restored", json)
}

fn read_note(path: &Path) -> Result<Vec<u8>, Failure> {
    let about = fs::metadata(path).map_err(Failure::file("read", path))?;
    if !about.is_file() || about.len() > MOST_NOTE_BYTES {
        return Err(Failure::Request(format!(
            "{} is no signed checkpoint or list of shards: it is a folder or larger than {MOST_NOTE_BYTES} bytes",
            path.display()
        )));
    }
    fs::read(path).map_err(Failure::file("read", path))
}

fn tell(context: &Context<'_>, backup: &Backup, done: &str, json: bool) -> Result<Exit, Failure> {
    let printer = context.printer;
    if json {
        let shards = backup.shards.iter().map(|(name, checkpoint)| {
            json!({
                "name": name.to_string(),
                "origin": checkpoint.origin,
                "entries": checkpoint.size.0,
                "root": checkpoint.root.to_string(),
            })
        });
        printer.json(&json!({
            "folder": backup.place.display().to_string(),
            "shards": shards.collect::<Vec<_>>(),
            "entries": backup.entries,
            "files": backup.files,
            "bytes": backup.bytes,
            "sums_sha256": hex(&backup.sums_sha256),
        }))?;
        return Ok(Exit::DONE);
    }
    printer.say(&styled(
        GOOD,
        &format!(
            "{done} to {}: {} in {} derived anew, all as signed.",
            backup.place.display(),
            counted(backup.entries as usize, "record"),
            counted(backup.files as usize, "file")
        ),
    ))?;
    for (name, checkpoint) in &backup.shards {
        printer.say(&format!(
            "  {name}  {:>9}  {}",
            checkpoint.size.0, checkpoint.root
        ))?;
    }
    printer.say(&format!(
        "SHA-256 of SHA256SUMS: {}",
        hex(&backup.sums_sha256)
    ))?;
    Ok(Exit::DONE)
}

/// The mending of `ledger fsck --repair`; what fsck finds afterwards is told by it.
pub fn repair(context: &Context<'_>, json: bool) -> Result<(), Failure> {
    let home = context.home()?;
    let passphrase = passphrase::to_open(context.global, &home.keys())?;
    let report = {
        let _writing = context.interrupt.writing();
        home.repair_ledger(passphrase)?
    };
    if json {
        return Ok(());
    }
    for (shard, what) in &report.done {
        context
            .printer
            .say(&format!("Rebuilt in {shard}: {what}."))?;
    }
    Ok(())
}

/// Runs `ledger publish`.
pub fn publish(context: &Context<'_>) -> Result<Exit, Failure> {
    let home = context.home()?;
    home.publish_ledger(passphrase::to_open(context.global, &home.keys())?)?;
    let published = home.open_ledger_read_only()?.checkpoint()?;
    context.printer.say(&format!(
        "Published: {} of {}.",
        counted(published.size.0 as usize, "record"),
        published.origin
    ))?;
    Ok(Exit::DONE)
}

/// Runs `ledger seal`.
pub fn seal(context: &Context<'_>) -> Result<Exit, Failure> {
    let home = context.home()?;
    let passphrase = passphrase::to_open(context.global, &home.keys())?;
    let sealed = {
        let _writing = context.interrupt.writing();
        home.seal_ledger(passphrase, now())?
    };
    let said = match sealed {
        Some(name) => format!("Sealed: {name}. The next record opens another shard."),
        None => "The ledger has no records yet.".to_owned(),
    };
    context.printer.say(&said)?;
    Ok(Exit::DONE)
}
