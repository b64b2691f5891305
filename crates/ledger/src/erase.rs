//! Erasing parts of records: what is asked for, and the redactions that tell of it.
//!
//! One commit enters the redactions and removes the parts, so that neither is ever without the other. Then the
//! write-ahead log is emptied, so that nothing erased stays in the ledger's files.

use std::collections::BTreeSet;

use colophon_tlog::LeafIndex;

use crate::db::{Db, ErasedRow, Part};
use crate::error::LedgerError;
use crate::event::{Actor, ErasureReason, Event, EventKind, Parts, Redaction};
use crate::leaf::Leaf;
use crate::record::{Erases, Prepared, actor_commitment, random_salt};
use crate::shards::{RecordAddress, RecordId, ShardName};
use crate::writer::Receipt;

impl ErasedRow {
    /// Whether a leaf is the redaction that the row notes; `log` names the log of the record when the leaf is of
    /// another.
    pub fn is_told_by(&self, leaf: &[u8], log: Option<&str>, index: u64, part: Part) -> bool {
        let Ok(event) = Event::decode(leaf) else {
            return false;
        };
        let EventKind::Redaction(redaction) = &event.what else {
            return false;
        };
        redaction.log.as_deref() == log
            && redaction.record == index
            && redaction.reason as u64 == self.reason
            && event.time == self.at
            && redaction.parts.has(part)
    }
}

impl Parts {
    /// Whether a part is among them.
    pub(crate) fn has(self, part: Part) -> bool {
        match part {
            Part::Private => self.private(),
            Part::Manifest => self.manifest(),
        }
    }
}

/// What is to be erased, why, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Which records.
    pub target: ErasureTarget,
    /// Which of their parts.
    pub parts: Parts,
    /// Why; public.
    pub reason: ErasureReason,
    /// Who does it.
    pub by: By,
    /// The present, Unix seconds; public.
    pub at: i64,
}

/// Which records are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErasureTarget {
    /// These.
    Records(Vec<RecordAddress>),
    /// All that this requester asked for and whose private part is still there. Needs the storage key.
    Subject(String),
}

/// Who erases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody in this role, which the log names: at most 64 bytes.
    Role(String),
    /// A person, at most 1,024 bytes: the log commits to the name, which lies encrypted beside it. Needs the storage
    /// key.
    Person(String),
}

/// What an erasure did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureOutcome {
    /// The records of which parts were erased, each with the redaction's receipt.
    pub erased: Vec<(RecordId, Receipt)>,
    /// Records of which nothing that was asked for was left.
    pub already: Vec<RecordId>,
    /// Whether the files are free of what was erased. If not, another process was reading: the next erasure, also one
    /// of a record already erased, cleans them.
    pub is_clean: bool,
}

impl Default for ErasureOutcome {
    fn default() -> Self {
        Self {
            erased: Vec::new(),
            already: Vec::new(),
            is_clean: true,
        }
    }
}

impl ErasureOutcome {
    pub(crate) fn add(&mut self, other: Self) {
        self.erased.extend(other.erased);
        self.already.extend(other.already);
        self.is_clean &= other.is_clean;
    }
}

/// An erasure of records of one shard, as its writer gets it.
#[derive(Debug)]
pub(crate) struct Order {
    pub erasure: Erasure,
    pub records: BTreeSet<u64>,
}

/// An erasure of which everything is known that the database tells.
pub(crate) struct Plan {
    /// The records with the redaction of each.
    pub redactions: Vec<(RecordId, Prepared)>,
    pub already: Vec<RecordId>,
}

impl Plan {
    /// Looks what is left of the records of one shard, and prepares their redactions. Only under the shard's lock;
    /// changes nothing. `log` is the shard's origin when the redactions go into another log.
    pub fn new(
        db: &Db,
        shard: ShardName,
        order: &Order,
        log: Option<&str>,
    ) -> Result<Self, LedgerError> {
        let mut plan = Self {
            redactions: Vec::new(),
            already: Vec::new(),
        };
        for record in &order.records {
            let id = RecordId {
                shard,
                index: LeafIndex(*record),
            };
            match left(db, id, order.erasure.parts)? {
                Some(parts) => {
                    let redaction = redaction(&order.erasure, log, *record, parts)?;
                    plan.redactions.push((id, redaction));
                }
                None => plan.already.push(id),
            }
        }
        Ok(plan)
    }
}

/// Which of the parts were not erased yet.
fn left(db: &Db, id: RecordId, parts: Parts) -> Result<Option<Parts>, LedgerError> {
    let record = id.index.0;
    let row = db.entry(record)?;
    let row = row.ok_or_else(|| LedgerError::NoEntry(id.into()))?;
    match Leaf::decode(&row.leaf) {
        Ok(Leaf::Record(_)) => {}
        Ok(Leaf::Event(_)) => return Err(LedgerError::NoRecord(id)),
        Err(error) => {
            return Err(LedgerError::Damaged(format!(
                "entry {id} in the database: {error}"
            )));
        }
    }
    let is_left = |part| db.erased(record, part).map(|erased| erased.is_none());
    Ok(Parts::of(
        parts.private() && is_left(Part::Private)?,
        parts.manifest() && is_left(Part::Manifest)?,
    ))
}

/// The redaction of one record: of this log, or of another when `log` names one.
fn redaction(
    erasure: &Erasure,
    log: Option<&str>,
    record: u64,
    parts: Parts,
) -> Result<Prepared, LedgerError> {
    let (by, name) = match &erasure.by {
        By::Role(role) => (Actor::Role(role.clone()), None),
        By::Person(name) => {
            let salt = random_salt()?;
            let committed = actor_commitment(&salt, name);
            (Actor::Committed(committed), Some((salt, name)))
        }
    };
    let event = Event {
        time: erasure.at,
        what: EventKind::Redaction(Redaction {
            log: log.map(str::to_owned),
            record,
            parts,
            reason: erasure.reason,
            by,
        }),
    };
    let mut prepared = Prepared::event(&event)?;
    if let Some((salt, name)) = name {
        prepared = prepared.with_actor(&salt, name)?;
    }
    if log.is_none() {
        prepared.erases = Some(Erases::new(erasure, record, parts));
    }
    Ok(prepared)
}

impl Erases {
    fn new(erasure: &Erasure, record: u64, parts: Parts) -> Self {
        Self {
            record,
            parts,
            at: erasure.at,
            reason: erasure.reason as u64,
        }
    }

    /// What a redaction of a record in another log erases there.
    pub fn of(redaction: &Prepared) -> Option<Self> {
        let event = Event::decode(&redaction.leaf).ok()?;
        let EventKind::Redaction(told) = event.what else {
            return None;
        };
        Some(Self {
            record: told.record,
            parts: told.parts,
            at: event.time,
            reason: told.reason as u64,
        })
    }
}
