//! What a log signed, put side by side in a text, where there is no proof of a fork ([`ForkEvidence`]) but something a
//! person should look at.
//!
//! [`ForkEvidence`]: crate::ForkEvidence

use core::fmt;

use crate::note::Note;

/// Signed statements of a log and what gives reason to doubt them.
///
/// ```text
/// colophon evidence v1
/// log ledger.example.org/2026h2
/// rolled-back: it had signed 9 entries and now shows 5
///
/// ==== signed before ====
/// (a note)
/// ==== signed now ====
/// (a note)
/// ```
///
/// Each note stands as a line's beginning to the next title and is checked with the log's public key alone.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The log's origin line.
    pub log: &'a str,
    /// What is wrong, one line or more without a blank one.
    pub what: &'a str,
    /// What the log had signed before.
    pub before: Option<&'a Note>,
    /// What it signed now.
    pub now: Option<&'a Note>,
}

impl fmt::Display for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "colophon evidence v1\nlog {}\n{}", self.log, self.what)?;
        for (when, note) in [("before", self.before), ("now", self.now)] {
            if let Some(note) = note {
                write!(f, "\n==== signed {when} ====\n{note}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Ed25519Signer, NoteSigner as _};
    use alloc::format;
    use alloc::string::{String, ToString as _};
    use alloc::vec::Vec;

    #[test]
    fn the_notes_come_out_as_they_were_signed() {
        let signer = Ed25519Signer::from_seed("log.example", &[1; 32]).unwrap();
        let notes = ["a\n1\nx\n", "a\n1\ny\n"].map(|text| Note::sign(text, &signer).unwrap());
        let text = Evidence {
            log: "log.example",
            what: "fork: two",
            before: Some(&notes[0]),
            now: Some(&notes[1]),
        }
        .to_string();
        assert!(text.starts_with(
            "colophon evidence v1\nlog log.example\nfork: two\n\n==== signed before ====\n"
        ));
        let parts: Vec<String> = text
            .split("\n==== signed before ====\n")
            .flat_map(|part| part.split("\n==== signed now ====\n"))
            .skip(1)
            .map(|part| format!("{}\n", part.trim_end_matches('\n')))
            .collect();
        for (part, note) in parts.iter().zip(&notes) {
            let read = Note::parse(part.as_bytes()).unwrap();
            assert_eq!(&read, note);
            assert!(read.verify(signer.verifier_key()).is_ok());
        }
        assert_eq!(parts.len(), 2);
    }
}
