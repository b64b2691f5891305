//! Asking witnesses before a checkpoint is published.

mod quorum;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use colophon_tlog::{Hash, TreeSize, WitnessPolicy};

pub(crate) use quorum::Quorum;

/// Whoever can reach witnesses: an HTTP client, or the witnesses themselves in tests. Nothing it returns is believed
/// before its signature was checked.
///
/// One call asks one witness once. Calls run side by side in threads of their own, one a witness; a call that is not
/// back by its deadline is no longer waited for, and that witness is not asked again before it is.
pub trait Witnesses: Send + Sync {
    /// Hands a checkpoint to the witness of this name within the policy and returns its cosignature lines as it sent
    /// them.
    ///
    /// # Errors
    /// [`Refusal`].
    fn ask(
        &self,
        witness: &str,
        request: &CosignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Refusal>;
}

/// What a witness is asked (C2SP `tlog-witness`, `add-checkpoint`).
#[derive(Clone, Copy, Debug)]
pub struct CosignRequest<'a> {
    /// Size of the tree that the witness cosigned last, as far as is known; 0 for none.
    pub old_size: TreeSize,
    /// Consistency proof from there to the checkpoint; empty from size 0 and to the same size.
    pub proof: &'a [Hash],
    /// The checkpoint, signed by the log.
    pub checkpoint: &'a [u8],
}

/// Which witnesses must have cosigned before a checkpoint is published, and how they are reached.
#[derive(Clone)]
pub struct Witnessing {
    /// The witnesses and the quorum. Its logs are not looked at: the log's key is known.
    pub policy: WitnessPolicy,
    /// The way to the witnesses.
    pub witnesses: Arc<dyn Witnesses>,
    /// How long a group of records waits for them.
    pub deadline: Duration,
}

impl fmt::Debug for Witnessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witnessing")
            .field("policy", &self.policy)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Why a witness did not cosign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It last cosigned a tree of another size (HTTP 409); it is asked again with a proof from there.
    #[error("it last cosigned a tree of {0} entries")]
    Behind(TreeSize),
    /// It refused, in its own words.
    #[error("it refused: {0}")]
    Refused(String),
    /// It could not be reached, or its answer could not be read.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("it did not answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// It has not answered an earlier question yet.
    #[error("it has not answered an earlier question yet")]
    Busy,
    /// What it sent is not its cosignature of this checkpoint.
    #[error("its answer is no cosignature of this checkpoint: {0}")]
    BadSignature(String),
}

/// A witness that did not cosign, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessFailure {
    /// The witness.
    pub witness: String,
    /// Why.
    pub why: Refusal,
}

impl fmt::Display for WitnessFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.witness, self.why)
    }
}
