//! Cosignatures (C2SP `tlog-cosignature`, `cosignature/v1`): a witness's statement that it saw a checkpoint, at a time,
//! and that it follows from every earlier one it saw.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::key::{Cosigner, CosignerKey};
use crate::note::{Note, NoteError, NoteSignature};

/// Seconds since 1970-01-01T00:00:00Z (POSIX). Cosignatures allow at most `2^63 - 1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// The greatest time that a cosignature may hold.
    pub const MAX: Self = Self(i64::MAX as u64);
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a cosigner signs: two header lines in front of the note's text.
fn message(text: &str, time: UnixTime) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Signs the checkpoint `text` (a note's text, extension lines included) as seen at `time`; the line goes into the
/// note beside the log's ([`Note::add_signature`]).
///
/// # Errors
/// [`CheckpointError::Malformed`] when the text is no checkpoint or the time is above [`UnixTime::MAX`],
/// [`CheckpointError::Note`] from the signer.
pub fn cosign(
    text: &str,
    time: UnixTime,
    signer: &dyn Cosigner,
) -> Result<NoteSignature, CheckpointError> {
    Checkpoint::parse_text(text)?;
    if time > UnixTime::MAX {
        return Err(CheckpointError::Malformed(
            "the time is above 2^63 - 1 seconds",
        ));
    }
    let mut signature = Vec::from(time.0.to_be_bytes());
    signature.extend(signer.sign(message(text, time).as_bytes())?);
    Ok(NoteSignature {
        name: String::from(signer.cosigner_key().name()),
        key_id: signer.cosigner_key().key_id(),
        signature,
    })
}

impl CosignerKey {
    /// The time in `signature` (8 bytes, big-endian, then 64 of Ed25519), if it is this key's over the checkpoint
    /// `text` at that time.
    pub fn verifies(&self, text: &str, signature: &[u8]) -> Option<UnixTime> {
        let (time, signature) = signature.split_first_chunk::<8>()?;
        let time = UnixTime(u64::from_be_bytes(*time));
        (time <= UnixTime::MAX && self.verifies_bytes(message(text, time).as_bytes(), signature))
            .then_some(time)
    }
}

impl Note {
    /// Checks the cosignature of `key` and returns when it was made (the latest time, should the key stand there
    /// twice); lines of other keys are ignored. Whether the text is a checkpoint is for [`Checkpoint::parse_text`].
    ///
    /// # Errors
    /// [`NoteError::NotSigned`], [`NoteError::BadSignature`].
    pub fn verify_cosignature(&self, key: &CosignerKey) -> Result<UnixTime, NoteError> {
        let times = self
            .lines_of(key)
            .map(|line| key.verifies(self.text(), &line.signature))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| NoteError::BadSignature(String::from(key.name())))?;
        let latest = times.into_iter().max();
        latest.ok_or_else(|| NoteError::NotSigned(String::from(key.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Ed25519Cosigner, Ed25519Signer, NoteSigner as _};
    use alloc::string::ToString;
    use proptest::prelude::*;

    /// The checkpoint of the specification's example.
    const TEXT: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    fn witness() -> Ed25519Cosigner {
        Ed25519Cosigner::from_seed("witness.example.com/w1", &[3; 32]).unwrap()
    }

    #[test]
    fn the_specifications_example_reads_as_it_says() {
        let note = alloc::format!(
            "{TEXT}\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
        );
        let note = Note::parse(note.as_bytes()).unwrap();
        let line = &note.signatures()[1];
        assert_eq!((line.key_id, line.signature.len()), (0x8d66_cf3f, 72));
        let time = u64::from_be_bytes(line.signature[..8].try_into().unwrap());
        assert_eq!(
            message(note.text(), UnixTime(time)),
            "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
             CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
        );
    }

    /// Key and line made with Python's `cryptography` and `hashlib` from the seed of thirty-two threes.
    #[test]
    fn golden_key_and_line() {
        assert_eq!(
            witness().cosigner_key().to_string(),
            "witness.example.com/w1+84bec770+BO1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR"
        );
        let line = cosign(TEXT, UnixTime(1_679_315_147), &witness()).unwrap();
        assert_eq!(
            line.to_string(),
            "\u{2014} witness.example.com/w1 hL7HcAAAAABkGFDLMNgPaUkNaJGzku/UOv9J4xe+sMNOE3ojmgMjp7bUMLdRD3VTtNiesVYFDVlpiEzTG3GgzySAzzTFTWah5H3fBQ=="
        );
    }

    #[test]
    fn log_and_witnesses_stand_side_by_side() {
        let log = Ed25519Signer::from_seed("example.com/behind-the-sofa", &[7; 32]).unwrap();
        let mut note = Note::sign(TEXT, &log).unwrap();
        for number in 0..20_u8 {
            let name = alloc::format!("witness.example.com/{number}");
            let cosigner = Ed25519Cosigner::from_seed(&name, &[number + 10; 32]).unwrap();
            note.add_signature(cosign(TEXT, UnixTime(5), &cosigner).unwrap())
                .unwrap();
        }
        // The same witness again: its new line takes the old one's place.
        let again = Ed25519Cosigner::from_seed("witness.example.com/3", &[13; 32]).unwrap();
        note.add_signature(cosign(TEXT, UnixTime(9), &again).unwrap())
            .unwrap();
        let note = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(note.signatures().len(), 21);
        assert_eq!(note.verify(log.verifier_key()), Ok(TEXT));
        assert_eq!(
            note.verify_cosignature(again.cosigner_key()),
            Ok(UnixTime(9))
        );
        assert!(matches!(
            note.verify_cosignature(witness().cosigner_key()),
            Err(NoteError::NotSigned(_))
        ));
    }

    #[test]
    fn only_checkpoints_are_cosigned_and_only_until_the_end_of_time() {
        assert!(cosign("free text\n", UnixTime(1), &witness()).is_err());
        assert!(cosign(TEXT, UnixTime(1 << 63), &witness()).is_err());
        assert!(cosign(TEXT, UnixTime::MAX, &witness()).is_ok());
    }

    #[test]
    fn a_plain_signature_is_no_cosignature() {
        // The same secret, misused for both: header lines and key ids keep the statements apart.
        let log = Ed25519Signer::from_seed("witness.example.com/w1", &[3; 32]).unwrap();
        let mut line = Note::sign(TEXT, &log).unwrap().signatures()[0].clone();
        line.key_id = witness().cosigner_key().key_id();
        let mut note = Note::sign(TEXT, &log).unwrap();
        note.add_signature(line).unwrap();
        assert!(matches!(
            note.verify_cosignature(witness().cosigner_key()),
            Err(NoteError::BadSignature(_))
        ));
    }

    proptest! {
        #[test]
        fn every_flipped_bit_is_noticed(bit: proptest::sample::Index, time in 0..=UnixTime::MAX.0) {
            let mut line = cosign(TEXT, UnixTime(time), &witness()).unwrap();
            let key = witness();
            let key = key.cosigner_key();
            prop_assert_eq!(key.verifies(TEXT, &line.signature), Some(UnixTime(time)));
            let bit = bit.index(line.signature.len() * 8);
            line.signature[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key.verifies(TEXT, &line.signature), None);
        }

        #[test]
        fn any_bytes_verify_as_nothing(signature in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(witness().cosigner_key().verifies(TEXT, &signature), None);
        }
    }
}
