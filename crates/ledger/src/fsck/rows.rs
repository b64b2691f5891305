//! The database's part of fsck: rows against leaves.

use colophon_tlog::{Hash, leaf_hash};
use sha2::{Digest, Sha256};

use super::log::Block;
use super::{Check, ProblemKind};
use crate::db::{EntryRow, Part};
use crate::event::{Actor, Event, EventKind, Redaction};
use crate::facets::TileFacts;
use crate::leaf::Leaf;
use crate::record::{PublicRecord, open_actor};

impl Check<'_> {
    /// The leaves in the rows of a block.
    pub(super) fn leaf_rows(
        &mut self,
        start: u64,
        count: usize,
        report: bool,
    ) -> Vec<Option<Vec<u8>>> {
        let mut leaves = vec![None; count];
        let Some(db) = &self.db else { return leaves };
        if let Ok(rows) = db.entries(start, count) {
            for row in rows {
                if let Some(leaf) = leaves.get_mut((row.index - start) as usize) {
                    *leaf = Some(row.leaf);
                }
            }
            return leaves;
        }
        // Something among them cannot be read: one by one, to name it.
        for (index, leaf) in (start..).zip(&mut leaves) {
            match db.entry(index) {
                Ok(row) => *leaf = row.map(|row| row.leaf),
                Err(error) if report => {
                    let what = format!("its row cannot be read: {error}");
                    self.report
                        .add(ProblemKind::RowChanged, Some(index), None, what);
                }
                Err(_) => {}
            }
        }
        leaves
    }

    /// Checks rows, private parts and manifests of a block against the true leaves.
    pub(super) fn rows(&mut self, start: u64, block: &Block, truth: &[Option<Hash>]) {
        if self.db.is_none() {
            return;
        }
        for (offset, right) in truth.iter().enumerate() {
            let index = start + offset as u64;
            self.entry_row(index);
            let copies = [&block.rows[offset], &block.bundle[offset]];
            let leaf = copies
                .into_iter()
                .flatten()
                .find(|leaf| Some(leaf_hash(leaf)) == *right);
            // Without a true copy of the leaf there is nothing to measure by; that has been reported.
            if let Some(leaf) = leaf {
                match Leaf::decode(leaf) {
                    Ok(Leaf::Record(record)) => self.record(index, leaf, &record),
                    Ok(Leaf::Event(event)) => self.event(index, leaf, &event),
                    Err(error) => self.report.add(
                        ProblemKind::RowChanged,
                        Some(index),
                        None,
                        error.to_string(),
                    ),
                }
            }
        }
    }

    /// Checks the index of facts of a block, which is a tile, against the true leaves.
    pub(super) fn index(&mut self, start: u64, block: &Block, truth: &[Option<Hash>]) {
        let Some(db) = self.db.as_ref().filter(|db| db.is_indexed()) else {
            return;
        };
        let copies = block.rows.iter().zip(&block.bundle).zip(truth);
        let leaves: Option<Vec<&[u8]>> = copies
            .map(|((row, bundle), right)| {
                let mut copies = [row, bundle].into_iter().flatten();
                let leaf = copies.find(|leaf| Some(leaf_hash(leaf)) == *right)?;
                Some(leaf.as_slice())
            })
            .collect();
        let Some(leaves) = leaves else {
            self.indexed = None;
            return;
        };
        for (tile, facts) in TileFacts::of_leaves(start, leaves) {
            match db.indexes(tile, &facts) {
                Ok(true) => {}
                Ok(false) => {
                    let what = "the index of facts leaves something of this entry or its neighbours out, or tells more";
                    self.report.add(ProblemKind::Index, Some(start), None, what);
                }
                Err(error) => {
                    let what = format!("the index of facts cannot be read: {error}");
                    self.report.add(ProblemKind::Index, Some(start), None, what);
                }
            }
            if let Some((occurrences, spans)) = &mut self.indexed {
                *occurrences += facts.facets.len() as u64;
                *spans += 1;
            }
        }
    }

    /// Reports an index of facts that says more than the leaves.
    pub(super) fn index_rows(&mut self) {
        let (Some(db), Some(right)) = (&self.db, self.indexed) else {
            return;
        };
        if db.is_indexed() && db.index_rows().is_ok_and(|found| found != right) {
            let what = "the index of facts has rows that no entry bears out, or lacks some";
            let file = Some(crate::files::Files::DATABASE);
            self.report.add(ProblemKind::Index, None, file, what);
        }
    }

    fn entry_row(&mut self, index: u64) {
        if let Some(Ok(None)) = self.db.as_ref().map(|db| db.entry(index)) {
            self.report.add(
                ProblemKind::RowRemoved,
                Some(index),
                None,
                "its row was removed",
            );
        }
    }

    fn record(&mut self, index: u64, leaf: &[u8], record: &PublicRecord) {
        self.columns(
            index,
            Some(&record.asset_sha256[..]),
            Some(&record.manifest_id),
        );
        self.private(index, leaf, record);
        self.manifest(index, record);
    }

    fn columns(&mut self, index: u64, asset: Option<&[u8]>, manifest: Option<&str>) {
        let Some(db) = &self.db else { return };
        if let Ok(Some(EntryRow {
            asset_sha256,
            manifest_id,
            ..
        })) = db.entry(index)
            && (asset_sha256.as_deref() != asset || manifest_id.as_deref() != manifest)
        {
            let what = "an index column of its row contradicts the leaf";
            self.report
                .add(ProblemKind::Column, Some(index), None, what);
        }
    }

    fn private(&mut self, index: u64, leaf: &[u8], record: &PublicRecord) {
        let Some(db) = &self.db else { return };
        let wrong = match (db.private(index), &self.vault) {
            (Ok(Some(row)), Some(vault)) => row.open(record, leaf_hash(leaf), vault).err(),
            (Ok(Some(row)), None) => {
                self.report.locked += 1;
                row.check_mark(record).err()
            }
            (Ok(None), _) => return self.gone(index, Part::Private),
            (Err(error), _) => {
                let what = format!("its private part cannot be read: {error}");
                return self
                    .report
                    .add(ProblemKind::Private, Some(index), None, what);
            }
        };
        if let Some(what) = wrong {
            self.report
                .add(ProblemKind::Private, Some(index), None, what);
        }
    }

    fn manifest(&mut self, index: u64, record: &PublicRecord) {
        let Some(db) = &self.db else { return };
        let what = match db.manifest(index) {
            Ok(Some(bytes))
                if <[u8; 32]>::from(Sha256::digest(&bytes)) == record.manifest_sha256 =>
            {
                return;
            }
            Ok(Some(_)) => "its manifest was changed".to_owned(),
            Ok(None) => return self.gone(index, Part::Manifest),
            Err(error) => format!("its manifest cannot be read: {error}"),
        };
        self.report
            .add(ProblemKind::Manifest, Some(index), None, what);
    }

    /// A part that is not there: fine when a redaction in the log tells of it.
    fn gone(&mut self, index: u64, part: Part) {
        let Some(db) = &self.db else { return };
        let (kind, name) = match part {
            Part::Private => (ProblemKind::Private, "its private part"),
            Part::Manifest => (ProblemKind::Manifest, "its manifest"),
        };
        let what = match db.erased(index, part) {
            Ok(None) => format!("{name} was removed"),
            Err(error) => format!("the note of the erasure cannot be read: {error}"),
            Ok(Some(row)) => match (row.shard, db.entry(row.event)) {
                (Some(_), _) => {
                    self.report.noted.push((index, part, row));
                    return;
                }
                (None, Ok(Some(event))) if row.is_told_by(&event.leaf, None, index, part) => return,
                (None, _) => format!(
                    "{name} was removed as if it had been erased, but entry {} does not tell of it",
                    row.event
                ),
            },
        };
        self.report.add(kind, Some(index), None, what);
    }

    fn event(&mut self, index: u64, leaf: &[u8], event: &Event) {
        self.columns(index, None, None);
        let redaction = match &event.what {
            EventKind::Redaction(redaction) => Some(redaction),
            _ => None,
        };
        self.actor(index, leaf, redaction.map(|redaction| &redaction.by));
        match redaction {
            Some(redaction) if redaction.log.is_some() => {
                let told = (index, event.time, redaction.clone());
                self.report.told.push(told);
            }
            Some(redaction) => self.redacted(index, event.time, redaction),
            None => {}
        }
        let manifest = self.db.as_ref().map(|db| db.manifest(index));
        if let Some(Ok(Some(_))) = manifest {
            let what = "an event with a manifest";
            self.report
                .add(ProblemKind::RowAdded, Some(index), None, what);
        }
    }

    /// Who did what the event tells: a name that is committed to must be there.
    fn actor(&mut self, index: u64, leaf: &[u8], by: Option<&Actor>) {
        let Some(db) = &self.db else { return };
        let wrong = match (db.private(index), by) {
            (Ok(Some(row)), Some(Actor::Committed(committed))) => {
                if let Some(vault) = &self.vault {
                    open_actor(&row, committed, leaf_hash(leaf), vault)
                        .err()
                        .map(str::to_owned)
                } else {
                    self.report.locked += 1;
                    None
                }
            }
            (Ok(None), Some(Actor::Committed(_))) => {
                Some("its private part was removed".to_owned())
            }
            (Ok(Some(_)), _) => {
                Some("an event with a private part that it does not tell of".to_owned())
            }
            (Ok(None), _) => None,
            (Err(error), _) => Some(format!("its private part cannot be read: {error}")),
        };
        if let Some(what) = wrong {
            self.report
                .add(ProblemKind::Private, Some(index), None, what);
        }
    }

    /// What the log says was erased must be gone, and be noted so.
    fn redacted(&mut self, index: u64, time: i64, redaction: &Redaction) {
        let Some(db) = &self.db else { return };
        let parts = [
            (Part::Private, redaction.parts.private(), "private part"),
            (Part::Manifest, redaction.parts.manifest(), "manifest"),
        ];
        let mut wrong = Vec::new();
        for (part, _, name) in parts.into_iter().filter(|(_, is_told, _)| *is_told) {
            let is_there = match part {
                Part::Private => db.private(redaction.record).map(|row| row.is_some()),
                Part::Manifest => db.manifest(redaction.record).map(|row| row.is_some()),
            };
            let is_noted = db.erased(redaction.record, part).map(|row| {
                row.is_some_and(|row| row.event == index && row.shard.is_none() && row.at == time)
            });
            if is_there != Ok(false) {
                wrong.push(format!(
                    "entry {index} tells that its {name} was erased, but it is still there"
                ));
            } else if is_noted != Ok(true) {
                wrong.push(format!(
                    "entry {index} tells that its {name} was erased, but that is not noted, or otherwise"
                ));
            }
        }
        for what in wrong {
            self.report
                .add(ProblemKind::Erasure, Some(redaction.record), None, what);
        }
    }

    /// Reports rows that belong to no entry of a log of `size`.
    pub(super) fn stray_rows(&mut self, size: u64) {
        let Some(db) = &self.db else { return };
        let mut stray = Vec::new();
        for table in ["entry", "private", "manifest", "erased"] {
            match db.rows_outside(table, size) {
                Ok(indexes) => stray.extend(indexes.into_iter().map(|index| (table, index))),
                Err(error) => {
                    let what = format!("the rows of the table {table} cannot be read: {error}");
                    self.report.add(
                        ProblemKind::Database,
                        None,
                        Some(crate::files::Files::DATABASE),
                        what,
                    );
                }
            }
        }
        for (table, index) in stray {
            let what =
                format!("a row in the table {table} that no signed checkpoint covers was added");
            self.report
                .add(ProblemKind::RowAdded, Some(index), None, what);
        }
    }
}
