//! Whole runs with a checker that needs no keys: order, duplicates, groups, resuming, and the three forms side by side.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use colophon_batch::{BatchError, Inputs, Options, Outputs, Row, Summary, Target, run};
use serde_json::{Value, json};
use support::{Fake, Folder};

fn jsonl(path: &std::path::Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn to_jsonl(folder: &Folder) -> Outputs {
    Outputs {
        jsonl: Some(Target::File(folder.path("out.jsonl"))),
        ..Outputs::default()
    }
}

fn checked(folder: &Folder, fake: &Fake, arguments: &[&str], options: &Options<'_>) -> Summary {
    let arguments: Vec<PathBuf> = arguments.iter().map(|name| folder.path(name)).collect();
    let inputs = Inputs::new(&arguments).unwrap();
    run(&inputs, fake, &to_jsonl(folder), options, |_| {}).unwrap()
}

#[test]
fn rows_come_in_the_order_of_the_inputs_and_equal_bytes_are_checked_once() {
    let folder = Folder::new();
    // The first names take longest, so that later ones are done before.
    for number in 0..40 {
        folder.write(
            &format!("in/{number:02}.jpg"),
            &format!("pause={} n={}", 20 - number / 2, number / 2),
        );
    }
    let fake = Fake::default();
    let summary = checked(&folder, &fake, &["in"], &support::options());
    assert_eq!(
        (summary.rows, summary.duplicates, summary.exit_code()),
        (40, 20, 3)
    );
    let reports = jsonl(&folder.path("out.jsonl"));
    for (at, pair) in reports.chunks(2).enumerate() {
        let name = |number: usize| {
            folder
                .path(&format!("in/{number:02}.jpg"))
                .display()
                .to_string()
        };
        assert_eq!(pair[0]["file"], name(at * 2));
        assert_eq!(pair[0]["row"], at * 2 + 1);
        assert_eq!(pair[0]["duplicate_of"], Value::Null);
        assert_eq!(pair[1]["duplicate_of"], name(at * 2), "both hold n={at}");
        assert_eq!(pair[1]["container"], pair[0]["container"]);
        assert_eq!(pair[1]["group"], pair[0]["group"]);
    }
    // Two that are read at the same instant may both be checked, so not exactly 20.
    assert!(fake.checks() < 30, "{} checks", fake.checks());
    assert!(!folder.path("out.jsonl.part").exists());
}

#[test]
fn one_bad_file_never_stops_a_run() {
    let folder = Folder::new();
    folder.write("in/a.jpg", "panic");
    folder.write("in/b.jpg", "fine");
    folder.write("in/c.jpg", "");
    folder.write("in/notes", "no picture");
    folder.write(
        "list.jsonl",
        "{\"file\": \"/none/such.jpg\", \"id\": 5}\nbroken\n",
    );
    let summary = checked(
        &folder,
        &Fake::default(),
        &["in", "list.jsonl"],
        &support::options(),
    );
    let told = jsonl(&folder.path("out.jsonl"));
    let outcomes: Vec<&str> = told
        .iter()
        .map(|row| row["outcome"].as_str().unwrap())
        .collect();
    let unchecked = "could-not-check";
    assert_eq!(
        outcomes,
        [unchecked, "nothing-found", unchecked, unchecked, unchecked]
    );
    assert_eq!(told[0]["error"]["message"], "gave up");
    assert_eq!(told[0]["container"]["bytes"], 5);
    assert_eq!(told[3]["input"], json!({"id": 5}));
    assert_eq!((summary.skipped, summary.exit_code()), (1, 2));
    assert_eq!(summary.errors["picture"], 4);
}

#[test]
fn pictures_that_look_alike_are_grouped_by_the_first() {
    let folder = Folder::new();
    for (name, content) in [
        ("a", "pdq=00 quality=90"),
        ("b", "pdq=ff quality=90"),
        ("c", "pdq=01 quality=80"),
        ("d", "pdq=00 quality=20"),
    ] {
        folder.write(&format!("in/{name}.jpg"), content);
    }
    let summary = checked(&folder, &Fake::default(), &["in"], &support::options());
    let groups: Vec<Value> = jsonl(&folder.path("out.jsonl"))
        .iter()
        .map(|row| row["group"].clone())
        .collect();
    assert_eq!(groups, [json!(1), json!(2), json!(1), Value::Null]);
    assert_eq!(summary.groups(), 1);
}

#[test]
fn a_stopped_run_goes_on_where_it_was_and_comes_to_the_same() {
    let folder = Folder::new();
    for number in 0..30 {
        folder.write(
            &format!("in/{number:02}.jpg"),
            &format!("n={} pdq=0{}", number % 20, number % 4),
        );
    }
    let whole = {
        checked(&folder, &Fake::default(), &["in"], &support::options());
        fs::read_to_string(folder.path("out.jsonl")).unwrap()
    };
    fs::remove_file(folder.path("out.jsonl")).unwrap();

    let begun = AtomicUsize::new(0);
    let stop = || begun.fetch_add(1, Ordering::SeqCst) >= 12;
    let first = checked(
        &folder,
        &Fake::default(),
        &["in"],
        &Options {
            stop: &stop,
            ..support::options()
        },
    );
    assert!(first.stopped && first.rows < 30);
    assert!(!folder.path("out.jsonl").exists());
    // A killed process leaves a torn record at most.
    let part = folder.path("out.jsonl.part");
    let mut torn = fs::read(&part).unwrap();
    torn.extend(b"{\"key\":[1,2");
    fs::write(&part, torn).unwrap();

    let inputs = Inputs::new(&[folder.path("in")]).unwrap();
    let again = run(
        &inputs,
        &Fake::default(),
        &to_jsonl(&folder),
        &support::options(),
        |_| {},
    );
    assert!(
        matches!(again, Err(BatchError::LeftOver(_))),
        "not without being asked"
    );
    let other = Options {
        settings: "other".into(),
        resume: true,
        ..support::options()
    };
    let refused = run(
        &inputs,
        &Fake::default(),
        &to_jsonl(&folder),
        &other,
        |_| {},
    );
    assert!(matches!(refused, Err(BatchError::OtherSettings(_))));

    let fake = Fake::default();
    let resumed = checked(
        &folder,
        &fake,
        &["in"],
        &Options {
            resume: true,
            ..support::options()
        },
    );
    assert_eq!((resumed.rows, resumed.resumed), (30, first.rows));
    assert!(fake.checks() < 20, "what was finished is not checked again");
    assert_eq!(fs::read_to_string(folder.path("out.jsonl")).unwrap(), whole);
    assert!(!part.exists());
}

#[test]
fn a_resumed_run_follows_what_became_of_the_files() {
    let folder = Folder::new();
    for name in ["b", "c", "d"] {
        folder.write(&format!("in/{name}.jpg"), name);
    }
    // Three are taken, then the run is stopped.
    let begun = AtomicUsize::new(0);
    let stop = || begun.fetch_add(1, Ordering::SeqCst) >= 3;
    let first = checked(
        &folder,
        &Fake::default(),
        &["in"],
        &Options {
            jobs: 1,
            stop: &stop,
            ..support::options()
        },
    );
    assert_eq!((first.rows, first.stopped), (3, true));
    folder.write("in/a.jpg", "new");
    folder.write("in/b.jpg", "changed");
    fs::remove_file(folder.path("in/c.jpg")).unwrap();
    let fake = Fake::default();
    let resumed = checked(
        &folder,
        &fake,
        &["in"],
        &Options {
            resume: true,
            ..support::options()
        },
    );
    assert_eq!((resumed.rows, resumed.resumed, fake.checks()), (3, 1, 2));
    let names: Vec<String> = jsonl(&folder.path("out.jsonl"))
        .iter()
        .map(|row| {
            row["file"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(names, ["a.jpg", "b.jpg", "d.jpg"]);
}

#[test]
fn outputs_that_are_there_are_kept_unless_told_otherwise() {
    let folder = Folder::new();
    folder.write("in/a.jpg", "x");
    folder.write("out.jsonl", "mine");
    let inputs = Inputs::new(&[folder.path("in")]).unwrap();
    let refused = run(
        &inputs,
        &Fake::default(),
        &to_jsonl(&folder),
        &support::options(),
        |_| {},
    );
    assert!(matches!(refused, Err(BatchError::Exists(_))));
    checked(
        &folder,
        &Fake::default(),
        &["in"],
        &Options {
            overwrite: true,
            ..support::options()
        },
    );
    assert_eq!(jsonl(&folder.path("out.jsonl")).len(), 1);
    let twice = Outputs {
        csv: Some(Target::Stream),
        jsonl: Some(Target::Stream),
        ..Outputs::default()
    };
    assert!(matches!(twice.check(false), Err(BatchError::SameOutput)));
    let stream = Outputs {
        parquet: Some(Target::Stream),
        ..Outputs::default()
    };
    assert!(matches!(
        stream.check(false),
        Err(BatchError::ParquetStream)
    ));
}

/// The table of columns in the documentation is the one in the code.
#[test]
fn the_documentation_tells_every_column() {
    let text = include_str!("../../../docs/bulk.md");
    let (_, table) = text.split_once("## Columns").unwrap();
    let written: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let known: Vec<String> = Row::COLUMNS
        .iter()
        .map(|column| {
            let kind = format!("{:?}", column.kind).to_lowercase();
            format!("| `{}` | {kind} | {} |", column.name, column.meaning)
        })
        .collect();
    assert_eq!(
        written,
        known,
        "copy these lines to docs/bulk.md:\n{}",
        known.join("\n")
    );
}

/// What Python's `csv` and `DuckDB` read is what the JSON lines say.
#[test]
fn other_readers_see_the_same_rows() {
    let folder = Folder::new();
    for (name, content) in [
        ("=cmd|' .jpg", "n=1 pdq=01 quality=77"),
        ("a\nb\u{1b}[2J.jpg", "n=2"),
        ("gpj.\u{202e}exe, \"x\".jpg", "n=3"),
        ("z.jpg", "n=3"),
    ] {
        folder.write(&format!("in/{name}"), content);
    }
    // More than one group of rows in the Parquet file.
    let list = format!("{}\n", folder.path("in/z.jpg").display()).repeat(5_000);
    folder.write("list.txt", &list);
    let outputs = Outputs {
        jsonl: Some(Target::File(folder.path("out.jsonl"))),
        csv: Some(Target::File(folder.path("out.csv"))),
        parquet: Some(Target::File(folder.path("out.parquet"))),
    };
    let inputs = Inputs::new(&[folder.path("in"), folder.path("list.txt")]).unwrap();
    run(
        &inputs,
        &Fake::default(),
        &outputs,
        &support::options(),
        |_| {},
    )
    .unwrap();
    let rows = jsonl(&folder.path("out.jsonl"));
    assert_eq!(rows.len(), 5_004);

    let text = fs::read_to_string(folder.path("out.csv")).unwrap();
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.ends_with("\r\n"));
    assert_eq!(
        text.matches('\n').count(),
        5_005,
        "no line is broken by a name"
    );

    let Some(read) = support::python(
        "read.py",
        &[folder.path("out.csv"), folder.path("out.parquet")],
    ) else {
        return;
    };
    for kind in ["csv", "parquet"] {
        let table = read[kind].as_array().unwrap();
        assert_eq!(table.len(), rows.len(), "{kind}");
        for (row, line) in rows.iter().zip(table) {
            let text = |value: &Value| match value {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            let names: Vec<&str> = line
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let known: Vec<&str> = Row::COLUMNS.iter().map(|column| column.name).collect();
            assert_eq!(names, known, "{kind}");
            for (column, value) in [
                ("row", &row["row"]),
                ("group", &row["group"]),
                ("outcome", &row["outcome"]),
                ("sha256", &row["container"]["sha256"]),
                ("bytes", &row["container"]["bytes"]),
                ("pdq", &row["evidence"]["fingerprint"]["hash"]),
            ] {
                assert_eq!(text(&line[column]), text(value), "{kind} {column}");
            }
            if kind == "parquet" {
                assert_eq!(line["file"], row["file"], "as it is");
            }
        }
    }
    let first = read["csv"][0]["file"].as_str().unwrap();
    assert!(
        first.starts_with('/'),
        "a path that is no formula stands as it is: {first}"
    );
}
