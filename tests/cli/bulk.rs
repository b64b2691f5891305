//! `verify` over folders and lists, through the real binary.

use std::fs;
use std::time::{Duration, Instant};

use colophon_imaging::decode;
use serde_json::Value;

use crate::support::{Bench, Ended, jpeg, photo, scene, third};

/// The lines of a file of JSON.
fn rows(bench: &Bench, name: &str) -> Vec<Value> {
    let text = String::from_utf8(bench.read(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn row<'a>(rows: &'a [Value], file: &str) -> &'a Value {
    let found = rows.iter().find(|row| row["file"] == file);
    assert!(found.is_some(), "no row for {file}: {rows:#?}");
    found.unwrap()
}

#[test]
fn a_folder_of_everything_becomes_a_table() {
    let bench = Bench::new();
    bench.write("original.jpg", &photo(1));
    fs::create_dir_all(bench.path("in/deep/.hidden")).unwrap();
    bench
        .run(&["stamp", "original.jpg", "-o", "in/stamped.jpg"])
        .code(0);
    let stamped = bench.read("in/stamped.jpg");
    let pixels = decode(&stamped, &colophon_imaging::Limits::default()).unwrap();
    bench.write("in/stripped.jpg", &jpeg(&pixels, 88));
    bench.write("in/unmarked.jpg", &photo(2));
    bench.write("in/deep/same.jpg", &photo(2));
    bench.write("in/smaller.jpg", &jpeg(&third(&scene(2, 640, 480)), 90));
    bench.write("in/broken.jpg", &photo(3)[..4000]);
    bench.write("in/empty.png", b"");
    bench.write("in/notes.md", b"# no picture");
    bench.write("in/deep/.hidden/x.jpg", &photo(4));
    bench.write("in/no-extension", &photo(5));
    for name in [
        "=cmd|' .jpg",
        "line\nbreak\u{1b}[2J.jpg",
        "gpj.\u{202e}exe.jpg",
    ] {
        bench.write(&format!("in/{name}"), &photo(6));
    }
    let ended = bench
        .run(&[
            "verify",
            "in",
            "--jsonl",
            "out.jsonl",
            "--csv",
            "out.csv",
            "--parquet",
            "out.parquet",
        ])
        .code(2)
        .says("11 pictures in")
        .says("passed over 1 that are no pictures");
    assert!(!ended.out.contains(['\u{1b}', '\u{202e}']));
    let rows = rows(&bench, "out.jsonl");
    assert_eq!(rows.len(), 11);
    for (file, outcome) in [
        ("in/stamped.jpg", "evidence-found"),
        ("in/stripped.jpg", "evidence-found"),
        ("in/unmarked.jpg", "nothing-found"),
        ("in/no-extension", "nothing-found"),
        ("in/broken.jpg", "could-not-check"),
        ("in/empty.png", "could-not-check"),
    ] {
        assert_eq!(row(&rows, file)["outcome"], outcome, "{file}");
    }
    assert_eq!(
        row(&rows, "in/unmarked.jpg")["duplicate_of"],
        "in/deep/same.jpg"
    );
    let first = &row(&rows, "in/deep/same.jpg")["row"];
    assert_eq!(&row(&rows, "in/smaller.jpg")["group"], first, "alike");
    assert_eq!(
        &row(&rows, "in/stamped.jpg")["group"],
        &row(&rows, "in/stripped.jpg")["group"]
    );

    let csv = String::from_utf8(bench.read("out.csv")).unwrap();
    assert_eq!(csv.lines().count(), 12, "a line a row: {csv}");
    assert!(!csv.contains(['\u{1b}', '\u{202e}']));
    assert!(bench.read("out.parquet").starts_with(b"PAR1"));
    assert!(!bench.path("out.jsonl.part").exists());
    // Named one by one there is no path in front of the formula.
    let mut command = bench.command(&["verify", "=cmd|' .jpg", "--csv", "-"]);
    let ended: Ended = command
        .current_dir(bench.path("in"))
        .env("COLOPHON_HOME", bench.path("home"))
        .output()
        .unwrap()
        .into();
    assert!(
        ended
            .out
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("1,'=cmd|' .jpg,"),
        "{}",
        ended.out
    );
}

#[test]
fn lists_bring_their_own_facts_and_streams_come_in_order() {
    let bench = Bench::new();
    bench.write("a.jpg", &photo(1));
    bench.write("b.jpg", &photo(2));
    bench.write(
        "list.jsonl",
        b"{\"file\": \"b.jpg\", \"post\": 17}\n{\"file\": \"gone.jpg\"}\n{\"file\": \"a.jpg\"}\n",
    );
    let ended = bench.run(&["verify", "list.jsonl", "--jsonl", "-"]).code(2);
    let rows = ended.json();
    let files: Vec<&str> = rows
        .iter()
        .map(|row| row["file"].as_str().unwrap())
        .collect();
    assert_eq!(files, ["b.jpg", "gone.jpg", "a.jpg"]);
    assert_eq!(rows[0]["input"]["post"], 17);
    assert_eq!(rows[1]["error"]["kind"], "system");
    let piped = bench
        .run_with_input(&["verify", "-", "--csv", "-"], b"a.jpg\nb.jpg\n")
        .code(2);
    assert_eq!(piped.out.lines().count(), 3);
    bench
        .run(&["verify", "*.jpg", "--jsonl", "all.jsonl"])
        .code(2)
        .says("2 pictures");
    bench
        .run(&["verify", "a.jpg", "--jsonl", "all.jsonl"])
        .code(2)
        .says("--overwrite");
    bench
        .run(&["verify", "a.jpg", "--json", "--jsonl", "x.jsonl"])
        .code(2);
    bench.run(&["verify", "a.jpg", "--resume"]).code(2);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_a_row() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    fs::create_dir(bench.path("in")).unwrap();
    let path = bench.write("in/a.jpg", &photo(1));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        eprintln!("SKIPPED: this user may read everything");
        return;
    }
    bench.run(&["verify", "in", "--jsonl", "out.jsonl"]).code(2);
    let rows = rows(&bench, "out.jsonl");
    assert_eq!(rows[0]["error"]["kind"], "system");
}

/// Waits until the part file has some rows.
fn wait_for_rows(bench: &Bench, count: usize) {
    let start = Instant::now();
    loop {
        let text = fs::read(bench.path("out.csv.part")).unwrap_or_default();
        if text.split(|&byte| byte == b'\n').count() > count * 2 + 1 {
            return;
        }
        assert!(start.elapsed() < Duration::from_mins(2), "no rows come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_killed_run_goes_on() {
    let bench = Bench::new();
    fs::create_dir(bench.path("in")).unwrap();
    for number in 0..24 {
        bench.write(&format!("in/{number:02}.jpg"), &photo(number));
    }
    let command = ["verify", "in", "--csv", "out.csv", "--jobs", "1"];
    let mut child = bench.start(&command);
    wait_for_rows(&bench, 3);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!bench.path("out.csv").exists());
    bench.run(&command).code(2).says("--resume");
    bench
        .run(&[&command[..], &["--resume"]].concat())
        // Without keys, marks cannot be looked for.
        .code(2)
        .says("were finished before");
    let columns = |name: &str| -> Vec<Vec<String>> {
        let text = String::from_utf8(bench.read(name)).unwrap();
        let cells = |line: &str| line.split(',').take(6).map(str::to_owned).collect();
        text.lines().map(cells).collect()
    };
    assert_eq!(columns("out.csv").len(), 25);
    bench.run(&["verify", "in", "--csv", "whole.csv"]).code(2);
    assert_eq!(columns("out.csv"), columns("whole.csv"));
    assert!(!bench.path("out.csv.part").exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_finishes_what_is_in_hand() {
    let bench = Bench::new();
    fs::create_dir(bench.path("in")).unwrap();
    for number in 0..24 {
        bench.write(&format!("in/{number:02}.jpg"), &photo(number));
    }
    let child = bench.start(&["verify", "in", "--csv", "out.csv", "--jobs", "1"]);
    wait_for_rows(&bench, 2);
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status()
        .unwrap();
    assert!(sent.success());
    let ended: Ended = child.wait_with_output().unwrap().into();
    ended.code(130).says("--resume goes on from there");
    let part = bench.read("out.csv.part");
    assert!(part.ends_with(b"\n"), "no torn record");
    bench
        .run(&["verify", "in", "--csv", "out.csv", "--resume"])
        .code(2)
        .says("24 pictures");
}
