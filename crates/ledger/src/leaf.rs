//! What the log holds: records of pictures, and events.

use crate::cbor::Decoder;
use crate::event::Event;
use crate::record::{PublicRecord, RecordError};

/// A leaf of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leaf {
    /// The public record of an issued picture.
    Record(Box<PublicRecord>),
    /// An event.
    Event(Box<Event>),
}

impl Leaf {
    /// Reads leaf bytes of any kind; every form but the one that is written is refused.
    ///
    /// # Errors
    /// [`RecordError::Malformed`].
    pub fn decode(leaf: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(leaf);
        input.any_array()?;
        if input.text()? == crate::event::LEAF_TYPE {
            Event::decode(leaf).map(Box::new).map(Self::Event)
        } else {
            PublicRecord::decode(leaf).map(Box::new).map(Self::Record)
        }
    }

    /// The leaf's bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Record(record) => record.encode(),
            Self::Event(event) => event.encode(),
        }
    }

    /// When it was entered, Unix seconds.
    pub fn time(&self) -> i64 {
        match self {
            Self::Record(record) => record.issued_at,
            Self::Event(event) => event.time,
        }
    }
}
