//! Note keys: the ledger's and the policy's (C2SP signed-note, signature type 0x01: Ed25519).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::{KeyHandle, KeysError, Purpose, Role};

/// Signature type byte for Ed25519 in C2SP signed-note.
const ED25519: u8 = 0x01;

/// Most bytes of a ledger's name.
const LONGEST_LEDGER_NAME: usize = 128;
/// What the policy key's name has after the ledger's.
pub(crate) const POLICY_SUFFIX: &str = "/policy";

/// A key that signs notes: ledger checkpoints or policy bundles. `Debug` shows public facts only.
pub struct NoteKey {
    name: String,
    purpose: Purpose,
    handle: Box<dyn KeyHandle>,
    public_key: [u8; 32],
}

impl NoteKey {
    /// `None` when the handle is not of an Ed25519 key, the only kind that notes know.
    pub(crate) fn new(name: String, handle: Box<dyn KeyHandle>) -> Option<Self> {
        let public_key = handle.public_key().raw().try_into().ok()?;
        let purpose = match handle.role() {
            Role::Policy => Purpose::PolicyNote,
            _ => Purpose::Checkpoint,
        };
        Some(Self {
            name,
            purpose,
            handle,
            public_key,
        })
    }

    /// The note key's name; the ledger key's is the log's origin line as well.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The four-byte key id of C2SP signed-note, as a big-endian number.
    pub fn key_id(&self) -> u32 {
        key_id(&self.name, &self.public_key)
    }

    /// The Ed25519 signature over `message`.
    ///
    /// # Errors
    /// Whatever kept the key from signing, see [`KeyHandle::sign`].
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeysError> {
        self.handle.sign(self.purpose, message)
    }

    /// The 32-byte Ed25519 public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.public_key
    }

    /// The verifier key text `<name>+<key id>+<base64>` of C2SP signed-note.
    pub fn verifier_key(&self) -> String {
        verifier_key(&self.name, &self.public_key)
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoteKey")
            .field("verifier_key", &self.verifier_key())
            .finish_non_exhaustive()
    }
}

fn key_id(name: &str, public_key: &[u8; 32]) -> u32 {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(public_key)
        .finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

pub(crate) fn verifier_key(name: &str, public_key: &[u8; 32]) -> String {
    let mut typed = vec![ED25519];
    typed.extend_from_slice(public_key);
    format!(
        "{name}+{:08x}+{}",
        key_id(name, public_key),
        STANDARD.encode(typed)
    )
}

/// The name, key id and public key of a verifier key text, or `None` when it is malformed.
pub(crate) fn parse_verifier_key(text: &str) -> Option<(String, u32, [u8; 32])> {
    let mut parts = text.trim_end_matches('\n').splitn(3, '+');
    let (name, id, data) = (parts.next()?, parts.next()?, parts.next()?);
    let typed = STANDARD.decode(data).ok()?;
    let (&kind, public_key) = typed.split_first()?;
    let public_key: [u8; 32] = public_key.try_into().ok()?;
    let stated = u32::from_str_radix(id, 16).ok()?;
    let fits = kind == ED25519
        && id.len() == 8
        && stated == key_id(name, &public_key)
        && check_name_up_to(name, LONGEST_LEDGER_NAME + POLICY_SUFFIX.len()).is_ok();
    fits.then(|| (name.to_owned(), stated, public_key))
}

/// C2SP signed-note: a key name is not empty and holds no white space and no plus sign.
pub(crate) fn check_name(name: &str) -> Result<(), KeysError> {
    check_name_up_to(name, LONGEST_LEDGER_NAME)
}

fn check_name_up_to(name: &str, longest: usize) -> Result<(), KeysError> {
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    if name.is_empty() || name.len() > longest || !name.chars().all(allowed) {
        return Err(KeysError::BadOption {
            field: "ledger name",
            reason:
                "must be 1 to 128 bytes without white space or `+`, such as `example.org/ledger`"
                    .to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example key of the C2SP signed-note text and of Go's golang.org/x/mod/sumdb/note.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn the_published_example_key_parses_and_prints() {
        let (name, id, public_key) = parse_verifier_key(PETER).unwrap();
        assert_eq!((name.as_str(), id), ("PeterNeumann", 0xc74f_20a3));
        assert_eq!(verifier_key(&name, &public_key), PETER);
    }

    #[test]
    fn a_changed_key_does_not_parse() {
        for bad in [
            PETER.replace("c74f20a3", "c74f20a4"),
            PETER.replace("Peter", "Petra"),
            PETER.replace("ARpc", "AhpC"),
        ] {
            assert!(parse_verifier_key(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn names_are_bounded() {
        for bad in ["", "a b", "a+b", "a\u{2003}b", "a\nb", &"x".repeat(129)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_key_reads_back(name in "[a-zA-Z0-9./-]{1,128}", public_key: [u8; 32]) {
            let (read, id, key) = parse_verifier_key(&verifier_key(&name, &public_key)).unwrap();
            proptest::prop_assert_eq!((read.as_str(), id, key), (name.as_str(), key_id(&name, &public_key), public_key));
        }

        #[test]
        fn no_text_makes_parsing_fail(text in ".{0,200}") {
            parse_verifier_key(&text);
        }
    }
}
