//! Entering records: which shard they go into, and what happens at the end of a half-year.
//!
//! The step from one shard to the next, under the folder's lock, can stop anywhere and is taken up again by whoever
//! writes next:
//! 1. the old shard gets its last entry, which seals it: from then on it takes no more;
//! 2. the list is replaced by one that says how the old shard ended and names the new one: the only commit point;
//! 3. whoever first opens the new shard for writing enters as its first entry how the old one ended.

use std::sync::Arc;

use colophon_tlog::{NoteSigner as _, ShardState};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::error::LedgerError;
use crate::event::{Event, EventKind, PreviousShard, ShardOpened};
use crate::files::Files;
use crate::ledger::{Ledger, Writing};
use crate::record::{NewRecord, Prepared};
use crate::shard::Shard;
use crate::shards::{Listed, Part, ShardName, SharedSigner, list};
use crate::writer::{Receipt, Task};

/// A record so much later than the last one, in seconds, is refused: 400 days. Somebody who issues one picture a year
/// never meets it; a clock set wrongly by a year or more does.
const MOST_AHEAD: i64 = 400 * 86_400;
/// Shards that other writers may seal while one group of records waits.
const TRIES: u32 = 8;

impl Ledger {
    /// Enters a record; returns when it is durable, published under a signed checkpoint and visible to look-ups.
    /// Calls from many threads share their commits. A record of a later half-year than the newest shard's seals that
    /// shard and opens the next; one of an earlier half-year goes into the newest shard.
    ///
    /// # Errors
    /// [`LedgerError::InvalidRecord`] and [`LedgerError::ClockAhead`] before anything is written. After
    /// [`LedgerError::NoQuorum`] the record is durable but not published. After any other error but
    /// [`LedgerError::Busy`] the writer stops, and whether the record was entered shows when the ledger is opened
    /// again.
    pub fn append(&self, record: NewRecord) -> Result<Receipt, LedgerError> {
        let receipts = self.append_many(vec![record])?;
        receipts.into_iter().next().ok_or(LedgerError::ReadOnly)
    }

    /// Enters records in order, in groups. All are checked before the first is written; after an error the first
    /// groups may have been entered.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn append_many(&self, records: Vec<NewRecord>) -> Result<Vec<Receipt>, LedgerError> {
        let writing = self.writing()?;
        if self.storage.is_none() {
            return Err(LedgerError::NoStorageKey);
        }
        let times: Vec<i64> = records.iter().map(|record| record.issued_at).collect();
        let mut rest: Vec<Prepared> = records
            .into_par_iter()
            .map(Prepared::new)
            .collect::<Result<_, _>>()?;
        let mut receipts = Vec::with_capacity(rest.len());
        for times in times.chunks(writing.options.max_group.max(1)) {
            let later = rest.split_off(times.len());
            let group = std::mem::replace(&mut rest, later);
            let latest = times.iter().copied().max().unwrap_or_default();
            receipts.extend(self.enter(latest, group)?);
        }
        Ok(receipts)
    }

    /// Enters an event, such as a change of keys or rules, at its own time. Needs no storage key.
    ///
    /// # Errors
    /// [`LedgerError::NotByHand`] for a redaction, which only [`Ledger::erase`] enters, and for the events of shards,
    /// which their opening and sealing enter; else as [`Ledger::append`].
    pub fn append_event(&self, event: &Event) -> Result<Receipt, LedgerError> {
        if matches!(
            event.what,
            EventKind::Redaction(_) | EventKind::ShardOpened(_) | EventKind::ShardSealed
        ) {
            return Err(LedgerError::NotByHand);
        }
        let entered = self.enter(event.time, vec![Prepared::event(event)?])?;
        entered.into_iter().next().ok_or(LedgerError::ReadOnly)
    }

    /// Publishes what is durable and was not published for want of witnesses.
    ///
    /// # Errors
    /// [`LedgerError::NoQuorum`] and others.
    pub fn publish(&self) -> Result<(), LedgerError> {
        self.writing()?;
        let opened = self.current()?;
        match opened.newest().map(Part::shard).transpose()?.flatten() {
            Some(shard) if shard.is_writable() => shard.run(Task::Publish),
            _ => Ok(()),
        }
    }

    /// Seals the newest shard, so that the next record opens another one: before the ledger's key is replaced, or
    /// when a clock that runs far ahead is right after all. An empty ledger and a sealed shard stay as they are.
    ///
    /// `time` in Unix seconds, UTC.
    ///
    /// # Errors
    /// [`LedgerError::OtherKey`], [`LedgerError::NoQuorum`] and others.
    pub fn seal(&self, time: i64) -> Result<Option<ShardName>, LedgerError> {
        let writing = self.writing()?;
        let _lock = self.folder.lock(writing.options.lock_timeout)?;
        let opened = self.current()?;
        match opened.newest() {
            Some(newest) => {
                Writing::seal(newest, time)?;
                Ok(Some(newest.listed.name))
            }
            None => Ok(None),
        }
    }

    pub(super) fn writing(&self) -> Result<&Writing, LedgerError> {
        self.writing.as_ref().ok_or(LedgerError::ReadOnly)
    }

    /// Enters one group into the newest shard, of the half-year of `time` or a later one.
    pub(super) fn enter(
        &self,
        time: i64,
        mut group: Vec<Prepared>,
    ) -> Result<Vec<Receipt>, LedgerError> {
        for _ in 0..TRIES {
            let shard = self.shard_for(time)?;
            match shard.append(group) {
                // Somebody sealed it a moment ago.
                Err((LedgerError::Sealed, unused)) => group = unused,
                outcome => return outcome.map_err(|(error, _)| error),
            }
            self.advance(time)?;
        }
        Err(LedgerError::Sealed)
    }

    /// The shard that takes a record of `time`.
    pub(super) fn shard_for(&self, time: i64) -> Result<Arc<Shard>, LedgerError> {
        let opened = self.current()?;
        if let Some(newest) = opened.newest()
            && newest.listed.state == ShardState::Open
            && !newest.listed.name.is_over(time)
        {
            let shard = newest.shard.clone()?;
            if shard.is_writable() {
                return Ok(shard);
            }
        }
        self.advance(time)?;
        let opened = self.current()?;
        let newest = opened.newest().ok_or(LedgerError::Empty)?;
        newest.shard.clone()
    }

    /// Seals the newest shard if it is over at `time`, and has the list name the next one after a sealed one.
    pub(super) fn advance(&self, time: i64) -> Result<(), LedgerError> {
        let writing = self.writing()?;
        let _lock = self.folder.lock(writing.options.lock_timeout)?;
        let opened = self.current()?;
        let mut listed: Vec<Listed> = opened
            .parts
            .iter()
            .map(|part| part.listed.clone())
            .collect();
        let name = match opened.newest() {
            None => ShardName::at(time),
            Some(newest) => {
                if newest.listed.state == ShardState::Open {
                    let shard = newest.shard.clone()?;
                    let last = shard.reader.last()?;
                    let is_sealed = last.is_some_and(|(_, sealed)| sealed);
                    if !is_sealed && !newest.listed.name.is_over(time) {
                        return writing.may_write(newest);
                    }
                    if let Some((last, false)) = last {
                        refuse_far_ahead(newest.listed.name, last, time)?;
                    }
                    let ended = Writing::seal(newest, time)?;
                    if let Some(last) = listed.last_mut() {
                        last.state = ended;
                    }
                }
                newest.listed.name.successor(time)
            }
        };
        listed.push(Listed::open(writing.signer.verifier_key(), name)?);
        self.folder
            .write_list(&list::sign(&listed, &writing.signer)?)
    }
}

impl Writing {
    /// Whether this key writes to a shard.
    pub(super) fn writes(&self, listed: &Listed) -> bool {
        listed.state == ShardState::Open
            && listed.key.public_key() == self.signer.verifier_key().public_key()
    }

    /// Opens the newest shard for writing. Its first entry says how the shard before it ended.
    pub(super) fn open(
        &self,
        listed: &Listed,
        before: &[Part],
        files: Files,
    ) -> Result<Shard, LedgerError> {
        let signer = SharedSigner::of(&self.signer, listed.name)?;
        let shard = Shard::open(files, listed.name, signer, &self.options)?;
        let Some(previous) = before.last() else {
            return Ok(shard);
        };
        if shard.reader.last()?.is_none() {
            match shard.run(Task::First(self.opening(previous)?)) {
                // It is durable; the records that follow try again to have it published.
                Ok(()) | Err(LedgerError::NoQuorum(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(shard)
    }

    /// The first entry of the shard after `previous`. It bears the time of the seal, so that it does not depend on
    /// who enters it when.
    fn opening(&self, previous: &Part) -> Result<Prepared, LedgerError> {
        let ShardState::Sealed { size, root } = previous.listed.state else {
            return Err(LedgerError::Damaged(format!(
                "the list of shards does not say how {} ended",
                previous.listed.name
            )));
        };
        let sealed = previous.shard()?.map(|shard| shard.reader.last());
        let (time, _) = sealed.transpose()?.flatten().ok_or_else(|| {
            LedgerError::Damaged(format!(
                "the sealed shard {} is empty",
                previous.listed.name
            ))
        })?;
        let what = EventKind::ShardOpened(ShardOpened {
            base: self.signer.verifier_key().name().to_owned(),
            previous: Some(PreviousShard {
                origin: previous.listed.key.name().to_owned(),
                size: size.0,
                root: root.0,
            }),
        });
        Ok(Prepared::event(&Event { time, what })?)
    }

    /// Seals a shard, if that has not been done, and tells its final state.
    fn seal(part: &Part, time: i64) -> Result<ShardState, LedgerError> {
        if let sealed @ ShardState::Sealed { .. } = part.listed.state {
            return Ok(sealed);
        }
        let Some(shard) = part.shard()? else {
            return Err(LedgerError::OtherKey(part.listed.name));
        };
        if shard.is_writable() {
            let what = EventKind::ShardSealed;
            shard.run(Task::Seal(Prepared::event(&Event { time, what })?))?;
        } else if !shard.reader.last()?.is_some_and(|(_, sealed)| sealed) {
            return Err(LedgerError::OtherKey(part.listed.name));
        }
        let ended = shard.reader.published()?;
        Ok(ShardState::Sealed {
            size: ended.size,
            root: ended.root,
        })
    }

    fn may_write(&self, part: &Part) -> Result<(), LedgerError> {
        if self.writes(&part.listed) {
            Ok(())
        } else {
            Err(LedgerError::OtherKey(part.listed.name))
        }
    }
}

fn refuse_far_ahead(shard: ShardName, last: i64, time: i64) -> Result<(), LedgerError> {
    let ahead = time.saturating_sub(last);
    if ahead > MOST_AHEAD {
        Err(LedgerError::ClockAhead { shard, ahead })
    } else {
        Ok(())
    }
}
