//! What a witness last saw of a log, in a file.

use std::path::Path;

use colophon_tlog::{Checkpoint, CosignerKey, Hash, Note, TreeSize, UnixTime, VerifierKey};

use crate::disk::Disk;
use crate::error::WitnessError;

const FIRST_LINE: &str = "colophon witness state v1\n";
const NOTHING: &str = "nothing cosigned yet\n";

/// The last checkpoint of a log that the witness cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// Size and root.
    pub checkpoint: Checkpoint,
    /// When it was cosigned last.
    pub time: UnixTime,
    /// The signed note: signatures of the log and of the witness.
    pub note: Note,
}

/// Of a log: the last checkpoint cosigned, or none so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogState(pub Option<LastSeen>);

impl LogState {
    /// Entries of the last tree cosigned; 0 before the first.
    pub fn size(&self) -> TreeSize {
        self.0
            .as_ref()
            .map_or(TreeSize(0), |last| last.checkpoint.size)
    }

    /// Root hash of the last tree cosigned; that of the empty tree before the first.
    pub fn root(&self) -> Hash {
        self.0
            .as_ref()
            .map_or_else(Hash::empty_tree, |last| last.checkpoint.root)
    }

    /// When the last cosignature was made.
    pub fn time(&self) -> UnixTime {
        self.0.as_ref().map_or(UnixTime(0), |last| last.time)
    }

    /// The file before the first cosignature.
    pub(crate) fn nothing() -> String {
        format!("{FIRST_LINE}{NOTHING}")
    }

    /// The file with a note's text and the lines of these two signatures.
    pub(crate) fn file(text: &str, log: &str, witness: &str) -> String {
        format!("{FIRST_LINE}{text}\n{log}\n{witness}\n")
    }

    /// Reads a state and checks both signatures in it: a file that was damaged, or belongs to another witness or
    /// another log, is refused, never taken for "nothing cosigned yet".
    pub(crate) fn load(
        disk: &dyn Disk,
        path: &Path,
        log: &VerifierKey,
        witness: &CosignerKey,
    ) -> Result<Self, WitnessError> {
        let damaged = |what: String| WitnessError::Damaged {
            path: path.to_owned(),
            what,
        };
        let bytes = disk.read(path).map_err(WitnessError::io("read", path))?;
        let bytes = bytes.ok_or_else(|| damaged("is missing".to_owned()))?;
        let rest = bytes
            .strip_prefix(FIRST_LINE.as_bytes())
            .ok_or_else(|| damaged("is no state of a witness".to_owned()))?;
        if rest == NOTHING.as_bytes() {
            return Ok(Self(None));
        }
        let checkpoint =
            Checkpoint::open(rest, log).map_err(|error| damaged(format!("is damaged: {error}")))?;
        let note = Note::parse(rest).map_err(|error| damaged(format!("is damaged: {error}")))?;
        let time = note
            .verify_cosignature(witness)
            .map_err(|error| damaged(format!("is not this witness's: {error}")))?;
        Ok(Self(Some(LastSeen {
            checkpoint,
            time,
            note,
        })))
    }
}
