//! What is erased is gone from every file, the log tells of it, and every proof still holds.

mod sealed_shards;

use std::path::Path;

use colophon_ledger::{
    By, Erasure, ErasureReason, ErasureTarget, EventKind, LeafIndex, Ledger, LedgerError,
    NewRecord, Parts, Private, ProblemKind, ReadOptions, RecordAddress, RecordId, StorageKey,
    Unproven, check_proof, fsck,
};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::common::{
    ORIGIN, TempDir, check, entry, key, open, options, reader, record, shard, signer, snapshot,
    storage, watermark_id,
};

const AT: i64 = 1_800_100_000;

fn erasure(records: &[u64], parts: Parts) -> Erasure {
    Erasure {
        target: ErasureTarget::Records(records.iter().map(|n| (*n).into()).collect()),
        parts,
        reason: ErasureReason::Request,
        by: By::Role("operator".to_owned()),
        at: AT,
    }
}

fn asked_by(n: u64, requester: &str) -> NewRecord {
    NewRecord {
        requester: Some(requester.to_owned()),
        ..record(n)
    }
}

fn sound(dir: &Path) {
    for report in [check(dir), fsck(dir, &key()).unwrap()] {
        assert!(report.is_sound(), "{:#?}", report.problems);
    }
}

/// Files that hold the bytes.
fn found_in(dir: &Path, secret: &[u8]) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    snapshot(dir)
        .into_iter()
        .filter(|(_, bytes)| holds(bytes))
        .map(|(path, _)| path.display().to_string())
        .collect()
}

/// The encrypted row of an entry: wrapped key and body.
fn sealed(dir: &Path, index: u64) -> (Vec<u8>, Vec<u8>) {
    let connection = Connection::open(shard(dir).join("ledger.sqlite")).unwrap();
    let read = "SELECT key, body FROM private WHERE idx = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    connection.query_row(read, [index as i64], row).unwrap()
}

#[test]
fn private_text_is_in_no_file_even_before_an_erasure() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger
        .append_many((0..40).map(|n| asked_by(n, "Anna Example")).collect())
        .unwrap();
    let sent = record(7);
    let secrets = [
        sent.prompt.unwrap().into_bytes(),
        sent.title.unwrap().into_bytes(),
        sent.sketch.unwrap(),
        b"Anna Example".to_vec(),
        b"a blur".to_vec(),
        storage().as_bytes().to_vec(),
    ];
    for secret in &secrets {
        assert_eq!(found_in(dir.path(), secret), [""; 0]);
    }
    // The search needs the fingerprint; only the database may have it.
    let fingerprint = found_in(dir.path(), &sent.fingerprint.unwrap());
    assert!(!fingerprint.is_empty());
    let is_database = |name: &String| name.contains("ledger.sqlite");
    assert!(fingerprint.iter().all(is_database), "{fingerprint:?}");
}

/// A record of whose parts none begins as another's.
fn distinct(n: u64) -> NewRecord {
    let manifest = format!("manifest {n:06}").into_bytes();
    NewRecord {
        manifest_sha256: Sha256::digest(&manifest).into(),
        manifest,
        ..asked_by(n, &format!("requester {}", n % 50))
    }
}

/// Hundreds of records, so that the database's trees have been split and balanced.
#[test]
fn nothing_erased_stays_in_any_file() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    for start in (0..1_500).step_by(100) {
        let records = (start..start + 100).map(distinct);
        ledger.append_many(records.collect()).unwrap();
    }
    let erased: Vec<u64> = (0..1_500).filter(|n| n % 7 == 3).collect();
    let mut secrets = Vec::new();
    for index in &erased {
        let sent = distinct(*index);
        let (wrapped, body) = sealed(dir.path(), *index);
        assert!(!found_in(dir.path(), &wrapped).is_empty());
        secrets.extend([wrapped, body[..60].to_vec(), sent.manifest]);
        secrets.push(sent.fingerprint.unwrap().to_vec());
        secrets.push(watermark_id(*index).to_be_bytes().to_vec());
    }
    let outcome = ledger.erase(&erasure(&erased, Parts::All)).unwrap();
    assert_eq!(outcome.erased.len(), erased.len());
    assert!(outcome.is_clean);
    // While the ledger is open, and after.
    for ledger in [Some(ledger), None] {
        let files: Vec<u8> = snapshot(dir.path()).into_values().flatten().collect();
        let mut starts = vec![Vec::new(); 1 << 16];
        for secret in &secrets {
            starts[usize::from(secret[0]) << 8 | usize::from(secret[1])].push(secret);
        }
        for at in 0..files.len() - 1 {
            for secret in &starts[usize::from(files[at]) << 8 | usize::from(files[at + 1])] {
                assert!(!files[at..].starts_with(secret), "{secret:02x?} at {at}");
            }
        }
        drop(ledger);
    }
    sound(dir.path());
}

#[test]
fn every_proof_holds_and_look_ups_tell_of_the_erasure() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..300).map(record).collect()).unwrap();
    let before: Vec<String> = (0..300).map(|n| ledger.prove(n).unwrap()).collect();
    // Both caches are warm.
    let fingerprint = record(4).fingerprint.unwrap();
    let other = reader(dir.path()).unwrap();
    for ledger in [&ledger, &other] {
        assert_eq!(ledger.by_fingerprint(&fingerprint, 0).unwrap().len(), 1);
    }
    let outcome = ledger.erase(&erasure(&[4, 4, 2], Parts::All)).unwrap();
    let told: Vec<(u64, u64)> = outcome
        .erased
        .iter()
        .map(|(record, receipt)| (record.index.0, receipt.index.0))
        .collect();
    assert_eq!(told, [(2, 300), (4, 301)]);
    for ledger in [&ledger, &other] {
        assert!(ledger.by_fingerprint(&fingerprint, 0).unwrap().is_empty());
        assert!(ledger.by_watermark_id(watermark_id(4)).unwrap().is_empty());
        let ids = ledger.watermark_ids(None).unwrap();
        assert!(ids.len() == 298 && ids.iter().all(|(id, _)| id.index.0 != 4));
        let found = ledger.by_asset_sha256(&record(4).asset_sha256).unwrap();
        assert_eq!(
            ledger.by_manifest_id(&record(4).manifest_id).unwrap(),
            found
        );
        let [found] = &found[..] else { panic!("one") };
        assert!(found.inclusion.is_ok(), "{:?}", found.inclusion);
        assert_eq!((found.part(), found.watermark_id), (None, None));
        for erased in [found.erased(), found.manifest_erased.as_ref()] {
            let erased = erased.unwrap();
            assert_eq!((erased.at, erased.event.index.0), (AT, 301));
            assert_eq!(erased.reason, ErasureReason::Request);
        }
        assert_eq!(
            ledger.manifest_bytes(4),
            Err(LedgerError::Erased(found.id()))
        );
        let event = ledger.get(301).unwrap().unwrap().into_event().unwrap();
        assert!(event.inclusion.is_ok());
        let EventKind::Redaction(redaction) = event.event.what else {
            panic!("a redaction")
        };
        assert_eq!((redaction.record, redaction.parts), (4, Parts::All));
        // Its neighbours are untouched.
        assert_eq!(entry(ledger, 5).watermark_id, Some(watermark_id(5)));
        assert!(ledger.manifest_bytes(5).is_ok());
    }
    for (n, old) in (0..).zip(&before) {
        let leaf = entry(&ledger, n).leaf;
        assert!(check_proof(old, &leaf, &key()).is_ok());
        assert!(check_proof(&ledger.prove(n).unwrap(), &leaf, &key()).is_ok());
    }
    drop((ledger, other));
    sound(dir.path());
}

#[test]
fn all_of_one_requester_is_erased_and_nothing_of_another() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    let names = ["Anna", "Bert", "Anna", "Carl", "Anna"];
    for (n, name) in (0..).zip(names) {
        ledger.append(asked_by(n, name)).unwrap();
    }
    ledger.append(record(5)).unwrap();
    assert_eq!(
        entry(&ledger, 0).part().unwrap().requester.as_deref(),
        Some("Anna")
    );
    ledger.erase(&erasure(&[2], Parts::Private)).unwrap();
    let subject = |name: &str| Erasure {
        target: ErasureTarget::Subject(name.to_owned()),
        by: By::Person("Dora the Keeper".to_owned()),
        ..erasure(&[], Parts::Private)
    };
    let outcome = ledger.erase(&subject("Anna")).unwrap();
    let erased: Vec<u64> = outcome
        .erased
        .iter()
        .map(|(record, _)| record.index.0)
        .collect();
    assert_eq!(erased, [0, 4]);
    for n in [0, 2, 4] {
        assert!(entry(&ledger, n).erased().is_some());
        assert!(
            ledger.manifest_bytes(n).is_ok(),
            "the manifest was not asked for"
        );
    }
    for n in [1, 3, 5] {
        assert!(entry(&ledger, n).part().is_some());
    }
    assert_eq!(ledger.erase(&subject("Anna")), Err(LedgerError::NoSubject));
    // A new record of hers is a new subject.
    let again = ledger.append(asked_by(9, "Anna")).unwrap().index.0;
    assert!(entry(&ledger, again).part().is_some());
    // Who did it is told to whoever has the storage key, and to nobody else.
    let redaction = outcome.erased[0].1.index.0;
    let by = |ledger: &Ledger| {
        let event = ledger.get(redaction).unwrap().unwrap().into_event();
        event.unwrap().by
    };
    assert_eq!(by(&ledger).as_deref(), Some("Dora the Keeper"));
    assert_eq!(
        by(&Ledger::open_read_only(dir.path(), key()).unwrap()),
        None
    );
    assert_eq!(found_in(dir.path(), b"Dora"), [""; 0]);
    drop(ledger);
    sound(dir.path());
}

#[test]
fn a_part_is_erased_once_and_the_other_later() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..3).map(record).collect()).unwrap();
    ledger.erase(&erasure(&[1], Parts::Private)).unwrap();
    let outcome = ledger.erase(&erasure(&[0, 1], Parts::Private)).unwrap();
    assert_eq!((outcome.erased.len(), outcome.already.len()), (1, 1));
    assert_eq!(ledger.stats().unwrap().entries, 5);
    ledger.erase(&erasure(&[1], Parts::All)).unwrap();
    let erased = entry(&ledger, 1);
    assert_eq!(erased.erased().unwrap().event.index.0, 3);
    assert_eq!(erased.manifest_erased.unwrap().event.index.0, 5);
    let redaction = ledger.get(5).unwrap().unwrap().into_event().unwrap();
    let EventKind::Redaction(redaction) = redaction.event.what else {
        panic!("a redaction")
    };
    assert_eq!(redaction.parts, Parts::Manifest);
    drop(ledger);
    sound(dir.path());
}

#[test]
fn what_cannot_be_erased_is_said_and_stops_nothing() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append(record(0)).unwrap();
    ledger.erase(&erasure(&[0], Parts::Private)).unwrap();
    let id = |index| RecordId {
        index: LeafIndex(index),
        ..entry(&ledger, 0).id()
    };
    let refused = |erasure| ledger.erase(&erasure).unwrap_err();
    assert_eq!(
        refused(erasure(&[7], Parts::All)),
        LedgerError::NoEntry(id(7).into())
    );
    assert_eq!(
        refused(erasure(&[1], Parts::All)),
        LedgerError::NoRecord(id(1))
    );
    let long = Erasure {
        by: By::Role("x".repeat(65)),
        ..erasure(&[0], Parts::Manifest)
    };
    assert!(matches!(refused(long), LedgerError::InvalidRecord(_)));
    let reader = reader(dir.path()).unwrap();
    assert_eq!(
        reader.erase(&erasure(&[0], Parts::All)),
        Err(LedgerError::ReadOnly)
    );
    assert_eq!(ledger.append(record(2)).unwrap().index.0, 2);
}

#[test]
fn without_the_storage_key_private_parts_are_locked() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..3).map(record).collect()).unwrap();
    ledger.erase(&erasure(&[1], Parts::Private)).unwrap();
    drop(ledger);
    let locked = Ledger::open_read_only(dir.path(), key()).unwrap();
    let found = entry(&locked, 0);
    assert_eq!(found.private, Private::Locked);
    assert!(found.inclusion.is_ok());
    // The mark leads to its record all the same.
    assert_eq!(found.watermark_id, Some(watermark_id(0)));
    assert_eq!(
        locked.by_watermark_id(watermark_id(0)).unwrap()[0].index.0,
        0
    );
    assert!(entry(&locked, 1).erased().is_some());
    let report = fsck(dir.path(), &key()).unwrap();
    assert!(report.is_sound() && report.locked == 2, "{report:?}");
    let wrong = ReadOptions {
        storage_key: Some(StorageKey::new([1; 32])),
        ..ReadOptions::default()
    };
    assert_eq!(
        Ledger::open_read_only_with(dir.path(), key(), wrong).err(),
        Some(LedgerError::WrongStorageKey)
    );
    let mut options = options();
    options.storage_key = Some(StorageKey::new([1; 32]));
    let refused = Ledger::open_with(dir.path(), ORIGIN, Box::new(signer()), options);
    assert_eq!(refused.err(), Some(LedgerError::WrongStorageKey));
    // An erasure by a role needs no key.
    let keyless = Ledger::open(dir.path(), ORIGIN, Box::new(signer())).unwrap();
    keyless.erase(&erasure(&[2], Parts::All)).unwrap();
    drop(keyless);
    sound(dir.path());
}

fn findings(dir: &Path, sql: &str) -> Vec<(ProblemKind, Option<u64>)> {
    let copy = TempDir::new();
    crate::common::copy_dir(dir, copy.path());
    crate::fsck::tamper(copy.path(), sql);
    let report = check(copy.path());
    let others = report
        .problems
        .iter()
        .filter(|problem| problem.kind != ProblemKind::DatabasePage);
    others
        .map(|problem| (problem.kind, problem.index))
        .collect()
}

#[test]
fn erasing_by_hand_and_putting_back_are_found() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..6).map(record).collect()).unwrap();
    ledger.erase(&erasure(&[1], Parts::All)).unwrap();
    ledger.erase(&erasure(&[2], Parts::Private)).unwrap();
    drop(ledger);
    let find = |sql: &str| findings(dir.path(), sql);
    // Noted as erased without a word in the log, or with that for another record.
    for event in [3, 6] {
        let sql = format!(
            "INSERT INTO erased VALUES (4, 1, {AT}, 1, NULL, {event}); DELETE FROM private WHERE idx = 4"
        );
        assert_eq!(find(&sql), [(ProblemKind::Private, Some(4))]);
    }
    let sql = format!(
        "INSERT INTO erased VALUES (2, 2, {AT}, 1, NULL, 7); DELETE FROM manifest WHERE idx = 2"
    );
    assert_eq!(find(&sql), [(ProblemKind::Manifest, Some(2))]);
    // Put back after all.
    let back = "INSERT INTO private SELECT 1, watermark_id, watermark_salt, fingerprint, subject, key, body FROM private WHERE idx = 0";
    assert_eq!(
        find(back),
        [
            (ProblemKind::Private, Some(1)),
            (ProblemKind::Erasure, Some(1))
        ]
    );
    assert_eq!(
        find("INSERT INTO manifest SELECT 1, bytes FROM manifest WHERE idx = 0"),
        [
            (ProblemKind::Manifest, Some(1)),
            (ProblemKind::Erasure, Some(1))
        ]
    );
    // The note of it is gone or changed.
    assert_eq!(
        find("DELETE FROM erased WHERE idx = 1 AND part = 2"),
        [
            (ProblemKind::Manifest, Some(1)),
            (ProblemKind::Erasure, Some(1))
        ]
    );
    assert_eq!(
        find("UPDATE erased SET at = at + 1 WHERE idx = 1 AND part = 1"),
        [
            (ProblemKind::Private, Some(1)),
            (ProblemKind::Erasure, Some(1))
        ]
    );
    assert_eq!(
        find(&format!(
            "INSERT INTO erased VALUES (99, 1, {AT}, 1, NULL, 6)"
        )),
        [(ProblemKind::RowAdded, Some(99))]
    );
    // Another shard is said to tell of it, and does not.
    let elsewhere = format!(
        "INSERT INTO erased VALUES (4, 1, {AT}, 1, '2028h1', 3); DELETE FROM private WHERE idx = 4"
    );
    assert_eq!(find(&elsewhere), [(ProblemKind::Private, Some(4))]);
}

/// Look-ups do not believe a note that the log does not bear out.
#[test]
fn a_made_up_erasure_is_not_told() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..3).map(record).collect()).unwrap();
    drop(ledger);
    crate::fsck::tamper(
        dir.path(),
        "INSERT INTO erased VALUES (1, 1, 5, 1, NULL, 2); DELETE FROM private WHERE idx = 1;
         UPDATE private SET body = x'00' WHERE idx = 0;",
    );
    let ledger = reader(dir.path()).unwrap();
    assert_eq!(entry(&ledger, 1).private, Private::Missing);
    assert!(matches!(entry(&ledger, 0).inclusion, Err(Unproven::Row(_))));
}

/// The guard lets an erasure through that was noted, and nothing else.
#[test]
fn the_guard_stops_hands() {
    let dir = TempDir::new();
    open(dir.path()).append(record(0)).unwrap();
    let connection = Connection::open(shard(dir.path()).join("ledger.sqlite")).unwrap();
    for sql in [
        "DELETE FROM private",
        "DELETE FROM manifest",
        "UPDATE private SET body = x'00'",
        "UPDATE manifest SET bytes = x'00'",
        "DELETE FROM entry",
        "DELETE FROM vault",
    ] {
        assert!(connection.execute_batch(sql).is_err(), "{sql}");
    }
}
