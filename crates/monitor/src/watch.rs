//! Reading entries: whether each may stand where it stands, and which ones somebody wants to hear of.

use colophon_ledger::{Event, EventKind, PublicRecord, ShardOpened};
use colophon_tlog::{Hash, Note, Tile, TreeSize, VerifierKey};

use crate::alarm::{Broken, Trouble};
use crate::follow::{Shown, Visitor};
use crate::source::Source;
use crate::walk::{Guide, Known, Log, walk};

/// What to report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Beginnings of ids of keys, lower-case hexadecimal: records that such a key signed, and events about it.
    pub keys: Vec<String>,
    /// Names of models or programs, whatever their case: records of pictures that they made.
    pub models: Vec<String>,
    /// Everything that is not the record of a picture.
    pub events: bool,
}

/// An entry that is watched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Origin of the log.
    pub log: String,
    /// Its index there.
    pub index: u64,
    /// When it was entered, Unix seconds, as it says.
    pub time: i64,
    /// What it is.
    pub entry: Entry,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The record of a picture.
    Record(Box<PublicRecord>),
    /// An event.
    Event(Box<Event>),
}

impl Entry {
    /// Reads a leaf's bytes.
    fn decode(leaf: &[u8]) -> Option<Self> {
        let record = PublicRecord::decode(leaf).map(Box::new).map(Self::Record);
        record
            .or_else(|_| Event::decode(leaf).map(Box::new).map(Self::Event))
            .ok()
    }

    fn time(&self) -> i64 {
        match self {
            Self::Record(record) => record.issued_at,
            Self::Event(event) => event.time,
        }
    }
}

/// What a look at a ledger found beside alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// New entries since the last look, over all logs.
    pub new: u64,
    /// Entries that are watched for.
    pub sightings: Vec<Sighting>,
}

/// Most sightings kept of one look; further ones are counted by the next, which begins where this one ended.
const MOST_SIGHTINGS: usize = 1_000_000;

/// Follows the ledger of `key` from `known` on, checks everything that is new, and reports what is watched for.
/// `known` is brought up to date also when trouble comes in between.
///
/// # Errors
/// [`Trouble::Alarm`] when the ledger is not what it promised to be; [`Trouble::Source`] when its files cannot be had.
pub fn look(
    source: &dyn Source,
    key: &VerifierKey,
    known: &mut Known,
    watch: &Watch,
    look: &mut Look,
) -> Result<(), Trouble> {
    let mut reader = Reader {
        watch,
        look,
        place: Place::default(),
    };
    walk(source, key, known, &mut reader)
}

/// Where the reader is.
#[derive(Default)]
struct Place {
    origin: String,
    /// What the first entry says when it opens the shard, as it must in every shard but the first; `None` of a log that
    /// is no shard.
    opening: Option<ShardOpened>,
    sealed: bool,
}

struct Reader<'a> {
    watch: &'a Watch,
    look: &'a mut Look,
    place: Place,
}

impl Guide for Reader<'_> {
    fn enter(&mut self, log: &Log<'_>) -> Result<(), Trouble> {
        let previous = log
            .previous
            .map(|(origin, size, root)| previous(origin, size, root));
        self.place = Place {
            origin: log.key.name().to_owned(),
            opening: log.base.map(|base| ShardOpened {
                base: base.to_owned(),
                previous,
            }),
            sealed: log.known.is_some_and(|known| known.sealed),
        };
        Ok(())
    }

    fn visitor(&mut self) -> &mut dyn Visitor {
        self
    }

    fn leave(&mut self, _log: &Log<'_>, _shown: &Shown) -> Result<bool, Trouble> {
        Ok(self.place.sealed)
    }

    fn listed(&mut self, _note: &Note) -> Result<(), Trouble> {
        Ok(())
    }
}

fn previous(origin: &str, size: TreeSize, root: Hash) -> colophon_ledger::PreviousShard {
    colophon_ledger::PreviousShard {
        origin: origin.to_owned(),
        size: size.0,
        root: root.0,
    }
}

impl Visitor for Reader<'_> {
    fn entry(&mut self, index: u64, leaf: &[u8]) -> Result<(), Trouble> {
        self.look.new += 1;
        let wrong = |what: &str| Broken::Record {
            index,
            what: what.to_owned(),
        };
        let entry = Entry::decode(leaf)
            .ok_or_else(|| wrong("it is no record and no event of a known version"))?;
        if self.place.sealed {
            return Err(wrong("it stands after the entry that sealed the log").into());
        }
        let opening = match &entry {
            Entry::Event(event) => match &event.what {
                EventKind::ShardSealed => {
                    self.place.sealed = true;
                    None
                }
                EventKind::ShardOpened(opened) => Some(opened),
                _ => None,
            },
            Entry::Record(_) => None,
        };
        match (index, opening, &self.place.opening) {
            (0, Some(opened), Some(expected)) if opened != expected => {
                return Err(
                    wrong("it opens the shard after another end of the shard before").into(),
                );
            }
            (0, None, Some(expected)) if expected.previous.is_some() => {
                return Err(wrong("a shard's first entry must tie it to the shard before").into());
            }
            (1.., Some(_), _) => {
                return Err(wrong("only a log's first entry can open it").into());
            }
            _ => {}
        }
        if self.look.sightings.len() < MOST_SIGHTINGS && self.watch.wants(&entry) {
            self.look.sightings.push(Sighting {
                log: self.place.origin.clone(),
                index,
                time: entry.time(),
                entry,
            });
        }
        Ok(())
    }

    fn tile(&mut self, _tile: Tile, _bytes: &[u8]) -> Result<(), Trouble> {
        Ok(())
    }

    fn wants_all_tiles(&self) -> bool {
        false
    }
}

impl Watch {
    fn wants(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Record(record) => {
                let by_model = record.generator.as_ref().is_some_and(|agent| {
                    let name = agent.name.to_lowercase();
                    self.models.iter().any(|model| model.to_lowercase() == name)
                });
                by_model || self.has_key(&record.signer_key_id)
            }
            Entry::Event(event) => {
                let about = match &event.what {
                    EventKind::Key(key) => Some(&key.key_id),
                    _ => None,
                };
                self.events || about.is_some_and(|id| self.has_key(id))
            }
        }
    }

    fn has_key(&self, id: &[u8; 32]) -> bool {
        let digits = id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hex: String = digits
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect();
        self.keys.iter().any(|key| hex.starts_with(key.as_str()))
    }
}
