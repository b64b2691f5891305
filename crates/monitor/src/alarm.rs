//! What a monitor cries out about, and the evidence for it.

use std::fmt;

use colophon_tlog::{Checkpoint, Evidence, ForkEvidence, Hash, Note, TileError, TreeSize};

use crate::source::SourceError;

/// Why a look at a log did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The log is not what it promised to be.
    #[error("{}: {}", .0.origin, .0.broken)]
    Alarm(Box<Alarm>),
    /// Its files could not be had; nothing follows about the log.
    #[error("{0}")]
    Source(SourceError),
}

/// A log caught at something, with what proves it.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// The log's origin line, or the ledger's name for its list of shards.
    pub origin: String,
    /// What is wrong.
    pub broken: Broken,
    /// What the log had signed before, if it matters.
    pub before: Option<Note>,
    /// What it signed now, or serves with a signature that is wrong.
    pub now: Option<Note>,
}

/// What is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// Two signed checkpoints that cannot both be true: two histories, or history rewritten. Proved.
    Fork(Box<ForkEvidence>),
    /// A checkpoint of a smaller tree than one seen before: rolled back.
    RolledBack {
        /// Seen before.
        from: TreeSize,
        /// Shown now.
        to: TreeSize,
    },
    /// There is no readable checkpoint or list signed by the log's key.
    Unsigned(String),
    /// The hash tiles lead to another root than the one that was signed.
    Root(Hash),
    /// A hash tile does not fit its parent.
    Tile(String),
    /// A file that the checkpoint promises is not there.
    Missing(String),
    /// The tiles do not form a tree.
    Tree(String),
    /// An entry is not the one that was hashed into the tree.
    Entry(u64),
    /// A bundle of entries cannot be read.
    Bundle(String),
    /// An entry that may not stand where it stands, or cannot be read.
    Record {
        /// Its index.
        index: u64,
        /// What is wrong.
        what: String,
    },
    /// The list of shards and the shards do not fit each other.
    Shards(String),
    /// Too few witnesses cosigned the newest checkpoint.
    Unwitnessed(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fork(evidence) => {
                let size = |note: &Note| {
                    let checkpoint = Checkpoint::parse_text(note.text());
                    checkpoint.map_or(TreeSize(0), |checkpoint| checkpoint.size)
                };
                let (older, newer) = (size(&evidence.older), size(&evidence.newer));
                if older == newer {
                    write!(f, "fork: it signed two different trees of {older} entries")
                } else {
                    write!(
                        f,
                        "fork: the tree of {newer} entries that it signed does not begin with the tree of {older} \
                         entries that it signed"
                    )
                }
            }
            Self::RolledBack { from, to } => write!(
                f,
                "rolled back: it had signed {from} entries and now shows {to}"
            ),
            Self::Unsigned(what) => write!(f, "not signed by the key given: {what}"),
            Self::Root(_) => f.write_str("the hash tiles do not lead to the signed root"),
            Self::Tile(path) => write!(f, "{path} does not fit the tile above it"),
            Self::Missing(path) => {
                write!(f, "{path} is missing, though the checkpoint promises it")
            }
            Self::Tree(what) | Self::Bundle(what) | Self::Unwitnessed(what) => f.write_str(what),
            Self::Entry(index) => write!(
                f,
                "entry {index} is not the one that was hashed into the tree: edited, dropped or moved"
            ),
            Self::Record { index, what } => write!(f, "entry {index}: {what}"),
            Self::Shards(what) => write!(f, "shards: {what}"),
        }
    }
}

impl Broken {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fork(_) => "fork",
            Self::RolledBack { .. } => "rolled-back",
            Self::Unsigned(_) => "unsigned",
            Self::Root(_) | Self::Tile(_) | Self::Tree(_) => "tiles",
            Self::Missing(_) => "missing",
            Self::Entry(_) | Self::Bundle(_) => "entry",
            Self::Record { .. } => "record",
            Self::Shards(_) => "shards",
            Self::Unwitnessed(_) => "unwitnessed",
        }
    }
}

impl Alarm {
    /// The evidence as a text. Of a fork a proof that anybody can check with the log's public key alone
    /// ([`ForkEvidence::verify`]); else what is wrong, then the signed notes as they came ([`Evidence`]).
    pub fn evidence(&self) -> String {
        if let Broken::Fork(evidence) = &self.broken {
            return evidence.to_string();
        }
        Evidence {
            log: &self.origin,
            what: &format!("{}: {}", self.broken.code(), self.broken),
            before: self.before.as_ref(),
            now: self.now.as_ref(),
        }
        .to_string()
    }
}

impl From<Broken> for Trouble {
    /// To be completed by whoever knows the log ([`Trouble::of`]).
    fn from(broken: Broken) -> Self {
        Self::Alarm(Box::new(Alarm {
            origin: String::new(),
            broken,
            before: None,
            now: None,
        }))
    }
}

impl From<TileError> for Trouble {
    fn from(error: TileError) -> Self {
        Broken::Tree(error.to_string()).into()
    }
}

impl Trouble {
    /// Adds to an alarm which log it is about, and what that had signed before and signs now.
    pub(crate) fn of(mut self, origin: &str, before: Option<&Note>, now: Option<&Note>) -> Self {
        if let Self::Alarm(alarm) = &mut self
            && alarm.origin.is_empty()
        {
            origin.clone_into(&mut alarm.origin);
            alarm.before = before.cloned();
            alarm.now = now.cloned();
        }
        self
    }
}
