//! The answers of one shard, read in the order of the question.

use colophon_tlog::{Checkpoint, LeafIndex};

use super::proving::Prover;
use super::{Entries, Hit, Likeness, Query};
use crate::db::{EntryRow, Narrowed, signed};
use crate::entry::{LogEntry, Private};
use crate::error::LedgerError;
use crate::facets::{Bits, Facet, WIDTH};
use crate::reader::Reader;
use crate::shard::Shard;
use crate::shards::{RecordId, ShardName};

/// Rows read from the database at once.
const CHUNK: usize = 1_024;
/// So many answers of a tile are worth reading it in one go.
const DENSE: u32 = 32;

/// Index and leaf.
type Row = (u64, Vec<u8>);

/// The hits of one shard from an index on, or back from it.
pub(super) struct Source<'a> {
    query: &'a Query<'a>,
    reader: &'a Reader,
    shard: ShardName,
    prover: Prover<'a>,
    candidates: Candidates,
    /// Read and not yet looked at, the next one last.
    waiting: Vec<Row>,
    /// First index not yet read; `None` when none is left.
    next: Option<u64>,
}

/// Which entries are looked at.
enum Candidates {
    /// These, the next one last: an index of the database named them.
    Listed(Vec<u64>),
    /// Those that the log of decisions names.
    Decided,
    /// The events.
    Events,
    /// Those in tiles that the index of facts names.
    Narrowed(Narrowed),
    /// Every one.
    All,
}

impl<'a> Source<'a> {
    /// `from` is the first index that is asked for, or, from the newest back, the last; `None` for all.
    pub fn new(
        query: &'a Query<'a>,
        shard: &'a Shard,
        checkpoint: &Checkpoint,
        from: Option<u64>,
    ) -> Result<Self, LedgerError> {
        let reader = &shard.reader;
        let last = checkpoint.size.0.checked_sub(1);
        let next = if query.newest_first {
            last.map(|last| from.unwrap_or(last).min(last))
        } else {
            let from = from.unwrap_or(0);
            last.and_then(|last| (from <= last).then_some(from))
        };
        let mut source = Self {
            query,
            reader,
            shard: reader.shard(),
            prover: Prover::new(reader, checkpoint.clone()),
            candidates: Candidates::All,
            waiting: Vec::new(),
            next,
        };
        if let Some(next) = next {
            source.candidates = source.choose(next)?;
        }
        Ok(source)
    }

    /// What leaves fewest entries to be looked at.
    fn choose(&self, from: u64) -> Result<Candidates, LedgerError> {
        let filter = &self.query.filter;
        let listed = match (filter.key(), &filter.like) {
            (Some(key), _) => Some(self.reader.db().find(key)?),
            (None, Some(like)) => Some(indexes_like(self.reader, like)?),
            (None, None) => None,
        };
        if let Some(mut indexes) = listed {
            indexes.sort_unstable();
            if self.query.newest_first {
                indexes.retain(|index| *index <= from);
            } else {
                indexes.retain(|index| *index >= from);
                indexes.reverse();
            }
            return Ok(Candidates::Listed(indexes));
        }
        if filter.entries == Entries::Events {
            return Ok(Candidates::Events);
        }
        if filter.verdict.is_some() {
            return Ok(Candidates::Decided);
        }
        let (facets, time) = (Facet::of_filter(filter), filter.time());
        let db = self.reader.db();
        if !db.is_indexed() || (facets.is_empty() && time.is_none()) {
            return Ok(Candidates::All);
        }
        Ok(match db.narrow(&facets, time)? {
            Some(search) => Candidates::Narrowed(search),
            None => Candidates::Listed(Vec::new()),
        })
    }

    /// The next answer, proven; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Hit>, LedgerError> {
        while let Some((index, leaf)) = self.next_candidate()? {
            if index < self.prover.size() && self.admits(index, &leaf)? {
                return self.hit(index, leaf).map(Some);
            }
        }
        Ok(None)
    }

    fn next_candidate(&mut self) -> Result<Option<Row>, LedgerError> {
        loop {
            if let Some(row) = self.waiting.pop() {
                return Ok(Some(row));
            }
            let Some(from) = self.next else {
                return Ok(None);
            };
            self.waiting = self.read(from)?;
            self.waiting.reverse();
        }
    }

    /// Some of the leaves from an index on, or back from it, in the order of the question; then `next` is behind them.
    fn read(&mut self, from: u64) -> Result<Vec<Row>, LedgerError> {
        let backward = self.query.newest_first;
        let indexes = match &mut self.candidates {
            Candidates::All => {
                let rows = leaves(self.reader, from, CHUNK, backward)?;
                self.go_on_behind(rows.last().map(|(index, _)| *index));
                return Ok(rows);
            }
            Candidates::Events => {
                let rows = self.reader.db().events(from, CHUNK, backward)?;
                self.go_on_behind(rows.last().map(|row| row.index));
                let row = |row: EntryRow| (row.index, row.leaf);
                return Ok(rows.into_iter().map(row).collect());
            }
            Candidates::Narrowed(search) => {
                let found = self
                    .reader
                    .db()
                    .candidates(search, from / WIDTH, backward)?;
                return self.read_tile(from, found);
            }
            Candidates::Listed(indexes) => {
                let rest = indexes.len().saturating_sub(CHUNK);
                let mut chunk = indexes.split_off(rest);
                chunk.reverse();
                if rest == 0 {
                    self.next = None;
                }
                chunk
            }
            Candidates::Decided => {
                let (Some(decisions), Some(verdict)) =
                    (self.query.decisions, &self.query.filter.verdict)
                else {
                    self.next = None;
                    return Ok(Vec::new());
                };
                let indexes =
                    decisions.records_judged(verdict, self.shard, from, CHUNK, backward)?;
                self.go_on_behind(indexes.last().copied());
                indexes
            }
        };
        let mut rows = Vec::with_capacity(indexes.len());
        for index in indexes {
            // A decision may name a record that was never there.
            rows.extend(leaf(self.reader, index)?);
        }
        Ok(rows)
    }

    /// Remembers the last index that was read; `None` when there was none.
    fn go_on_behind(&mut self, last: Option<u64>) {
        self.next = if self.query.newest_first {
            last.and_then(|index| index.checked_sub(1))
        } else {
            last.and_then(|index| index.checked_add(1))
        };
    }

    /// The leaves that an index names in a tile, from `from` on or back from it.
    fn read_tile(
        &mut self,
        from: u64,
        found: Option<(u64, Bits)>,
    ) -> Result<Vec<Row>, LedgerError> {
        let Some((tile, bits)) = found else {
            self.next = None;
            return Ok(Vec::new());
        };
        let (first, backward) = (tile.saturating_mul(WIDTH), self.query.newest_first);
        let end = if backward { first } else { first + WIDTH - 1 };
        self.go_on_behind(Some(end));
        let is_asked = |index: u64| {
            if backward {
                index <= from
            } else {
                index >= from
            }
        };
        let mut rows = if bits.count() > DENSE {
            let mut rows = leaves(self.reader, first, WIDTH as usize, false)?;
            rows.retain(|(index, _)| {
                let offset = index.checked_sub(first).filter(|offset| *offset < WIDTH);
                offset.is_some_and(|offset| bits.has(offset as u8)) && is_asked(*index)
            });
            rows
        } else {
            let mut rows = Vec::new();
            let indexes = bits.offsets().map(|offset| first + u64::from(offset));
            for index in indexes.filter(|index| is_asked(*index)) {
                rows.extend(leaf(self.reader, index)?);
            }
            rows
        };
        if backward {
            rows.reverse();
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
                let found = decisions.records_judged(verdict, self.shard, index, 1, false)?;
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

/// Index and leaf of the entries from `start` on, or back from it.
fn leaves(
    reader: &Reader,
    start: u64,
    limit: usize,
    backward: bool,
) -> Result<Vec<Row>, LedgerError> {
    let query = if backward {
        "SELECT idx, leaf FROM entry WHERE idx <= ?1 ORDER BY idx DESC LIMIT ?2"
    } else {
        "SELECT idx, leaf FROM entry WHERE idx >= ?1 ORDER BY idx LIMIT ?2"
    };
    reader.db().run(|c| {
        c.prepare_cached(query)?
            .query_map([signed(start), limit as i64], |row| {
                Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))
            })?
            .collect()
    })
}

/// Index and leaf of an entry, if it is there.
fn leaf(reader: &Reader, index: u64) -> Result<Option<Row>, LedgerError> {
    let rows = leaves(reader, index, 1, false)?;
    Ok(rows.into_iter().find(|row| row.0 == index))
}

fn indexes_like(reader: &Reader, like: &Likeness) -> Result<Vec<u64>, LedgerError> {
    let near = reader.by_fingerprint(&like.fingerprint, like.distance, usize::MAX)?;
    Ok(near.into_iter().map(|(entry, _)| entry.index.0).collect())
}
