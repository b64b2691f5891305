//! The storage key is replaced.

use colophon_ledger::{
    By, Erasure, ErasureReason, ErasureTarget, FsckOptions, Ledger, LedgerError, LedgerOptions,
    NewRecord, Parts, Private, ReadOptions, StorageKey, fsck_with,
};

use crate::common::{ORIGIN, TempDir, entry, key, open, options, record, signer, storage};

const JULY: i64 = 1_814_400_000;

fn new_key() -> StorageKey {
    StorageKey::new([78; 32])
}

fn both() -> StorageKey {
    new_key().with_former([*storage().as_bytes()])
}

fn writer(dir: &std::path::Path, storage: StorageKey) -> Result<Ledger, LedgerError> {
    let options = LedgerOptions {
        storage_key: Some(storage),
        ..options()
    };
    Ledger::open_with(dir, ORIGIN, Box::new(signer()), options)
}

fn reader(dir: &std::path::Path, storage: StorageKey) -> Result<Ledger, LedgerError> {
    let options = ReadOptions {
        storage_key: Some(storage),
        ..ReadOptions::default()
    };
    Ledger::open_read_only_with(dir, key(), options)
}

fn asked_for(n: u64) -> NewRecord {
    NewRecord {
        requester: n.is_multiple_of(2).then(|| format!("Person {}", n % 10)),
        ..record(n)
    }
}

/// Two shards, the first of them sealed.
fn filled() -> TempDir {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger
        .append_many((0..1_300).map(asked_for).collect())
        .unwrap();
    let later = |n| NewRecord {
        issued_at: JULY,
        ..asked_for(n)
    };
    ledger.append_many((0..20).map(later).collect()).unwrap();
    dir
}

fn title(ledger: &Ledger, place: &str) -> Option<String> {
    let place: colophon_ledger::RecordAddress = place.parse().unwrap();
    let entry = ledger.get(place).unwrap().unwrap().into_record().unwrap();
    assert!(entry.inclusion.is_ok(), "{:?}", entry.inclusion);
    entry.part().and_then(|part| part.title.clone())
}

#[test]
fn afterwards_the_new_key_opens_everything_and_the_old_one_nothing() {
    let dir = filled();
    let ledger = writer(dir.path(), both()).unwrap();
    let done = ledger.rewrap().unwrap();
    assert_eq!((done.shards, done.is_clean), (2, true));
    // Half of the records have a requester, of whom there are five in each shard.
    assert_eq!(done.keys, 650 + 5 + 10 + 5);
    assert_eq!(ledger.rewrap().unwrap().keys, 0, "nothing is done twice");
    ledger.append(asked_for(2_000)).unwrap();
    drop(ledger);

    let ledger = reader(dir.path(), new_key()).unwrap();
    for place in [
        "2027h1/0",
        "2027h1/1",
        "2027h1/1299",
        "2027h2/1",
        "2027h2/2",
    ] {
        assert!(title(&ledger, place).is_some(), "{place}");
    }
    drop(ledger);
    assert_eq!(
        reader(dir.path(), storage()).err(),
        None,
        "several shards: each tells when it is asked"
    );
    let old = reader(dir.path(), storage()).unwrap();
    assert_eq!(old.get(1_u64).err(), Some(LedgerError::WrongStorageKey));
    let options = FsckOptions {
        storage_key: Some(new_key()),
        ..FsckOptions::default()
    };
    let report = fsck_with(dir.path(), &key(), &options).unwrap();
    assert!(report.is_sound(), "{:#?}", report.problems);
    // Records of somebody are still found, and erased, together.
    let ledger = writer(dir.path(), new_key()).unwrap();
    let erasure = Erasure {
        target: ErasureTarget::Subject("Person 4".to_owned()),
        parts: Parts::Private,
        reason: ErasureReason::Request,
        by: By::Role("operator".to_owned()),
        at: JULY + 1,
    };
    assert_eq!(ledger.erase(&erasure).unwrap().erased.len(), 130 + 2);
}

/// What it would write could never be read once the old key is destroyed.
#[test]
fn a_program_that_does_not_know_the_new_key_writes_no_more() {
    let dir = filled();
    let other = open(dir.path());
    other
        .append(NewRecord {
            issued_at: JULY,
            ..record(3_000)
        })
        .unwrap();
    writer(dir.path(), both()).unwrap().rewrap().unwrap();
    let refused = other.append(NewRecord {
        issued_at: JULY,
        ..record(3_001)
    });
    assert!(
        matches!(&refused, Err(LedgerError::WrongStorageKey)),
        "{refused:?}"
    );
    // It reads no untruth either: that a key does not fit is no sign of an altered row.
    let known = other.get(2_u64);
    assert_eq!(known.err(), Some(LedgerError::WrongStorageKey));
    drop(other);
    let ledger = writer(dir.path(), new_key()).unwrap();
    let last = ledger
        .append(NewRecord {
            issued_at: JULY,
            ..record(3_002)
        })
        .unwrap();
    assert!(matches!(
        entry(&ledger, last.index.0).private,
        Private::Open(_)
    ));
}
