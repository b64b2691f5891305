//! Questions to a whole ledger: a filter, answered page by page in the order of entry, each entry proven.

mod filter;
mod proving;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use colophon_tlog::{Checkpoint, LeafIndex};
use sha2::{Digest, Sha256};

use crate::db::signed;
use crate::decisions::Decisions;
use crate::entry::{Inclusion, LogEntry, Private};
use crate::error::{LedgerError, Unproven};
use crate::ledger::Ledger;
use crate::reader::Reader;
use crate::record::PrivatePart;
use crate::shard::Shard;
use crate::shards::{RecordId, ShardName};

pub use filter::{Entries, Filter, FilterError, Likeness};
use proving::Prover;

/// Rows read from the database at once.
const CHUNK: usize = 1_024;

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
    /// In the order of entry.
    pub hits: Vec<Hit>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// Where a question goes on: opaque text, good for the same filter at any later time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    filter: [u8; 8],
    /// Number of the shard, the oldest first.
    shard: u32,
    /// First index not yet looked at.
    index: u64,
}

/// A text that is no cursor, or one of another question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// Not a cursor.
    #[error("not a cursor: copy all of it, as the page before printed it")]
    Malformed,
    /// Another filter's.
    #[error("the cursor belongs to another filter: give the options that it was printed for")]
    OtherFilter,
}

/// A question over the ledger as it stands when it is asked: later entries do not come into it.
pub struct Query<'a> {
    shards: Vec<Arc<Shard>>,
    filter: Filter,
    decisions: Option<&'a Decisions>,
    /// Whether hits get their private parts.
    private: bool,
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
            checkpoints,
        })
    }

    /// The state of every shard that the answers are taken from, the oldest first.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    /// The filter.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The beginning.
    pub fn start(&self) -> Cursor {
        Cursor {
            filter: self.filter.digest(),
            shard: 0,
            index: 0,
        }
    }

    /// Behind a record.
    pub fn after(&self, record: RecordId) -> Cursor {
        let before = |shard: &&Arc<Shard>| shard.reader.shard() < record.shard;
        Cursor {
            filter: self.filter.digest(),
            shard: self.shards.iter().take_while(before).count() as u32,
            index: record.index.0.saturating_add(1),
        }
    }

    /// At most `limit` hits from a cursor on. Memory does not grow with the ledger.
    ///
    /// # Errors
    /// [`LedgerError::Cursor`] for another filter's cursor; [`LedgerError::Damaged`] for a leaf that cannot be read.
    pub fn page(&self, cursor: Cursor, limit: usize) -> Result<Page, LedgerError> {
        if cursor.filter != self.filter.digest() {
            return Err(LedgerError::Cursor(CursorError::OtherFilter));
        }
        let mut hits = Vec::new();
        let mut index = cursor.index;
        let shards = self.shards.iter().zip(&self.checkpoints).enumerate();
        for (number, (shard, checkpoint)) in shards.skip(cursor.shard as usize) {
            let mut source = Source::new(self, shard, checkpoint, index)?;
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
            index = 0;
        }
        Ok(Page { hits, next: None })
    }
}

/// The hits of one shard from an index on.
struct Source<'a> {
    query: &'a Query<'a>,
    reader: &'a Reader,
    shard: ShardName,
    prover: Prover<'a>,
    candidates: Candidates,
    /// Read and not yet looked at, the next one last.
    waiting: Vec<(u64, Vec<u8>)>,
    /// First index not yet read.
    next: u64,
}

/// Which entries are looked at.
enum Candidates {
    /// These, the next one last: an index of the database named them.
    Listed(Vec<u64>),
    /// Those that the log of decisions names.
    Decided,
    /// The events.
    Events,
    /// Every one.
    All,
}

impl<'a> Source<'a> {
    fn new(
        query: &'a Query<'a>,
        shard: &'a Shard,
        checkpoint: &Checkpoint,
        from: u64,
    ) -> Result<Self, LedgerError> {
        let reader = &shard.reader;
        let filter = &query.filter;
        let listed = match filter.key() {
            Some(key) => Some(reader.db().find(key)?),
            None => match &filter.like {
                Some(like) => Some(indexes_like(reader, like)?),
                None => None,
            },
        };
        let candidates = match listed {
            Some(mut indexes) => {
                indexes.retain(|index| *index >= from);
                indexes.sort_unstable_by(|a, b| b.cmp(a));
                Candidates::Listed(indexes)
            }
            None if filter.entries == Entries::Events => Candidates::Events,
            None if filter.verdict.is_some() => Candidates::Decided,
            None => Candidates::All,
        };
        Ok(Self {
            query,
            reader,
            shard: reader.shard(),
            prover: Prover::new(reader, checkpoint.clone()),
            candidates,
            waiting: Vec::new(),
            next: from,
        })
    }

    fn next(&mut self) -> Result<Option<Hit>, LedgerError> {
        while let Some((index, leaf)) = self.next_candidate()? {
            if index < self.prover.size() && self.admits(index, &leaf)? {
                return self.hit(index, leaf).map(Some);
            }
        }
        Ok(None)
    }

    fn next_candidate(&mut self) -> Result<Option<(u64, Vec<u8>)>, LedgerError> {
        if self.waiting.is_empty() {
            self.waiting = self.read()?;
            self.waiting.reverse();
        }
        Ok(self.waiting.pop())
    }

    /// The next leaves in order; none at the end.
    fn read(&mut self) -> Result<Vec<(u64, Vec<u8>)>, LedgerError> {
        let indexes = match &mut self.candidates {
            Candidates::All => {
                let rows = leaves(self.reader, self.next, CHUNK)?;
                self.next = rows.last().map_or(self.next, |(index, _)| index + 1);
                return Ok(rows);
            }
            Candidates::Events => {
                let rows = self.reader.db().events(self.next, CHUNK)?;
                self.next = rows.last().map_or(self.next, |row| row.index + 1);
                return Ok(rows.into_iter().map(|row| (row.index, row.leaf)).collect());
            }
            Candidates::Listed(indexes) => {
                let rest = indexes.len().saturating_sub(CHUNK);
                let mut chunk = indexes.split_off(rest);
                chunk.reverse();
                chunk
            }
            Candidates::Decided => {
                let (Some(decisions), Some(verdict)) =
                    (self.query.decisions, &self.query.filter.verdict)
                else {
                    return Ok(Vec::new());
                };
                let indexes = decisions.records_judged(verdict, self.shard, self.next, CHUNK)?;
                self.next = indexes.last().map_or(self.next, |index| index + 1);
                indexes
            }
        };
        let mut rows = Vec::with_capacity(indexes.len());
        for index in indexes {
            // A decision may name a record that was never there.
            rows.extend(
                leaves(self.reader, index, 1)?
                    .into_iter()
                    .filter(|row| row.0 == index),
            );
        }
        Ok(rows)
    }

    fn admits(&self, index: u64, leaf: &[u8]) -> Result<bool, LedgerError> {
        let filter = &self.query.filter;
        let public = filter.admits(leaf).map_err(|error| {
            LedgerError::Damaged(format!("entry {index} in the database: {error}"))
        })?;
        let judged = match (self.query.decisions, &filter.verdict, &self.candidates) {
            (_, None, _) | (_, _, Candidates::Decided) => true,
            (Some(decisions), Some(verdict), _) => {
                let found = decisions.records_judged(verdict, self.shard, index, 1)?;
                found.first() == Some(&index)
            }
            (None, Some(_), _) => false,
        };
        Ok(public && judged && self.admits_private(index)?)
    }

    fn admits_private(&self, index: u64) -> Result<bool, LedgerError> {
        let filter = &self.query.filter;
        if !filter.asks_for_private_facts() {
            return Ok(true);
        }
        let row = self.reader.db().private(index)?;
        Ok(row.is_some_and(|row| filter.admits_private(row.watermark_id, row.fingerprint)))
    }

    fn hit(&mut self, index: u64, leaf: Vec<u8>) -> Result<Hit, LedgerError> {
        let mut inclusion = self.prover.prove(index, &leaf);
        let mut private = None;
        // What private columns say counts only together with the leaf's commitments.
        if (self.query.private || self.query.filter.asks_for_private_facts())
            && let Some(entry) = self.reader.get(index)?
        {
            inclusion = inclusion.and(entry.inclusion().clone());
            if self.query.private
                && let LogEntry::Record(entry) = entry
            {
                if entry.private == Private::Locked {
                    return Err(LedgerError::NoStorageKey);
                }
                private = entry.part().cloned();
            }
        }
        Ok(Hit {
            log: self.prover.checkpoint().origin.clone(),
            id: RecordId {
                shard: self.shard,
                index: LeafIndex(index),
            },
            leaf,
            private,
            inclusion,
        })
    }
}

/// Index and leaf of the entries from `start` on.
fn leaves(reader: &Reader, start: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, LedgerError> {
    reader.db().run(|c| {
        c.prepare_cached("SELECT idx, leaf FROM entry WHERE idx >= ?1 ORDER BY idx LIMIT ?2")?
            .query_map([signed(start), limit as i64], |row| {
                Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))
            })?
            .collect()
    })
}

fn indexes_like(reader: &Reader, like: &Likeness) -> Result<Vec<u64>, LedgerError> {
    let near = reader.by_fingerprint(&like.fingerprint, like.distance, usize::MAX)?;
    Ok(near.into_iter().map(|(entry, _)| entry.index.0).collect())
}

impl Filter {
    /// Ties cursors to the filter.
    fn digest(&self) -> [u8; 8] {
        let digest: [u8; 32] = Sha256::digest(self.to_string()).into();
        let mut short = [0; 8];
        short.copy_from_slice(&digest[..8]);
        short
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1")?;
        self.filter
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
                filter: number(0..16)?.to_be_bytes(),
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
