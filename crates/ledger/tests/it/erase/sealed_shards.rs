//! Erasing from a shard that is sealed already.

use super::*;

/// Two half-years of records; the first shard is sealed.
fn two_shards(dir: &Path) -> Ledger {
    let ledger = open(dir);
    for n in 0..4 {
        ledger.append(asked_by(n, "Anna")).unwrap();
    }
    for n in 4..7 {
        let later = NewRecord {
            issued_at: record(n).issued_at + 200 * 86_400,
            ..asked_by(n, "Anna")
        };
        ledger.append(later).unwrap();
    }
    assert_eq!(ledger.shards().unwrap().len(), 2);
    ledger
}

fn in_first_shard(index: u64) -> RecordAddress {
    format!("{}/{index}", crate::common::SHARD).parse().unwrap()
}

#[test]
fn a_sealed_shard_is_erased_from_and_the_newest_tells_of_it() {
    let dir = TempDir::new();
    let ledger = two_shards(dir.path());
    let at = record(6).issued_at + 201 * 86_400;
    let one = Erasure {
        target: ErasureTarget::Records(vec![in_first_shard(1)]),
        at,
        ..erasure(&[], Parts::All)
    };
    let (wrapped, _) = sealed(dir.path(), 1);
    let before = ledger.prove(in_first_shard(1)).unwrap();
    let outcome = ledger.erase(&one).unwrap();
    let (id, receipt) = outcome.erased[0];
    assert!(outcome.is_clean && id.to_string() == "2027h1/1" && receipt.shard != id.shard);
    assert_eq!(found_in(dir.path(), &wrapped), [""; 0]);
    let told = reader(dir.path()).unwrap();
    for ledger in [&ledger, &told] {
        let erased = ledger.get(id).unwrap().unwrap().into_record().unwrap();
        assert!(erased.inclusion.is_ok());
        assert_eq!(erased.erased().unwrap().event, receipt.id());
        assert_eq!(erased.manifest_erased.as_ref().unwrap().at, at);
        assert!(check_proof(&before, &erased.leaf, &key()).is_ok());
    }
    // All that is left of her, in both shards.
    let all = Erasure {
        target: ErasureTarget::Subject("Anna".to_owned()),
        parts: Parts::Private,
        ..one
    };
    assert_eq!(ledger.erase(&all).unwrap().erased.len(), 6);
    assert_eq!(ledger.erase(&all), Err(LedgerError::NoSubject));
    drop((ledger, told));
    sound(dir.path());
}

#[test]
fn shards_that_contradict_each_other_about_an_erasure_are_found() {
    let dir = TempDir::new();
    let ledger = two_shards(dir.path());
    let row = Connection::open(shard(dir.path()).join("ledger.sqlite")).unwrap();
    row.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM private WHERE idx = 1")
        .unwrap();
    let one = Erasure {
        target: ErasureTarget::Records(vec![in_first_shard(1)]),
        at: record(6).issued_at + 201 * 86_400,
        ..erasure(&[], Parts::Private)
    };
    ledger.erase(&one).unwrap();
    drop(ledger);
    sound(dir.path());
    // As after a power failure between the redaction and the removal.
    row.execute_batch(
        "DROP TRIGGER erased_keep; DELETE FROM erased;
         INSERT INTO subject SELECT 1, x'00', x'00' WHERE NOT EXISTS (SELECT 1 FROM subject);
         INSERT INTO private SELECT * FROM kept;
         CREATE TRIGGER erased_keep BEFORE DELETE ON erased BEGIN SELECT RAISE(ABORT, 'erasures are never taken back'); END;",
    )
    .unwrap();
    let kinds = |dir: &Path| -> Vec<ProblemKind> {
        let problems = check(dir).problems.into_iter().map(|it| it.kind);
        problems
            .filter(|kind| *kind != ProblemKind::DatabasePage)
            .collect()
    };
    assert_eq!(kinds(dir.path()), [ProblemKind::Erasure]);
    // A removal that the newest shard does not tell of.
    row.execute_batch(
        "INSERT INTO erased VALUES (2, 1, 5, 1, '2027h2', 1); DELETE FROM private WHERE idx = 2;",
    )
    .unwrap();
    drop(row);
    let found = reader(dir.path()).unwrap().get(in_first_shard(2)).unwrap();
    let found = found.unwrap().into_record().unwrap();
    assert_eq!(found.private, Private::Missing);
    assert!(kinds(dir.path()).contains(&ProblemKind::Private));
    // Erasing again finishes what was interrupted.
    let ledger = open(dir.path());
    assert_eq!(ledger.erase(&one).unwrap().erased.len(), 1);
    drop(ledger);
    assert!(!kinds(dir.path()).contains(&ProblemKind::Erasure));
}
