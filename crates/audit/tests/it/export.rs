//! Exports: what they hold, and every lie that the check must find.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use colophon_audit::{
    AuditError, Completeness, ExportReport, Mismatch, PUBLIC_COLUMNS, Statement, check_export,
    export,
};
use colophon_ledger::{Entries, Filter, Kind, Ledger, Likeness, Query};
use colophon_tabular::{Form, Reader, Value};
use colophon_tlog::Ed25519Signer;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::common::{
    FIRST, ORIGIN, SHARD, START, ask, id, key, ledger, open, python, record, signer,
};

const FORMS: [Form; 3] = [Form::Csv, Form::JsonLines, Form::Parquet];
const COUNT: u64 = 400;

fn shared() -> &'static (TempDir, Ledger) {
    static SHARED: OnceLock<(TempDir, Ledger)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let ledger = ledger(dir.path(), COUNT);
        (dir, ledger)
    })
}

fn copy() -> &'static Path {
    shared().0.path()
}

/// An export in a folder of its own.
fn exported(filter: Filter, form: Form) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("export");
    export(
        &ask(&shared().1, filter),
        &table,
        form,
        false,
        false,
        &signer(),
    )
    .unwrap();
    (dir, table)
}

fn checked(table: &Path) -> ExportReport {
    check_export(table, &key(), Some(copy())).unwrap()
}

/// The statement beside a table, changed and signed anew by whoever holds the ledger's key.
fn restate(table: &Path, change: impl FnOnce(&mut Statement)) {
    let file = table.with_extension("statement");
    let mut statement = Statement::open(&fs::read(&file).unwrap(), &key()).unwrap();
    change(&mut statement);
    fs::write(&file, statement.sign(&signer()).unwrap().to_string()).unwrap();
}

/// Lets the statement fit the file again, as far as the statement itself can.
fn cover_up(table: &Path) {
    let reader = Reader::open(table, Form::JsonLines, PUBLIC_COLUMNS).unwrap();
    let rows: Vec<Vec<Value>> = reader.map(Result::unwrap).collect();
    let mut leaves = Sha256::new_with_prefix(b"colophon.export.leaves.1\0");
    let mut entries = Vec::new();
    for row in &rows {
        let (Value::Integer(entry), Value::Text(hash)) = (&row[1], &row[2]) else {
            panic!("{row:?}");
        };
        leaves.update(0_u32.to_be_bytes());
        leaves.update(entry.to_be_bytes());
        for at in (0..64).step_by(2) {
            leaves.update([u8::from_str_radix(&hash[at..at + 2], 16).unwrap()]);
        }
        entries.push(*entry as u64);
    }
    let bytes = fs::read(table).unwrap();
    restate(table, |statement| {
        statement.sha256 = Sha256::digest(bytes).into();
        statement.rows = rows.len() as u64;
        statement.leaves = leaves.finalize().into();
        statement.logs[0].rows = rows.len() as u64;
        let ends = entries.iter().min().zip(entries.iter().max());
        statement.logs[0].first_and_last = ends.map(|(first, last)| (*first, *last));
    });
}

/// The lines of an export in JSON lines, changed.
fn rewrite(table: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let text = fs::read_to_string(table).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(table, lines.join("\n") + "\n").unwrap();
}

fn filters() -> impl Strategy<Value = Filter> {
    let time = || of((-10..450_i64).prop_map(|n| START + 3_600 * n));
    let model = of(select(vec!["=1+1", "example/model", "<b>&", "none"]));
    let signer = of((0..5_u8).prop_map(|n| [n; 32]));
    let entries = select(vec![Entries::Pictures, Entries::All, Entries::Events]);
    let kind = of(select(vec![Kind::Generate, Kind::Stamp]));
    (entries, time(), time(), kind, model, signer).prop_map(
        |(entries, since, until, kind, model, signer)| Filter {
            entries,
            since,
            until,
            kind,
            model: model.map(str::to_owned),
            signer,
            ..Filter::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_form_carries_the_same_rows_and_checks_out(filter in filters()) {
        let mut statements = Vec::new();
        let mut tables = Vec::new();
        for form in FORMS {
            let (_dir, table) = exported(filter.clone(), form);
            let report = checked(&table);
            prop_assert_eq!(&report.mismatches, &[]);
            prop_assert_eq!(report.completeness, Completeness::Whole);
            let reader = Reader::open(&table, form, PUBLIC_COLUMNS).unwrap();
            let rows: Vec<Vec<Value>> = reader.map(Result::unwrap).collect();
            prop_assert_eq!(rows.len() as u64, report.statement.rows);
            // CSV has text alone, made safe; the numbers of the entries are the same in all.
            let entries: Vec<String> = rows.iter().map(|row| match &row[1] {
                Value::Text(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                other => format!("{other:?}"),
            }).collect();
            tables.push(entries);
            statements.push((report.statement.leaves, report.statement.logs.clone()));
        }
        prop_assert!(tables.windows(2).all(|pair| pair[0] == pair[1]));
        prop_assert!(statements.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

#[test]
fn nothing_private_is_in_a_public_export() {
    for form in FORMS {
        let (_dir, table) = exported(Filter::default(), form);
        let bytes = fs::read(&table).unwrap();
        for private in [
            "secret prompt",
            "private title",
            "private person",
            "fefefefe",
        ] {
            let found = bytes
                .windows(private.len())
                .any(|it| it == private.as_bytes());
            assert!(!found, "{private} in {form:?}");
        }
    }
}

#[test]
fn private_columns_are_added_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("export");
    let filter = Filter {
        like: Some(Likeness {
            fingerprint: record(3).fingerprint.unwrap(),
            distance: 0,
        }),
        until: Some(START + 100 * 3_600),
        ..Filter::default()
    };
    let query = Query::new(&shared().1, filter, None, true).unwrap();
    export(&query, &table, Form::JsonLines, true, false, &signer()).unwrap();
    let text = fs::read_to_string(&table).unwrap();
    assert_eq!(text.lines().count(), 13, "every eighth of a hundred");
    assert!(text.contains("\"title\":\"A private title 3\""), "{text}");
    // Nobody can tell from the log alone whether other pictures look alike.
    let report = checked(&table);
    assert_eq!(
        (report.mismatches, report.completeness),
        (vec![], Completeness::Rows)
    );
}

#[test]
fn an_export_never_replaces_a_file_unasked() {
    let (dir, table) = exported(Filter::default(), Form::Csv);
    let before = fs::read(&table).unwrap();
    let query = ask(&shared().1, Filter::default());
    let again = export(&query, &table, Form::JsonLines, false, false, &signer());
    assert!(matches!(again, Err(AuditError::Exists(_))), "{again:?}");
    assert_eq!(fs::read(&table).unwrap(), before);
    export(&query, &table, Form::JsonLines, false, true, &signer()).unwrap();
    assert_eq!(checked(&table).mismatches, []);
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        2,
        "nothing is left over"
    );
}

#[test]
fn a_log_that_has_grown_since_still_confirms() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(dir.path(), 300);
    let table = dir.path().join("export.csv");
    let query = ask(&ledger, Filter::default());
    ledger
        .append_many((300..700).map(record).collect())
        .unwrap();
    export(&query, &table, Form::Csv, false, false, &signer()).unwrap();
    let report = check_export(&table, &key(), Some(dir.path())).unwrap();
    assert_eq!((report.statement.rows, report.mismatches), (300, vec![]));
}

#[test]
fn every_changed_byte_of_file_or_statement_is_found() {
    let filter = Filter {
        until: Some(START + 5 * 3_600),
        ..Filter::default()
    };
    for form in FORMS {
        let (_dir, table) = exported(filter.clone(), form);
        let statement = table.with_extension("statement");
        for path in [&table, &statement] {
            let bytes = fs::read(path).unwrap();
            for at in (0..bytes.len()).step_by(37) {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                fs::write(path, changed).unwrap();
                let report = check_export(&table, &key(), None);
                let sound = report.is_ok_and(|report| report.mismatches.is_empty());
                assert!(!sound, "byte {at} of {}", path.display());
            }
            fs::write(path, bytes).unwrap();
        }
        assert_eq!(checked(&table).mismatches, []);
    }
}

#[test]
fn a_subset_cannot_be_passed_off_as_all() {
    // The operator exports a part, and states that it is all.
    let (_dir, table) = exported(
        Filter {
            kind: Some(Kind::Stamp),
            ..Filter::default()
        },
        Form::Csv,
    );
    restate(&table, |statement| statement.filter = Filter::default());
    let alone = check_export(&table, &key(), None).unwrap();
    assert_eq!(
        (alone.mismatches, alone.completeness),
        (vec![], Completeness::NotChecked)
    );
    let report = checked(&table);
    let missing = Mismatch::Missing {
        log: format!("{ORIGIN}/{SHARD}"),
        entry: id(1).index.0,
    };
    assert_eq!(report.mismatches[0], missing);
}

#[test]
fn a_dropped_an_edited_and_a_moved_row_are_found() {
    type Change = fn(&mut Vec<String>);
    let log = || format!("{ORIGIN}/{SHARD}");
    let foreign = |n| Mismatch::Foreign {
        log: log(),
        entry: FIRST + n,
    };
    let missing = |n| Mismatch::Missing {
        log: log(),
        entry: FIRST + n,
    };
    let content = |n, column| Mismatch::Content {
        log: log(),
        entry: FIRST + n,
        column,
    };
    let changes: [(Change, Vec<Mismatch>); 3] = [
        (|rows| drop(rows.remove(10)), vec![missing(10)]),
        (
            |rows| rows[3] = rows[3].replace("\"height\":768", "\"height\":769"),
            vec![content(3, "height")],
        ),
        (|rows| rows.swap(5, 6), vec![missing(5), foreign(5)]),
    ];
    for (change, expected) in changes {
        let (_dir, table) = exported(Filter::default(), Form::JsonLines);
        rewrite(&table, change);
        let report = checked(&table);
        assert!(report.mismatches.contains(&Mismatch::File));
        // Even if the operator signs a statement that fits.
        cover_up(&table);
        assert_eq!(checked(&table).mismatches, expected);
    }
    // More rows than there is room for between the first and the last cannot even be stated.
    let (_dir, table) = exported(Filter::default(), Form::JsonLines);
    rewrite(&table, |rows| rows.insert(8, rows[7].clone()));
    let report = checked(&table);
    assert!(report.mismatches.contains(&foreign(7)), "{report:?}");
    cover_up(&table);
    let report = check_export(&table, &key(), Some(copy()));
    assert!(
        matches!(report, Err(AuditError::Statement(_))),
        "{report:?}"
    );
}

#[test]
fn a_rewritten_log_is_not_the_one_that_was_stated() {
    let (_dir, table) = exported(Filter::default(), Form::Csv);
    let other = tempfile::tempdir().unwrap();
    let rewritten = open(other.path());
    let mut records: Vec<_> = (0..COUNT).map(record).collect();
    records[20].width = 999;
    rewritten.append_many(records).unwrap();
    let report = check_export(&table, &key(), Some(other.path())).unwrap();
    assert!(
        report
            .mismatches
            .iter()
            .any(|it| matches!(it, Mismatch::Root { .. }))
    );
    assert!(
        report
            .mismatches
            .iter()
            .any(|it| matches!(it, Mismatch::Content { entry, .. } if *entry == FIRST + 20)),
        "{:?}",
        report.mismatches
    );
    let short = tempfile::tempdir().unwrap();
    ledger(short.path(), 10);
    let report = check_export(&table, &key(), Some(short.path()));
    assert!(
        matches!(report, Err(AuditError::Folder { .. })),
        "{report:?}"
    );
}

#[test]
fn another_key_speaks_for_nobody() {
    let (_dir, table) = exported(Filter::default(), Form::Csv);
    let other = Ed25519Signer::from_seed(ORIGIN, &[1; 32]).unwrap();
    let report = check_export(
        &table,
        colophon_ledger::NoteSigner::verifier_key(&other),
        None,
    );
    assert!(matches!(report, Err(AuditError::Statement(_))));
    // The key of another ledger, which signed a statement about this one's log.
    let stranger = Ed25519Signer::from_seed("other.example/log", &[1; 32]).unwrap();
    let file = table.with_extension("statement");
    let statement = Statement::open(&fs::read(&file).unwrap(), &key()).unwrap();
    fs::write(&file, statement.sign(&stranger).unwrap().to_string()).unwrap();
    let report = check_export(
        &table,
        colophon_ledger::NoteSigner::verifier_key(&stranger),
        None,
    );
    assert!(matches!(report, Err(AuditError::Statement(_))));
}

#[test]
fn an_unproven_entry_is_not_exported() {
    let dir = tempfile::tempdir().unwrap();
    drop(ledger(dir.path(), 20));
    let tile = dir.path().join(SHARD).join("tile/0/000.p/20");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[32 * 7] ^= 1;
    fs::write(&tile, bytes).unwrap();
    let ledger = Ledger::open_read_only(dir.path(), key()).unwrap();
    let table = dir.path().join("export.csv");
    let failed = export(
        &ask(&ledger, Filter::default()),
        &table,
        Form::Csv,
        false,
        false,
        &signer(),
    );
    assert!(
        matches!(failed, Err(AuditError::Unproven { .. })),
        "{failed:?}"
    );
    assert!(!table.exists());
}

/// What `DuckDB` and pandas read is what the JSON lines say.
#[test]
fn other_readers_see_the_same_rows() {
    let Some(mut python) = python("duckdb, pandas, pyarrow") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let query = ask(&shared().1, Filter::default());
    let path = |form: Form| dir.path().join(form.name());
    for form in FORMS {
        export(&query, &path(form), form, false, false, &signer()).unwrap();
    }
    let output = python
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/interop/read.py"
        ))
        .args(FORMS.map(path))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{failed}");
    assert_eq!(told.trim(), "400 rows alike");
}
