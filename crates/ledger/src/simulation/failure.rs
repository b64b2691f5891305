//! What a power failure leaves.
//!
//! Everything that a sync covered, and of the rest whatever the seed says. A write that no sync covered may be gone,
//! there, or torn at sector boundaries; a lengthening may leave zeros or garbage; a name that no sync of its folder
//! covered may be there or not, each on its own. A rename is never half seen, as file systems promise, but its two
//! folders may disagree. After a failed sync, what it should have covered is never made durable by a later one
//! (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).

use std::collections::BTreeSet;
use std::path::Path;

use super::disk::{Image, Node, Op};
use super::random::Random;

const SECTOR: usize = 512;

/// Which syncs a disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honesty {
    /// All.
    Honest,
    /// None, and it says that they are done.
    Lying,
    /// All but those of one kind, as if the program had left them out.
    Without(Kind),
}

/// What is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Journal,
    WriteAheadLog,
    Database,
    PageSums,
    Checkpoint,
    Tiles,
    LedgerFolder,
    TileFolders,
    FoldersAbove,
}

impl Honesty {
    fn does(self, path: &Path, folder: bool) -> bool {
        match self {
            Self::Honest => true,
            Self::Lying => false,
            Self::Without(kind) => kind != Kind::of(path, folder),
        }
    }
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Journal,
        Self::WriteAheadLog,
        Self::Database,
        Self::PageSums,
        Self::Checkpoint,
        Self::Tiles,
        Self::LedgerFolder,
        Self::TileFolders,
        Self::FoldersAbove,
    ];

    fn of(path: &Path, folder: bool) -> Self {
        let name = path.file_name().and_then(|name| name.to_str());
        let in_tiles = path.iter().any(|part| part == "tile");
        match (folder, name.unwrap_or_default()) {
            (true, _) if in_tiles => Self::TileFolders,
            (true, "ledger") => Self::LedgerFolder,
            (true, _) => Self::FoldersAbove,
            (false, _) if in_tiles => Self::Tiles,
            (false, "staged") => Self::Journal,
            (false, "checkpoint") => Self::Checkpoint,
            (false, "ledger.sums" | "ledger.sums.tmp") => Self::PageSums,
            (false, "ledger.sqlite-wal") => Self::WriteAheadLog,
            // With its rollback journal, which exists only while the database is made.
            (false, _) => Self::Database,
        }
    }
}

/// Applies the operations to what was there before them, as far as they survive.
pub fn lose(image: &mut Image, log: &[Op], honesty: Honesty, random: &mut Random) {
    let luck = Luck::draw(random);
    for (op, durable) in log.iter().zip(durable(log, honesty)) {
        survive(image, op, durable, luck, random);
    }
    drop_orphans(image);
}

/// How much of what was not synced survives; drawn anew for each failure, so that all and nothing occur often.
#[derive(Clone, Copy)]
struct Luck {
    names: u64,
    writes: u64,
    torn: u64,
}

impl Luck {
    fn draw(random: &mut Random) -> Self {
        let percent = |random: &mut Random| match random.below(4) {
            0 => 0,
            1 => 100,
            _ => random.below(101),
        };
        Self {
            names: percent(random),
            writes: percent(random),
            torn: [0, 30, 100][random.below(3) as usize],
        }
    }
}

/// Of each operation, whether a later sync covers all of it; for a rename its source and its target.
fn durable(log: &[Op], honesty: Honesty) -> Vec<(bool, bool)> {
    let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
    let parent = |path: &Path| path.parent().unwrap().to_owned();
    let mut covered: Vec<(bool, bool)> = log
        .iter()
        .rev()
        .map(|op| match op {
            Op::SyncFile(inode, path) => {
                if honesty.does(path, false) {
                    files.insert(*inode);
                }
                (true, true)
            }
            Op::SyncFolder(path) => {
                if honesty.does(path, true) {
                    folders.insert(path.clone());
                }
                (true, true)
            }
            Op::FailedSyncFile(inode) => {
                files.remove(inode);
                (true, true)
            }
            Op::FailedSyncFolder(path) => {
                folders.remove(path);
                (true, true)
            }
            Op::Name(path, _) | Op::Remove(path) => {
                let there = folders.contains(&parent(path));
                (there, there)
            }
            Op::Rename(from, to, _) => (
                folders.contains(&parent(from)),
                folders.contains(&parent(to)),
            ),
            Op::Write(inode, ..) | Op::SetLength(inode, _) => {
                let there = files.contains(inode);
                (there, there)
            }
        })
        .collect();
    covered.reverse();
    covered
}

fn survive(
    image: &mut Image,
    op: &Op,
    (source, target): (bool, bool),
    luck: Luck,
    random: &mut Random,
) {
    match op {
        Op::Name(path, node) => {
            if source || random.percent(luck.names) {
                image.names.insert(path.clone(), *node);
            }
        }
        Op::Remove(path) => {
            if source || random.percent(luck.names) {
                image.names.remove(path);
            }
        }
        Op::Rename(from, to, node) => {
            let same_folder = from.parent() == to.parent();
            let renamed = target || random.percent(luck.names);
            if renamed {
                image.names.insert(to.clone(), *node);
            }
            let left = source
                || if same_folder {
                    renamed
                } else {
                    random.percent(luck.names)
                };
            if left && image.names.get(from) == Some(node) {
                image.names.remove(from);
            }
        }
        Op::Write(inode, offset, bytes) => {
            let content = &mut image.contents[*inode];
            if source {
                write(content, *offset, bytes);
            } else {
                write_unsynced(content, *offset, bytes, luck, random);
            }
        }
        Op::SetLength(inode, length) => {
            if source || random.percent(luck.writes) {
                image.contents[*inode].resize(*length as usize, 0);
            }
        }
        Op::SyncFile(..) | Op::SyncFolder(_) | Op::FailedSyncFile(_) | Op::FailedSyncFolder(_) => {}
    }
}

fn write_unsynced(
    content: &mut Vec<u8>,
    offset: u64,
    bytes: &[u8],
    luck: Luck,
    random: &mut Random,
) {
    if !random.percent(luck.torn) {
        if random.percent(luck.writes) {
            write(content, offset, bytes);
        }
        return;
    }
    // Sector by sector; where the file grew, its length may have grown with nothing or old blocks in it.
    let end = offset as usize + bytes.len();
    if end > content.len() && random.percent(30) {
        let filler = [0, 0, 0xa5][random.below(3) as usize];
        content.resize(end, filler);
    }
    let mut start = 0;
    while start < bytes.len() {
        let place = offset as usize + start;
        let stop = (SECTOR - place % SECTOR + start).min(bytes.len());
        if random.percent(luck.writes.clamp(10, 90)) {
            write(content, place as u64, &bytes[start..stop]);
        }
        start = stop;
    }
}

pub fn write(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    if content.len() < end {
        content.resize(end, 0);
    }
    content[start..end].copy_from_slice(bytes);
}

/// What lies in a folder that is gone is gone.
fn drop_orphans(image: &mut Image) {
    let names = image.names.clone();
    image.names.retain(|path, _| {
        path.ancestors()
            .skip(1)
            .filter(|folder| !folder.as_os_str().is_empty())
            .all(|folder| names.get(folder) == Some(&Node::Folder))
    });
}
