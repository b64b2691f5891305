//! Where the passphrase of the keys comes from: a file or a terminal, never the command line.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _};
use std::path::Path;

use colophon_keys::Passphrase;

use crate::args::Global;
use crate::failure::Failure;

/// The passphrase to open existing keys with: from the file if one is named, else, if the keys
/// are encrypted, from the terminal, else none.
///
/// # Errors
/// [`Failure::File`], [`Failure::Terminal`], [`Failure::Keys`].
pub fn to_open(global: &Global, keys: &Path) -> Result<Option<Passphrase>, Failure> {
    let encrypted = colophon_keys::describe(keys).is_ok_and(|facts| facts.encrypted);
    to_open_if(global, encrypted)
}

/// As [`to_open`], for keys of which it is known whether they are encrypted.
///
/// # Errors
/// As [`to_open`].
pub fn to_open_if(global: &Global, encrypted: bool) -> Result<Option<Passphrase>, Failure> {
    if let Some(path) = &global.passphrase_file {
        return from_file(path).map(Some);
    }
    if encrypted && io::stdin().is_terminal() && io::stderr().is_terminal() {
        let text = rpassword::prompt_password("Passphrase of the keys (empty: go without): ")
            .map_err(Failure::Terminal)?;
        return Ok(if text.is_empty() {
            None
        } else {
            Some(Passphrase::new(text)?)
        });
    }
    // Without one, the keys themselves say what is missing.
    Ok(None)
}

/// The passphrase to encrypt new keys with, if one is wanted.
///
/// # Errors
/// As [`to_open`], and [`Failure::Request`] when the two entries differ.
pub fn to_protect(global: &Global, ask_for_it: bool) -> Result<Option<Passphrase>, Failure> {
    if let Some(path) = &global.passphrase_file {
        return from_file(path).map(Some);
    }
    if !ask_for_it {
        return Ok(None);
    }
    let first = rpassword::prompt_password("New passphrase: ").map_err(Failure::Terminal)?;
    let second = zeroize::Zeroizing::new(
        rpassword::prompt_password("The same again: ").map_err(Failure::Terminal)?,
    );
    let same = first == *second;
    let passphrase = Passphrase::new(first)?;
    if same {
        Ok(Some(passphrase))
    } else {
        Err(Failure::Request(
            "the two passphrases differ; nothing was made, try again".into(),
        ))
    }
}

/// The passphrase of a backup: from its file, else from the terminal, twice for a new one.
///
/// # Errors
/// As [`to_protect`].
pub fn of_backup(file: Option<&Path>, new: bool) -> Result<Passphrase, Failure> {
    if let Some(path) = file {
        return from_file(path);
    }
    let ask = |prompt: &str| rpassword::prompt_password(prompt).map_err(Failure::Terminal);
    let first = ask("Passphrase of the backup: ")?;
    if new && first != *zeroize::Zeroizing::new(ask("The same again: ")?) {
        return Err(Failure::Request(
            "the two passphrases differ; nothing was made, try again".into(),
        ));
    }
    Ok(Passphrase::new(first)?)
}

/// The first line of the file, without its end.
fn from_file(path: &Path) -> Result<Passphrase, Failure> {
    let failed = || Failure::file("read the passphrase file", path);
    let file = File::open(path).map_err(failed())?;
    let mut line = String::new();
    // One byte more than allowed, so that a longer one is refused and not cut.
    BufReader::new(file.take(Passphrase::MAX_BYTES as u64 + 3))
        .read_line(&mut line)
        .map_err(failed())?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(Passphrase::new(line)?)
}
