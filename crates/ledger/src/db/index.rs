//! The index of facts: written with each commit, read by queries, derived anew when it is wrong.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::schema::Form;
use super::{Db, signed, unsigned};
use crate::error::LedgerError;
use crate::facets::{Bits, Facet, TileFacts, WIDTH};

/// Entries read at once when the index is made anew.
const CHUNK: u64 = 64 * WIDTH;

/// A search narrowed by the index of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Narrowed {
    /// The facts that all must be stated, as the database numbers them.
    facets: Vec<i64>,
    /// Earliest and latest time, Unix seconds.
    time: Option<(i64, i64)>,
}

impl Db {
    /// Whether there is an index of facts: not before a database of an earlier form was opened for writing.
    pub fn is_indexed(&self) -> bool {
        self.form == Form::Indexed
    }

    /// Brings a database of the form before to the present one, in one transaction. Only under the ledger's lock.
    pub(super) fn upgrade(&mut self) -> Result<(), LedgerError> {
        self.run(|c| {
            let transaction = c.unchecked_transaction()?;
            for statement in Form::upgrade() {
                transaction.execute_batch(statement)?;
            }
            fill(&transaction)?;
            transaction.pragma_update(None, "user_version", Form::NEWEST as i64)?;
            transaction.commit()
        })?;
        self.form = Form::NEWEST;
        Ok(())
    }

    /// Derives the index anew from the rows of entries. Only under the ledger's lock.
    pub fn rebuild_index(&self) -> Result<(), LedgerError> {
        self.run(|c| {
            let transaction = c.unchecked_transaction()?;
            transaction
                .execute_batch("DELETE FROM occurrence; DELETE FROM facet; DELETE FROM span")?;
            fill(&transaction)?;
            transaction.commit()
        })
    }

    /// A search for entries that state all of these facts at a time in `time`; `None` when there are none.
    pub fn narrow(
        &self,
        facets: &[Facet],
        time: Option<(i64, i64)>,
    ) -> Result<Option<Narrowed>, LedgerError> {
        let numbers: Option<Vec<i64>> = self.run(|c| {
            let numbers = facets.iter().map(|facet| number(c, facet));
            numbers.collect::<rusqlite::Result<_>>()
        })?;
        Ok(numbers.map(|facets| Narrowed { facets, time }))
    }

    /// The first tile from `tile` on, or back from it, that can hold answers, and which of its entries can be some.
    pub fn candidates(
        &self,
        search: &Narrowed,
        tile: u64,
        backward: bool,
    ) -> Result<Option<(u64, Bits)>, LedgerError> {
        self.run(|c| {
            let mut tile = tile;
            'tiles: loop {
                let mut bits = Bits::ALL;
                for facet in &search.facets {
                    let Some((found, set)) = occurrence(c, *facet, tile, backward)? else {
                        return Ok(None);
                    };
                    if found != tile {
                        tile = found;
                        continue 'tiles;
                    }
                    bits = bits.and(&set);
                }
                if let Some(time) = search.time {
                    match span(c, time, tile, backward)? {
                        None => return Ok(None),
                        Some(found) if found != tile => {
                            tile = found;
                            continue;
                        }
                        Some(_) => {}
                    }
                }
                if !bits.is_empty() {
                    return Ok(Some((tile, bits)));
                }
                let next = if backward {
                    tile.checked_sub(1)
                } else {
                    tile.checked_add(1)
                };
                match next {
                    Some(next) => tile = next,
                    None => return Ok(None),
                }
            }
        })
    }

    /// Whether the index says of a tile all of `right`. What it says beyond that shows in [`Db::index_rows`].
    pub fn indexes(&self, tile: u64, right: &TileFacts) -> Result<bool, LedgerError> {
        self.run(|c| {
            let span = c
                .prepare_cached("SELECT least, most FROM span WHERE tile = ?1")?
                .query_row([signed(tile)], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if span != Some(right.span) {
                return Ok(false);
            }
            for (facet, bits) in &right.facets {
                let Some(facet) = number(c, facet)? else {
                    return Ok(false);
                };
                let found = occurrence(c, facet, tile, false)?;
                if found != Some((tile, *bits)) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Rows of the index: occurrences of facts, and spans.
    pub fn index_rows(&self) -> Result<(u64, u64), LedgerError> {
        self.run(|c| {
            c.query_row(
                "SELECT (SELECT count(*) FROM occurrence), (SELECT count(*) FROM span)",
                [],
                |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)),
            )
        })
    }
}

/// Enters what tiles state.
pub(super) fn enter(
    transaction: &Transaction<'_>,
    tiles: BTreeMap<u64, TileFacts>,
) -> rusqlite::Result<()> {
    let mut numbers = BTreeMap::new();
    for (tile, facts) in tiles {
        transaction
            .prepare_cached(
                "INSERT INTO span (tile, least, most) VALUES (?1, ?2, ?3) ON CONFLICT (tile) \
                 DO UPDATE SET least = min(least, excluded.least), most = max(most, excluded.most)",
            )?
            .execute(params![signed(tile), facts.span.0, facts.span.1])?;
        for (facet, bits) in facts.facets {
            let facet = if let Some(number) = numbers.get(&facet) {
                *number
            } else {
                let number = number_or_new(transaction, &facet)?;
                numbers.insert(facet, number);
                number
            };
            let before = transaction
                .prepare_cached("SELECT bits FROM occurrence WHERE facet = ?1 AND tile = ?2")?
                .query_row(params![facet, signed(tile)], |row| row.get(0).map(Bits))
                .optional()?;
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO occurrence (facet, tile, bits) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![
                    facet,
                    signed(tile),
                    before.map_or(bits, |before| before.or(&bits)).0
                ])?;
        }
    }
    Ok(())
}

/// Enters what all rows of entries state.
fn fill(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut next = 0;
    loop {
        let rows: Vec<(u64, Vec<u8>)> = transaction
            .prepare_cached("SELECT idx, leaf FROM entry WHERE idx >= ?1 ORDER BY idx LIMIT ?2")?
            .query_map(params![signed(next), signed(CHUNK)], |row| {
                Ok((unsigned(row, 0)?, row.get(1)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        next = last + 1;
        // Where a row is missing, those behind it are no neighbours.
        for run in rows.chunk_by(|a, b| a.0 + 1 == b.0) {
            let leaves = run.iter().map(|(_, leaf)| leaf.as_slice());
            enter(transaction, TileFacts::of_leaves(run[0].0, leaves))?;
        }
    }
}

fn number(c: &Connection, facet: &Facet) -> rusqlite::Result<Option<i64>> {
    c.prepare_cached("SELECT id FROM facet WHERE kind = ?1 AND value = ?2")?
        .query_row(params![facet.kind, facet.value], |row| row.get(0))
        .optional()
}

fn number_or_new(transaction: &Transaction<'_>, facet: &Facet) -> rusqlite::Result<i64> {
    if let Some(number) = number(transaction, facet)? {
        return Ok(number);
    }
    transaction
        .prepare_cached("INSERT INTO facet (kind, value) VALUES (?1, ?2)")?
        .execute(params![facet.kind, facet.value])?;
    Ok(transaction.last_insert_rowid())
}

/// The first tile from `tile` on, or back from it, with entries that state a fact.
fn occurrence(
    c: &Connection,
    facet: i64,
    tile: u64,
    backward: bool,
) -> rusqlite::Result<Option<(u64, Bits)>> {
    let query = if backward {
        "SELECT tile, bits FROM occurrence WHERE facet = ?1 AND tile <= ?2 ORDER BY tile DESC LIMIT 1"
    } else {
        "SELECT tile, bits FROM occurrence WHERE facet = ?1 AND tile >= ?2 ORDER BY tile LIMIT 1"
    };
    let found = |row: &Row<'_>| Ok((unsigned(row, 0)?, Bits(row.get(1)?)));
    c.prepare_cached(query)?
        .query_row(params![facet, signed(tile)], found)
        .optional()
}

/// The first tile from `tile` on, or back from it, with entries of a time.
fn span(
    c: &Connection,
    (earliest, latest): (i64, i64),
    tile: u64,
    backward: bool,
) -> rusqlite::Result<Option<u64>> {
    let query = if backward {
        "SELECT tile FROM span WHERE tile <= ?1 AND most >= ?2 AND least <= ?3 ORDER BY tile DESC LIMIT 1"
    } else {
        "SELECT tile FROM span WHERE tile >= ?1 AND most >= ?2 AND least <= ?3 ORDER BY tile LIMIT 1"
    };
    c.prepare_cached(query)?
        .query_row(params![signed(tile), earliest, latest], |row| {
            unsigned(row, 0)
        })
        .optional()
}
