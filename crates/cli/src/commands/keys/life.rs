//! Keys over time: listed, rotated, revoked, exported, backed up, certified.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use colophon_keys::{
    Algorithm, KeyState, KeyStore, KeySummary, NewPlace, RemoteKey, Role, TokenKey,
};
use colophon_ledger::Rewrapped;
use colophon_provenance::trust::moment;
use colophon_provenance::{KeyAdmin, KeyChange, rfc3339};

use crate::args::{KeyAlgorithm, KeyRole, Rotate};
use crate::commands::{Context, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::passphrase;
use crate::printer::{ALERT, FAINT, GOOD, styled};
use crate::text::counted;

/// Largest certificate file read, bytes.
const MAX_BYTES: u64 = 1 << 20;

impl From<KeyRole> for Role {
    fn from(role: KeyRole) -> Self {
        match role {
            KeyRole::Root => Self::RootAuthority,
            KeyRole::Issuing => Self::IssuingAuthority,
            KeyRole::Signer => Self::ClaimSigner,
            KeyRole::Ledger => Self::Ledger,
            KeyRole::Watermark => Self::Watermark,
            KeyRole::Storage => Self::Storage,
            KeyRole::Policy => Self::Policy,
            KeyRole::Receipt => Self::Receipt,
        }
    }
}

pub fn list(context: &Context<'_>, json: bool) -> Result<Exit, Failure> {
    let store = KeyStore::open(&context.home()?.keys(), None)?;
    for key in store.list() {
        if json {
            context.printer.json(&key)?;
        } else {
            tell(context, &key)?;
        }
    }
    Ok(Exit::DONE)
}

fn tell(context: &Context<'_>, key: &KeySummary) -> Result<(), Failure> {
    let style = match key.state {
        KeyState::Active => GOOD,
        KeyState::Revoked => ALERT,
        KeyState::Created | KeyState::Retired => FAINT,
    };
    let short = key.id.get(..16).unwrap_or(&key.id);
    let algorithm = key.algorithm.map_or("secret", Algorithm::name);
    let since = rfc3339(key.activated_at.unwrap_or(key.created_at));
    let mut line = format!(
        "{:<18} {} {short}  {algorithm:<7} {:<9} since {since}",
        key.role.name(),
        styled(style, &format!("{:<8}", key.state.name())),
        key.place,
    );
    if let Some(until) = key.retired_at {
        let _ = write!(line, " until {}", rfc3339(until));
    }
    if let Some(revoked) = &key.revoked {
        let _ = write!(line, " ({} from {})", revoked.reason, rfc3339(revoked.from));
    }
    if let Some(end) = key.not_after.filter(|_| key.state == KeyState::Active) {
        let _ = write!(line, ", certificate until {}", rfc3339(end));
    }
    context.printer.say(&line)
}

pub fn rotate(context: &Context<'_>, options: &Rotate) -> Result<Exit, Failure> {
    let role = Role::from(options.role);
    if options.prepare && role != Role::ClaimSigner {
        return Err(Failure::Request(
            "--prepare is for the claim signer: only that waits for a certificate".into(),
        ));
    }
    let place = place(options);
    let change = changing(context, |admin| {
        if options.prepare {
            Ok(admin.prepare_signer(&place)?)
        } else {
            Ok(admin.rotate(role, &place)?)
        }
    })?;
    let what = if options.prepare {
        "A claim signer's key waits for its certificate: see `colophon keys csr`.".to_owned()
    } else if change.resumed {
        "The replacement of the storage key that was interrupted is finished; no other key was made.".to_owned()
    } else {
        format!("The {} key was rotated.", role.name())
    };
    context.printer.say(&what)?;
    if let Some(rewrapped) = change.rewrapped {
        tell_rewrapped(context, rewrapped)?;
    }
    if matches!(role, Role::RootAuthority | Role::IssuingAuthority) {
        context.printer.say(
            "Certificates that are there stay as they are; rotate the keys below it to use it.",
        )?;
    }
    told(context, &change)?;
    warn_of_expiry(context)
}

fn tell_rewrapped(context: &Context<'_>, rewrapped: Rewrapped) -> Result<(), Failure> {
    context.printer.say(&format!(
        "{} in {} wrapped anew; the former key is destroyed.",
        counted(rewrapped.keys as usize, "key"),
        counted(rewrapped.shards as usize, "shard")
    ))?;
    if !rewrapped.is_clean {
        context.printer.note(
            "another program was reading: the database's write-ahead log still holds what is overwritten by the next record",
        );
    }
    context.printer.say(
        "Programs that have the ledger open must be started again. Backups of before open with the former key alone: make new ones of ledger and keys, and destroy the old.",
    )
}

fn place(options: &Rotate) -> NewPlace {
    let algorithm = match options.algorithm {
        KeyAlgorithm::Ed25519 => Algorithm::Ed25519,
        KeyAlgorithm::Es256 => Algorithm::Es256,
    };
    if let (Some(module), Some(token), Some(key), Some(pin_file)) = (
        &options.pkcs11_module,
        &options.token,
        &options.key_label,
        &options.pin_file,
    ) {
        let place = TokenKey {
            module: module.clone(),
            token: token.clone(),
            key: key.clone(),
            pin_file: pin_file.clone(),
        };
        return NewPlace::Token(place, algorithm);
    }
    if let (Some(url), Some(key), Some(token_file)) =
        (&options.remote, &options.remote_key, &options.token_file)
    {
        return NewPlace::Remote(RemoteKey {
            url: url.clone(),
            key: key.clone(),
            token_file: token_file.clone(),
            timeout_ms: options.remote_timeout,
        });
    }
    NewPlace::File(algorithm)
}

pub fn revoke(context: &Context<'_>, key: &str, reason: &str, from: &str) -> Result<Exit, Failure> {
    let from = moment(from).ok_or_else(|| {
        Failure::Request("--from is a day such as 2026-08-05 or an RFC 3339 time".into())
    })?;
    let (revoked, change) = changing(context, |admin| Ok(admin.revoke(key, reason, from)?))?;
    context.printer.say(&format!(
        "The {} key {} is revoked from {} on.",
        revoked.role.name(),
        revoked.id.get(..16).unwrap_or(&revoked.id),
        rfc3339(from)
    ))?;
    told(context, &change)?;
    Ok(Exit::DONE)
}

pub fn export_public(context: &Context<'_>, out: Option<&Path>) -> Result<Exit, Failure> {
    let note = changing(context, |admin| Ok(admin.public_list()?))?;
    put(context, out, &note)
}

pub fn backup(
    context: &Context<'_>,
    file: &Path,
    passphrase_file: Option<&Path>,
) -> Result<Exit, Failure> {
    let words = passphrase::of_backup(passphrase_file, true)?;
    let count = {
        let _writing = context.interrupt.writing();
        colophon_keys::backup(&context.home()?.keys(), file, &words)?
    };
    context.printer.say(&format!(
        "{count} files are in {}; whoever has it and its passphrase has the keys.",
        file.display()
    ))?;
    Ok(Exit::DONE)
}

pub fn restore(
    context: &Context<'_>,
    file: &Path,
    passphrase_file: Option<&Path>,
) -> Result<Exit, Failure> {
    let words = passphrase::of_backup(passphrase_file, false)?;
    let home = context.home()?;
    let count = {
        let _writing = context.interrupt.writing();
        fs::create_dir_all(&home.root).map_err(Failure::file("make the folder", &home.root))?;
        colophon_keys::restore(file, &home.keys(), &words)?
    };
    context
        .printer
        .say(&format!("{count} files are in {}.", home.keys().display()))?;
    Ok(Exit::DONE)
}

pub fn csr(context: &Context<'_>, out: Option<&Path>) -> Result<Exit, Failure> {
    let home = context.home()?;
    let words = passphrase::to_open(context.global, &home.keys())?;
    let request = KeyStore::open(&home.keys(), words)?.certificate_request()?;
    put(context, out, &request)
}

pub fn import_certificate(
    context: &Context<'_>,
    chain: &Path,
    root: Option<&Path>,
) -> Result<Exit, Failure> {
    let chain = read(chain)?;
    let root = root.map(read).transpose()?;
    let (key, change) = changing(context, |admin| {
        Ok(admin.import_certificate(&chain, root.as_deref())?)
    })?;
    context.printer.say(&format!(
        "The claim signer {} uses the new certificate, until {}.",
        key.id.get(..16).unwrap_or(&key.id),
        rfc3339(key.not_after.unwrap_or_default())
    ))?;
    told(context, &change)?;
    warn_of_expiry(context)
}

/// Runs a change on the opened keys, which Ctrl-C does not cut off.
fn changing<T>(
    context: &Context<'_>,
    change: impl FnOnce(&mut KeyAdmin<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let home = context.home()?;
    let words = passphrase::to_open(context.global, &home.keys())?;
    let _writing = context.interrupt.writing();
    let mut admin = KeyAdmin::open(&home, words, now())?;
    change(&mut admin)
}

fn told(context: &Context<'_>, change: &KeyChange) -> Result<(), Failure> {
    if let Some(reason) = &change.waiting {
        context.printer.note(&format!(
            "the ledger has not taken the event yet ({reason}); it waits in the key folder"
        ));
        return Ok(());
    }
    context.printer.say(&format!(
        "Events entered in the ledger: {}.",
        change.entered
    ))
}

/// Tells of certificates that end soon: the new key may stand under an old authority.
fn warn_of_expiry(context: &Context<'_>) -> Result<Exit, Failure> {
    super::super::expiry_notes(context, &context.home()?);
    Ok(Exit::DONE)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let size = fs::metadata(path)
        .map_err(Failure::file("read the certificate file", path))?
        .len();
    if size > MAX_BYTES {
        return Err(Failure::Request(format!(
            "{} is larger than any chain of certificates",
            path.display()
        )));
    }
    fs::read(path).map_err(Failure::file("read the certificate file", path))
}

/// Writes to a new file, or to standard output.
fn put(context: &Context<'_>, out: Option<&Path>, text: &str) -> Result<Exit, Failure> {
    match out {
        None => context.printer.data(text.trim_end())?,
        Some(path) => {
            let mut file = fs::File::create_new(path).map_err(Failure::file("make", path))?;
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(Failure::file("write", path))?;
        }
    }
    Ok(Exit::DONE)
}
