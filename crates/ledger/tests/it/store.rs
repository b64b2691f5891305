//! Appending, looking up and proving.

use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::common::{
    ORIGIN, TempDir, copy_dir, entry, key, open, options, reader, record, shard, signer, snapshot,
    watermark_id,
};
use colophon_ledger::{
    Kind, Ledger, LedgerError, LedgerOptions, PublicRecord, Unproven, check_proof, fsck,
};

fn proven(ledger: &Ledger, n: u64) {
    let entries = ledger.by_watermark_id(watermark_id(n)).unwrap();
    assert_eq!(entries.len(), 1, "entries for {n}");
    let entry = &entries[0];
    assert!(entry.inclusion.is_ok(), "{:?}", entry.inclusion);
    let (sent, index) = (record(n), entry.index.0);
    assert_eq!(entry.record.asset_sha256, sent.asset_sha256);
    let private = entry.part().unwrap();
    assert_eq!(
        (private.title.as_ref(), private.prompt.as_ref()),
        (sent.title.as_ref(), sent.prompt.as_ref())
    );
    assert_eq!(
        (private.watermark_id, private.fingerprint),
        (sent.watermark_id, sent.fingerprint)
    );
    assert_eq!(private.sketch, sent.sketch);
    assert_eq!(ledger.by_asset_sha256(&sent.asset_sha256).unwrap(), entries);
    assert_eq!(ledger.by_manifest_id(&sent.manifest_id).unwrap(), entries);
    assert_eq!(
        ledger
            .by_fingerprint(&sent.fingerprint.unwrap(), 0)
            .unwrap(),
        [(entry.clone(), 0)]
    );
    assert_eq!(&crate::common::entry(ledger, index), entry);
    assert_eq!(ledger.manifest_bytes(index).unwrap(), sent.manifest);
    let proof = ledger.prove(index).unwrap();
    assert!(check_proof(&proof, &entry.leaf, &key()).is_ok());
    assert!(check_proof(&proof, b"another leaf", &key()).is_err());
}

#[test]
fn what_is_appended_is_found_and_proven() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    assert_eq!(ledger.stats().unwrap().entries, 0);
    for n in 0..5 {
        let receipt = ledger.append(record(n)).unwrap();
        assert_eq!((receipt.index.0, receipt.tree_size.0), (n, n + 1));
        proven(&ledger, n);
    }
    // Across the first full tiles.
    ledger.append_many((5..700).map(record).collect()).unwrap();
    drop(ledger);
    let ledger = open(dir.path());
    for n in [0, 4, 5, 255, 256, 511, 512, 699] {
        proven(&ledger, n);
    }
    assert_eq!(ledger.list(690, 100).unwrap().len(), 10);
    assert_eq!(ledger.get(700).unwrap(), None);
    assert!(matches!(ledger.prove(700), Err(LedgerError::NoEntry(_))));
    assert!(ledger.by_watermark_id(1).unwrap().is_empty());
    let stats = ledger.stats().unwrap();
    assert_eq!(
        (stats.entries, stats.first_and_last),
        (700, Some((1_800_000_000, 1_800_000_699)))
    );
}

#[test]
fn the_leaf_holds_nothing_private() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append(record(1)).unwrap();
    let entry = entry(&ledger, 0);
    let sent = record(1);
    let secrets = [
        sent.title.unwrap().into_bytes(),
        sent.prompt.unwrap().into_bytes(),
        sent.fingerprint.unwrap().to_vec(),
        sent.sketch.unwrap(),
        sent.watermark_id.unwrap().to_be_bytes().to_vec(),
    ];
    for (path, bytes) in snapshot(dir.path()) {
        if !path.to_string_lossy().contains("ledger.sqlite") {
            for secret in &secrets {
                assert!(
                    !bytes.windows(secret.len()).any(|window| window == secret),
                    "{}",
                    path.display()
                );
            }
        }
    }
    assert_eq!(PublicRecord::decode(&entry.leaf).unwrap(), entry.record);
}

#[test]
fn threads_share_commits() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    thread::scope(|scope| {
        for thread in 0..16 {
            let ledger = &ledger;
            scope.spawn(move || {
                for n in 0..20 {
                    ledger.append(record(thread * 20 + n)).unwrap();
                }
            });
        }
    });
    for n in 0..320 {
        assert!(
            ledger.by_watermark_id(watermark_id(n)).unwrap()[0]
                .inclusion
                .is_ok()
        );
    }
}

#[test]
fn watermark_ids_are_listed_from_any_entry_on() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    let mut unmarked = record(1);
    unmarked.watermark_id = None;
    let records = vec![record(0), unmarked, record(2)];
    ledger.append_many(records).unwrap();
    let found = ledger.watermark_ids(None).unwrap();
    assert_eq!(
        found
            .iter()
            .map(|(id, mark)| (id.index.0, *mark))
            .collect::<Vec<_>>(),
        [(0, watermark_id(0)), (2, watermark_id(2))]
    );
    let after = |place: usize| ledger.watermark_ids(Some(found[place].0)).unwrap();
    assert_eq!(after(0), found[1..]);
    assert_eq!(after(1), []);
}

#[test]
fn unmarked_pictures_are_said_so() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    let mut unmarked = record(1);
    unmarked.watermark_id = None;
    unmarked.fingerprint = None;
    unmarked.unmarked_reason = Some("too flat".to_owned());
    unmarked.kind = Kind::Generate;
    ledger.append(unmarked).unwrap();
    let entry = entry(&ledger, 0);
    assert!(entry.inclusion.is_ok() && !entry.record.is_marked());
    assert_eq!(
        entry.part().unwrap().unmarked_reason.as_deref(),
        Some("too flat")
    );
}

#[test]
fn bad_records_are_refused_before_anything_is_written() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    let mut wrong_hash = record(1);
    wrong_hash.manifest.push(0);
    let mut long = record(1);
    long.manifest_id = "x".repeat(2_000);
    let mut both = record(1);
    both.unmarked_reason = Some(String::new());
    for bad in [wrong_hash, long, both] {
        assert!(matches!(
            ledger.append_many(vec![record(0), bad]),
            Err(LedgerError::InvalidRecord(_))
        ));
    }
    assert_eq!(ledger.stats().unwrap().entries, 0);
    ledger.append(record(0)).unwrap();
}

#[test]
fn fingerprints_are_found_within_their_distance() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..50).map(record).collect()).unwrap();
    let mut near = record(7).fingerprint.unwrap();
    near[0] ^= 0b111;
    near[31] ^= 0b1;
    let hits = ledger.by_fingerprint(&near, 4).unwrap();
    assert_eq!(
        hits.iter()
            .map(|(entry, distance)| (entry.index.0, *distance))
            .collect::<Vec<_>>(),
        [(7, 4)]
    );
    assert!(ledger.by_fingerprint(&near, 3).unwrap().is_empty());
    // Records entered after the first search are found too.
    ledger.append(record(99)).unwrap();
    assert_eq!(
        ledger
            .by_fingerprint(&record(99).fingerprint.unwrap(), 0)
            .unwrap()
            .len(),
        1
    );
    let all = ledger.by_fingerprint(&near, 256).unwrap();
    assert!(all.is_sorted_by_key(|(_, distance)| *distance) && all.len() == 51);
}

#[test]
fn two_handles_and_two_processes_write_to_one_ledger() {
    if let Ok(dir) = std::env::var("COLOPHON_TEST_LEDGER_DIR") {
        let ledger = open(dir.as_ref());
        for n in 1_000..1_020 {
            ledger.append(record(n)).unwrap();
        }
        return;
    }
    let dir = TempDir::new();
    let (first, second) = (open(dir.path()), open(dir.path()));
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "store::two_handles_and_two_processes_write_to_one_ledger",
        ])
        .env("COLOPHON_TEST_LEDGER_DIR", dir.path())
        .spawn();
    thread::scope(|scope| {
        for (ledger, start) in [(&first, 0), (&second, 100)] {
            scope.spawn(move || {
                for n in start..start + 20 {
                    ledger.append(record(n)).unwrap();
                }
            });
        }
    });
    assert!(child.unwrap().wait().unwrap().success());
    for n in (0..20).chain(100..120).chain(1_000..1_020) {
        proven(&first, n);
        proven(&second, n);
    }
    assert_eq!(first.stats().unwrap().entries, 60);
    drop((first, second));
    let report = fsck(dir.path(), &key()).unwrap();
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
}

#[test]
fn a_held_lock_is_a_clear_error_and_no_end() {
    let dir = TempDir::new();
    let options = LedgerOptions {
        lock_timeout: Duration::from_millis(30),
        ..options()
    };
    let ledger =
        Ledger::open_with(dir.path(), ORIGIN, Box::new(signer()), options.clone()).unwrap();
    ledger.append(record(0)).unwrap();
    let lock = std::fs::File::open(shard(dir.path()).join("lock")).unwrap();
    lock.lock().unwrap();
    assert!(matches!(
        ledger.append(record(0)),
        Err(LedgerError::Busy(_))
    ));
    assert!(matches!(
        Ledger::open_with(dir.path(), ORIGIN, Box::new(signer()), options.clone()),
        Err(LedgerError::Busy(_))
    ));
    lock.unlock().unwrap();
    ledger.append(record(0)).unwrap();
}

#[test]
fn other_keys_and_folders_are_refused() {
    let dir = TempDir::new();
    drop(open(dir.path()));
    let other = colophon_tlog::Ed25519Signer::from_seed(ORIGIN, &[1; 32]).unwrap();
    assert!(matches!(
        Ledger::open(dir.path(), ORIGIN, Box::new(other)),
        Err(LedgerError::WrongKey(_))
    ));
    assert!(matches!(
        Ledger::open(dir.path(), "another", Box::new(signer())),
        Err(LedgerError::Origin { .. })
    ));
    let empty = TempDir::new();
    assert!(matches!(
        Ledger::open_read_only(empty.path(), key()),
        Err(LedgerError::NotFound(_))
    ));
    std::fs::write(empty.path().join("ledger.sqlite"), vec![7; 5_000]).unwrap();
    assert!(matches!(
        Ledger::open_read_only(empty.path(), key()),
        Err(LedgerError::NoShards(_))
    ));
    assert!(matches!(
        Ledger::open(empty.path(), ORIGIN, Box::new(signer())),
        Err(LedgerError::NoShards(_))
    ));
}

#[test]
fn reading_changes_no_file() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..300).map(record).collect()).unwrap();
    drop(ledger);
    let before = snapshot(dir.path());
    let reader = reader(dir.path()).unwrap();
    proven(&reader, 299);
    assert!(matches!(
        reader.append(record(1)),
        Err(LedgerError::ReadOnly)
    ));
    assert!(fsck(dir.path(), &key()).unwrap().problems.is_empty());
    drop(reader);
    let mut after = snapshot(dir.path());
    // The database's own shared memory may stay behind, empty of content.
    after.retain(|path, _| {
        !path.ends_with("ledger.sqlite-shm") && !path.ends_with("ledger.sqlite-wal")
    });
    assert_eq!(before, after);
}

#[test]
fn altered_state_shows_in_look_ups() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..300).map(record).collect()).unwrap();
    drop(ledger);
    let altered = |path: &str, change: fn(&mut Vec<u8>)| {
        let copy = TempDir::new();
        copy_dir(dir.path(), copy.path());
        let path = shard(copy.path()).join(path);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        let ledger = reader(copy.path()).unwrap();
        let entry = ledger.by_watermark_id(watermark_id(3)).unwrap().remove(0);
        assert!(ledger.prove(3).is_err());
        entry.inclusion.unwrap_err()
    };
    assert_eq!(
        altered("tile/0/000", |bytes| bytes[2 * 32] ^= 1),
        Unproven::Mismatch
    );
    assert!(matches!(
        altered("tile/0/000", |bytes| bytes.truncate(100)),
        Unproven::Tile(_)
    ));
    assert!(matches!(
        altered("checkpoint", |bytes| bytes[30] ^= 1),
        Unproven::Checkpoint(_)
    ));
    assert!(matches!(
        altered("checkpoint", Vec::clear),
        Unproven::Checkpoint(_)
    ));
}
