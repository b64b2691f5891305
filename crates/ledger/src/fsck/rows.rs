//! The database's part of fsck: rows against leaves.

use colophon_tlog::{Hash, leaf_hash};
use sha2::{Digest, Sha256};

use super::log::Block;
use super::{Check, ProblemKind};
use crate::db::EntryRow;
use crate::record::PublicRecord;

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
                match PublicRecord::decode(leaf) {
                    Ok(record) => self.entry(index, &record),
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

    fn entry(&mut self, index: u64, record: &PublicRecord) {
        let Some(db) = &self.db else { return };
        if let Ok(Some(EntryRow {
            asset_sha256,
            manifest_id,
            ..
        })) = db.entry(index)
            && (asset_sha256 != record.asset_sha256 || manifest_id != record.manifest_id)
        {
            let what = "an index column of its row contradicts the leaf";
            self.report
                .add(ProblemKind::Column, Some(index), None, what);
        }
        let private = match db.private(index) {
            Ok(Some(row)) => row.open(record).map(drop).map_err(str::to_owned),
            Ok(None) => Err("its private part was removed".to_owned()),
            Err(error) => Err(format!("its private part cannot be read: {error}")),
        };
        if let Err(what) = private {
            self.report
                .add(ProblemKind::Private, Some(index), None, what);
        }
        let manifest = match db.manifest(index) {
            Ok(Some(bytes))
                if <[u8; 32]>::from(Sha256::digest(&bytes)) == record.manifest_sha256 =>
            {
                return;
            }
            Ok(Some(_)) => "its manifest was changed".to_owned(),
            Ok(None) => "its manifest was removed".to_owned(),
            Err(error) => format!("its manifest cannot be read: {error}"),
        };
        self.report
            .add(ProblemKind::Manifest, Some(index), None, manifest);
    }

    /// Reports rows that belong to no entry of a log of `size`.
    pub(super) fn stray_rows(&mut self, size: u64) {
        let Some(db) = &self.db else { return };
        let mut stray = Vec::new();
        for table in ["entry", "private", "manifest"] {
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
