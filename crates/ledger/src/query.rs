//! Questions to a whole ledger: a filter, answered page by page in the order of entry or from the newest entry back,
//! each entry proven.

mod filter;
mod proving;
mod source;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use colophon_tlog::Checkpoint;
use sha2::{Digest, Sha256};

use crate::decisions::Decisions;
use crate::entry::Inclusion;
use crate::error::{LedgerError, Unproven};
use crate::ledger::Ledger;
use crate::record::PrivatePart;
use crate::shard::Shard;
use crate::shards::RecordId;

pub use filter::{Entries, Filter, FilterError, Likeness};
use source::Source;

/// An entry that answers a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Origin of the log that holds it.
    pub log: String,
    /// Its place.
    pub id: RecordId,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The private part, if it was asked for and is there.
    pub private: Option<PrivatePart>,
    /// Whether the leaf is in the signed tree.
    pub inclusion: Result<Inclusion, Unproven>,
}

/// Some of the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order that was asked for.
    pub hits: Vec<Hit>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// Where a question goes on: opaque text, good for the same filter at any later time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Of the filter and the order.
    question: [u8; 8],
    /// Number of the shard, the oldest first.
    shard: u32,
    /// First index not yet looked at, in the order of the question.
    index: u64,
}

/// A text that is no cursor, or one of another question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// Not a cursor.
    #[error("not a cursor: copy all of it, as the page before printed it")]
    Malformed,
    /// Another filter's or another order's.
    #[error("the cursor belongs to another question: give the options that it was printed for")]
    OtherFilter,
}

/// A question over the ledger as it stands when it is asked: later entries do not come into it.
pub struct Query<'a> {
    shards: Vec<Arc<Shard>>,
    filter: Filter,
    decisions: Option<&'a Decisions>,
    /// Whether hits get their private parts.
    private: bool,
    newest_first: bool,
    checkpoints: Vec<Checkpoint>,
}

impl<'a> Query<'a> {
    /// Asks. `decisions` is needed for a filter by verdict; `private` has hits carry their private parts.
    ///
    /// # Errors
    /// [`LedgerError`]: a checkpoint cannot be believed, or the log of decisions is wanted and not there.
    pub fn new(
        ledger: &Ledger,
        filter: Filter,
        decisions: Option<&'a Decisions>,
        private: bool,
    ) -> Result<Self, LedgerError> {
        if filter.verdict.is_some() && decisions.is_none() {
            return Err(LedgerError::NoDecisions);
        }
        let shards = ledger.readable()?;
        let checkpoints = shards
            .iter()
            .map(|shard| shard.reader.published())
            .collect::<Result<_, LedgerError>>()?;
        Ok(Self {
            shards,
            filter,
            decisions,
            private,
            newest_first: false,
            checkpoints,
        })
    }

    /// The same question, answered from the newest entry back.
    #[must_use]
    pub fn newest_first(self) -> Self {
        Self {
            newest_first: true,
            ..self
        }
    }

    /// The state of every shard that the answers are taken from, the oldest first.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    /// The filter.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The beginning: of the oldest shard, or the end of the newest.
    pub fn start(&self) -> Cursor {
        let (shard, index) = if self.newest_first {
            let last = self.shards.len().saturating_sub(1);
            (last as u32, u64::MAX)
        } else {
            (0, 0)
        };
        Cursor {
            question: self.digest(),
            shard,
            index,
        }
    }

    /// Behind a record, of a question asked in the order of entry.
    pub fn after(&self, record: RecordId) -> Cursor {
        let before = |shard: &&Arc<Shard>| shard.reader.shard() < record.shard;
        Cursor {
            question: self.digest(),
            shard: self.shards.iter().take_while(before).count() as u32,
            index: record.index.0.saturating_add(1),
        }
    }

    /// At most `limit` hits from a cursor on. Memory does not grow with the ledger.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for another question's cursor; [`LedgerError::Damaged`] for a leaf that cannot be read.
    pub fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, LedgerError> {
        if cursor.question != self.digest() {
            return Err(LedgerError::Cursor(CursorError::OtherFilter));
        }
        let mut hits = Vec::new();
        let mut from = Some(cursor.index);
        for number in self.onward(cursor.shard as usize) {
            let (shard, checkpoint) = (&self.shards[number], &self.checkpoints[number]);
            let mut source = Source::new(self, shard, checkpoint, from.take())?;
            while let Some(hit) = source.next()? {
                if hits.len() == limit {
                    let next = Cursor {
                        shard: number as u32,
                        index: hit.id.index.0,
                        ..cursor
                    };
                    return Ok(Page {
                        hits,
                        next: Some(next),
                    });
                }
                hits.push(hit);
            }
        }
        Ok(Page { hits, next: None })
    }

    /// Numbers of the shards from one on, in the order of the question.
    fn onward(&self, first: usize) -> Box<dyn Iterator<Item = usize>> {
        let shards = self.shards.len();
        if self.newest_first {
            Box::new((0..shards.min(first.saturating_add(1))).rev())
        } else {
            Box::new(first..shards)
        }
    }

    /// Ties cursors to the question.
    fn digest(&self) -> [u8; 8] {
        let order = if self.newest_first { "\nnewest" } else { "" };
        let digest: [u8; 32] = Sha256::digest(format!("{}{order}", self.filter)).into();
        let mut short = [0; 8];
        short.copy_from_slice(&digest[..8]);
        short
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1")?;
        self.question
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "{:08x}{:016x}", self.shard, self.index)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let parsed = || {
            let digits = text.strip_prefix('1').filter(|rest| rest.len() == 40)?;
            let number = |range| u64::from_str_radix(digits.get(range)?, 16).ok();
            Some(Self {
                question: number(0..16)?.to_be_bytes(),
                shard: u32::try_from(number(16..24)?).ok()?,
                index: number(24..40)?,
            })
        };
        // One spelling a cursor.
        parsed()
            .filter(|cursor| cursor.to_string() == text)
            .ok_or(CursorError::Malformed)
    }
}
