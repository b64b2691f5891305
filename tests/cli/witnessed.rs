//! Witnesses, monitors and mirrors as people run them: two hosts on one machine.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command};

use crate::support::{Bench, Ended, photo};

/// A server of the program; killed when dropped.
struct Server {
    child: Child,
    /// Kept open: a server that cannot print would not be the one that people run.
    _out: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut child = bench.start(arguments);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line
            .split_whitespace()
            .next_back()
            .unwrap_or_default()
            .to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line:?}");
        Self {
            child,
            _out: out,
            url,
        }
    }

    /// Asks it to stop as a service manager does; the exit code.
    fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A home with keys, and the verifier key of its ledger.
fn home(bench: &Bench) -> String {
    bench
        .run(&["keys", "init", "--ledger-name", "ledger.example"])
        .code(0);
    let shown = bench.run(&["ledger", "show", "--json"]).code(0).json();
    shown[0]["verifier_key"].as_str().unwrap().to_owned()
}

fn stamp(bench: &Bench, name: &str) -> Ended {
    bench.write("in.jpg", &photo(name.len() as u32));
    bench.run(&["stamp", "in.jpg", "-o", name])
}

/// The newest shard's folder below a ledger's.
fn shard(folder: &Path) -> std::path::PathBuf {
    let mut shards: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().path())
        .filter(|path| path.join("checkpoint").is_file())
        .collect();
    shards.sort();
    shards.pop().unwrap()
}

#[test]
fn a_witness_stands_between_issuing_and_publishing() {
    let bench = Bench::new();
    let key = home(&bench);
    let made = bench.run(&["witness", "init", "--dir", "w", "--name", "witness.example"]);
    let made = made.code(0).says("add-log");
    let witness_key = made.out.lines().find_map(|line| {
        let word = line.trim();
        word.starts_with("witness.example+")
            .then(|| word.to_owned())
    });
    bench
        .run(&["witness", "init", "--dir", "w", "--name", "witness.example"])
        .code(2)
        .says("not empty");
    bench
        .run(&["witness", "add-log", "--dir", "w", &key])
        .code(0)
        .says("every half-year");
    let serve = ["witness", "serve", "--dir", "w", "--listen", "127.0.0.1:0"];
    let witness = Server::start(&bench, &serve);
    bench.run(&serve).code(2).says("another process");
    let policy = format!(
        "witness one {} {}\nquorum one\n",
        witness_key.unwrap(),
        witness.url
    );
    bench.write("home/witness-policy", policy.as_bytes());

    stamp(&bench, "one.jpg").code(0);
    bench
        .run(&["ledger", "witnesses"])
        .code(0)
        .says("has its quorum");
    let shown = bench
        .run(&["witness", "show", "--dir", "w", "--json"])
        .code(0)
        .json();
    assert!(shown[0]["logs"].as_array().unwrap().len() >= 2, "{shown:?}");
    bench
        .run(&[
            "ledger",
            "monitor",
            "home/ledger",
            "--key",
            &key,
            "--policy",
            "home/witness-policy",
        ])
        .code(0)
        .says("Nothing wrong found");

    assert_eq!(witness.stop(), Some(0), "it was asked to stop and did");
    stamp(&bench, "two.jpg").code(2).says("one");
    assert!(
        !bench.path("two.jpg").exists(),
        "no picture without its witness"
    );
    bench
        .run(&["ledger", "monitor", "home/ledger", "--key", &key])
        .code(0);
    bench.write("home/witness-policy", b"quorum nobody\n");
    stamp(&bench, "three.jpg")
        .code(2)
        .says("witness-policy")
        .says("line 1");
}

#[test]
fn a_monitor_and_a_mirror_need_no_home() {
    let bench = Bench::new();
    let key = home(&bench);
    stamp(&bench, "one.jpg").code(0);
    let site = Server::start(&bench, &["ledger", "serve", "--listen", "127.0.0.1:0"]);
    let auditor = Bench::new();
    let monitor = [
        "ledger",
        "monitor",
        &site.url,
        "--key",
        &key,
        "--state",
        "seen.json",
        "--json",
    ];
    let first = auditor.run(&monitor).code(0).json();
    assert_eq!(first[0]["sound"], true);
    let new = first[0]["new"].as_u64().unwrap();
    assert!(new >= 1);
    assert_eq!(auditor.run(&monitor).code(0).json()[0]["new"], 0);
    stamp(&bench, "another.jpg").code(0);
    let mirror = ["ledger", "mirror", &site.url, "copy", "--key", &key];
    auditor.run(&mirror).code(0).says("every file checked");
    auditor
        .run(&["ledger", "monitor", "copy", "--key", &key])
        .code(0)
        .says("Nothing wrong");
    assert_eq!(auditor.run(&monitor).code(0).json()[0]["new"], 1);
    assert_eq!(
        auditor.names("."),
        ["copy", "seen.json"],
        "no home was made"
    );

    // The operator edits a row in place.
    let shard = shard(&bench.path("home/ledger"));
    let bundles = shard.join("tile/entries/000.p");
    for bundle in fs::read_dir(&bundles).unwrap() {
        let path = bundle.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let alarm = auditor
        .run(&["ledger", "monitor", &site.url, "--key", &key])
        .code(1)
        .says("ALARM");
    assert!(
        alarm.out.contains("is not the one that was hashed"),
        "{alarm:?}"
    );
    let evidence = auditor
        .names(".")
        .into_iter()
        .find(|name| name.starts_with("evidence-"));
    let evidence = evidence.unwrap();
    let text = String::from_utf8(auditor.read(&evidence)).unwrap();
    assert!(
        text.starts_with("colophon evidence v1\nlog ledger.example/"),
        "{text}"
    );
    assert_eq!(site.stop(), Some(0));
}

#[test]
fn a_ledger_made_anew_is_a_fork_for_whoever_saw_the_old_one() {
    let bench = Bench::new();
    let key = home(&bench);
    for name in ["a.jpg", "bb.jpg"] {
        stamp(&bench, name).code(0);
    }
    let monitor = [
        "ledger",
        "monitor",
        "home/ledger",
        "--key",
        &key,
        "--state",
        "seen.json",
    ];
    bench.run(&monitor).code(0);
    // All records but new ones are thrown away; keys and names stay.
    fs::remove_dir_all(bench.path("home/ledger")).unwrap();
    // More than there were, with the events of the keys.
    for length in 3..14 {
        stamp(&bench, &format!("{}.jpg", "c".repeat(length))).code(0);
    }
    bench.run(&monitor).code(1).says("ALARM").says("fork");
    let evidence = bench
        .names(".")
        .into_iter()
        .find(|name| name.contains("-fork-"))
        .unwrap();
    let text = String::from_utf8(bench.read(&evidence)).unwrap();
    let origin = text.split("\n\n").nth(1).unwrap().lines().next().unwrap();
    // The shard's key: the ledger's under the shard's name.
    let name = origin.rsplit('/').next().unwrap();
    let list = String::from_utf8(bench.read("home/ledger/shards")).unwrap();
    let line = list.lines().find(|line| line.starts_with(origin)).unwrap();
    let shard_key = line.split(' ').next_back().unwrap();
    assert!(shard_key.contains(name));
    bench
        .run(&["ledger", "evidence", &evidence, "--key", shard_key])
        .code(1)
        .says("Proved");
    bench
        .run(&["ledger", "evidence", &evidence, "--key", &key])
        .code(2)
        .says("proves nothing");
}
