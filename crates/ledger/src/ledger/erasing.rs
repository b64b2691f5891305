//! Erasing over all shards.
//!
//! A record of the newest shard is erased in the same commit that enters its redaction. A sealed shard takes no more
//! entries: there the redaction goes into the newest shard first, and names the sealed log; then the parts are removed.
//! What stops in between leaves a redaction whose record is still whole, which fsck reports, and erasing it again
//! finishes.

use std::collections::{BTreeMap, BTreeSet};

use colophon_tlog::LeafIndex;

use crate::db::{Db, Part as RecordPart};
use crate::entry::{Entry, Erased, LogEntry, Private};
use crate::erase::{By, Erasure, ErasureOutcome, ErasureTarget, Order, Plan};
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::record::{Erases, Prepared};
use crate::shards::{Opened, Part, RecordId, ShardName};

/// Shards that other writers may seal meanwhile.
const TRIES: u32 = 8;

impl Ledger {
    /// Erases parts of records and enters the redactions; every proof still holds afterwards. Returns when it is
    /// durable and, if [`ErasureOutcome::is_clean`], the files hold nothing more of what was erased.
    ///
    /// # Errors
    /// [`LedgerError::NoEntry`], [`LedgerError::NoRecord`], [`LedgerError::NoSubject`],
    /// [`LedgerError::NoStorageKey`] or [`LedgerError::InvalidRecord`] before anything of that shard is written. After
    /// [`LedgerError::NoQuorum`] records of the newest shard are erased and the redaction waits for publication;
    /// records of sealed shards are not: erase them again. Else as [`Ledger::append`].
    pub fn erase(&self, erasure: &Erasure) -> Result<ErasureOutcome, LedgerError> {
        self.writing()?;
        let needs_key = matches!(erasure.by, By::Person(_))
            || matches!(erasure.target, ErasureTarget::Subject(_));
        if needs_key && self.storage.is_none() {
            return Err(LedgerError::NoStorageKey);
        }
        let mut outcome = ErasureOutcome::default();
        for (shard, records) in self.targets(erasure)? {
            let order = || Order {
                erasure: erasure.clone(),
                records: records.clone(),
            };
            outcome.add(self.erase_in(shard, order)?);
        }
        Ok(outcome)
    }

    /// The records that are meant, by shard.
    fn targets(
        &self,
        erasure: &Erasure,
    ) -> Result<BTreeMap<ShardName, BTreeSet<u64>>, LedgerError> {
        let opened = self.current()?;
        let mut targets: BTreeMap<ShardName, BTreeSet<u64>> = BTreeMap::new();
        match &erasure.target {
            ErasureTarget::Records(records) => {
                for address in records {
                    let id = opened.resolve(*address);
                    let id = id.ok_or(LedgerError::NoEntry(*address))?;
                    if opened.part(id.shard).is_none() {
                        return Err(LedgerError::NoEntry(*address));
                    }
                    targets.entry(id.shard).or_default().insert(id.index.0);
                }
            }
            ErasureTarget::Subject(name) => {
                for part in &opened.parts {
                    if let Some(shard) = part.shard()? {
                        let records = shard.reader.of_subject(name)?;
                        if !records.is_empty() {
                            targets.insert(part.listed.name, records.into_iter().collect());
                        }
                    }
                }
                if targets.is_empty() {
                    return Err(LedgerError::NoSubject);
                }
            }
        }
        Ok(targets)
    }

    fn erase_in(
        &self,
        shard: ShardName,
        order: impl Fn() -> Order,
    ) -> Result<ErasureOutcome, LedgerError> {
        let at = order().erasure.at;
        for _ in 0..TRIES {
            let open = self.shard_for(at)?;
            let opened = self.current()?;
            if opened.newest().map(|newest| newest.listed.name) != Some(shard) {
                let part = opened.part(shard);
                let part = part.ok_or(LedgerError::Empty)?;
                return self.erase_in_sealed(part, &order());
            }
            match open.erase(order()) {
                // Somebody sealed it a moment ago.
                Err(LedgerError::Sealed) => self.advance(at)?,
                outcome => return outcome,
            }
        }
        Err(LedgerError::Sealed)
    }

    /// Has the newest shard tell of it, then removes the parts.
    fn erase_in_sealed(&self, part: &Part, order: &Order) -> Result<ErasureOutcome, LedgerError> {
        let name = part.listed.name;
        let files = self.folder.shard(name);
        let _lock = files.lock(self.writing()?.options.lock_timeout)?;
        let db = Db::open_writer(&files)?;
        let plan = Plan::new(&db, name, order, Some(part.listed.key.name()))?;
        let (records, redactions): (Vec<RecordId>, Vec<Prepared>) =
            plan.redactions.into_iter().unzip();
        let erases: Vec<Erases> = redactions.iter().filter_map(Erases::of).collect();
        let mut erased = Vec::new();
        if !records.is_empty() {
            let receipts = self.enter(order.erasure.at, redactions)?;
            let events = receipts.iter().map(crate::writer::Receipt::id);
            let told: Vec<(Erases, RecordId)> = erases.into_iter().zip(events).collect();
            db.erase_as_told(&told)?;
            erased = records.into_iter().zip(receipts).collect();
        }
        let is_clean = db.scrub()?;
        db.close()?;
        Ok(ErasureOutcome {
            erased,
            already: plan.already,
            is_clean,
        })
    }
}

impl Opened {
    /// The shard of a name.
    pub(super) fn part(&self, name: ShardName) -> Option<&Part> {
        self.parts.iter().find(|part| part.listed.name == name)
    }

    /// Withdraws what an entry says of its erasure where the shard named does not tell of it.
    pub(super) fn confirmed(&self, mut entry: Entry) -> Result<Entry, LedgerError> {
        if let Some(erased) = entry.erased()
            && !self.tells(&entry, erased, RecordPart::Private)?
        {
            entry.private = Private::Missing;
        }
        if let Some(erased) = &entry.manifest_erased
            && !self.tells(&entry, erased, RecordPart::Manifest)?
        {
            entry.manifest_erased = None;
        }
        Ok(entry)
    }

    pub(super) fn confirmed_any(&self, entry: LogEntry) -> Result<LogEntry, LedgerError> {
        Ok(match entry {
            LogEntry::Record(entry) => LogEntry::Record(Box::new(self.confirmed(*entry)?)),
            event @ LogEntry::Event(_) => event,
        })
    }

    /// Whether the log really tells of an erasure. What the entry's own shard tells has been proven.
    fn tells(&self, entry: &Entry, erased: &Erased, part: RecordPart) -> Result<bool, LedgerError> {
        if erased.event.shard == entry.shard {
            return Ok(true);
        }
        let (Some(own), Some(other)) = (self.part(entry.shard), self.part(erased.event.shard))
        else {
            return Ok(false);
        };
        let (Some(shard), Some(telling)) = (own.shard()?, other.shard()?) else {
            return Ok(false);
        };
        let LeafIndex(index) = entry.index;
        let Some(noted) = shard.reader.noted(index, part)? else {
            return Ok(false);
        };
        let log = Some(own.listed.key.name());
        telling.reader.tells(&noted, log, index, part)
    }
}
