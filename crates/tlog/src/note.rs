//! Signed notes (C2SP `signed-note`) with Ed25519 keys (signature type 0x01).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::{NamedKey, NoteSigner, VerifierKey, check_name};

/// Longest note accepted, in bytes.
const MAX_NOTE: usize = 1_000_000;
/// Most signature lines accepted; the specification asks for at least 16.
const MAX_SIGNATURES: usize = 100;

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

impl NoteSignature {
    /// Reads signature lines that stand alone, such as a witness's answer: at most 100, each ending with a newline.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse_lines(bytes: &[u8]) -> Result<Vec<Self>, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::Malformed("longer than 1,000,000 bytes"));
        }
        let lines = core::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("not UTF-8"))?;
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
        Ok(signatures)
    }
}

/// The line without its newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.key_id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        write!(f, "\u{2014} {} {}", self.name, STANDARD.encode(bytes))
    }
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
        let signatures = NoteSignature::parse_lines(lines.as_bytes())?;
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

    /// Adds a signature line, for example a witness's cosignature. A line that is there already is not repeated;
    /// another line of the same key is replaced, so that one key has one line.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for the 101st line.
    pub fn add_signature(&mut self, line: NoteSignature) -> Result<(), NoteError> {
        let same_key =
            |known: &NoteSignature| known.name == line.name && known.key_id == line.key_id;
        if let Some(known) = self.signatures.iter_mut().find(|known| same_key(known)) {
            *known = line;
            return Ok(());
        }
        if self.signatures.len() == MAX_SIGNATURES {
            return Err(NoteError::Malformed("more than 100 signatures"));
        }
        self.signatures.push(line);
        Ok(())
    }

    /// The lines of one key.
    pub(crate) fn lines_of<const TYPE: u8>(
        &self,
        key: &NamedKey<TYPE>,
    ) -> impl Iterator<Item = &NoteSignature> {
        let id = key.key_id();
        self.signatures
            .iter()
            .filter(move |line| line.key_id == id && line.name == key.name())
    }

    /// Checks the signature of `key`; lines of other keys are ignored, as the specification demands.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`], [`NoteError::BadSignature`].
    pub fn verify(&self, key: &VerifierKey) -> Result<&str, NoteError> {
        let mut lines = self.lines_of(key).peekable();
        if lines.peek().is_none() {
            return Err(NoteError::NotSigned(String::from(key.name())));
        }
        if lines.all(|line| key.verifies(self.text.as_bytes(), &line.signature)) {
            Ok(&self.text)
        } else {
            Err(NoteError::BadSignature(String::from(key.name())))
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
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
    use crate::key::Ed25519Signer;
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
