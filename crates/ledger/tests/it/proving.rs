//! Proofs from tiles that were read before.

use std::path::Path;

use colophon_ledger::{Filter, Ledger, Query, Unproven, check_proof};
use colophon_tlog::{Tile, leaf_hash};

use crate::common::{TempDir, entry, key, open, reader, record, shard};

/// The first 256 leaves' hashes.
const TILE: &str = "tile/0/000";

fn filled(dir: &Path, count: u64) -> Ledger {
    let ledger = open(dir);
    ledger
        .append_many((0..count).map(record).collect())
        .unwrap();
    ledger
}

fn change_tile(dir: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = shard(dir).join(TILE);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_tile_that_is_whole_again_proves_again() {
    let dir = TempDir::new();
    drop(filled(dir.path(), 600));
    let ledger = reader(dir.path()).unwrap();
    change_tile(dir.path(), |bytes| bytes[2 * 32] ^= 1);
    for _ in 0..2 {
        assert_eq!(entry(&ledger, 3).inclusion, Err(Unproven::Mismatch));
        assert!(ledger.prove(3).is_err());
    }
    change_tile(dir.path(), |bytes| bytes[2 * 32] ^= 1);
    assert!(entry(&ledger, 3).inclusion.is_ok());
    assert!(ledger.prove(3).is_ok());
}

#[test]
fn what_was_read_before_does_not_vouch_for_what_was_altered_since() {
    let dir = TempDir::new();
    drop(filled(dir.path(), 600));
    let ledger = reader(dir.path()).unwrap();
    let leaf = |index| entry(&ledger, index).leaf;
    assert!(entry(&ledger, 5).inclusion.is_ok());

    // An operator who puts one record's leaf in another's place, in the row and in the tile.
    let other = leaf(6);
    change_tile(dir.path(), |bytes| {
        bytes[5 * 32..6 * 32].copy_from_slice(&leaf_hash(&other).0);
    });
    let connection = rusqlite::Connection::open(shard(dir.path()).join("ledger.sqlite")).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER entry_fixed;
             UPDATE entry SET leaf = (SELECT leaf FROM entry WHERE idx = 6) WHERE idx = 5",
        )
        .unwrap();
    drop(connection);

    let query = Query::new(&ledger, Filter::default(), None, false).unwrap();
    let page = query.page(query.start(), usize::MAX).unwrap();
    let first_tile = |index| index < u64::from(Tile::FULL);
    for hit in page.hits {
        let index = hit.id.index.0;
        assert_eq!(hit.inclusion.is_err(), first_tile(index), "{index}");
    }
    assert!(entry(&ledger, 5).inclusion.is_err());
}

#[test]
fn a_log_that_grew_is_proven_under_its_newest_checkpoint() {
    let dir = TempDir::new();
    let writer = filled(dir.path(), 1);
    let ledger = reader(dir.path()).unwrap();
    for size in [2, 255, 256, 257, 511, 513, 700_u64] {
        let before = ledger.stats().unwrap().entries;
        let more = (before..size).map(record).collect();
        writer.append_many(more).unwrap();
        for index in [0, before - 1, before, size / 2, size - 1] {
            let entry = entry(&ledger, index);
            assert_eq!(entry.inclusion.unwrap().tree_size.0, size);
            let proof = ledger.prove(index).unwrap();
            let proven = check_proof(&proof, &entry.leaf, &key()).unwrap();
            assert_eq!(proven.size.0, size);
        }
    }
}
