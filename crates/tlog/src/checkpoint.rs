//! Checkpoints (C2SP `tlog-checkpoint`): a signed statement of size and root.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::hash::{Hash, TreeSize, parse_decimal};
use crate::key::{NoteSigner, VerifierKey};
use crate::note::{Note, NoteError};

/// What a log's key signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Name of the log.
    pub origin: String,
    /// Number of leaves.
    pub size: TreeSize,
    /// Tree hash over them.
    pub root: Hash,
    /// Further non-empty lines; discouraged, kept as found.
    pub extensions: Vec<String>,
}

/// A checkpoint that cannot be read or believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The signed text is no checkpoint.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// A checkpoint of another log.
    #[error("the checkpoint belongs to the log {found:?}, expected {expected:?}")]
    Origin {
        /// Origin wanted.
        expected: String,
        /// Origin found.
        found: String,
    },
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            self.root.to_base64()
        );
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Signs the checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`] when a field cannot be written, [`CheckpointError::Note`] from the signer.
    pub fn sign(&self, signer: &dyn NoteSigner) -> Result<Note, CheckpointError> {
        let text = self.text();
        if Self::parse_text(&text).as_ref() != Ok(self) {
            return Err(CheckpointError::Malformed(
                "the origin or an extension line is empty or holds a newline",
            ));
        }
        Ok(Note::sign(&text, signer)?)
    }

    /// Reads the text of a note.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`].
    pub fn parse_text(text: &str) -> Result<Self, CheckpointError> {
        let body = text
            .strip_suffix('\n')
            .ok_or(CheckpointError::Malformed("no newline at the end"))?;
        let mut lines = body.split('\n');
        let origin = lines
            .next()
            .filter(|line| !line.is_empty())
            .ok_or(CheckpointError::Malformed("no origin line"))?;
        let size = lines
            .next()
            .and_then(parse_decimal)
            .ok_or(CheckpointError::Malformed("no tree size"))?;
        let root = lines.next().and_then(|line| Hash::from_base64(line).ok());
        let root = root.ok_or(CheckpointError::Malformed("no root hash"))?;
        let extensions: Vec<String> = lines.map(String::from).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::Malformed("an empty extension line"));
        }
        Ok(Self {
            origin: String::from(origin),
            size: TreeSize(size),
            root,
            extensions,
        })
    }

    /// Reads a signed checkpoint and checks the signature of `key` and that the origin is the key's name.
    ///
    /// # Errors
    /// [`CheckpointError`] naming what is wrong.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        Self::of_note(&Note::parse(note)?, key)
    }

    /// [`Checkpoint::open`] of a note that was parsed before.
    ///
    /// # Errors
    /// [`CheckpointError`] naming what is wrong.
    pub fn of_note(note: &Note, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse_text(note.verify(key)?)?;
        if checkpoint.origin == key.name() {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Origin {
                expected: String::from(key.name()),
                found: checkpoint.origin,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Ed25519Signer;
    use alloc::string::ToString;

    fn signer() -> Ed25519Signer {
        Ed25519Signer::from_seed("example.org/log", &[7; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: String::from("example.org/log"),
            size: TreeSize(0),
            root: Hash::empty_tree(),
            extensions: Vec::new(),
        }
    }

    #[test]
    fn golden_text_and_round_trip() {
        let text = "example.org/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        assert_eq!(checkpoint().text(), text);
        let note = checkpoint().sign(&signer()).unwrap().to_string();
        assert_eq!(
            Checkpoint::open(note.as_bytes(), signer().verifier_key()),
            Ok(checkpoint())
        );
    }

    #[test]
    fn other_logs_and_odd_texts_are_refused() {
        let other = Checkpoint {
            origin: String::from("example.org/other"),
            ..checkpoint()
        };
        let note = other.sign(&signer()).unwrap().to_string();
        assert!(matches!(
            Checkpoint::open(note.as_bytes(), signer().verifier_key()),
            Err(CheckpointError::Origin { .. })
        ));
        assert!(
            Checkpoint {
                origin: String::from("a\nb"),
                ..checkpoint()
            }
            .sign(&signer())
            .is_err()
        );
        let root = Hash::empty_tree().to_base64();
        for bad in ["", "a\n", "a\n1\n", "\n1\nx\n", "a\n1\nx\n"] {
            assert!(Checkpoint::parse_text(bad).is_err(), "{bad:?}");
        }
        for bad in [
            format!("a\n01\n{root}\n"),
            format!("a\n1\n{root}"),
            format!("a\n1\n{root}\n\n"),
        ] {
            assert!(Checkpoint::parse_text(&bad).is_err(), "{bad:?}");
        }
        assert!(Checkpoint::parse_text(&format!("a\n1\n{root}\nextension\n")).is_ok());
    }
}
