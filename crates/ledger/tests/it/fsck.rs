//! fsck finds every changed, removed, added and reordered row, and every changed byte.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{
    SHARD, TempDir, check, copy_dir, key, open, reader, record, shard, snapshot, watermark_id,
};
use colophon_ledger::{LedgerError, Private, ProblemKind, Unproven, fsck};
use rusqlite::Connection;

const ENTRIES: u64 = 600;

fn ledger() -> TempDir {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    for n in 0..3 {
        ledger.append(record(n)).unwrap();
    }
    ledger.append_many((3..300).map(record).collect()).unwrap();
    ledger
        .append_many((300..ENTRIES).map(record).collect())
        .unwrap();
    drop(ledger);
    dir
}

/// Runs SQL on a ledger's database with the guard rails off.
pub fn tamper(dir: &Path, sql: &str) {
    let connection = Connection::open(shard(dir).join("ledger.sqlite")).unwrap();
    let triggers: Vec<(String, String)> = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for (name, _) in &triggers {
        connection
            .execute_batch(&format!("DROP TRIGGER {name}"))
            .unwrap();
    }
    connection.execute_batch(sql).unwrap();
    for (_, sql) in triggers {
        connection.execute_batch(&sql).unwrap();
    }
}

/// Applies `sql` to a copy and returns the findings as (kind, entry).
fn findings(original: &Path, sql: &str) -> BTreeSet<(String, Option<u64>)> {
    let copy = TempDir::new();
    copy_dir(original, copy.path());
    tamper(copy.path(), sql);
    let report = check(copy.path());
    let (pages, others): (Vec<_>, Vec<_>) = report
        .problems
        .iter()
        .partition(|problem| problem.kind == ProblemKind::DatabasePage);
    // Whatever somebody else writes into the database shows in its pages as well.
    assert!(!pages.is_empty());
    others
        .iter()
        .map(|problem| (format!("{:?}", problem.kind), problem.index))
        .collect()
}

fn expect(original: &Path, sql: &str, expected: &[(&str, u64)]) {
    let expected = expected
        .iter()
        .map(|(kind, index)| ((*kind).to_owned(), Some(*index)))
        .collect();
    assert_eq!(findings(original, sql), expected, "{sql}");
}

#[test]
fn a_sound_ledger_has_no_problems() {
    let dir = ledger();
    let report = check(dir.path());
    assert!(report.is_sound(), "{:#?}", report.problems);
    assert_eq!((report.tree_size, report.entries), (Some(ENTRIES), ENTRIES));
    assert!(report.files >= 8);
    let empty = TempDir::new();
    assert!(matches!(
        fsck(empty.path(), &key()),
        Err(LedgerError::NotFound(_))
    ));
    drop(open(empty.path()));
    assert!(check(empty.path()).is_sound());
}

#[test]
fn every_kind_of_row_tampering_is_named() {
    let dir = ledger();
    let dir = dir.path();
    expect(dir, "DELETE FROM entry WHERE idx = 5", &[("RowRemoved", 5)]);
    expect(
        dir,
        "DELETE FROM private WHERE idx = 599",
        &[("Private", 599)],
    );
    expect(
        dir,
        "DELETE FROM manifest WHERE idx = 0",
        &[("Manifest", 0)],
    );
    expect(
        dir,
        "UPDATE entry SET idx = -1 WHERE idx = 7; UPDATE entry SET idx = 7 WHERE idx = 400; UPDATE entry SET idx = 400 WHERE idx = -1",
        &[
            ("RowMoved", 7),
            ("RowMoved", 400),
            ("Column", 7),
            ("Column", 400),
        ],
    );
    expect(
        dir,
        "INSERT INTO entry SELECT 600, asset_sha256, manifest_id, leaf FROM entry WHERE idx = 3",
        &[("RowAdded", 600)],
    );
    expect(
        dir,
        "INSERT INTO manifest VALUES (-4, x'00')",
        &[("RowAdded", (-4_i64) as u64)],
    );
    for (sql, kind) in [
        ("UPDATE entry SET asset_sha256 = zeroblob(32)", "Column"),
        (
            "UPDATE entry SET manifest_id = manifest_id || 'x'",
            "Column",
        ),
        ("UPDATE entry SET leaf = x'00'", "RowChanged"),
        (
            "UPDATE private SET watermark_id = watermark_id + 1",
            "Private",
        ),
        ("UPDATE private SET watermark_id = NULL", "Private"),
        (
            "UPDATE private SET watermark_id = NULL, watermark_salt = NULL",
            "Private",
        ),
        (
            "UPDATE private SET watermark_salt = zeroblob(32)",
            "Private",
        ),
        ("UPDATE private SET fingerprint = zeroblob(32)", "Private"),
        ("UPDATE private SET fingerprint = NULL", "Private"),
        ("UPDATE private SET key = zeroblob(72)", "Private"),
        ("UPDATE private SET body = x'00'", "Private"),
        ("UPDATE manifest SET bytes = x'00'", "Manifest"),
        ("UPDATE manifest SET bytes = x''", "Manifest"),
    ] {
        expect(dir, &format!("{sql} WHERE idx = 258"), &[(kind, 258)]);
    }
}

/// A picture must not pass for another's through an altered row.
#[test]
fn look_ups_notice_altered_rows() {
    let dir = ledger();
    let swap = format!(
        "UPDATE private SET watermark_id = NULL WHERE idx = 4;
         UPDATE private SET watermark_id = {} WHERE idx = 9;
         UPDATE private SET fingerprint = (SELECT fingerprint FROM private WHERE idx = 20) WHERE idx = 21;
         UPDATE entry SET asset_sha256 = (SELECT asset_sha256 FROM entry WHERE idx = 30) WHERE idx = 31;
         UPDATE entry SET leaf = (SELECT leaf FROM entry WHERE idx = 40) WHERE idx = 41;
         UPDATE manifest SET bytes = x'00' WHERE idx = 50;
         UPDATE entry SET leaf = x'00' WHERE idx = 51;",
        watermark_id(4) as i64
    );
    tamper(dir.path(), &swap);
    let ledger = reader(dir.path()).unwrap();
    let found = ledger.by_watermark_id(watermark_id(4)).unwrap();
    assert_eq!(found.len(), 1);
    assert!(matches!(found[0].inclusion, Err(Unproven::Row(_))));
    assert_eq!(found[0].private, Private::Missing);
    let found = ledger
        .by_fingerprint(&record(20).fingerprint.unwrap(), 0)
        .unwrap();
    let proven: Vec<_> = found
        .iter()
        .map(|(entry, _)| (entry.index.0, entry.inclusion.is_ok()))
        .collect();
    assert_eq!(proven, [(21, false), (20, true)], "newest first");
    let found = ledger.by_asset_sha256(&record(30).asset_sha256).unwrap();
    let proven: Vec<_> = found
        .iter()
        .map(|entry| (entry.index.0, entry.inclusion.is_ok()))
        .collect();
    assert_eq!(proven, [(31, false), (30, true)], "newest first");
    assert_eq!(
        *ledger.get(41).unwrap().unwrap().inclusion(),
        Err(Unproven::Mismatch)
    );
    assert!(matches!(
        ledger.prove(41),
        Err(LedgerError::Unproven { id, .. }) if id.index.0 == 41
    ));
    assert!(matches!(
        ledger.manifest_bytes(50),
        Err(LedgerError::Damaged(_))
    ));
    assert!(matches!(ledger.get(51), Err(LedgerError::Damaged(_))));
}

#[test]
fn checkpoint_rows_and_schema_are_checked() {
    let dir = ledger();
    for (sql, kind) in [
        (
            "UPDATE checkpoint SET size = 599",
            ProblemKind::CommittedCheckpoint,
        ),
        (
            "UPDATE checkpoint SET note = x'00'",
            ProblemKind::CommittedCheckpoint,
        ),
        ("DELETE FROM checkpoint", ProblemKind::CommittedCheckpoint),
        ("DROP INDEX entry_asset", ProblemKind::Database),
        ("CREATE TABLE more (x)", ProblemKind::Database),
    ] {
        let kinds: Vec<_> = findings(dir.path(), sql).into_iter().collect();
        assert_eq!(kinds, [(format!("{kind:?}"), None)], "{sql}");
    }
    let copy = TempDir::new();
    copy_dir(dir.path(), copy.path());
    Connection::open(shard(copy.path()).join("ledger.sqlite"))
        .unwrap()
        .execute_batch("DROP TRIGGER entry_keep")
        .unwrap();
    let report = check(copy.path());
    assert_eq!(
        report
            .problems
            .iter()
            .filter(|p| p.kind == ProblemKind::Database)
            .count(),
        1,
        "{report:?}"
    );
}

#[test]
fn the_guard_rails_hold() {
    let dir = ledger();
    let connection = Connection::open(shard(dir.path()).join("ledger.sqlite")).unwrap();
    for sql in [
        "UPDATE entry SET leaf = x''",
        "DELETE FROM entry",
        "UPDATE private SET body = x''",
        "DELETE FROM private",
        "UPDATE manifest SET bytes = x''",
        "DELETE FROM manifest",
    ] {
        assert!(connection.execute_batch(sql).is_err(), "{sql}");
    }
}

#[test]
fn a_row_and_its_bundle_changed_alike_are_found() {
    // Somebody rewrites history in both readable copies; the hash tiles and the signed root still know.
    let dir = ledger();
    let path = shard(dir.path()).join("tile/entries/000");
    let mut bundle = std::fs::read(&path).unwrap();
    let needle = b"trainedAlgorithmicMedia";
    let at = bundle
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap();
    bundle[at] = b'T';
    std::fs::write(path, &bundle).unwrap();
    let leaf_length = usize::from(u16::from_be_bytes([bundle[0], bundle[1]]));
    let leaf: String = bundle_leaf(dir.path(), leaf_length);
    tamper(
        dir.path(),
        &format!("UPDATE entry SET leaf = x'{leaf}' WHERE idx = 0"),
    );
    let kinds: BTreeSet<_> = check(dir.path())
        .problems
        .iter()
        .map(|p| (format!("{:?}", p.kind), p.index))
        .collect();
    assert!(
        kinds.contains(&("BundleEntry".to_owned(), Some(0))),
        "{kinds:?}"
    );
    assert!(
        kinds.contains(&("RowChanged".to_owned(), Some(0))),
        "{kinds:?}"
    );
    assert!(
        !kinds.iter().any(|(kind, _)| kind == "TileHash"),
        "{kinds:?}"
    );
}

/// Hexadecimal of the first leaf in the first entry bundle.
fn bundle_leaf(dir: &Path, length: usize) -> String {
    let bundle = std::fs::read(shard(dir).join("tile/entries/000")).unwrap();
    let leaf = &bundle[2..2 + length];
    leaf.iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Flips bytes of every file that is not the database; each must be reported for that file.
#[test]
fn flipped_bytes_of_log_files_are_reported() {
    let dir = ledger();
    let mut flips = 0;
    for (relative, original) in snapshot(dir.path()) {
        let name = relative.to_str().unwrap();
        if original.is_empty() || name.contains("ledger.sqlite") {
            continue;
        }
        let path = dir.path().join(&relative);
        let step = (original.len() / 25).max(1);
        for at in (0..original.len()).step_by(step) {
            let mut bytes = original.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&path, bytes).unwrap();
            let report = check(dir.path());
            assert!(!report.is_sound(), "{name} byte {at}");
            let file = name.replace("ledger.sums", "ledger.sqlite");
            assert!(
                report
                    .problems
                    .iter()
                    .all(|p| p.file.as_deref() == Some(&file)),
                "{name} {at} {:?}",
                report.problems
            );
            flips += 1;
        }
        for cut in [0, original.len() - 1] {
            std::fs::write(&path, &original[..cut]).unwrap();
            assert!(!check(dir.path()).is_sound(), "{name} cut to {cut}");
        }
        std::fs::remove_file(&path).unwrap();
        let removed = check(dir.path());
        assert!(
            !removed.is_sound() || name.contains(".p/") || name.ends_with("lock"),
            "{name} removed"
        );
        std::fs::write(&path, &original).unwrap();
    }
    assert!(flips > 200);
    std::fs::write(shard(dir.path()).join("tile/0/003"), [0; 8_192]).unwrap();
    let report = check(dir.path());
    assert!(
        matches!(&report.problems[..], [p] if p.kind == ProblemKind::FileUnexpected),
        "{report:?}"
    );
}

#[test]
fn lost_page_sums_are_reported_until_the_next_writer_renews_them() {
    let dir = ledger();
    std::fs::remove_file(shard(dir.path()).join("ledger.sums")).unwrap();
    assert!(matches!(&check(dir.path()).problems[..], [p] if p.kind == ProblemKind::DatabasePage));
    open(dir.path()).append(record(ENTRIES)).unwrap();
    assert!(check(dir.path()).is_sound());
}

#[test]
fn an_open_ledger_is_checked_between_commits() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    for n in 0..20 {
        ledger.append(record(n)).unwrap();
        let report = check(dir.path());
        assert!(
            report.is_sound() && report.entries == n + 1,
            "{:?}",
            report.problems
        );
    }
}

/// Flips bytes all over the database file, used or not; each must be reported.
#[test]
fn flipped_bytes_of_the_database_are_reported() {
    let dir = TempDir::new();
    let ledger = open(dir.path());
    ledger.append_many((0..30).map(record).collect()).unwrap();
    drop(ledger);
    let path = shard(dir.path()).join("ledger.sqlite");
    let original = std::fs::read(&path).unwrap();
    let positions = (0..100).chain((100..original.len()).step_by(199));
    for at in positions {
        let mut bytes = original.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, bytes).unwrap();
        let report = check(dir.path());
        let named = report
            .problems
            .iter()
            .any(|p| p.file.as_deref() == Some(&format!("{SHARD}/ledger.sqlite")));
        assert!(
            named,
            "byte {at} of {}: {:?}",
            original.len(),
            report.problems
        );
    }
    std::fs::write(&path, &original).unwrap();
    assert!(check(dir.path()).is_sound());
    std::fs::write(&path, &original[..original.len() - 4096]).unwrap();
    assert!(!check(dir.path()).is_sound());
    std::fs::remove_file(&path).unwrap();
    assert!(!check(dir.path()).is_sound());
}
