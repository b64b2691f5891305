//! API keys, and the policies asked before commands.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout};

use serde_json::Value;

use crate::support::{Bench, photo};

#[test]
fn a_key_is_shown_once_listed_and_revoked() {
    let bench = Bench::new();
    bench
        .run(&["access", "list"])
        .code(0)
        .says("There are no API keys yet.");
    let made = bench
        .run(&[
            "access",
            "create",
            "studio",
            "--scope",
            "issue,read",
            "--expires",
            "90d",
            "--json",
        ])
        .code(0)
        .json()
        .remove(0);
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert!(
        key.starts_with(&format!("colophon_{id}_")) && key.len() == 61,
        "{key}"
    );
    assert_eq!(made["teams"], serde_json::json!(["makers", "auditors"]));
    let listed = bench.run(&["access", "list", "--json"]).code(0);
    assert!(!listed.out.contains(key), "{}", listed.out);
    bench
        .run(&["access", "show", id])
        .code(0)
        .says("studio")
        .says("last used never");
    let kept = bench.read(&format!("home/access/{id}.json"));
    assert!(!String::from_utf8(kept).unwrap().contains(&key[18..]));
    let revoked = bench
        .run(&["access", "revoke", id, "--json"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(revoked["state"], "revoked");
    bench
        .run(&["access", "show", "aaaaaaaa"])
        .code(2)
        .says("there is no key aaaaaaaa");
    bench
        .run(&["access", "create", "x", "--scope", "root"])
        .code(2)
        .says("scopes are issue, verify");
    bench
        .run(&["access", "create", "a/b", "--scope", "read"])
        .code(2)
        .says("without slashes");
    bench
        .run(&[
            "access",
            "create",
            "x",
            "--scope",
            "read",
            "--expires",
            "soon",
        ])
        .code(2)
        .says("is no time");
}

#[test]
fn every_command_asks_the_policies_for_whoever_asks() {
    let bench = Bench::new();
    bench.write("a.jpg", &photo(1));
    let source = ["--source", "trainedAlgorithmicMedia"];
    bench
        .run(&["stamp", "a.jpg", "-o", "s.jpg", source[0], source[1]])
        .code(0);
    // The owner may, as before; somebody else may verify and no more.
    bench.run(&["ledger", "list"]).code(0);
    bench.run(&["verify", "s.jpg", "--as", "ida"]).code(0);
    for refused in [
        vec!["verify", "s.jpg", "--jsonl", "rows.jsonl", "--as", "ida"],
        vec!["ledger", "list", "--as", "ida"],
        vec!["ledger", "show", "0", "--private", "--as", "ida"],
        vec!["ledger", "prove", "0", "--as", "ida"],
        vec!["ledger", "query", "--as", "ida"],
        vec!["ledger", "stats", "--as", "ida"],
        vec!["ledger", "explain", "0", "--as", "ida"],
        vec!["ledger", "export", "--csv", "out.csv", "--as", "ida"],
        vec![
            "ledger", "erase", "0", "--reason", "request", "--yes", "--as", "ida",
        ],
        vec!["keys", "rotate", "receipt", "--as", "ida"],
        vec![
            "keys",
            "revoke",
            "receipt",
            "--reason",
            "superseded",
            "--from",
            "2026-01-01",
            "--as",
            "ida",
        ],
    ] {
        bench.run(&refused).code(2).says("no rule permits it");
    }
    assert!(!bench.path("rows.jsonl").exists() && !bench.path("out.csv").exists());
    // Teams of the bundle count.
    bench
        .run(&["policy", "show", "shipped", "--write", "rules"])
        .code(0);
    let principals = String::from_utf8(bench.read("rules/principals.toml")).unwrap();
    let principals = principals.replace("auditors = []", "auditors = [\"user:ida\"]");
    bench.write("rules/principals.toml", principals.as_bytes());
    bench.run(&["policy", "publish", "rules"]).code(0);
    bench.run(&["ledger", "query", "--as", "ida"]).code(0);
    bench
        .run(&["ledger", "export", "--csv", "out.csv", "--as", "ida"])
        .code(0);
    bench
        .run(&[
            "ledger",
            "export",
            "--csv",
            "p.csv",
            "--private",
            "--as",
            "ida",
        ])
        .code(2);
    bench
        .run(&[
            "ledger", "erase", "0", "--reason", "request", "--yes", "--as", "ida",
        ])
        .code(2);
    // Told without a name.
    let told = bench.run(&["ledger", "decisions", "--json"]).code(0);
    assert!(
        told.out.contains("\"redact\"") && !told.out.contains("ida\""),
        "{}",
        told.out
    );
}

#[test]
fn checking_needs_no_home_and_unusable_policies_refuse() {
    let bench = Bench::new();
    bench.write("a.jpg", &photo(1));
    let verify = |home: bool| {
        let mut command = bench.command(&["verify", "a.jpg"]);
        if !home {
            command.env_remove("HOME").env_remove("COLOPHON_HOME");
        }
        crate::support::Ended::from(command.output().unwrap())
    };
    // Without a home there is no key to look for marks with.
    verify(false).code(2);
    std::fs::create_dir_all(bench.path("home/policies")).unwrap();
    bench.write("home/policies/default.cedar", b"permit (");
    verify(true).code(2).says("policies");
}

/// A service of the program, ended when dropped.
struct Serving {
    child: Child,
    address: String,
    owner: Option<String>,
    _out: BufReader<ChildStdout>,
}

impl Serving {
    fn start(bench: &Bench) -> Self {
        let mut child = bench.start(&["serve", "--listen", "127.0.0.1:0"]);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = String::new();
        while !lines.contains("Colophon is at") {
            assert!(out.read_line(&mut lines).unwrap() > 0, "{lines}");
        }
        let address = lines.split("http://").nth(1).unwrap().trim().to_owned();
        let made = bench.path("home/access").exists();
        if !made {
            out.read_line(&mut lines).unwrap();
        }
        let owner = lines.split("#key=").nth(1).map(|key| key.trim().to_owned());
        Self {
            child,
            address,
            owner,
            _out: out,
        }
    }

    fn whoami(&self, key: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        (status, serde_json::from_str(body).unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_running_service_knows_keys_as_they_are_made_and_revoked() {
    let bench = Bench::new();
    let serving = Serving::start(&bench);
    let owner = serving
        .owner
        .clone()
        .expect("no key was made, so the owner has one");
    assert_eq!(serving.whoami(&owner).1["owner"], true);
    let made = bench
        .run(&["access", "create", "desk", "--scope", "read", "--json"])
        .code(0);
    let made = made.json().remove(0);
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    let (status, who) = serving.whoami(key);
    assert_eq!(
        (status, &who["principal"]),
        (200, &Value::from("api-key:desk"))
    );
    bench.run(&["access", "revoke", id]).code(0);
    assert_eq!(serving.whoami(key).0, 401);
    drop(serving);

    bench
        .run(&["access", "create", "desk", "--scope", "read"])
        .code(0);
    let again = Serving::start(&bench);
    assert_eq!(
        again.whoami(&owner).0,
        401,
        "the owner's key was good for that run"
    );
    assert_eq!(again.owner, None, "there is a key that works");
}
