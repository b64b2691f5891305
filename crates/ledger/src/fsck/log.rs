//! The log's part of fsck: which copy of the entries the signed root covers, and where the others differ from it.

use std::collections::HashMap;

use colophon_tlog::{Checkpoint, Hash, RightEdge, Tile, TileLevel, decode_bundle, leaf_hash};

use super::{Check, ProblemKind};
use crate::error::LedgerError;

/// Entries looked at together: those of one full bundle.
pub(super) const BLOCK: u64 = 256;

/// Up to 256 neighbouring entries as the three places keep them; `None` where a place has none that can be read.
pub(super) struct Block {
    pub rows: Vec<Option<Vec<u8>>>,
    pub bundle: Vec<Option<Vec<u8>>>,
    tile: Vec<Option<Hash>>,
}

/// A way to say what the leaf at a place is, given the hashes from row, bundle and tile.
pub(super) type Source = fn(Option<Hash>, Option<Hash>, Option<Hash>) -> Option<Hash>;

/// In order of preference: what two of three agree on, then each alone.
const SOURCES: [Source; 4] = [
    |row, bundle, tile| {
        if row == bundle || row == tile {
            row
        } else {
            bundle.or(tile)
        }
    },
    |row, _, _| row,
    |_, bundle, _| bundle,
    |_, _, tile| tile,
];

/// Leaves found where other leaves belong.
#[derive(Default)]
struct Misplaced {
    /// Right hash of each place that holds a wrong one.
    right: HashMap<Hash, u64>,
    /// Place and hash found there.
    found: Vec<(u64, Hash)>,
}

impl Block {
    pub(super) fn hashes(&self, source: Source) -> impl Iterator<Item = Option<Hash>> {
        let hash = |leaf: &Option<Vec<u8>>| leaf.as_deref().map(leaf_hash);
        self.rows
            .iter()
            .zip(&self.bundle)
            .zip(&self.tile)
            .map(move |((row, bundle), tile)| source(hash(row), hash(bundle), *tile))
    }
}

impl Check<'_> {
    pub(super) fn log(&mut self, trusted: Option<&Checkpoint>) -> Result<(), LedgerError> {
        let size = trusted.map_or(0, |checkpoint| checkpoint.size.0);
        self.stray_rows(size);
        if let Some(checkpoint) = trusted {
            let source = self.choose_source(checkpoint)?;
            self.compare(size, source)?;
            self.index_rows();
            self.report.entries = size;
        }
        self.stray_files()
    }

    /// The first source whose leaves lead to the signed root.
    pub(super) fn choose_source(&mut self, checkpoint: &Checkpoint) -> Result<Source, LedgerError> {
        let mut edges: Vec<Option<RightEdge>> =
            SOURCES.iter().map(|_| Some(RightEdge::new())).collect();
        for start in (0..checkpoint.size.0).step_by(BLOCK as usize) {
            let block = self.block(start, checkpoint.size.0, false)?;
            for (edge, source) in edges.iter_mut().zip(SOURCES) {
                // A source with a gap is out.
                *edge = edge.take().and_then(|mut edge| {
                    let hashes: Vec<Hash> = block.hashes(source).collect::<Option<_>>()?;
                    edge.append(&hashes);
                    Some(edge)
                });
            }
        }
        let right = edges.iter().position(|edge| {
            edge.as_ref()
                .is_some_and(|edge| edge.root() == checkpoint.root)
        });
        if right.is_none() {
            self.report.add(
                ProblemKind::Root,
                None,
                None,
                "neither rows nor bundles nor tiles lead to the signed root; differences among them follow",
            );
        }
        Ok(SOURCES[right.unwrap_or(0)])
    }

    /// Compares every place with the chosen source.
    fn compare(&mut self, size: u64, source: Source) -> Result<(), LedgerError> {
        let mut edge = Some(RightEdge::new());
        let (mut rows, mut bundles) = (Misplaced::default(), Misplaced::default());
        for start in (0..size).step_by(BLOCK as usize) {
            let block = self.block(start, size, true)?;
            let truth: Vec<Option<Hash>> = block.hashes(source).collect();
            for (offset, right) in truth.iter().enumerate() {
                let index = start + offset as u64;
                let Some(right) = *right else { continue };
                rows.compare(index, block.rows[offset].as_deref(), right);
                bundles.compare(index, block.bundle[offset].as_deref(), right);
            }
            self.rows(start, &block, &truth);
            self.index(start, &block, &truth);
            let known: Option<Vec<Hash>> = truth.into_iter().collect();
            // Without every leaf, the tiles to the right of the gap cannot be derived.
            edge = edge.zip(known).map(|(mut edge, hashes)| {
                let tiles = edge.append(&hashes);
                for write in tiles {
                    let whole = Tile::available(write.tile.level(), write.tile.index(), size);
                    if write.tile.width() == whole {
                        self.hash_tile(write.tile, &write.hashes);
                    }
                    if write.tile.level() == TileLevel::Hashes(0) {
                        self.partial_bundles(write.tile, &write.hashes);
                    }
                }
                edge
            });
        }
        for (index, found_at) in rows.classify() {
            match found_at {
                Some(other) => {
                    let what = format!("its row holds entry {other}: rows were reordered");
                    self.report
                        .add(ProblemKind::RowMoved, Some(index), None, what);
                }
                None => self.report.add(
                    ProblemKind::RowChanged,
                    Some(index),
                    None,
                    "the leaf in its row was changed",
                ),
            }
        }
        for (index, found_at) in bundles.classify() {
            let what = match found_at {
                Some(other) => format!("the entry bundle holds entry {other} in its place"),
                None => "the entry in the entry bundle was changed".to_owned(),
            };
            self.report.add(
                ProblemKind::BundleEntry,
                Some(index),
                Some(&bundle_path(index, size)),
                what,
            );
        }
        Ok(())
    }

    /// Reads a block from all three places; `report` says whether unreadable files are to be reported.
    pub(super) fn block(
        &mut self,
        start: u64,
        size: u64,
        report: bool,
    ) -> Result<Block, LedgerError> {
        let count = BLOCK.min(size - start) as usize;
        let rows = self.leaf_rows(start, count, report);
        let mut bundle = vec![None; count];
        if let Some(tile) = tile_at(TileLevel::Entries, start / BLOCK, size)
            && let Some(bytes) = self.file(tile, report)?
        {
            match decode_bundle(&bytes, tile.width()) {
                Ok(entries) => {
                    bundle = entries
                        .into_iter()
                        .map(|entry| Some(entry.to_vec()))
                        .collect();
                }
                Err(error) if report => {
                    self.report.add(
                        ProblemKind::TileFile,
                        None,
                        Some(&tile.path()),
                        error.to_string(),
                    );
                }
                Err(_) => {}
            }
        }
        let mut hashes = vec![None; count];
        if let Some(tile) = tile_at(TileLevel::Hashes(0), start / BLOCK, size)
            && let Some(bytes) = self.file(tile, false)?
            && let Ok(decoded) = tile.decode_hashes(&bytes)
        {
            hashes = decoded.into_iter().map(Some).collect();
        }
        Ok(Block {
            rows,
            bundle,
            tile: hashes,
        })
    }

    /// A required tile file.
    fn file(&mut self, tile: Tile, report: bool) -> Result<Option<Vec<u8>>, LedgerError> {
        let bytes = self.files.read_tile_file(tile)?;
        if report {
            self.report.files += 1;
            self.seen.insert(tile.path());
            if bytes.is_none() {
                self.report.add(
                    ProblemKind::FileMissing,
                    None,
                    Some(&tile.path()),
                    "the file is missing",
                );
            }
        }
        Ok(bytes)
    }

    /// Compares a hash tile and its older partial versions with what they must hold.
    fn hash_tile(&mut self, tile: Tile, right: &[Hash]) {
        for tile in std::iter::once(tile).chain(self.partials(tile)) {
            let path = tile.path();
            match self.file(tile, true) {
                Ok(Some(bytes)) => match tile.decode_hashes(&bytes) {
                    Ok(found) => {
                        let wrong = found
                            .iter()
                            .zip(right)
                            .enumerate()
                            .filter(|(_, (found, right))| found != right);
                        for (position, _) in wrong {
                            let what = format!("hash {position} is wrong");
                            self.report.add(
                                ProblemKind::TileHash,
                                leaf_index(tile, position),
                                Some(&path),
                                what,
                            );
                        }
                    }
                    Err(error) => {
                        self.report.add(
                            ProblemKind::TileFile,
                            None,
                            Some(&path),
                            error.to_string(),
                        );
                    }
                },
                Ok(None) => {}
                Err(error) => {
                    self.report
                        .add(ProblemKind::TileFile, None, Some(&path), error.to_string());
                }
            }
        }
    }

    /// Compares the older partial versions of the bundle beside a level-0 tile.
    fn partial_bundles(&mut self, beside: Tile, right: &[Hash]) {
        let Ok(newest) = Tile::new(TileLevel::Entries, beside.index(), beside.width()) else {
            return;
        };
        for tile in self.partials(newest) {
            let path = tile.path();
            let Ok(Some(bytes)) = self.file(tile, true) else {
                continue;
            };
            match decode_bundle(&bytes, tile.width()) {
                Ok(entries) => {
                    for (position, (entry, right)) in entries.iter().zip(right).enumerate() {
                        if leaf_hash(entry) != *right {
                            let index = leaf_index(beside, position);
                            let what = "the entry in an older entry bundle was changed";
                            self.report
                                .add(ProblemKind::BundleEntry, index, Some(&path), what);
                        }
                    }
                }
                Err(error) => {
                    self.report
                        .add(ProblemKind::TileFile, None, Some(&path), error.to_string());
                }
            }
        }
    }

    /// Partial versions of a tile that exist and are narrower than it.
    fn partials(&self, tile: Tile) -> Vec<Tile> {
        let folder = format!("{}.p", tile.full().path());
        let Ok(items) = self.files.list(&folder) else {
            return Vec::new();
        };
        let widths = items
            .iter()
            .filter_map(|item| item.name.parse().ok())
            .filter(|width| *width < tile.width());
        widths
            .filter_map(|width| Tile::new(tile.level(), tile.index(), width).ok())
            .collect()
    }

    /// Reports files below `tile/` that no check has looked at.
    fn stray_files(&mut self) -> Result<(), LedgerError> {
        let mut folders = vec!["tile".to_owned()];
        while let Some(folder) = folders.pop() {
            for item in self.files.list(&folder)? {
                let relative = format!("{folder}/{}", item.name);
                if item.is_folder {
                    folders.push(relative);
                } else if !self.seen.contains(&relative) {
                    self.report.add(
                        ProblemKind::FileUnexpected,
                        None,
                        Some(&relative),
                        "the file does not belong to the log",
                    );
                }
            }
        }
        Ok(())
    }
}

impl Misplaced {
    fn compare(&mut self, index: u64, leaf: Option<&[u8]>, right: Hash) {
        let found = leaf.map(leaf_hash);
        if found != Some(right) {
            self.right.insert(right, index);
            self.found.extend(found.map(|found| (index, found)));
        }
    }

    /// The wrong places, each with the entry whose leaf was found there.
    fn classify(self) -> Vec<(u64, Option<u64>)> {
        self.found
            .iter()
            .map(|(index, found)| (*index, self.right.get(found).copied()))
            .collect()
    }
}

fn tile_at(level: TileLevel, index: u64, size: u64) -> Option<Tile> {
    Tile::new(level, index, Tile::available(level, index, size)).ok()
}

fn bundle_path(index: u64, size: u64) -> String {
    tile_at(TileLevel::Entries, index / BLOCK, size).map_or_else(String::new, |tile| tile.path())
}

/// The entry that a hash of a level-0 tile stands for.
fn leaf_index(tile: Tile, position: usize) -> Option<u64> {
    (tile.level() == TileLevel::Hashes(0)).then_some(tile.index() * BLOCK + position as u64)
}
