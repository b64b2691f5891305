//! Honest ledgers raise no alarm, however they grow.

use colophon_monitor::{Entry, Folder, Known, Look, Watch, look};
use colophon_tlog::ShardState;

use crate::ledger::{
    BASE, Ledger, alarm, entries, key, key_event, opened, record, root_of, sealed,
};

#[test]
fn logs_that_grow_across_tiles_are_followed() {
    let all = entries("a", 66_000);
    let ledger = Ledger::new();
    let mut known = Known::default();
    let mut before = 0;
    for size in [0, 1, 255, 256, 257, 700, 65_600, 66_000] {
        ledger.write("", BASE, &all[..size]);
        let found = ledger.look(&mut known).unwrap();
        assert_eq!(found.new as usize, size - before, "size {size}");
        before = size;
    }
    assert_eq!(ledger.look(&mut known).unwrap().new, 0);
}

#[test]
fn partial_tiles_may_be_gone_when_full_ones_are_there() {
    let all = entries("a", 512);
    let ledger = Ledger::new();
    ledger.write("", BASE, &all[..300]);
    let mut known = Known::default();
    ledger.look(&mut known).unwrap();
    // The log grew to 512 while an older checkpoint is still on show.
    let old = std::fs::read(ledger.file("checkpoint")).unwrap();
    ledger.write("", BASE, &all);
    std::fs::remove_dir_all(ledger.file("tile/0/001.p")).unwrap();
    std::fs::remove_dir_all(ledger.file("tile/entries/001.p")).unwrap();
    std::fs::write(ledger.file("checkpoint"), old).unwrap();
    assert_eq!(ledger.look(&mut Known::default()).unwrap().new, 300);
    assert_eq!(ledger.look(&mut known).unwrap().new, 0);
}

/// Two shards, the first sealed.
pub fn two_shards() -> Ledger {
    let ledger = Ledger::new();
    let mut first = vec![opened(None)];
    first.extend(entries("first", 300));
    first.push(sealed());
    let origin = format!("{BASE}/2026h1");
    ledger.write("2026h1/", &origin, &first);
    let root = root_of(&first);
    let mut second = vec![opened(Some((&origin, 302, root)))];
    second.extend(entries("second", 40));
    ledger.write("2026h2/", &format!("{BASE}/2026h2"), &second);
    let state = ShardState::Sealed {
        size: colophon_tlog::TreeSize(302),
        root,
    };
    ledger.list(&[("2026h1", state), ("2026h2", ShardState::Open)]);
    ledger
}

#[test]
fn shards_are_followed_from_opening_to_seal() {
    let ledger = two_shards();
    let mut known = Known::default();
    assert_eq!(ledger.look(&mut known).unwrap().new, 343);
    let sealed: Vec<bool> = known.logs.values().map(|log| log.sealed).collect();
    assert_eq!(sealed, [true, false]);
    let state = ledger.file("state");
    known.save(&state).unwrap();
    let mut again = Known::load(&state).unwrap();
    assert_eq!(again, known);
    assert_eq!(ledger.look(&mut again).unwrap().new, 0);
}

#[test]
fn a_shard_may_stand_in_the_list_before_its_first_entry() {
    let ledger = two_shards();
    std::fs::remove_dir_all(ledger.file("2026h2")).unwrap();
    let mut known = Known::default();
    assert_eq!(ledger.look(&mut known).unwrap().new, 302);
    assert_eq!(known.logs.len(), 1);
}

#[test]
fn what_is_watched_for_is_reported() {
    let mut leaves = entries("a", 2);
    leaves.push(record("Example-Image", [3; 32]));
    leaves.push(record("other", [9; 32]));
    leaves.push(key_event([9; 32]));
    let ledger = Ledger::single(&leaves);
    let seen = |watch: Watch| {
        let mut found = Look::default();
        let source = Folder(ledger.path().to_owned());
        look(&source, &key(), &mut Known::default(), &watch, &mut found).unwrap();
        let entry = |sighting: &colophon_monitor::Sighting| {
            (sighting.index, matches!(sighting.entry, Entry::Record(_)))
        };
        found.sightings.iter().map(entry).collect::<Vec<_>>()
    };
    let by_model = Watch {
        models: vec!["example-image".to_owned()],
        ..Watch::default()
    };
    assert_eq!(seen(by_model), [(2, true)]);
    let by_key = Watch {
        keys: vec!["09090909".to_owned()],
        ..Watch::default()
    };
    assert_eq!(seen(by_key), [(3, true), (4, false)]);
    let all_events = Watch {
        events: true,
        ..Watch::default()
    };
    assert_eq!(seen(all_events), [(0, false), (1, false), (4, false)]);
    assert_eq!(seen(Watch::default()), []);
}

#[test]
fn a_damaged_state_is_refused() {
    let ledger = two_shards();
    let mut known = Known::default();
    ledger.look(&mut known).unwrap();
    let state = ledger.file("state");
    known.save(&state).unwrap();
    let good = std::fs::read_to_string(&state).unwrap();
    for bad in [
        good.replacen("\\n302\\n", "\\n301\\n", 1),
        good[..good.len() / 2].to_owned(),
        String::new(),
    ] {
        std::fs::write(&state, &bad).unwrap();
        assert!(Known::load(&state).is_err());
    }
    assert_eq!(
        alarm(ledger.look(&mut {
            let mut other = Known::default();
            std::fs::remove_file(ledger.file("2026h1/checkpoint")).unwrap();
            other.list = known.list.clone();
            other
        }))
        .broken
        .code(),
        "missing"
    );
}
