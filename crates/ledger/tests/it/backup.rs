//! Copies while writers go on, getting them back, and copies that are refused.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use colophon_ledger::{
    BackupError, LedgerError, NewRecord, RestoreOptions, backup, backup_to_file, repair, restore,
};

use crate::common::{
    TempDir, check, copy_dir, key, open, reader, record, shard, snapshot, storage, watermark_id,
};
use colophon_ledger::FsckOptions;

/// 1 July 2027, when the half-year of the other records ends.
const JULY: i64 = 1_814_400_000;

fn two_shards() -> TempDir {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..300).map(record).collect()).unwrap();
    let later = |n| NewRecord {
        issued_at: JULY,
        ..record(n)
    };
    ledger.append_many((300..320).map(later).collect()).unwrap();
    dir
}

fn refusal(error: &LedgerError) -> &BackupError {
    let LedgerError::Backup(error) = error else {
        unreachable!("{error}")
    };
    error
}

#[test]
fn a_copy_is_the_ledger_and_comes_back_as_it() {
    let dir = two_shards();
    let places = TempDir::new();
    let (copy, back) = (places.path().join("copy"), places.path().join("back"));
    let made = backup(dir.path(), &key(), &[], &copy).unwrap();
    assert_eq!((made.shards.len(), made.entries), (2, 301 + 21));
    assert_eq!(made.place, copy);
    // Public tools check it.
    let sums = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(&copy)
        .status()
        .unwrap();
    assert!(sums.success());
    let restored = restore(&copy, &key(), &back, &RestoreOptions::default()).unwrap();
    assert_eq!(restored.shards, made.shards);
    assert_eq!(restored.sums_sha256, made.sums_sha256);
    let report = check(&back);
    assert!(report.is_sound(), "{:#?}", report.problems);
    let ledger = open(&back);
    for n in [0, 299, 300, 319] {
        let found = ledger.by_watermark_id(watermark_id(n)).unwrap();
        assert!(found[0].inclusion.is_ok() && found[0].part().is_some());
        assert_eq!(
            ledger.manifest_bytes(found[0].id()).unwrap(),
            record(n).manifest
        );
    }
    let receipt = ledger.append(record(400)).unwrap();
    assert_eq!(receipt.id().to_string(), "2027h2/21");
    drop(ledger);
    let report = check(&back);
    assert!(report.is_sound(), "{:#?}", report.problems);
    // Neither goes where something lies.
    for used in [
        backup(dir.path(), &key(), &[], &copy),
        restore(&copy, &key(), &back, &RestoreOptions::default()),
    ] {
        assert!(matches!(
            refusal(&used.unwrap_err()),
            BackupError::NotEmpty(_)
        ));
    }
}

/// Ends a writer when it goes out of scope.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_copy_in_one_file_comes_back_as_the_ledger() {
    let dir = two_shards();
    let places = TempDir::new();
    let (copy, back) = (places.path().join("copy.tar"), places.path().join("back"));
    let made = backup_to_file(dir.path(), &key(), &[], &copy).unwrap();
    assert_eq!((made.entries, &made.place), (301 + 21, &copy));
    let left: Vec<_> = std::fs::read_dir(places.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left: {left:?}");
    // A public tool unpacks it, and what it holds checks itself.
    let public = places.path().join("public");
    std::fs::create_dir(&public).unwrap();
    let tar = Command::new("tar")
        .arg("-xf")
        .arg(&copy)
        .current_dir(&public)
        .status();
    assert!(tar.unwrap().success());
    let sums = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(&public)
        .status();
    assert!(sums.unwrap().success());
    let again = backup_to_file(dir.path(), &key(), &[], &copy).unwrap_err();
    assert!(matches!(refusal(&again), BackupError::Exists(_)), "{again}");

    let restored = restore(&copy, &key(), &back, &RestoreOptions::default()).unwrap();
    assert_eq!(restored.shards, made.shards);
    assert_eq!(restored.sums_sha256, made.sums_sha256);
    assert!(check(&back).is_sound());
    assert!(!places.path().join("back.partial.unpacked").exists());
}

#[test]
fn archives_that_were_altered_or_reach_outside_are_refused() {
    let dir = two_shards();
    let places = TempDir::new();
    let copy = places.path().join("copy.tar");
    backup_to_file(dir.path(), &key(), &[], &copy).unwrap();
    let whole = std::fs::read(&copy).unwrap();
    let back = places.path().join("back");
    let restored = |bytes: &[u8]| {
        let file = places.path().join("altered.tar");
        std::fs::write(&file, bytes).unwrap();
        let outcome = restore(&file, &key(), &back, &RestoreOptions::default());
        assert!(!back.exists() && !places.path().join("back.partial.unpacked").exists());
        outcome.unwrap_err()
    };
    // A byte in the middle of a member, half of the archive, nothing at all.
    let mut altered = whole.clone();
    altered[whole.len() / 2] ^= 1;
    for bytes in [&altered[..], &whole[..whole.len() / 2], b""] {
        restored(bytes);
    }
    for name in ["../outside", "/outside", "a/../../outside"] {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_old();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(1);
        header.set_cksum();
        archive.append(&header, &b"x"[..]).unwrap();
        let refused = restored(&archive.into_inner().unwrap());
        assert!(
            matches!(refusal(&refused), BackupError::Foreign(_)),
            "{name}: {refused}"
        );
    }
    assert!(!places.path().join("outside").exists());
}

#[test]
fn a_copy_is_consistent_while_a_writer_runs() {
    let dir = TempDir::new();
    let places = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..50).map(record).collect()).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 50;
            while !stop.load(Ordering::Relaxed) {
                ledger
                    .append_many((n..n + 7).map(record).collect())
                    .unwrap();
                n += 7;
            }
        });
        // Also when something below fails: the scope waits for the writer.
        let _stop = Stop(&stop);
        let mut sizes = Vec::new();
        for number in 0..4 {
            let copy = places.path().join(number.to_string());
            sizes.push(backup(dir.path(), &key(), &[], &copy).unwrap().entries);
            let back = places.path().join(format!("back-{number}"));
            restore(&copy, &key(), &back, &RestoreOptions::default()).unwrap();
            assert!(reader(&back).unwrap().prove(0).is_ok());
        }
        assert!(sizes.is_sorted() && sizes[0] >= 50);
    });
    assert!(check(dir.path()).is_sound());
}

#[test]
fn altered_and_older_copies_are_refused() {
    let dir = two_shards();
    let places = TempDir::new();
    let copy = places.path().join("copy");
    backup(dir.path(), &key(), &[], &copy).unwrap();
    let with = |change: &dyn Fn(&Path), options: &RestoreOptions| {
        let (altered, back) = (TempDir::new(), TempDir::new());
        copy_dir(&copy, altered.path());
        change(altered.path());
        let error = restore(altered.path(), &key(), back.path(), options).unwrap_err();
        assert!(snapshot(back.path()).is_empty(), "nothing is left behind");
        error
    };
    let none = RestoreOptions::default();
    for file in [
        "shards",
        "2027h1/ledger.sqlite",
        "2027h1/tile/0/000",
        "2027h2/checkpoint",
    ] {
        let error = with(
            &|dir| {
                let path = dir.join(file);
                let mut bytes = std::fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(path, bytes).unwrap();
            },
            &none,
        );
        assert!(
            matches!(refusal(&error), BackupError::Altered { file: named, .. } if named == file),
            "{error}"
        );
    }
    let error = with(
        &|dir| std::fs::write(dir.join("more"), b"x").unwrap(),
        &none,
    );
    assert!(matches!(refusal(&error), BackupError::Altered { .. }));
    let error = with(
        &|dir| std::fs::remove_file(dir.join("SHA256SUMS")).unwrap(),
        &none,
    );
    assert!(matches!(refusal(&error), BackupError::NoSums(_)));
    // What was published after the copy was made.
    let ledger = open(dir.path());
    ledger
        .append(NewRecord {
            issued_at: JULY,
            ..record(500)
        })
        .unwrap();
    let seen = |path: &str| RestoreOptions {
        seen: vec![std::fs::read(dir.path().join(path)).unwrap()],
        ..RestoreOptions::default()
    };
    let error = with(&|_| {}, &seen("2027h2/checkpoint"));
    assert!(
        matches!(
            refusal(&error),
            BackupError::Older {
                found: 21,
                seen: 22,
                ..
            }
        ),
        "{error}"
    );
    ledger
        .append(NewRecord {
            issued_at: JULY + 184 * 86_400,
            ..record(501)
        })
        .unwrap();
    let error = with(&|_| {}, &seen("shards"));
    assert!(
        matches!(refusal(&error), BackupError::Contradicts(_)),
        "{error}"
    );
    // What was seen before is in the copy.
    let options = seen("2027h1/checkpoint");
    let back = places.path().join("back");
    restore(&copy, &key(), &back, &options).unwrap();
}

#[test]
fn a_damaged_ledger_is_not_copied() {
    let dir = two_shards();
    let places = TempDir::new();
    let connection = rusqlite::Connection::open(shard(dir.path()).join("ledger.sqlite")).unwrap();
    connection
        .execute_batch("DROP TRIGGER manifest_keep; DELETE FROM manifest WHERE idx = 3")
        .unwrap();
    drop(connection);
    let copy = places.path().join("copy");
    let error = backup(dir.path(), &key(), &[], &copy).unwrap_err();
    assert!(
        matches!(refusal(&error), BackupError::Unsound(_)),
        "{error}"
    );
    assert!(!copy.exists());
}

/// Damage, and whether all of it can be derived anew.
type Damage<'a> = (&'a str, &'a dyn Fn(&Path), bool);

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_can_be_derived_is_mended_and_nothing_else() {
    let dir = two_shards();
    let options = FsckOptions {
        storage_key: Some(storage()),
        ..FsckOptions::default()
    };
    let sql = |dir: &Path, sql: &str| {
        let connection = rusqlite::Connection::open(shard(dir).join("ledger.sqlite")).unwrap();
        let guards: Vec<(String, String)> = connection
            .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for (name, _) in &guards {
            connection
                .execute_batch(&format!("DROP TRIGGER {name}"))
                .unwrap();
        }
        connection.execute_batch(sql).unwrap();
        for (_, guard) in &guards {
            connection.execute_batch(guard).unwrap();
        }
    };
    let file = |dir: &Path, name: &str, bytes: Option<&[u8]>| {
        let path = shard(dir).join(name);
        match bytes {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    };
    let cases: [Damage<'_>; 12] = [
        (
            "hash tile",
            &|dir| file(dir, "tile/0/000", Some(b"x")),
            true,
        ),
        ("lost tile", &|dir| file(dir, "tile/1/000.p/1", None), true),
        (
            "bundle",
            &|dir| file(dir, "tile/entries/000", Some(b"x")),
            true,
        ),
        (
            "lost bundle",
            &|dir| file(dir, "tile/entries/001.p/45", None),
            true,
        ),
        (
            "row",
            &|dir| sql(dir, "DELETE FROM entry WHERE idx = 7"),
            true,
        ),
        (
            "leaf",
            &|dir| sql(dir, "UPDATE entry SET leaf = x'00' WHERE idx = 8"),
            true,
        ),
        (
            "column",
            &|dir| {
                sql(
                    dir,
                    "UPDATE entry SET asset_sha256 = zeroblob(32) WHERE idx = 9",
                );
            },
            true,
        ),
        (
            "checkpoint",
            &|dir| file(dir, "checkpoint", Some(b"x")),
            true,
        ),
        (
            "row of the checkpoint",
            &|dir| sql(dir, "DELETE FROM checkpoint"),
            true,
        ),
        ("page sums", &|dir| file(dir, "ledger.sums", None), true),
        (
            "manifest",
            &|dir| sql(dir, "DELETE FROM manifest WHERE idx = 4"),
            false,
        ),
        (
            "private part",
            &|dir| sql(dir, "DELETE FROM private WHERE idx = 5"),
            false,
        ),
    ];
    for (what, damage, mends) in cases {
        let copy = TempDir::new();
        copy_dir(dir.path(), copy.path());
        damage(copy.path());
        assert!(!check(copy.path()).is_sound(), "{what}");
        let report = repair(copy.path(), &key(), &options).unwrap();
        assert_eq!(
            report.left.is_sound(),
            mends,
            "{what}: {:#?}",
            report.left.problems
        );
        if mends {
            assert!(!report.done.is_empty(), "{what}");
            let ledger = open(copy.path());
            assert!(
                ledger.by_watermark_id(watermark_id(8)).unwrap()[0]
                    .inclusion
                    .is_ok()
            );
            ledger
                .append(NewRecord {
                    issued_at: JULY,
                    ..record(900)
                })
                .unwrap();
            drop(ledger);
            assert!(check(copy.path()).is_sound(), "{what}");
        }
    }
    // Both copies of an entry gone: nothing to derive it from.
    let copy = TempDir::new();
    copy_dir(dir.path(), copy.path());
    sql(copy.path(), "DELETE FROM entry WHERE idx = 7");
    file(copy.path(), "tile/entries/000", None);
    let before = snapshot(copy.path());
    let report = repair(copy.path(), &key(), &options).unwrap();
    assert!(!report.left.is_sound() && report.done.is_empty());
    let tiles = |files: std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| -> Vec<_> {
        let tiles = files.into_iter();
        tiles
            .filter(|(path, _)| path.to_string_lossy().contains("tile/"))
            .collect()
    };
    assert_eq!(tiles(before), tiles(snapshot(copy.path())));
    // A sound ledger is left as it is.
    let report = repair(dir.path(), &key(), &options).unwrap();
    assert!(report.done.is_empty() && report.left.is_sound());
}
