//! Entries read back.

use colophon_tlog::{Hash, LeafIndex, TreeSize};

use crate::error::Unproven;
use crate::event::{ErasureReason, Event};
use crate::record::{PrivatePart, PublicRecord};
use crate::shards::{RecordId, ShardName};

/// A picture's record read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The shard that holds it.
    pub shard: ShardName,
    /// Its place in the shard.
    pub index: LeafIndex,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The leaf, parsed.
    pub record: PublicRecord,
    /// The id in the pixels, which the index holds in the clear; `None` for an unmarked picture or after an erasure.
    /// To be believed only when `inclusion` is `Ok`, as everything that follows.
    pub watermark_id: Option<u64>,
    /// The private part, or why it is not here.
    pub private: Private,
    /// Tells of the erasure when the manifest's bytes were erased.
    pub manifest_erased: Option<Erased>,
    /// The leaf is in the signed tree and every database column matches it, or the reason why that is not so.
    pub inclusion: Result<Inclusion, Unproven>,
}

impl Entry {
    /// The place that is always the same.
    pub fn id(&self) -> RecordId {
        RecordId {
            shard: self.shard,
            index: self.index,
        }
    }

    /// The private part, when it could be read.
    pub fn part(&self) -> Option<&PrivatePart> {
        match &self.private {
            Private::Open(part) => Some(part),
            Private::Locked | Private::Erased(_) | Private::Missing => None,
        }
    }

    /// Tells of the erasure when the private part was erased.
    pub fn erased(&self) -> Option<&Erased> {
        match &self.private {
            Private::Erased(erased) => Some(erased),
            Private::Open(_) | Private::Locked | Private::Missing => None,
        }
    }
}

/// The private part of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Private {
    /// Decrypted, and found to be what the leaf commits to.
    Open(Box<PrivatePart>),
    /// It is there, but the ledger was opened without the storage key.
    Locked,
    /// It was erased, which the log tells.
    Erased(Erased),
    /// It is gone, and no redaction in the log explains it; or it does not fit the leaf, which `inclusion` tells.
    Missing,
}

/// An erasure, as the log tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// When, Unix seconds.
    pub at: i64,
    /// Why.
    pub reason: ErasureReason,
    /// The redaction.
    pub event: RecordId,
}

/// An event read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventEntry {
    /// The shard that holds it.
    pub shard: ShardName,
    /// Its place in the shard.
    pub index: LeafIndex,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The leaf, parsed.
    pub event: Event,
    /// Who did it, when the leaf commits to a name and the storage key is given.
    pub by: Option<String>,
    /// As of [`Entry::inclusion`].
    pub inclusion: Result<Inclusion, Unproven>,
}

/// What stands at one index of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEntry {
    /// The record of a picture.
    Record(Box<Entry>),
    /// An event.
    Event(Box<EventEntry>),
}

impl LogEntry {
    /// The place that is always the same.
    pub fn id(&self) -> RecordId {
        let (shard, index) = match self {
            Self::Record(entry) => (entry.shard, entry.index),
            Self::Event(entry) => (entry.shard, entry.index),
        };
        RecordId { shard, index }
    }

    /// Its place in its shard.
    pub fn index(&self) -> LeafIndex {
        match self {
            Self::Record(entry) => entry.index,
            Self::Event(entry) => entry.index,
        }
    }

    /// The leaf's bytes.
    pub fn leaf(&self) -> &[u8] {
        match self {
            Self::Record(entry) => &entry.leaf,
            Self::Event(entry) => &entry.leaf,
        }
    }

    /// When it was entered, Unix seconds.
    pub fn time(&self) -> i64 {
        match self {
            Self::Record(entry) => entry.record.issued_at,
            Self::Event(entry) => entry.event.time,
        }
    }

    /// The proof that it is in the signed tree, or why there is none.
    pub fn inclusion(&self) -> &Result<Inclusion, Unproven> {
        match self {
            Self::Record(entry) => &entry.inclusion,
            Self::Event(entry) => &entry.inclusion,
        }
    }

    /// The picture's record, `None` for an event.
    pub fn into_record(self) -> Option<Entry> {
        match self {
            Self::Record(entry) => Some(*entry),
            Self::Event(_) => None,
        }
    }

    /// The event, `None` for a picture's record.
    pub fn into_event(self) -> Option<EventEntry> {
        match self {
            Self::Record(_) => None,
            Self::Event(entry) => Some(*entry),
        }
    }
}

/// The signed tree that an entry was proven against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// Its size.
    pub tree_size: TreeSize,
    /// Its root.
    pub root: Hash,
}
