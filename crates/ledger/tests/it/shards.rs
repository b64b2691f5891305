//! Half-years: sealed, named in the list, followed by the next; interrupted, out of time, damaged.

use std::path::Path;

use colophon_ledger::{
    Event, EventKind, FsckOptions, FsckReport, Ledger, LedgerError, LedgerOptions, NewRecord,
    ProblemKind, RecordAddress, ShardState, check_proof, fsck_with,
};
use colophon_tlog::{Ed25519Signer, NoteSigner as _};

use crate::common::{
    ORIGIN, TempDir, copy_dir, entry, key, open, options, reader, record, signer, storage,
    watermark_id,
};

/// 1 July 2027, when the half-year of the other records ends.
const JULY: i64 = 1_814_400_000;
/// 1 January 2028.
const JANUARY: i64 = 1_830_297_600;

fn at(n: u64, time: i64) -> NewRecord {
    NewRecord {
        issued_at: time,
        ..record(n)
    }
}

fn check(dir: &Path) -> FsckReport {
    let options = FsckOptions {
        storage_key: Some(storage()),
        ..FsckOptions::default()
    };
    fsck_with(dir, &key(), &options).unwrap()
}

fn kinds(dir: &Path) -> Vec<(ProblemKind, Option<String>)> {
    let problems = check(dir).problems.into_iter();
    problems
        .map(|it| (it.kind, it.shard.map(|shard| shard.to_string())))
        .collect()
}

fn names(ledger: &Ledger) -> Vec<String> {
    let shards = ledger.shards().unwrap().into_iter();
    shards.map(|shard| shard.name.to_string()).collect()
}

/// Three half-years: entries 0 to 2 and a seal, an opening with two records and a seal, an opening with one record.
fn three_shards() -> TempDir {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..3).map(record).collect()).unwrap();
    ledger
        .append_many(vec![at(3, JULY), at(4, JULY + 1)])
        .unwrap();
    ledger.append(at(5, JANUARY)).unwrap();
    dir
}

#[test]
fn a_new_half_year_seals_the_old_shard_and_opens_the_next() {
    let dir = three_shards();
    let ledger = open(dir.path());
    assert_eq!(names(&ledger), ["2027h1", "2027h2", "2028h1"]);
    let report = check(dir.path());
    assert!(report.is_sound(), "{:#?}", report.problems);
    assert_eq!((report.shards, report.entries), (3, 4 + 4 + 2));
    let sealed = |address: &str| {
        let address: RecordAddress = address.parse().unwrap();
        ledger.get(address).unwrap().unwrap().into_event().unwrap()
    };
    assert_eq!(sealed("2027h1/3").event.what, EventKind::ShardSealed);
    let EventKind::ShardOpened(opened) = sealed("2027h2/0").event.what else {
        panic!("the second shard begins with its opening");
    };
    let previous = opened.previous.unwrap();
    let first = &ledger.shards().unwrap()[0];
    let ended = first.checkpoint.clone().unwrap();
    assert_eq!(
        (previous.origin, previous.size, previous.root),
        (format!("{ORIGIN}/2027h1"), 4, ended.root.0)
    );
    assert_eq!(
        first.state,
        ShardState::Sealed {
            size: ended.size,
            root: ended.root
        }
    );
    // A plain number means the newest shard.
    assert_eq!(entry(&ledger, 1).id().to_string(), "2028h1/1");
    assert_eq!(ledger.stats().unwrap().entries, 10);
}

#[test]
fn look_ups_and_proofs_reach_every_shard() {
    let dir = three_shards();
    let ledger = reader(dir.path()).unwrap();
    for (n, place) in [(0, "2027h1/0"), (3, "2027h2/1"), (5, "2028h1/1")] {
        let found = ledger.by_watermark_id(watermark_id(n)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id().to_string(), place);
        assert!(found[0].inclusion.is_ok());
        let sent = record(n);
        assert_eq!(ledger.by_asset_sha256(&sent.asset_sha256).unwrap(), found);
        assert_eq!(ledger.by_manifest_id(&sent.manifest_id).unwrap(), found);
        let near = ledger
            .by_fingerprint(&sent.fingerprint.unwrap(), 0)
            .unwrap();
        assert_eq!(near, [(found[0].clone(), 0)]);
        assert_eq!(ledger.manifest_bytes(found[0].id()).unwrap(), sent.manifest);
        let proof = ledger.prove(found[0].id()).unwrap();
        let checkpoint = check_proof(&proof, &found[0].leaf, &key()).unwrap();
        assert!(
            place.starts_with(
                checkpoint
                    .origin
                    .strip_prefix(ORIGIN)
                    .unwrap()
                    .trim_matches('/')
            )
        );
        // The shard's own key, as public tools need it, proves it too; another shard's does not.
        let shards = ledger.shards().unwrap();
        let proven: Vec<bool> = shards
            .iter()
            .map(|shard| check_proof(&proof, &found[0].leaf, &shard.key).is_ok())
            .collect();
        let own: Vec<bool> = shards.iter().map(|it| it.name == found[0].shard).collect();
        assert_eq!(proven, own);
    }
    let ids = ledger.watermark_ids(None).unwrap();
    assert_eq!(ids.len(), 6);
    assert_eq!(ledger.watermark_ids(Some(ids[3].0)).unwrap(), ids[4..]);
    let from: RecordAddress = "2027h1/2".parse().unwrap();
    let listed = ledger.list(from, 4).unwrap();
    let places: Vec<String> = listed.iter().map(|it| it.id().to_string()).collect();
    assert_eq!(places, ["2027h1/2", "2027h1/3", "2027h2/0", "2027h2/1"]);
    let newest = ledger.newest(3).unwrap().unwrap();
    assert_eq!(newest.to_string(), "2027h2/3");
    assert_eq!(ledger.list(newest, 100).unwrap().len(), 3);
    assert!(matches!(
        ledger.prove("2026h1/0".parse::<RecordAddress>().unwrap()),
        Err(LedgerError::NoEntry(_))
    ));
}

#[test]
fn a_clock_gone_back_opens_no_older_shard_and_one_far_ahead_seals_nothing() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append(at(0, JULY)).unwrap();
    let receipt = ledger.append(record(1)).unwrap();
    assert_eq!(receipt.id().to_string(), "2027h2/1");
    assert_eq!(names(&ledger), ["2027h2"]);
    let far = ledger.append(at(2, JANUARY + 500 * 86_400));
    assert!(
        matches!(far, Err(LedgerError::ClockAhead { .. })),
        "{far:?}"
    );
    assert_eq!(
        (names(&ledger).len(), ledger.stats().unwrap().entries),
        (1, 2)
    );
    // If the clock is right after all, sealing by hand says so.
    ledger.seal(JANUARY + 500 * 86_400).unwrap();
    ledger.seal(JANUARY + 500 * 86_400).unwrap();
    let receipt = ledger.append(at(2, JANUARY + 500 * 86_400)).unwrap();
    assert_eq!(receipt.id().to_string(), "2029h1/1");
    assert!(check(dir.path()).is_sound());
}

#[test]
fn what_a_crash_leaves_between_two_shards_is_named_and_finished() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..3).map(record).collect()).unwrap();
    drop(ledger);
    let list = std::fs::read(dir.path().join("shards")).unwrap();
    // Sealed, the list not yet replaced.
    open(dir.path()).seal(JULY).unwrap();
    assert_eq!(
        kinds(dir.path()),
        [(ProblemKind::Interrupted, Some("2027h1".to_owned()))]
    );
    assert_eq!(list, std::fs::read(dir.path().join("shards")).unwrap());
    let ledger = open(dir.path());
    let receipt = ledger.append(at(3, JULY)).unwrap();
    assert_eq!(receipt.id().to_string(), "2027h2/1");
    drop(ledger);
    assert!(check(dir.path()).is_sound());
    // The list names the next shard, which is not there yet, or not yet begun.
    for begun in [false, true] {
        let next = dir.path().join("2027h2");
        std::fs::remove_dir_all(&next).unwrap();
        if begun {
            drop(open(dir.path()));
            // As it was made, before its first entry.
            std::fs::remove_dir_all(&next).unwrap();
        }
        assert_eq!(
            kinds(dir.path()),
            [(ProblemKind::Interrupted, Some("2027h2".to_owned()))]
        );
        let ledger = reader(dir.path()).unwrap();
        assert_eq!(ledger.by_watermark_id(watermark_id(1)).unwrap().len(), 1);
        assert!(ledger.by_watermark_id(watermark_id(3)).unwrap().is_empty());
        drop(ledger);
        assert_eq!(open(dir.path()).append(at(3, JULY)).unwrap().index.0, 1);
        assert!(check(dir.path()).is_sound());
    }
}

#[test]
fn one_bad_shard_does_not_keep_the_others_from_being_read() {
    let dir = three_shards();
    let database = dir.path().join("2027h2/ledger.sqlite");
    std::fs::write(&database, vec![7; 8_192]).unwrap();
    let ledger = reader(dir.path()).unwrap();
    for n in [0, 5] {
        let found = ledger.by_watermark_id(watermark_id(n)).unwrap();
        assert!(found.len() == 1 && found[0].inclusion.is_ok());
    }
    // What may lie in the bad one is not said to be nowhere.
    assert!(ledger.by_watermark_id(watermark_id(3)).is_err());
    assert!(ledger.by_watermark_id(1).is_err());
    let problems = check(dir.path()).problems;
    assert!(!problems.is_empty());
    for problem in problems {
        assert_eq!(problem.shard.unwrap().to_string(), "2027h2", "{problem}");
    }
}

#[test]
fn shards_left_out_put_in_or_exchanged_are_found() {
    let dir = three_shards();
    let with = |change: fn(&Path)| {
        let copy = TempDir::new();
        copy_dir(dir.path(), copy.path());
        change(copy.path());
        kinds(copy.path())
    };
    assert_eq!(
        with(|dir| std::fs::remove_dir_all(dir.join("2027h1")).unwrap()),
        [(ProblemKind::ShardMissing, Some("2027h1".to_owned()))]
    );
    assert_eq!(
        with(|dir| copy_dir(&dir.join("2027h1"), &dir.join("2026h1"))),
        [(ProblemKind::ShardUnlisted, Some("2026h1".to_owned()))]
    );
    // Another history of the first half-year, signed with the same key: list and second shard know the first one.
    let kinds = with(|dir| {
        let other = TempDir::new();
        let ledger = open(other.path());
        ledger.append_many((10..13).map(record).collect()).unwrap();
        ledger.append(at(3, JULY)).unwrap();
        drop(ledger);
        std::fs::remove_dir_all(dir.join("2027h1")).unwrap();
        copy_dir(&other.path().join("2027h1"), &dir.join("2027h1"));
    });
    assert_eq!(kinds, [(ProblemKind::Seal, Some("2027h1".to_owned()))]);
    // A shorter list that somebody kept: the shard that it does not name is there.
    let kinds = with(|dir| {
        let kept = TempDir::new();
        let ledger = open(kept.path());
        ledger.append(record(0)).unwrap();
        std::fs::copy(kept.path().join("shards"), dir.join("shards")).unwrap();
    });
    let unlisted = |name: &str| (ProblemKind::ShardUnlisted, Some(name.to_owned()));
    assert!(kinds.contains(&unlisted("2027h2")) && kinds.contains(&unlisted("2028h1")));
}

#[test]
fn a_new_key_opens_a_new_shard_of_the_same_half_year() {
    let dir = TempDir::new();
    let new_signer = || Ed25519Signer::from_seed(ORIGIN, &[43; 32]).unwrap();
    let with_new_key = || {
        let options = LedgerOptions {
            former_keys: vec![key()],
            ..options()
        };
        Ledger::open_with(dir.path(), ORIGIN, Box::new(new_signer()), options)
    };
    open(dir.path()).append(record(0)).unwrap();
    // The former key's shard must be sealed with that key first.
    let refused = with_new_key().unwrap().append(record(1)).unwrap_err();
    assert!(matches!(refused, LedgerError::OtherKey(_)), "{refused}");
    let ledger = open(dir.path());
    let sealed = ledger.seal(record(1).issued_at).unwrap().unwrap();
    assert_eq!(sealed.to_string(), "2027h1");
    drop(ledger);
    let ledger = with_new_key().unwrap();
    let receipt = ledger.append(record(1)).unwrap();
    assert_eq!(receipt.id().to_string(), "2027h1.2/1");
    let old = ledger.by_watermark_id(watermark_id(0)).unwrap();
    assert!(
        old[0].inclusion.is_ok(),
        "the former key's entries are believed as before"
    );
    drop(ledger);
    // The list is now signed with the new key, which is all that a reader needs.
    let new_key = new_signer().verifier_key().clone();
    let reader = Ledger::open_read_only(dir.path(), new_key.clone()).unwrap();
    assert_eq!(names(&reader), ["2027h1", "2027h1.2"]);
    assert!(matches!(
        Ledger::open_read_only(dir.path(), key()),
        Err(LedgerError::WrongKey(_))
    ));
    let report = fsck_with(dir.path(), &new_key, &FsckOptions::default()).unwrap();
    assert!(report.is_sound(), "{:#?}", report.problems);
}

#[test]
fn many_writers_pass_from_one_shard_to_the_next_together() {
    let dir = TempDir::new();
    let ledgers = [open(dir.path()), open(dir.path()), open(dir.path())];
    std::thread::scope(|scope| {
        for (number, ledger) in ledgers.iter().enumerate() {
            scope.spawn(move || {
                for n in 0..12_u64 {
                    let n = number as u64 * 100 + n;
                    let time = if n % 100 < 6 { JULY - 1 } else { JULY };
                    ledger.append(at(n, time)).unwrap();
                }
            });
        }
    });
    for ledger in &ledgers {
        assert_eq!(names(ledger), ["2027h1", "2027h2"]);
        let ids = ledger.watermark_ids(None).unwrap();
        assert_eq!(ids.len(), 36);
    }
    drop(ledgers);
    let report = check(dir.path());
    assert!(report.is_sound(), "{:#?}", report.problems);
    assert_eq!(report.entries, 36 + 2);
}

#[test]
fn the_events_of_shards_are_not_entered_by_hand() {
    let dir = TempDir::new();
    let event = Event {
        time: JULY,
        what: EventKind::ShardSealed,
    };
    let refused = open(dir.path()).append_event(&event);
    assert!(matches!(refused, Err(LedgerError::NotByHand)));
    assert!(matches!(
        open(dir.path()).checkpoint(),
        Err(LedgerError::Empty)
    ));
    assert_eq!(signer().name(), ORIGIN);
}
