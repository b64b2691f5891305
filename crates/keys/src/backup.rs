//! The whole key folder in one encrypted file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pkcs8::der::pem::{self, LineEnding};
use pkcs8::pkcs5::scrypt;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

use crate::facts::read_facts;
use crate::files::{self, FACTS_FILE, StagedFolder};
use crate::{KeyStore, KeysError, Passphrase};

const LABEL: &str = "COLOPHON KEY BACKUP";
/// First bytes of the content. The parameters of scrypt belong to the version.
const MAGIC: &[u8] = b"colophon-backup-1\n";
const SALT: usize = 16;
// 64 MiB and about a quarter of a second (RFC 7914): a backup lies about for longer than keys do.
const LOG_N: u8 = 16;
const R: u32 = 8;
const P: u32 = 1;
/// Longest backup read, bytes.
const MAX_BACKUP: u64 = 16 << 20;

/// File names and their texts, wiped when dropped.
struct Texts(BTreeMap<String, String>);

impl Drop for Texts {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

/// Writes all keys of the folder `dir`, former ones included, into the new file `to`, encrypted
/// with a passphrase of its own. Private files that are encrypted stay so within. Returns how many
/// files it holds.
///
/// # Errors
/// [`KeysError::NoKeys`], [`KeysError::Missing`], [`KeysError::Corrupt`] for the folder;
/// [`KeysError::AlreadyExists`] when `to` is there; [`KeysError::Io`], [`KeysError::Random`].
pub fn backup(dir: &Path, to: &Path, passphrase: &Passphrase) -> Result<usize, KeysError> {
    let all = read_folder(dir)?;
    let text = Zeroizing::new(
        serde_json::to_vec(&all.0).map_err(|error| KeysError::encode("a backup", error))?,
    );
    let sealed = seal(&text, passphrase)?;
    let text = pem::encode_string(LABEL, LineEnding::LF, &sealed)
        .map_err(|error| KeysError::encode("a backup", error))?;
    if to.symlink_metadata().is_ok() {
        return Err(KeysError::AlreadyExists(to.to_owned()));
    }
    let io = |source| KeysError::Io {
        action: "write",
        path: to.to_owned(),
        source,
    };
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let _ = fs::remove_file(partial);
    files::write_new(partial, text.as_bytes(), true).map_err(io)?;
    fs::rename(partial, to).map_err(io)?;
    // What was written opens: a backup that does not is worse than none.
    let reread = open(to, passphrase)?;
    if reread.0 != all.0 {
        return Err(backup_error(to, "it does not read back as it was written"));
    }
    Ok(all.0.len())
}

/// Makes the key folder `dir`, which must be absent or empty, from a backup. The folder appears as
/// a whole or not at all. Returns how many files it holds.
///
/// # Errors
/// [`KeysError::Backup`] for a wrong passphrase or a file that is no backup;
/// [`KeysError::AlreadyExists`], [`KeysError::Io`].
pub fn restore(from: &Path, dir: &Path, passphrase: &Passphrase) -> Result<usize, KeysError> {
    let all = open(from, passphrase)?;
    if !all.0.contains_key(FACTS_FILE) || !all.0.keys().all(|name| is_plain_name(name)) {
        return Err(backup_error(from, "it holds something other than keys"));
    }
    let staged = StagedFolder::create(dir)?;
    for (name, text) in &all.0 {
        let private = name.contains(".key.");
        staged.write(name, text.as_bytes(), private)?;
    }
    staged.commit()?;
    KeyStore::open(dir, None)?;
    Ok(all.0.len())
}

/// The texts of all files that `keys.json` names, and itself.
fn read_folder(dir: &Path) -> Result<Texts, KeysError> {
    let facts = read_facts(dir)?;
    let mut all = Texts(BTreeMap::new());
    for name in facts.files.keys().map(String::as_str).chain([FACTS_FILE]) {
        let path = dir.join(name);
        let bytes = match files::read_up_to(&path, MAX_BACKUP / 4) {
            // The root's key may be kept elsewhere.
            Err(KeysError::Missing(_)) if name.starts_with("root-ca") => continue,
            read => read?,
        };
        let text = String::from_utf8(bytes).map_err(|error| KeysError::Corrupt {
            path,
            what: error.to_string(),
        })?;
        all.0.insert(name.to_owned(), text);
    }
    Ok(all)
}

fn open(from: &Path, passphrase: &Passphrase) -> Result<Texts, KeysError> {
    let bytes = files::read_up_to(from, MAX_BACKUP)?;
    let Ok((LABEL, sealed)) = pem::decode_vec(&bytes) else {
        return Err(backup_error(from, "it is no backup of keys, or damaged"));
    };
    let text = unseal(&sealed, passphrase).ok_or_else(|| {
        let reason = "the passphrase is wrong or the file is damaged: try the passphrase again, or another copy";
        backup_error(from, reason)
    })?;
    serde_json::from_slice(&text)
        .map(Texts)
        .map_err(|error| backup_error(from, &error.to_string()))
}

/// `magic || salt || ChaCha20-Poly1305(text)`, authenticated with magic and salt.
fn seal(text: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>, KeysError> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(|error| KeysError::Random(error.to_string()))?;
    let head = [MAGIC, &salt].concat();
    let failed = || KeysError::encode("a backup", "sealing failed");
    let key = key(&salt, passphrase).ok_or_else(failed)?;
    let mut body = Zeroizing::new(text.to_vec());
    let tag = key
        .seal_in_place_separate_tag(nonce(), Aad::from(&head), &mut body)
        .map_err(|_| failed())?;
    Ok([&head, &body[..], tag.as_ref()].concat())
}

fn unseal(sealed: &[u8], passphrase: &Passphrase) -> Option<Zeroizing<Vec<u8>>> {
    let (head, body) = sealed.split_at_checked(MAGIC.len() + SALT)?;
    let salt = head.strip_prefix(MAGIC)?;
    let key = key(salt, passphrase)?;
    let mut body = Zeroizing::new(body.to_vec());
    let length = key
        .open_in_place(nonce(), Aad::from(head), &mut body)
        .ok()?
        .len();
    body.truncate(length);
    Some(body)
}

/// The salt is new every time, and so is the key: it seals one message only.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn key(salt: &[u8], passphrase: &Passphrase) -> Option<LessSafeKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    let cost = scrypt::Params::new(LOG_N, R, P).ok()?;
    scrypt::scrypt(passphrase.as_bytes(), salt, &cost, &mut *bytes).ok()?;
    UnboundKey::new(&CHACHA20_POLY1305, &*bytes)
        .ok()
        .map(LessSafeKey::new)
}

fn is_plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.bytes().all(plain)
}

fn backup_error(path: &Path, reason: &str) -> KeysError {
    KeysError::Backup {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_of_a_sealed_text_is_noticed() {
        let words = Passphrase::new("correct horse".to_owned()).unwrap();
        let sealed = seal(b"text", &words).unwrap();
        assert_eq!(&**unseal(&sealed, &words).unwrap(), b"text");
        for at in [0, MAGIC.len(), MAGIC.len() + SALT, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(unseal(&changed, &words).is_none(), "{at}");
        }
        for length in [0, MAGIC.len(), sealed.len() - 1] {
            assert!(unseal(&sealed[..length], &words).is_none(), "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn names_with_a_way_out_of_the_folder_are_no_names(name in ".{0,20}") {
            if is_plain_name(&name) {
                proptest::prop_assert!(!name.contains('/') && !name.contains('\\') && name != "..");
            }
        }
    }
}
