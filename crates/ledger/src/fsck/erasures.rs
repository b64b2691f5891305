//! Erasures in sealed shards, of which a newer shard tells.

use super::ledger::merge;
use super::{FsckReport, ProblemKind};
use crate::db::{Db, ErasedRow, Part};
use crate::event::Redaction;
use crate::shards::{Folder, Listed, ShardName};

/// What the shards note and tell of each other.
#[derive(Default)]
pub(super) struct Erasures {
    shards: Vec<(ShardName, String)>,
    noted: Vec<(ShardName, u64, Part, ErasedRow)>,
    told: Vec<(ShardName, u64, i64, Redaction)>,
}

impl Erasures {
    /// Takes what the examination of one shard found.
    pub fn take(&mut self, shard: &Listed, found: &mut FsckReport) {
        let name = shard.name;
        self.shards.push((name, shard.key.name().to_owned()));
        let noted = std::mem::take(&mut found.noted).into_iter();
        self.noted
            .extend(noted.map(|(record, part, row)| (name, record, part, row)));
        let told = std::mem::take(&mut found.told).into_iter();
        self.told
            .extend(told.map(|(event, time, redaction)| (name, event, time, redaction)));
    }

    /// Compares both ways: nothing is gone without a redaction, and nothing redacted is still there.
    pub fn compare(self, folder: &Folder, report: &mut FsckReport) {
        for (shard, record, part, row) in &self.noted {
            if !self.is_told(*shard, *record, *part, row) {
                let (kind, name) = match part {
                    Part::Private => (ProblemKind::Private, "its private part"),
                    Part::Manifest => (ProblemKind::Manifest, "its manifest"),
                };
                let by = row.shard.map_or_else(String::new, |by| by.to_string());
                let what = format!(
                    "{name} was removed as if it had been erased, but entry {by}/{} does not tell of it",
                    row.event
                );
                add(report, *shard, kind, *record, what);
            }
        }
        for (telling, event, _, redaction) in &self.told {
            let shard = self
                .shards
                .iter()
                .find(|(_, origin)| redaction.log.as_ref() == Some(origin));
            // A log that is not here cannot be compared.
            let Some((shard, _)) = shard else { continue };
            let Ok(db) = Db::open_reader(&folder.shard(*shard)) else {
                continue;
            };
            let record = redaction.record;
            let parts = [
                (Part::Private, "private part"),
                (Part::Manifest, "manifest"),
            ];
            for (part, name) in parts {
                let is_there = match part {
                    Part::Private => db.private(record).map(|row| row.is_some()),
                    Part::Manifest => db.manifest(record).map(|row| row.is_some()),
                };
                if redaction.parts.has(part) && is_there != Ok(false) {
                    let what = format!(
                        "entry {telling}/{event} tells that its {name} was erased, but it is still there: erase it again"
                    );
                    add(report, *shard, ProblemKind::Erasure, record, what);
                }
            }
        }
    }

    fn is_told(&self, shard: ShardName, record: u64, part: Part, row: &ErasedRow) -> bool {
        let origin = self.shards.iter().find(|(name, _)| *name == shard);
        self.told.iter().any(|(telling, event, time, redaction)| {
            Some(*telling) == row.shard
                && *event == row.event
                && *time == row.at
                && redaction.record == record
                && redaction.reason as u64 == row.reason
                && redaction.parts.has(part)
                && redaction.log.as_ref() == origin.map(|(_, origin)| origin)
        })
    }
}

fn add(report: &mut FsckReport, shard: ShardName, kind: ProblemKind, record: u64, what: String) {
    let mut found = FsckReport {
        tree_size: report.tree_size,
        ..FsckReport::default()
    };
    found.add(kind, Some(record), None, what);
    merge(report, shard, found);
}
