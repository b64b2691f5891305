//! Look-ups over all shards.

use crate::db::Key;
use crate::entry::{Entry, EventEntry, LogEntry};
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::reader::Reader;
use crate::shards::{Opened, RecordAddress, RecordId};
use colophon_tlog::{LeafIndex, Receipt as CoseReceipt, ReceiptSigner};

/// Most entries that a search by fingerprint returns.
const NEAREST: usize = 64;

impl Ledger {
    /// The entries whose picture carries this watermark id, the newest first; one, unless ids were reused.
    ///
    /// # Errors
    /// [`LedgerError`] when a database cannot be read; a doubtful entry is returned with its reason instead.
    pub fn by_watermark_id(&self, id: u64) -> Result<Vec<Entry>, LedgerError> {
        self.find(Key::WatermarkId(id))
    }

    /// The entries of the file with this SHA-256, the newest first.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`].
    pub fn by_asset_sha256(&self, hash: &[u8; 32]) -> Result<Vec<Entry>, LedgerError> {
        self.find(Key::Asset(hash))
    }

    /// The entries with this manifest identifier, the newest first.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`].
    pub fn by_manifest_id(&self, id: &str) -> Result<Vec<Entry>, LedgerError> {
        self.find(Key::ManifestId(id))
    }

    /// The entries whose fingerprint differs in at most `max_distance` of its 256 bits, with the distance; nearest
    /// first, then newest first, at most 64. The search is exact.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`].
    pub fn by_fingerprint(
        &self,
        fingerprint: &[u8; 32],
        max_distance: u32,
    ) -> Result<Vec<(Entry, u32)>, LedgerError> {
        let mut found =
            self.gather(|reader| reader.by_fingerprint(fingerprint, max_distance, NEAREST))?;
        found.sort_by_key(|(entry, distance)| (*distance, std::cmp::Reverse(entry.id())));
        found.truncate(NEAREST);
        Ok(found)
    }

    /// Place and watermark id of the entries after `after` whose picture carries a mark, in order: for a search among
    /// all issued ids. Nothing is proven of them; ask for the entry.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`], and for any shard that cannot be read.
    pub fn watermark_ids(
        &self,
        after: Option<RecordId>,
    ) -> Result<Vec<(RecordId, u64)>, LedgerError> {
        let opened = self.current()?;
        let mut found = Vec::new();
        for part in &opened.parts {
            let name = part.listed.name;
            let start = match after {
                Some(after) if after.shard > name => continue,
                Some(after) if after.shard == name => after.index.0.saturating_add(1),
                _ => 0,
            };
            if let Some(shard) = part.shard()? {
                let ids = shard.reader.watermark_ids(start)?.into_iter();
                found.extend(ids.map(|(index, id)| (at(name, index), id)));
            }
        }
        Ok(found)
    }

    /// One entry, a record or an event; `None` beyond the end. A plain number means the newest shard.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`].
    pub fn get(&self, record: impl Into<RecordAddress>) -> Result<Option<LogEntry>, LedgerError> {
        let opened = self.current()?;
        let Some(id) = opened.resolve(record.into()) else {
            return Ok(None);
        };
        let entry = opened.reader(id, |reader| reader.get(id.index.0))?;
        let entry = entry.flatten();
        entry.map(|entry| opened.confirmed_any(entry)).transpose()
    }

    /// At most `limit` entries from `start` on, in order, on into newer shards. A plain number means the newest
    /// shard.
    ///
    /// # Errors
    /// As [`Ledger::by_watermark_id`], and for any shard on the way that cannot be read.
    pub fn list(
        &self,
        start: impl Into<RecordAddress>,
        limit: usize,
    ) -> Result<Vec<LogEntry>, LedgerError> {
        let opened = self.current()?;
        let listed = Self::onward(&opened, start.into(), limit, Reader::list)?;
        let confirmed = listed.into_iter().map(|entry| opened.confirmed_any(entry));
        confirmed.collect()
    }

    /// At most `limit` events from `start` on, in order, on into newer shards.
    ///
    /// # Errors
    /// As [`Ledger::list`].
    pub fn events(
        &self,
        start: impl Into<RecordAddress>,
        limit: usize,
    ) -> Result<Vec<EventEntry>, LedgerError> {
        Self::onward(&*self.current()?, start.into(), limit, Reader::events)
    }

    /// What the shards from a place on hold, in order, at most `limit`.
    fn onward<T>(
        opened: &Opened,
        start: RecordAddress,
        limit: usize,
        read: impl Fn(&Reader, u64, usize) -> Result<Vec<T>, LedgerError>,
    ) -> Result<Vec<T>, LedgerError> {
        let Some(start) = opened.resolve(start) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for part in &opened.parts {
            let from = match part.listed.name.cmp(&start.shard) {
                std::cmp::Ordering::Less => continue,
                std::cmp::Ordering::Equal => start.index.0,
                std::cmp::Ordering::Greater => 0,
            };
            if found.len() < limit
                && let Some(shard) = part.shard()?
            {
                found.extend(read(&shard.reader, from, limit - found.len())?);
            }
        }
        Ok(found)
    }

    /// The place from which on [`Ledger::list`] returns the newest `count` entries; `None` in an empty ledger.
    ///
    /// # Errors
    /// When a checkpoint on the way cannot be read.
    pub fn newest(&self, count: u64) -> Result<Option<RecordId>, LedgerError> {
        let opened = self.current()?;
        let (mut place, mut left) = (None, count);
        for part in opened.parts.iter().rev() {
            let Some(shard) = part.shard()? else { continue };
            let size = shard.reader.published()?.size.0;
            place = Some(at(part.listed.name, size.saturating_sub(left)));
            left = left.saturating_sub(size);
            if left == 0 {
                break;
            }
        }
        Ok(place)
    }

    /// The manifest of an entry, byte for byte as entered; its hash is checked against the leaf.
    ///
    /// # Errors
    /// [`LedgerError::NoEntry`], [`LedgerError::NoRecord`], [`LedgerError::Erased`], or [`LedgerError::Damaged`] when
    /// the stored bytes are others.
    pub fn manifest_bytes(&self, record: impl Into<RecordAddress>) -> Result<Vec<u8>, LedgerError> {
        self.ask(record.into(), Reader::manifest_bytes)
    }

    /// The `.tlog-proof` file (`c2sp.org/tlog-proof@v1`) of an entry, with the cosignatures of its checkpoint, to be
    /// checked offline with [`crate::check_proof`].
    ///
    /// # Errors
    /// [`LedgerError::NoEntry`], [`LedgerError::Unproven`].
    pub fn prove(&self, record: impl Into<RecordAddress>) -> Result<String, LedgerError> {
        self.ask(record.into(), Reader::prove)
    }

    /// The COSE receipt (RFC 9942) of an entry under the newest checkpoint of its shard, signed now with a key of its
    /// own. Nothing is signed that the ledger's own signed tree does not hold.
    ///
    /// # Errors
    /// [`LedgerError::NoEntry`], [`LedgerError::Unproven`], [`LedgerError::ReceiptSigner`].
    pub fn receipt(
        &self,
        record: impl Into<RecordAddress>,
        signer: &dyn ReceiptSigner,
    ) -> Result<CoseReceipt, LedgerError> {
        self.ask(record.into(), |reader, index| reader.receipt(index, signer))
    }

    fn ask<T>(
        &self,
        record: RecordAddress,
        question: impl Fn(&Reader, u64) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let opened = self.current()?;
        let none = LedgerError::NoEntry(record);
        let Some(id) = opened.resolve(record) else {
            return Err(none);
        };
        opened
            .reader(id, |reader| question(reader, id.index.0))?
            .ok_or(none)
    }

    fn find(&self, key: Key<'_>) -> Result<Vec<Entry>, LedgerError> {
        let found = self.gather(|reader| {
            let mut found = reader.find(key)?;
            found.reverse();
            Ok(found)
        })?;
        let opened = self.current()?;
        let confirmed = found.into_iter().map(|entry| opened.confirmed(entry));
        confirmed.collect()
    }

    /// Asks all shards, the newest first.
    fn gather<T>(
        &self,
        question: impl Fn(&Reader) -> Result<Vec<T>, LedgerError>,
    ) -> Result<Vec<T>, LedgerError> {
        let (mut found, mut failed) = (Vec::new(), None);
        for part in self.current()?.parts.iter().rev() {
            let answer = match part.shard() {
                Ok(Some(shard)) => question(&shard.reader),
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) => found.extend(answer),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }
}

impl Opened {
    /// The place that an address means; `None` in an empty ledger.
    pub(super) fn resolve(&self, address: RecordAddress) -> Option<RecordId> {
        match address {
            RecordAddress::Exact(id) => Some(id),
            RecordAddress::Newest(index) => {
                let newest = self.newest()?;
                Some(at(newest.listed.name, index.0))
            }
        }
    }

    /// Asks the shard of an entry; `None` when there is no such shard.
    fn reader<T>(
        &self,
        id: RecordId,
        question: impl FnOnce(&Reader) -> Result<T, LedgerError>,
    ) -> Result<Option<T>, LedgerError> {
        let Some(part) = self.parts.iter().find(|part| part.listed.name == id.shard) else {
            return Ok(None);
        };
        match part.shard()? {
            Some(shard) => question(&shard.reader).map(Some),
            None => Ok(None),
        }
    }
}

fn at(shard: crate::shards::ShardName, index: u64) -> RecordId {
    RecordId {
        shard,
        index: LeafIndex(index),
    }
}
