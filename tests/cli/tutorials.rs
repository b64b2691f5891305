//! The tutorials in `docs/tutorials`: every command in them is run as it stands.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Bench, photo};

/// Tools that a reader is told to have, beside the program.
const TOOLS: [&str; 4] = ["bash", "curl", "jq", "openssl"];

/// The parts of a page that are marked: commands in their order, and files that the text shows.
struct Marked {
    commands: String,
    files: Vec<(String, String)>,
}

impl Marked {
    fn of(page: &str) -> Self {
        let mut marked = Self {
            commands: String::new(),
            files: Vec::new(),
        };
        let mut lines = page.lines();
        while let Some(line) = lines.next() {
            let Some(info) = line.strip_prefix("```") else {
                continue;
            };
            let block = lines.by_ref().take_while(|line| *line != "```");
            let block: String = block.flat_map(|line| [line, "\n"]).collect();
            if info == "sh run" {
                marked.commands += &block;
            } else if let Some((_, name)) = info.split_once("file=") {
                marked.files.push((name.to_owned(), block));
            }
        }
        marked
    }
}

/// A Python for the pages' own programs; those of the interoperability tests have the packages.
fn python() -> String {
    std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Whether everything is there that the reader must have; says what is not.
fn has_tools(packages: &str) -> bool {
    let runs = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let mut missing: Vec<&str> = TOOLS
        .into_iter()
        .filter(|tool| !runs(tool, &["--version"]) && !runs(tool, &["version"]))
        .collect();
    if !runs(&python(), &["-c", packages]) {
        missing.push("python3 with its packages");
    }
    if missing.is_empty() {
        return true;
    }
    let told = format!("not there: {}", missing.join(", "));
    assert!(
        std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_none(),
        "{told}"
    );
    eprintln!("skipped: {told}");
    false
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Runs the commands of a page in a folder of their own; the ports of the text are others here, so that tests can run
/// side by side.
fn follow(page: &str, packages: &str, prepare: impl FnOnce(&Bench)) -> Option<Bench> {
    if !has_tools(packages) {
        return None;
    }
    let bench = Bench::new();
    prepare(&bench);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = fs::read_to_string(root.join("docs/tutorials").join(page)).unwrap();
    let (service, receiver) = (free_port().to_string(), free_port().to_string());
    let marked = Marked::of(&text.replace("8750", &service).replace("8751", &receiver));
    for (name, content) in &marked.files {
        bench.write(name, content.as_bytes());
    }
    let tools = bench.path("tools");
    fs::create_dir(&tools).unwrap();
    let program = env!("CARGO_BIN_EXE_colophon");
    bench.write(
        "tools/colophon",
        format!("#!/bin/sh\nexec '{program}' \"$@\"\n").as_bytes(),
    );
    bench.write(
        "tools/python3",
        format!("#!/bin/sh\nexec '{}' \"$@\"\n", python()).as_bytes(),
    );
    // Job control, so that `%1` is the service, and whatever fails is the end.
    let script = format!(
        "set -euo pipefail -m\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\nchmod +x tools/*\n{}",
        marked.commands
    );
    bench.write("script.sh", script.as_bytes());
    let path = std::env::var("PATH").unwrap_or_default();
    let ended: crate::support::Ended = Command::new("bash")
        .arg("script.sh")
        .current_dir(bench.path("."))
        .env_clear()
        .env("PATH", format!("{}:{path}", tools.display()))
        .env("HOME", bench.path("."))
        .env("COLOPHON_SERVE_LISTEN", format!("127.0.0.1:{service}"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
        .into();
    ended.code(0);
    Some(bench)
}

#[test]
fn a_publisher_labels_what_is_published() {
    let harbour = |bench: &Bench| {
        bench.write("harbour.jpg", &photo(5));
    };
    let Some(bench) = follow("publisher.md", "pass", harbour) else {
        return;
    };
    // What came out is what the program itself finds in it.
    bench
        .run(&["--home", "publisher", "verify", "harbour-stamped.jpg"])
        .code(0)
        .says("Signed by");
}

#[test]
fn a_moderator_is_told_and_sorts() {
    let uploads = |bench: &Bench| {
        fs::create_dir(bench.path("uploads")).unwrap();
        for seed in 0..3 {
            bench.write(&format!("uploads/{seed}.jpg"), &photo(70 + seed));
        }
        bench.write("uploads/damaged.jpg", &photo(1)[..200]);
        bench.write("uploads/notes.txt", b"no picture");
    };
    let Some(bench) = follow("moderator.md", "pass", uploads) else {
        return;
    };
    let rows = String::from_utf8(bench.read("rows.jsonl")).unwrap();
    assert_eq!(rows.lines().count(), 4, "{rows}");
}

#[test]
fn an_auditor_believes_nobody() {
    let harbour = |bench: &Bench| {
        bench.write("harbour.jpg", &photo(6));
    };
    follow("auditor.md", "import cryptography", harbour);
}

#[test]
fn only_marked_parts_are_run() {
    let marked = Marked::of(
        "```sh\nno\n```\n```sh run\nyes\n```\ntext\n```python file=a.py\nx\n```\n```sh run\nalso\n```\n",
    );
    assert_eq!(marked.commands, "yes\nalso\n");
    assert_eq!(marked.files, [("a.py".to_owned(), "x\n".to_owned())]);
}
