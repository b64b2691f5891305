//! Whatever an operator does to a ledger after the fact, the monitor says so and names the place.

use std::fs;

use colophon_monitor::{Broken, Known};
use colophon_tlog::{ForkEvidence, Hash, ShardState, TreeSize, VerifierKey};

use crate::honest::two_shards;
use crate::ledger::{BASE, Ledger, alarm, entries, entry, key, opened, sealed, signer};
use colophon_tlog::NoteSigner as _;

/// A fork's evidence is proof for anybody with the log's key.
fn proved(alarm: &colophon_monitor::Alarm, key: &VerifierKey) -> bool {
    ForkEvidence::parse(&alarm.evidence()).is_ok_and(|evidence| evidence.verify(key).is_ok())
}

#[test]
fn an_edited_dropped_or_moved_row_is_named() {
    let honest = entries("a", 600);
    let bundle = "tile/entries/001";
    let lie = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        // The operator rewrites the rows and their files, but not the signed tree.
        let ledger = Ledger::single(&honest);
        let other = Ledger::new();
        let mut rows = honest.clone();
        change(&mut rows);
        other.write_tiles("", &rows);
        for file in ["tile/entries/000", bundle, "tile/entries/002.p/88"] {
            if other.file(file).exists() {
                fs::copy(other.file(file), ledger.file(file)).unwrap();
            } else {
                fs::copy(other.file("tile/entries/002.p/87"), ledger.file(file)).unwrap();
            }
        }
        alarm(ledger.look(&mut Known::default()))
    };
    let edited = lie(&|rows| rows[300] = entry("forged"));
    assert_eq!(edited.broken, Broken::Entry(300));
    assert!(
        edited.evidence().contains("entry 300"),
        "{}",
        edited.evidence()
    );
    let moved = lie(&|rows| rows.swap(257, 511));
    assert_eq!(moved.broken, Broken::Entry(257));
    let dropped = lie(&|rows| drop(rows.remove(10)));
    assert_eq!(dropped.broken, Broken::Entry(10));
}

#[test]
fn a_row_edited_with_its_tile_is_found_too() {
    let ledger = Ledger::single(&entries("a", 600));
    let signed = fs::read(ledger.file("checkpoint")).unwrap();
    let mut rows = entries("a", 600);
    rows[300] = entry("forged");
    ledger.write_tiles("", &rows);
    fs::write(ledger.file("checkpoint"), &signed).unwrap();
    let found = alarm(ledger.look(&mut Known::default()));
    assert!(
        matches!(found.broken, Broken::Root(_)),
        "{:?}",
        found.broken
    );
    // Only one tile in the middle: it does not fit its parent.
    let ledger = Ledger::single(&entries("a", 600));
    let other = Ledger::single(&rows);
    for file in ["tile/0/001", "tile/entries/001"] {
        fs::copy(other.file(file), ledger.file(file)).unwrap();
    }
    let found = alarm(ledger.look(&mut Known::default()));
    assert_eq!(found.broken, Broken::Tile("tile/0/001".to_owned()));
}

#[test]
fn a_log_rewritten_and_signed_anew_is_proved_a_fork() {
    for (then, now) in [(600, 600), (600, 900), (256, 900), (1, 2), (600, 599)] {
        let ledger = Ledger::single(&entries("a", then));
        let mut known = Known::default();
        ledger.look(&mut known).unwrap();
        let before = known.clone();
        let mut rows = entries("a", now);
        rows[0] = entry("forged");
        ledger.write("", BASE, &rows);
        let found = alarm(ledger.look(&mut known));
        if now < then {
            assert!(matches!(
                found.broken,
                Broken::RolledBack { .. } | Broken::Fork(_)
            ));
        } else {
            assert!(
                matches!(found.broken, Broken::Fork(_)),
                "{then} {now}: {:?}",
                found.broken
            );
            assert!(proved(&found, &key()), "{then} {now}");
        }
        assert_eq!(known, before, "what was believed stays so");
    }
}

#[test]
fn a_log_that_takes_records_back_is_noticed() {
    let ledger = Ledger::single(&entries("a", 600));
    let mut known = Known::default();
    ledger.look(&mut known).unwrap();
    ledger.write("", BASE, &entries("a", 500));
    let found = alarm(ledger.look(&mut known));
    let expected = Broken::RolledBack {
        from: TreeSize(600),
        to: TreeSize(500),
    };
    assert_eq!(found.broken, expected);
    let evidence = found.evidence();
    assert_eq!(evidence.matches("==== signed").count(), 2, "{evidence}");
}

#[test]
fn a_checkpoint_of_another_key_is_no_checkpoint() {
    let ledger = Ledger::single(&entries("a", 5));
    let text = fs::read_to_string(ledger.file("checkpoint")).unwrap();
    for bad in [
        text.replacen("\n5\n", "\n6\n", 1),
        text.replace("ledger.example", "ledgers.example"),
        "nonsense".to_owned(),
    ] {
        fs::write(ledger.file("checkpoint"), bad).unwrap();
        assert_eq!(
            alarm(ledger.look(&mut Known::default())).broken.code(),
            "unsigned"
        );
    }
    fs::remove_file(ledger.file("checkpoint")).unwrap();
    assert_eq!(
        alarm(ledger.look(&mut Known::default())).broken.code(),
        "missing"
    );
}

#[test]
fn an_entry_that_is_no_record_is_named() {
    let mut rows = entries("a", 3);
    rows[1] = b"free text".to_vec();
    let found = alarm(Ledger::single(&rows).look(&mut Known::default()));
    assert!(matches!(found.broken, Broken::Record { index: 1, .. }));
}

#[test]
fn nothing_stands_behind_a_seal() {
    let mut rows = entries("a", 3);
    rows.push(sealed());
    let ledger = Ledger::single(&rows);
    let mut known = Known::default();
    ledger.look(&mut known).unwrap();
    rows.push(entry("late"));
    ledger.write("", BASE, &rows);
    // Also when the seal was seen in an earlier look.
    for known in [&mut known, &mut Known::default()] {
        let found = alarm(ledger.look(known));
        assert!(matches!(found.broken, Broken::Record { index: 4, .. }));
    }
}

#[test]
fn shards_that_do_not_hang_together_are_named() {
    let origin = format!("{BASE}/2026h2");
    let wrong = |first: Vec<u8>| {
        let ledger = two_shards();
        let mut rows = vec![first];
        rows.extend(entries("second", 40));
        ledger.write("2026h2/", &origin, &rows);
        alarm(ledger.look(&mut Known::default()))
    };
    let before = format!("{BASE}/2026h1");
    for first in [
        opened(None),
        opened(Some((&before, 301, Hash([1; 32])))),
        entry("no opening"),
    ] {
        let found = wrong(first);
        assert!(
            matches!(found.broken, Broken::Record { index: 0, .. }),
            "{:?}",
            found.broken
        );
        assert_eq!(found.origin, origin);
    }
    // The sealed shard shows another end than the list.
    let ledger = two_shards();
    let mut rows = vec![opened(None)];
    rows.extend(entries("first", 301));
    ledger.write("2026h1/", &before, &rows);
    assert_eq!(
        alarm(ledger.look(&mut Known::default())).broken.code(),
        "shards"
    );
}

#[test]
fn a_list_that_takes_back_what_it_said_is_noticed() {
    let ledger = two_shards();
    let mut known = Known::default();
    ledger.look(&mut known).unwrap();
    // The first half-year is left out.
    ledger.list(&[("2026h2", ShardState::Open)]);
    assert_eq!(alarm(ledger.look(&mut known)).broken.code(), "shards");
    fs::remove_file(ledger.file("shards")).unwrap();
    assert_eq!(alarm(ledger.look(&mut known)).broken.code(), "missing");
    // Another ledger's list under this name.
    let stranger = colophon_tlog::Ed25519Signer::from_seed(BASE, &[1; 32]).unwrap();
    let list = colophon_tlog::ShardList::new(BASE, Vec::new()).unwrap();
    fs::write(
        ledger.file("shards"),
        list.sign(&stranger).unwrap().to_string(),
    )
    .unwrap();
    assert_eq!(alarm(ledger.look(&mut known)).broken.code(), "unsigned");
}

#[test]
fn two_people_shown_two_histories_find_out_when_they_compare() {
    let (mut ours, mut theirs) = (entries("a", 400), entries("a", 400));
    ours.extend(entries("ours", 30));
    theirs.extend(entries("theirs", 50));
    let (ours, theirs) = (Ledger::single(&ours), Ledger::single(&theirs));
    let (mut first, mut second) = (Known::default(), Known::default());
    ours.look(&mut first).unwrap();
    theirs.look(&mut second).unwrap();
    let found = alarm(theirs.look(&mut first));
    assert!(proved(&found, &key()));
    // The other way the tree is smaller: a fork where the larger one's tiles can be had, else rolled back.
    let found = alarm(ours.look(&mut second));
    assert!(matches!(
        found.broken,
        Broken::RolledBack { .. } | Broken::Fork(_)
    ));
    let before = found.before.as_ref().unwrap();
    assert!(before.verify(signer(BASE).verifier_key()).is_ok());
}
