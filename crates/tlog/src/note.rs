//! Signed notes (C2SP `signed-note`) with Ed25519 keys (signature type 0x01).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// Signature type of plain Ed25519.
const ALGORITHM_ED25519: u8 = 1;
/// Longest note accepted, in bytes.
const MAX_NOTE: usize = 1_000_000;
/// Most signature lines accepted; the specification asks for at least 16.
const MAX_SIGNATURES: usize = 100;

/// A public key with its name, written `name+keyid+base64` ("vkey").
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

/// A text that is no verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Empty, or holding a space or a plus.
    #[error("a key name must not be empty and must not hold spaces or '+'")]
    Name,
    /// Not `name+8 hex digits+base64`.
    #[error("not a verifier key: expected name+8 hexadecimal digits+base64")]
    Form,
    /// The key id is not the one of name and key.
    #[error(
        "the verifier key's id does not belong to its name and key: it was mistyped or altered"
    )]
    Id,
    /// Not a type-1 (Ed25519) key, or not a point on the curve.
    #[error("not an Ed25519 verifier key")]
    Key,
}

impl VerifierKey {
    /// Binds a name to an Ed25519 public key.
    ///
    /// # Errors
    /// [`KeyError::Name`] or [`KeyError::Key`].
    pub fn new(name: &str, public_key: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let key = VerifyingKey::from_bytes(public_key).map_err(|_| KeyError::Key)?;
        Ok(Self {
            name: String::from(name),
            key,
        })
    }

    /// The key's name; for a log's key, its origin line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of `SHA-256(name || 0x0A || 0x01 || public key)`, big-endian.
    pub fn key_id(&self) -> u32 {
        let digest = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ALGORITHM_ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
    }

    /// The 32 bytes of the public key.
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether `signature` over `text` is this key's, by the strict Ed25519 rules.
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text, &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = Vec::from([ALGORITHM_ED25519]);
        key.extend_from_slice(self.key.as_bytes());
        write!(
            f,
            "{}+{:08x}+{}",
            self.name,
            self.key_id(),
            STANDARD.encode(key)
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.trim_end_matches('\n').splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let bytes = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let Some((&ALGORITHM_ED25519, public)) = bytes.split_first() else {
            return Err(KeyError::Key);
        };
        let key = Self::new(name, public.try_into().map_err(|_| KeyError::Key)?)?;
        if format!("{:08x}", key.key_id()) == id {
            Ok(key)
        } else {
            Err(KeyError::Id)
        }
    }
}

/// Whoever can sign notes: a key in memory, a token, a key service.
pub trait NoteSigner {
    /// The public half, with the name that goes on the signature line.
    fn verifier_key(&self) -> &VerifierKey;

    /// Ed25519 signature over the note's text.
    ///
    /// # Errors
    /// [`NoteError::Signer`] when the key cannot be used.
    fn sign(&self, text: &[u8]) -> Result<[u8; 64], NoteError>;

    /// The name on the signature line.
    fn name(&self) -> &str {
        self.verifier_key().name()
    }

    /// The id in front of the signature.
    fn key_id(&self) -> u32 {
        self.verifier_key().key_id()
    }
}

impl<T: NoteSigner + ?Sized> NoteSigner for Box<T> {
    fn verifier_key(&self) -> &VerifierKey {
        (**self).verifier_key()
    }

    fn sign(&self, text: &[u8]) -> Result<[u8; 64], NoteError> {
        (**self).sign(text)
    }
}

/// A [`NoteSigner`] that holds the key in memory; the secret is wiped when dropped.
pub struct Ed25519Signer {
    verifier: VerifierKey,
    key: SigningKey,
}

impl Ed25519Signer {
    /// A signer from the 32-byte Ed25519 seed.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let key = SigningKey::from_bytes(seed);
        Ok(Self {
            verifier: VerifierKey::new(name, key.verifying_key().as_bytes())?,
            key,
        })
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519Signer")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

impl NoteSigner for Ed25519Signer {
    fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, text: &[u8]) -> Result<[u8; 64], NoteError> {
        Ok(self.key.sign(text).to_bytes())
    }
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key.
    pub name: String,
    /// Id of the key.
    pub key_id: u32,
    /// The signature without the id.
    pub signature: Vec<u8>,
}

/// A text with signatures. Parsing alone verifies nothing: see [`Note::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A note that cannot be read, signed or believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not a text, a blank line and signature lines.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// No line of this key.
    #[error("the note is not signed by the key {0}")]
    NotSigned(String),
    /// A line of this key whose signature is wrong.
    #[error("the signature of the key {0} is wrong: the note was altered")]
    BadSignature(String),
    /// The signer failed.
    #[error("the note could not be signed: {0}")]
    Signer(String),
}

impl Note {
    /// Signs `text`, which must be non-empty and end with a newline.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for a text that no note may hold, [`NoteError::Signer`].
    pub fn sign(text: &str, signer: &dyn NoteSigner) -> Result<Self, NoteError> {
        check_text(text)?;
        let signature = signer.sign(text.as_bytes())?.to_vec();
        let line = NoteSignature {
            name: String::from(signer.name()),
            key_id: signer.key_id(),
            signature,
        };
        Ok(Self {
            text: String::from(text),
            signatures: Vec::from([line]),
        })
    }

    /// Reads a note of at most 1,000,000 bytes.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::Malformed("longer than 1,000,000 bytes"));
        }
        let note = core::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("not UTF-8"))?;
        let split = note
            .rfind("\n\n")
            .ok_or(NoteError::Malformed("no blank line before the signatures"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        check_text(text)?;
        let lines = lines
            .strip_suffix('\n')
            .ok_or(NoteError::Malformed("no newline at the end"))?;
        let signatures = lines
            .split('\n')
            .take(MAX_SIGNATURES + 1)
            .map(parse_signature)
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("more than 100 signatures"));
        }
        Ok(Self {
            text: String::from(text),
            signatures,
        })
    }

    /// The signed text with its final newline. Not to be believed before [`Note::verify`].
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signature lines.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks the signature of `key`; lines of other keys are ignored, as the specification demands.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`], [`NoteError::BadSignature`].
    pub fn verify(&self, key: &VerifierKey) -> Result<&str, NoteError> {
        let mut lines = self
            .signatures
            .iter()
            .filter(|line| line.name == key.name && line.key_id == key.key_id())
            .peekable();
        if lines.peek().is_none() {
            return Err(NoteError::NotSigned(key.name.clone()));
        }
        if lines.all(|line| key.verifies(self.text.as_bytes(), &line.signature)) {
            Ok(&self.text)
        } else {
            Err(NoteError::BadSignature(key.name.clone()))
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            let mut bytes = line.key_id.to_be_bytes().to_vec();
            bytes.extend_from_slice(&line.signature);
            writeln!(f, "\u{2014} {} {}", line.name, STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

fn parse_signature(line: &str) -> Result<NoteSignature, NoteError> {
    let malformed = NoteError::Malformed("a signature line does not read '\u{2014} name base64'");
    let fields = line
        .strip_prefix("\u{2014} ")
        .and_then(|rest| rest.split_once(' '));
    let (name, encoded) = fields.ok_or(malformed.clone())?;
    check_name(name).map_err(|_| malformed.clone())?;
    let bytes = STANDARD.decode(encoded).map_err(|_| malformed.clone())?;
    match bytes.split_first_chunk::<4>() {
        Some((id, signature)) if !signature.is_empty() => Ok(NoteSignature {
            name: String::from(name),
            key_id: u32::from_be_bytes(*id),
            signature: signature.to_vec(),
        }),
        _ => Err(malformed),
    }
}

fn check_name(name: &str) -> Result<(), KeyError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(bad) {
        Err(KeyError::Name)
    } else {
        Ok(())
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("the text does not end with a newline"));
    }
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Malformed("the text holds control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn signer() -> Ed25519Signer {
        Ed25519Signer::from_seed("example.org/log", &[7; 32]).unwrap()
    }

    #[test]
    fn the_specifications_key_and_note_verify() {
        // Key and note published with the reference implementation of signed notes.
        let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
            .parse()
            .unwrap();
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let note = "\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let note = Note::parse(alloc::format!("{text}{note}").as_bytes()).unwrap();
        assert_eq!(note.verify(&key), Ok(text));
        assert_eq!(key.to_string().parse::<VerifierKey>(), Ok(key));
    }

    #[test]
    fn bad_keys_are_refused() {
        let good = signer().verifier_key().to_string();
        assert!(good.parse::<VerifierKey>().is_ok());
        for bad in [
            "",
            "a",
            "a+b",
            "a+00000000+AAAA",
            "a b+00000000+AAAA",
            &good.replace("log", "lag"),
            &good[..good.len() - 1],
        ] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn foreign_lines_are_ignored_but_not_enough() {
        let other = Ed25519Signer::from_seed("other", &[8; 32]).unwrap();
        let mut note = Note::sign("text\n", &signer()).unwrap();
        assert!(matches!(
            note.verify(other.verifier_key()),
            Err(NoteError::NotSigned(_))
        ));
        let foreign = Note::sign("another text\n", &other).unwrap().signatures;
        note.signatures.extend(foreign);
        let note = Note::parse(note.to_string().as_bytes()).unwrap();
        assert!(note.verify(signer().verifier_key()).is_ok());
        assert!(matches!(
            note.verify(other.verifier_key()),
            Err(NoteError::BadSignature(_))
        ));
    }

    #[test]
    fn the_secret_is_not_printed() {
        assert!(!alloc::format!("{:?}", signer()).contains("7, 7"));
    }

    proptest! {
        #[test]
        fn every_flipped_bit_is_noticed(bit in 0_usize..8 * 140) {
            let note = Note::sign("example.org/log\n5\nAAAA\n", &signer()).unwrap().to_string();
            let mut bytes = note.clone().into_bytes();
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let verified = Note::parse(&bytes).and_then(|note| note.verify(signer().verifier_key()).map(str::len));
            prop_assert!(verified.is_err());
        }

        #[test]
        fn any_bytes_parse_without_panic(text in "(\n|\u{2014}| |a|[A-Za-z0-9+/=]{8}){0,20}") {
            if let Ok(note) = Note::parse(text.as_bytes()) {
                prop_assert_eq!(note.to_string(), text);
            }
        }
    }
}
