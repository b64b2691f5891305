//! The index of facts: equal to reading everything, made for ledgers of before, found out and mended when it lies.

use std::path::Path;

use colophon_ledger::{Entries, Filter, Kind, Ledger, ProblemKind, Query, repair};
use rusqlite::Connection;

use crate::common::{TempDir, fsck_options, key, open, reader, record, shard};

const COUNT: u64 = 700;

fn database(dir: &Path) -> Connection {
    Connection::open(shard(dir).join("ledger.sqlite")).unwrap()
}

fn filled() -> TempDir {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    // In groups that begin and end inside of tiles.
    for first in (0..COUNT).step_by(100) {
        let group = (first..first + 100).map(varied);
        ledger.append_many(group.collect()).unwrap();
    }
    dir
}

fn varied(n: u64) -> colophon_ledger::NewRecord {
    let mut it = record(n);
    it.signer_key_id = [(n / 300) as u8; 32];
    it.policy_hash = [(n % 97) as u8; 32];
    it
}

/// As a version wrote it that knew no index.
fn as_form_2(dir: &Path) {
    database(dir)
        .execute_batch(
            "DROP TABLE facet; DROP TABLE occurrence; DROP TABLE span; DROP TRIGGER private_fixed;
             CREATE TRIGGER private_fixed BEFORE UPDATE ON private BEGIN SELECT RAISE(ABORT, 'private parts never change'); END;
             DROP INDEX entry_asset;
             DROP INDEX entry_manifest_id;
             CREATE INDEX entry_asset ON entry (asset_sha256) WHERE asset_sha256 IS NOT NULL;
             CREATE INDEX entry_manifest_id ON entry (manifest_id) WHERE manifest_id IS NOT NULL;
             PRAGMA user_version = 2;",
        )
        .unwrap();
}

fn version(dir: &Path) -> i64 {
    database(dir)
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

fn found(ledger: &Ledger, filter: &Filter) -> Vec<u64> {
    let query = Query::new(ledger, filter.clone(), None, false).unwrap();
    let page = query.page(query.start(), usize::MAX).unwrap();
    assert!(page.hits.iter().all(|hit| hit.inclusion.is_ok()));
    page.hits.iter().map(|hit| hit.id.index.0).collect()
}

fn questions() -> Vec<Filter> {
    let signer = |n| Filter {
        signer: Some([n; 32]),
        ..Filter::default()
    };
    vec![
        signer(1),
        signer(9),
        Filter {
            policy: Some([5; 32]),
            kind: Some(Kind::Stamp),
            ..Filter::default()
        },
        Filter {
            // Facts that each occur, in different tiles.
            signer: Some([0; 32]),
            since: Some(1_800_000_000 + 600),
            ..Filter::default()
        },
        Filter {
            entries: Entries::All,
            since: Some(1_800_000_000 + 255),
            until: Some(1_800_000_000 + 257),
            ..Filter::default()
        },
        Filter {
            model: Some("example/model".to_owned()),
            ..Filter::default()
        },
    ]
}

#[test]
fn a_ledger_of_before_answers_the_same_and_gets_its_index_when_it_is_written_to() {
    let dir = filled();
    let answers = |ledger: &Ledger| -> Vec<Vec<u64>> {
        let questions = questions();
        questions.iter().map(|it| found(ledger, it)).collect()
    };
    let with_index = answers(&reader(dir.path()).unwrap());
    assert_eq!(with_index[0].len(), 300);
    assert_eq!(with_index[4], [255, 256]);
    as_form_2(dir.path());
    assert_eq!(answers(&reader(dir.path()).unwrap()), with_index);
    assert_eq!(version(dir.path()), 2, "reading changes nothing");
    let report = colophon_ledger::fsck_with(dir.path(), &key(), &fsck_options()).unwrap();
    let kinds: Vec<ProblemKind> = report.problems.iter().map(|it| it.kind).collect();
    // The pages were changed behind the ledger's back; the form itself is no problem.
    assert!(
        kinds.iter().all(|kind| *kind == ProblemKind::DatabasePage),
        "{report:?}"
    );

    let ledger = open(dir.path());
    ledger.append(varied(COUNT)).unwrap();
    drop(ledger);
    assert_eq!(version(dir.path()), 3);
    let ledger = reader(dir.path()).unwrap();
    assert_eq!(answers(&ledger)[..2], with_index[..2]);
    let last = Filter {
        signer: Some([2; 32]),
        ..Filter::default()
    };
    assert_eq!(found(&ledger, &last).last(), Some(&COUNT));
}

#[test]
fn an_index_that_lies_is_found_out_and_derived_anew() {
    let lies = [
        "DELETE FROM occurrence WHERE tile = 1",
        "UPDATE occurrence SET bits = zeroblob(32) WHERE tile = 2 AND facet = 3",
        "UPDATE span SET most = least WHERE tile = 1",
        "DELETE FROM span WHERE tile = 0",
        "INSERT INTO occurrence VALUES (1, 77, zeroblob(32))",
        "UPDATE facet SET value = zeroblob(31) WHERE id = (SELECT max(id) FROM facet WHERE kind = 4)",
    ];
    for lie in lies {
        let dir = filled();
        let before: Vec<Vec<u64>> = {
            let ledger = reader(dir.path()).unwrap();
            questions().iter().map(|it| found(&ledger, it)).collect()
        };
        database(dir.path()).execute_batch(lie).unwrap();
        let report = colophon_ledger::fsck_with(dir.path(), &key(), &fsck_options()).unwrap();
        let is_index = |it: &colophon_ledger::Problem| it.kind == ProblemKind::Index;
        assert!(report.problems.iter().any(is_index), "{lie}: {report:?}");
        let repaired = repair(dir.path(), &key(), &fsck_options()).unwrap();
        assert!(repaired.left.is_sound(), "{lie}: {repaired:?}");
        let ledger = reader(dir.path()).unwrap();
        let after: Vec<Vec<u64>> = questions().iter().map(|it| found(&ledger, it)).collect();
        assert_eq!(after, before, "{lie}");
    }
}

/// `COLOPHON_RECORDS=1000000 cargo test --release -p colophon-ledger --test it -- --ignored figures --nocapture`
#[test]
#[ignore = "measures; the numbers are in docs/decisions/0029-auditing-service.md"]
#[expect(clippy::too_many_lines, reason = "one table")]
fn figures() {
    use std::time::Instant;
    let count: u64 = std::env::var("COLOPHON_RECORDS").map_or(100_000, |it| it.parse().unwrap());
    let rare = |n: u64| {
        let mut it = record(n);
        // One record in a thousand is of a rare signer; the policy changes ten times.
        it.signer_key_id = [u8::from(n % 1_000 == 7); 32];
        it.policy_hash = [(n * 10 / count) as u8; 32];
        it.issued_at = 1_800_000_000 + (n * 10_000_000 / count) as i64;
        it
    };
    let dir = TempDir::new();
    let ledger = open(dir.path());
    let mut spent = std::time::Duration::ZERO;
    for first in (0..count).step_by(10_240) {
        let group: Vec<_> = (first..count.min(first + 10_240)).map(rare).collect();
        let begun = Instant::now();
        ledger.append_many(group).unwrap();
        spent += begun.elapsed();
    }
    drop(ledger);
    println!(
        "{count} records: {:.1} us a record entered",
        spent.as_secs_f64() * 1e6 / count as f64
    );
    let bytes = std::fs::metadata(shard(dir.path()).join("ledger.sqlite"))
        .unwrap()
        .len();
    let of = |table: &str| -> f64 {
        let sum = format!("SELECT coalesce(sum(length(bits) + 8), 0) FROM {table}");
        database(dir.path())
            .query_row(&sum, [], |row| row.get(0))
            .unwrap()
    };
    println!(
        "{:.1} bytes a record, {:.2} of them the index",
        bytes as f64 / count as f64,
        of("occurrence") / count as f64
    );
    let since = 1_800_000_000 + 5_000_000;
    let asked = [
        (
            "a rare signer",
            Filter {
                signer: Some([1; 32]),
                ..Filter::default()
            },
        ),
        (
            "a signer that is not there",
            Filter {
                signer: Some([9; 32]),
                ..Filter::default()
            },
        ),
        (
            "one policy of ten",
            Filter {
                policy: Some([7; 32]),
                ..Filter::default()
            },
        ),
        (
            "a policy, in vain with a time",
            Filter {
                policy: Some([1; 32]),
                since: Some(since),
                ..Filter::default()
            },
        ),
        (
            "a model",
            Filter {
                model: Some("example/model".to_owned()),
                ..Filter::default()
            },
        ),
        (
            "from a time on",
            Filter {
                since: Some(since),
                ..Filter::default()
            },
        ),
        (
            "stamped, a rare signer, a time",
            Filter {
                kind: Some(Kind::Stamp),
                signer: Some([1; 32]),
                since: Some(since),
                ..Filter::default()
            },
        ),
        ("everything", Filter::default()),
    ];
    let timed = |ledger: &Ledger, filter: &Filter, back: bool| {
        let ask = || {
            let mut query = Query::new(ledger, filter.clone(), None, false).unwrap();
            if back {
                query = query.newest_first();
            }
            let begun = Instant::now();
            let page = query.page(query.start(), 100).unwrap();
            (begun.elapsed().as_secs_f64() * 1e3, page.hits.len())
        };
        let hits = ask().1;
        let best = (0..5).map(|_| ask().0).fold(f64::INFINITY, f64::min);
        (best, hits)
    };
    let rows = |ledger: &Ledger| -> Vec<(f64, f64, usize)> {
        let row = |(_, filter): &(&str, Filter)| {
            let (forward, hits) = timed(ledger, filter, false);
            (forward, timed(ledger, filter, true).0, hits)
        };
        asked.iter().map(row).collect()
    };
    let with = rows(&reader(dir.path()).unwrap());
    as_form_2(dir.path());
    let without = rows(&reader(dir.path()).unwrap());
    for (((name, _), with), without) in asked.iter().zip(with).zip(without) {
        println!(
            "{name:<32} {:>3} hits: {:>8.2} ms, newest first {:>8.2} ms; without index {:>8.1} ms and {:>8.1} ms",
            with.2, with.0, with.1, without.0, without.1
        );
    }
    let begun = Instant::now();
    drop(open(dir.path()));
    println!(
        "index made anew: {:.2} us a record",
        begun.elapsed().as_secs_f64() * 1e6 / count as f64
    );
}
