//! The three forms carry the same rows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write as _;

use colophon_tabular::{Cell, Column, Form, Kind, Reader, Staged, Value};
use proptest::prelude::*;

const COLUMNS: &[Column] = &[
    column("name", Kind::Text),
    column("count", Kind::Integer),
    column("at", Kind::Time),
    column("proven", Kind::Boolean),
];
const FORMS: [Form; 3] = [Form::Csv, Form::JsonLines, Form::Parquet];

const fn column(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        meaning: "",
    }
}

type Owned = (Option<String>, Option<i64>, Option<i64>, Option<bool>);

fn cells((name, count, at, proven): &Owned) -> [Cell<'_>; 4] {
    [
        Cell::from(name),
        Cell::from(count),
        at.map_or(Cell::Empty, Cell::Time),
        proven.map_or(Cell::Empty, Cell::Boolean),
    ]
}

fn written(form: Form, rows: &[Owned]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut table = form.table(&mut bytes, "test", COLUMNS).unwrap();
    for row in rows {
        table.row(&cells(row)).unwrap();
    }
    table.finish().unwrap();
    bytes
}

fn read(form: Form, bytes: &[u8]) -> Vec<Vec<Value>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let reader = Reader::open(file.path(), form, COLUMNS).unwrap();
    reader.map(Result::unwrap).collect()
}

fn row() -> impl Strategy<Value = Owned> {
    let text = proptest::option::of(prop_oneof![".{0,12}", "[=+@\t\r\n\",'-]{1,4}[a-z]{0,3}"]);
    (
        text,
        any::<Option<i64>>(),
        any::<Option<i64>>(),
        any::<Option<bool>>(),
    )
}

proptest! {
    #[test]
    fn every_form_reads_back_what_was_written(rows in proptest::collection::vec(row(), 0..12)) {
        for form in FORMS {
            let found = read(form, &written(form, &rows));
            let expected: Vec<Vec<Value>> = rows
                .iter()
                .map(|row| cells(row).map(|cell| form.shown(cell)).into())
                .collect();
            prop_assert_eq!(found, expected, "{:?}", form);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read_without_panic(bytes: Vec<u8>, at: prop::sample::Index, to: u8) {
        let rows = [(Some("a".to_owned()), Some(1), Some(2), Some(true))];
        for form in FORMS {
            let mut damaged = written(form, &rows);
            let at = at.index(damaged.len());
            damaged[at] = to;
            for bytes in [&bytes, &damaged] {
                let mut file = tempfile::NamedTempFile::new().unwrap();
                file.write_all(bytes).unwrap();
                if let Ok(reader) = Reader::open(file.path(), form, COLUMNS) {
                    prop_assert!(reader.count() <= bytes.len(), "the first error is the end");
                }
            }
        }
    }
}

#[test]
fn parquet_holds_more_than_one_group() {
    let rows: Vec<Owned> = (0..5_000)
        .map(|number| (None, Some(number), Some(number), None))
        .collect();
    let found = read(Form::Parquet, &written(Form::Parquet, &rows));
    assert_eq!(found.len(), rows.len());
    assert_eq!(found[4_999][1], Value::Integer(4_999));
    assert_eq!(found[4_999][2], Value::Milliseconds(4_999_000));
}

#[test]
fn a_row_that_does_not_fit_is_refused() {
    for form in FORMS {
        let mut table = form.table(Vec::new(), "test", COLUMNS).unwrap();
        assert!(table.row(&[Cell::Empty]).is_err(), "{form:?}");
    }
    let mut table = Form::Parquet.table(Vec::new(), "test", COLUMNS).unwrap();
    let wrong = [Cell::Integer(1), Cell::Empty, Cell::Empty, Cell::Empty];
    assert!(table.row(&wrong).is_err());
}

#[test]
fn golden_forms() {
    let rows = [
        (
            Some("=1".to_owned()),
            Some(-2),
            Some(1_790_000_000),
            Some(true),
        ),
        (None, None, None, None),
    ];
    assert_eq!(
        String::from_utf8(written(Form::Csv, &rows)).unwrap(),
        "name,count,at,proven\r\n'=1,-2,2026-09-21T14:13:20Z,true\r\n,,,\r\n"
    );
    assert_eq!(
        String::from_utf8(written(Form::JsonLines, &rows)).unwrap(),
        "{\"name\":\"=1\",\"count\":-2,\"at\":\"2026-09-21T14:13:20Z\",\"proven\":true}\n\
         {\"name\":null,\"count\":null,\"at\":null,\"proven\":null}\n"
    );
}

#[test]
fn a_staged_file_appears_only_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    fs::write(&path, "old").unwrap();
    let mut staged = Staged::create(&path).unwrap();
    staged.write_all(b"new").unwrap();
    drop(staged);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let mut staged = Staged::create(&path).unwrap();
    staged.write_all(b"new").unwrap();
    staged.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}
