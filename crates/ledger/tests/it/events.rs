//! Events beside the records of pictures.

use colophon_ledger::{
    Actor, ErasureReason, Event, EventKind, KeyAction, KeyEvent, Ledger, LedgerError, LogEntry,
    Parts, PolicyPublished, ProblemKind, Redaction, RevocationReason, check_proof,
};

use crate::common::{ORIGIN, TempDir, check, key, open, reader, record, shard, signer};

fn key_event(time: i64, action: KeyAction) -> Event {
    Event {
        time,
        what: EventKind::Key(KeyEvent {
            action,
            role: "claim-signer".to_owned(),
            key_id: [5; 32],
            public_key: Some(vec![1, 2, 3]),
        }),
    }
}

fn policy(time: i64) -> Event {
    Event {
        time,
        what: EventKind::PolicyPublished(PolicyPublished {
            bundle_sha256: [1; 32],
            note_sha256: [2; 32],
        }),
    }
}

#[test]
fn events_stand_between_records_and_are_proven() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    let revoked = KeyAction::Revoked {
        reason: RevocationReason::KeyCompromise,
        from: 1_700_000_000,
    };
    let events = [
        key_event(1_800_000_000, KeyAction::Created),
        policy(1_800_000_001),
        key_event(1_800_000_002, revoked),
    ];
    for (n, event) in (0..).zip(&events) {
        assert_eq!(ledger.append_event(event).unwrap().index.0, 2 * n);
        ledger.append(record(n)).unwrap();
    }
    drop(ledger);
    let ledger = reader(dir.path()).unwrap();
    let listed = ledger.list(0, 10).unwrap();
    assert_eq!(listed.len(), 6);
    for (index, entry) in (0..).zip(&listed) {
        assert!(entry.inclusion().is_ok(), "{index}");
        assert_eq!(entry.index().0, index);
        assert_eq!(matches!(entry, LogEntry::Event(_)), index % 2 == 0);
        let proof = ledger.prove(index).unwrap();
        assert!(check_proof(&proof, entry.leaf(), &key()).is_ok());
        assert_eq!(ledger.get(index).unwrap().as_ref(), Some(entry));
    }
    let found: Vec<(u64, Event)> = ledger
        .events(1, 10)
        .unwrap()
        .into_iter()
        .map(|entry| (entry.index.0, entry.event))
        .collect();
    assert_eq!(found, [(2, events[1].clone()), (4, events[2].clone())]);
    assert!(matches!(
        ledger.manifest_bytes(0),
        Err(LedgerError::NoRecord(_))
    ));
    let stats = ledger.stats().unwrap();
    assert_eq!(
        stats.first_and_last,
        Some((1_800_000_000, 1_800_000_002)),
        "an event and a record"
    );
    let report = check(dir.path());
    assert!(report.is_sound(), "{:?}", report.problems);
}

#[test]
fn what_is_no_event_of_its_own_is_refused() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    let redaction = Event {
        time: 0,
        what: EventKind::Redaction(Redaction {
            log: None,
            record: 0,
            parts: Parts::All,
            reason: ErasureReason::Mistake,
            by: Actor::Role("operator".to_owned()),
        }),
    };
    let refused = ledger.append_event(&redaction).unwrap_err();
    assert_eq!(refused, LedgerError::NotByHand);
    let long = Event {
        time: 0,
        what: EventKind::Key(KeyEvent {
            action: KeyAction::Created,
            role: "x".repeat(65),
            key_id: [0; 32],
            public_key: None,
        }),
    };
    let refused = ledger.append_event(&long).unwrap_err();
    assert!(
        matches!(refused, LedgerError::InvalidRecord(_)),
        "{refused}"
    );
    assert_eq!(ledger.stats().unwrap().entries, 0);
}

/// The keeper of keys and rules needs no key to private parts.
#[test]
fn events_need_no_storage_key() {
    let dir = TempDir::new();
    let ledger = Ledger::open(dir.path(), ORIGIN, Box::new(signer())).unwrap();
    ledger.append_event(&policy(1_800_000_000)).unwrap();
    assert_eq!(ledger.append(record(0)), Err(LedgerError::NoStorageKey));
    drop(ledger);
    let ledger = open(dir.path());
    assert_eq!(ledger.append(record(0)).unwrap().index.0, 1);
}

#[test]
fn a_row_that_an_event_does_not_have_is_found() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_event(&policy(1_800_000_000)).unwrap();
    ledger.append(record(0)).unwrap();
    drop(ledger);
    let connection = rusqlite::Connection::open(shard(dir.path()).join("ledger.sqlite")).unwrap();
    connection
        .execute_batch(
            "INSERT INTO manifest VALUES (0, x'00');
             INSERT INTO private (idx, key, body) VALUES (0, x'00', x'00');",
        )
        .unwrap();
    drop(connection);
    let problems = check(dir.path()).problems;
    for kind in [ProblemKind::RowAdded, ProblemKind::Private] {
        let found = problems
            .iter()
            .any(|it| it.kind == kind && it.index == Some(0));
        assert!(found, "{kind:?} {problems:?}");
    }
}
