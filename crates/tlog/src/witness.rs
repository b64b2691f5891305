//! What a log and a witness say to each other (C2SP `tlog-witness`), without the HTTP that carries it: the
//! `add-checkpoint` request, the witness's decision, and the answers.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, TreeSize, parse_decimal};
use crate::key::VerifierKey;
use crate::note::{Note, NoteError};
use crate::proof::{ProofError, verify_consistency};

/// Most proof lines that a client may send.
const MAX_PROOF: usize = 63;

/// The body of an `add-checkpoint` request. `Display` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint that the witness cosigned last, as the log believes; 0 for a first one.
    pub old_size: TreeSize,
    /// Consistency proof from there to the checkpoint, at most 63 hashes.
    pub proof: Vec<Hash>,
    /// The checkpoint with the log's signature, and any other.
    pub note: Note,
    /// What the note says; not to be believed before [`decide`].
    pub checkpoint: Checkpoint,
}

/// A request body that is none (HTTP 400).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an add-checkpoint request (c2sp.org/tlog-witness): {0}")]
pub struct MalformedRequest(&'static str);

impl AddCheckpoint {
    /// Longest body accepted, in bytes: 63 hashes and a note with dozens of signatures, post-quantum ones too.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// Makes the request for a signed checkpoint.
    ///
    /// # Errors
    /// [`MalformedRequest`] when the note holds no checkpoint or the proof has more than 63 hashes.
    pub fn new(old_size: TreeSize, proof: Vec<Hash>, note: Note) -> Result<Self, MalformedRequest> {
        if proof.len() > MAX_PROOF {
            return Err(MalformedRequest("more than 63 proof lines"));
        }
        let checkpoint = Checkpoint::parse_text(note.text())
            .map_err(|_| MalformedRequest("the note after the blank line is no checkpoint"))?;
        Ok(Self {
            old_size,
            proof,
            note,
            checkpoint,
        })
    }

    /// Reads a request body of at most [`AddCheckpoint::MAX_BYTES`].
    ///
    /// # Errors
    /// [`MalformedRequest`].
    pub fn parse(body: &[u8]) -> Result<Self, MalformedRequest> {
        if body.len() > Self::MAX_BYTES {
            return Err(MalformedRequest("longer than 256 KiB"));
        }
        let body = core::str::from_utf8(body).map_err(|_| MalformedRequest("not UTF-8"))?;
        let (head, note) = body.split_once("\n\n").ok_or(MalformedRequest(
            "no blank line between the proof and the checkpoint",
        ))?;
        let mut lines = head.split('\n');
        let old_size = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(parse_decimal)
            .ok_or(MalformedRequest(
                "the first line does not read 'old' and a size",
            ))?;
        let proof: Vec<Hash> = lines
            .take(MAX_PROOF + 1)
            .map(Hash::from_base64)
            .collect::<Result<_, _>>()
            .map_err(|_| MalformedRequest("a proof line is not the base64 of 32 bytes"))?;
        let note = Note::parse(note.as_bytes())
            .map_err(|_| MalformedRequest("no signed note after the blank line"))?;
        Self::new(TreeSize(old_size), proof, note)
    }

    /// Origin line of the checkpoint: whose state [`decide`] needs.
    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.note)
    }
}

/// What a witness answers. Every outcome but [`WitnessDecision::Accepted`] leaves its state as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessDecision {
    /// 200: the new state of this origin. Persist it, in one step with the comparison, **before** cosigning.
    Accepted(Checkpoint),
    /// 400: the old size is above the checkpoint's.
    OldSizeAbove,
    /// 403: no signature of a trusted key, or a wrong one.
    BadSignature(NoteError),
    /// 404: no key is known for this origin.
    UnknownOrigin,
    /// 409: another size was cosigned last; the log asks again from there.
    Conflict(TreeSize),
    /// 409: the same size was cosigned with another root. The log shows two histories; the request is evidence.
    Fork(TreeSize),
    /// 422: the proof does not lead from the known tree to the new one. The request may be evidence.
    BadProof(ProofError),
}

impl WitnessDecision {
    /// Media type of a 409's body.
    pub const SIZE_TYPE: &'static str = "text/x.tlog.size";

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Accepted(_) => 200,
            Self::OldSizeAbove => 400,
            Self::BadSignature(_) => 403,
            Self::UnknownOrigin => 404,
            Self::Conflict(_) | Self::Fork(_) => 409,
            Self::BadProof(_) => 422,
        }
    }

    /// The size that a 409 answers with, of [`WitnessDecision::SIZE_TYPE`]: decimal and a newline.
    pub fn size_body(&self) -> Option<String> {
        match self {
            Self::Conflict(size) | Self::Fork(size) => Some(format!("{size}\n")),
            _ => None,
        }
    }
}

/// Reads the body of a 409.
pub fn parse_size_body(body: &[u8]) -> Option<TreeSize> {
    let text = core::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    parse_decimal(text).map(TreeSize)
}

/// Whether a witness cosigns: `known` is the size and root that it cosigned last for the request's origin, `log_keys`
/// are all log keys that it trusts, of any origin.
pub fn decide(
    known: Option<(TreeSize, Hash)>,
    request: &AddCheckpoint,
    log_keys: &[VerifierKey],
) -> WitnessDecision {
    let checkpoint = &request.checkpoint;
    let keys = log_keys
        .iter()
        .filter(|key| key.name() == checkpoint.origin);
    let mut signed = Err(WitnessDecision::UnknownOrigin);
    for key in keys {
        match request.note.verify(key) {
            Ok(_) => signed = Ok(()),
            // A wrong signature of a trusted key spoils the note, whatever others say (C2SP signed-note).
            Err(error @ NoteError::BadSignature(_)) => return WitnessDecision::BadSignature(error),
            Err(error) if signed.is_err() => signed = Err(WitnessDecision::BadSignature(error)),
            Err(_) => {}
        }
    }
    if let Err(refused) = signed {
        return refused;
    }
    if request.old_size > checkpoint.size {
        return WitnessDecision::OldSizeAbove;
    }
    let (size, root) = known.unwrap_or((TreeSize(0), Hash::empty_tree()));
    if request.old_size != size {
        return WitnessDecision::Conflict(size);
    }
    if size == checkpoint.size && root != checkpoint.root {
        return WitnessDecision::Fork(size);
    }
    match verify_consistency(&request.proof, size, root, checkpoint.size, checkpoint.root) {
        Ok(()) => WitnessDecision::Accepted(checkpoint.clone()),
        Err(error) => WitnessDecision::BadProof(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::RightEdge;
    use crate::hash::leaf_hash;
    use crate::key::{Ed25519Signer, NoteSigner as _};
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    /// The request of the specification, its four proof lines and two signatures.
    const EXAMPLE: &str = "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\njrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";

    fn signer() -> Ed25519Signer {
        Ed25519Signer::from_seed("example.org/log", &[7; 32]).unwrap()
    }

    fn tree(size: u8) -> (TreeSize, Hash) {
        let mut edge = RightEdge::new();
        edge.append(&(0..size).map(|i| leaf_hash(&[i])).collect::<Vec<_>>());
        (edge.size(), edge.root())
    }

    fn request(old: u64, proof: Vec<Hash>, (size, root): (TreeSize, Hash)) -> AddCheckpoint {
        let checkpoint = Checkpoint {
            origin: String::from("example.org/log"),
            size,
            root,
            extensions: Vec::new(),
        };
        AddCheckpoint::new(TreeSize(old), proof, checkpoint.sign(&signer()).unwrap()).unwrap()
    }

    fn keys() -> Vec<VerifierKey> {
        let other = Ed25519Signer::from_seed("example.org/other", &[8; 32]).unwrap();
        vec![
            other.verifier_key().clone(),
            signer().verifier_key().clone(),
        ]
    }

    #[test]
    fn the_specifications_request_reads_and_writes_back() {
        let request = AddCheckpoint::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(request.origin(), "example.com/behind-the-sofa");
        assert_eq!((request.old_size.0, request.proof.len()), (20_852_014, 4));
        assert_eq!(request.checkpoint.size, TreeSize(20_852_163));
        assert_eq!(request.to_string(), EXAMPLE);
    }

    #[test]
    fn bad_bodies_are_refused() {
        let line = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
        let with_lines = |count| {
            EXAMPLE.replacen(
                "20852014\n",
                &format!("20852014\n{}", line.repeat(count)),
                1,
            )
        };
        assert!(AddCheckpoint::parse(with_lines(59).as_bytes()).is_ok());
        let signature = EXAMPLE.find("\n\u{2014}").map(|at| &EXAMPLE[..at]).unwrap();
        for bad in [
            String::new(),
            with_lines(60),
            EXAMPLE.replacen("old ", "old  ", 1),
            EXAMPLE.replacen("old ", "old 0", 1),
            EXAMPLE.replacen("old ", "new ", 1),
            EXAMPLE.replacen("PlRN", "PlR", 1),
            EXAMPLE.replacen("\n\n", "\n", 1),
            EXAMPLE.replacen("20852163", "many", 1),
            String::from(signature),
            format!("{EXAMPLE}{}", "x".repeat(AddCheckpoint::MAX_BYTES)),
        ] {
            assert!(AddCheckpoint::parse(bad.as_bytes()).is_err(), "{bad:.60}");
        }
    }

    #[test]
    fn a_log_that_grows_is_cosigned() {
        let first = request(0, vec![], tree(1));
        let decision = decide(None, &first, &keys());
        assert_eq!(decision, WitnessDecision::Accepted(first.checkpoint));
        assert_eq!(decision.status(), 200);
        // From one leaf to two the second leaf proves it; the same size again needs no proof.
        let second = request(1, vec![leaf_hash(&[1])], tree(2));
        assert_eq!(decide(Some(tree(1)), &second, &keys()).status(), 200);
        let again = request(2, vec![], tree(2));
        assert_eq!(decide(Some(tree(2)), &again, &keys()).status(), 200);
    }

    #[test]
    fn everything_else_is_refused_as_the_specification_says() {
        let good = request(1, vec![leaf_hash(&[1])], tree(2));
        let known = Some(tree(1));
        // 404 and 403: an origin without a key, a key that did not sign, a signature that is wrong.
        let other = Ed25519Signer::from_seed("example.org/log", &[9; 32]).unwrap();
        assert_eq!(
            decide(known, &good, &keys()[..1]),
            WitnessDecision::UnknownOrigin
        );
        let unsigned = decide(known, &good, &[other.verifier_key().clone()]);
        assert_eq!(unsigned.status(), 403, "{unsigned:?}");
        // One trusted key of two is enough.
        let two = [
            other.verifier_key().clone(),
            signer().verifier_key().clone(),
        ];
        assert_eq!(decide(known, &good, &two).status(), 200);
        let mut forged = good.clone();
        let mut line = forged.note.signatures()[0].clone();
        line.signature[3] ^= 1;
        forged.note.add_signature(line).unwrap();
        assert!(matches!(
            decide(known, &forged, &keys()),
            WitnessDecision::BadSignature(NoteError::BadSignature(_))
        ));
        // 400, 409, 422.
        let above = request(3, vec![], tree(2));
        assert_eq!(
            decide(Some(tree(3)), &above, &keys()),
            WitnessDecision::OldSizeAbove
        );
        let conflict = decide(Some(tree(2)), &good, &keys());
        assert_eq!(conflict, WitnessDecision::Conflict(TreeSize(2)));
        assert_eq!(
            (conflict.status(), conflict.size_body().as_deref()),
            (409, Some("2\n"))
        );
        assert_eq!(
            parse_size_body(conflict.size_body().unwrap().as_bytes()),
            Some(TreeSize(2))
        );
        assert_eq!(
            decide(None, &good, &keys()),
            WitnessDecision::Conflict(TreeSize(0))
        );
        let fork = request(2, vec![], (TreeSize(2), leaf_hash(b"another")));
        let decision = decide(Some(tree(2)), &fork, &keys());
        assert_eq!(decision, WitnessDecision::Fork(TreeSize(2)));
        assert_eq!(decision.status(), 409);
        for proof in [
            vec![],
            vec![leaf_hash(&[2])],
            vec![leaf_hash(&[1]), leaf_hash(&[1])],
        ] {
            let decision = decide(known, &request(1, proof, tree(2)), &keys());
            assert_eq!(decision.status(), 422, "{decision:?}");
        }
        let from_nothing = request(0, vec![leaf_hash(&[0])], tree(1));
        assert_eq!(decide(None, &from_nothing, &keys()).status(), 422);
    }

    #[test]
    fn size_bodies_have_one_form() {
        for bad in [&b""[..], b"2", b"02\n", b"2\n\n", b"-2\n", b"\xff\n"] {
            assert_eq!(parse_size_body(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn altered_bodies_never_panic_and_never_read_twice(at: proptest::sample::Index, byte: u8) {
            let mut body = EXAMPLE.as_bytes().to_vec();
            let at = at.index(body.len());
            body[at] = byte;
            if let Ok(request) = AddCheckpoint::parse(&body) {
                prop_assert_eq!(request.to_string().into_bytes(), body);
            }
        }

        #[test]
        fn any_text_parses_without_panic(text in "(old [0-9]{1,3}|\n|[A-Za-z0-9+/]{43}=|a| |\u{2014}){0,20}") {
            if let Ok(request) = AddCheckpoint::parse(text.as_bytes()) {
                prop_assert_eq!(request.to_string(), text);
            }
        }
    }
}
