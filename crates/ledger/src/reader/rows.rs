//! From rows to entries: what they say is checked against leaf, commitments and log.

use colophon_tlog::{LeafIndex, leaf_hash};

use super::Reader;
use crate::db::{EntryRow, ErasedRow, Part};
use crate::entry::{Entry, Erased, EventEntry, LogEntry, Private};
use crate::error::{LedgerError, Unproven};
use crate::event::{Actor, ErasureReason, Event, EventKind};
use crate::leaf::Leaf;
use crate::record::{PublicRecord, open_actor};
use crate::shards::RecordId;
use crate::vault::Vault;

impl Reader {
    pub(super) fn entry(&self, row: EntryRow) -> Result<LogEntry, LedgerError> {
        let index = row.index;
        let leaf = Leaf::decode(&row.leaf).map_err(|error| {
            LedgerError::Damaged(format!("entry {index} in the database: {error}"))
        })?;
        match leaf {
            Leaf::Record(record) => {
                let entry = self.record(row, *record)?;
                Ok(LogEntry::Record(Box::new(entry)))
            }
            Leaf::Event(event) => {
                let entry = self.event(row, *event)?;
                Ok(LogEntry::Event(Box::new(entry)))
            }
        }
    }

    fn record(&self, row: EntryRow, record: PublicRecord) -> Result<Entry, LedgerError> {
        let index = row.index;
        let mut doubt = None;
        let columns_fit = row.asset_sha256.as_deref() == Some(&record.asset_sha256[..])
            && row.manifest_id.as_ref() == Some(&record.manifest_id);
        if !columns_fit {
            doubt = Some("its index columns differ from the leaf");
        }
        let (private, watermark_id) = match self.private(index, &row.leaf, &record)? {
            Ok(found) => found,
            Err(what) => {
                doubt = Some(what);
                (Private::Missing, None)
            }
        };
        let manifest_erased = self.erased(index, Part::Manifest)?;
        let mut inclusion = self.inclusion(index, &row.leaf);
        if let Some(what) = doubt {
            inclusion = inclusion.and(Err(Unproven::Row(what)));
        }
        Ok(Entry {
            shard: self.shard,
            index: LeafIndex(index),
            leaf: row.leaf,
            record,
            watermark_id,
            private,
            manifest_erased,
            inclusion,
        })
    }

    /// The private part and the id of the mark, or what does not fit about them.
    fn private(
        &self,
        index: u64,
        leaf: &[u8],
        record: &PublicRecord,
    ) -> Result<Result<(Private, Option<u64>), &'static str>, LedgerError> {
        let row = self.db().private(index)?;
        let Some(row) = row else {
            let erased = self.erased(index, Part::Private)?;
            return Ok(Ok((erased.map_or(Private::Missing, Private::Erased), None)));
        };
        let private = match self.vault()? {
            Some(vault) => {
                let opened = row.open(record, leaf_hash(leaf), &vault);
                if opened.is_err() && !self.is_present(&vault)? {
                    return Err(LedgerError::WrongStorageKey);
                }
                opened.map(|part| Private::Open(Box::new(part)))
            }
            None => row.check_mark(record).map(|()| Private::Locked),
        };
        Ok(private.map(|private| (private, row.watermark_id)))
    }

    /// Whether the storage key was not replaced since the vault was opened.
    fn is_present(&self, vault: &Vault) -> Result<bool, LedgerError> {
        let wrapped = self.db().vault_key()?;
        Ok(wrapped.is_none_or(|wrapped| vault.is_of(&wrapped)))
    }

    /// The erasure of a part, when the log tells of it. What another shard is said to tell is not looked up here.
    fn erased(&self, index: u64, part: Part) -> Result<Option<Erased>, LedgerError> {
        let Some(noted) = self.db().erased(index, part)? else {
            return Ok(None);
        };
        let is_told = noted.shard.is_some() || self.tells(&noted, None, index, part)?;
        let Some(reason) = ErasureReason::of(noted.reason).filter(|_| is_told) else {
            return Ok(None);
        };
        Ok(Some(Erased {
            at: noted.at,
            reason,
            event: RecordId {
                shard: noted.shard.unwrap_or(self.shard),
                index: LeafIndex(noted.event),
            },
        }))
    }

    /// Whether this log has the redaction that is noted of a record: of the log `log`, or of this one.
    pub fn tells(
        &self,
        noted: &ErasedRow,
        log: Option<&str>,
        index: u64,
        part: Part,
    ) -> Result<bool, LedgerError> {
        let event = self.db().entry(noted.event)?;
        Ok(event.is_some_and(|event| {
            noted.is_told_by(&event.leaf, log, index, part)
                && self.inclusion(noted.event, &event.leaf).is_ok()
        }))
    }

    /// What is noted of the erasure of a part.
    pub fn noted(&self, index: u64, part: Part) -> Result<Option<ErasedRow>, LedgerError> {
        self.db().erased(index, part)
    }

    fn event(&self, row: EntryRow, event: Event) -> Result<EventEntry, LedgerError> {
        let mut inclusion = self.inclusion(row.index, &row.leaf);
        if row.asset_sha256.is_some() || row.manifest_id.is_some() {
            inclusion = inclusion.and(Err(Unproven::Row("its index columns differ from the leaf")));
        }
        let mut by = None;
        if let EventKind::Redaction(redaction) = &event.what
            && let Actor::Committed(committed) = &redaction.by
            && let (Some(vault), Some(private)) = (self.vault()?, self.db().private(row.index)?)
        {
            match open_actor(&private, committed, leaf_hash(&row.leaf), &vault) {
                Ok(name) => by = Some(name),
                Err(what) => inclusion = inclusion.and(Err(Unproven::Row(what))),
            }
        }
        Ok(EventEntry {
            shard: self.shard,
            index: LeafIndex(row.index),
            leaf: row.leaf,
            event,
            by,
            inclusion,
        })
    }
}
