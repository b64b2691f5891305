//! Keys and ledger: made, shown, proven, and found out when tampered with.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Bench, photo};

#[test]
fn keys_are_made_once_and_never_shown() {
    let bench = Bench::new();
    bench
        .run(&["keys", "show"])
        .code(2)
        .says("colophon keys init");
    bench.run(&["keys", "check"]).code(2);
    bench
        .run(&["keys", "init", "--organisation", "Example Studio"])
        .code(0)
        .says("not encrypted");
    bench
        .run(&["keys", "init"])
        .code(2)
        .says("already holds keys");
    let shown = bench
        .run(&["keys", "show"])
        .code(0)
        .says("Example Studio")
        .says("no public trust list")
        .out;
    let json = bench.run(&["keys", "show", "--json"]).code(0).out;
    let root = bench
        .run(&["keys", "show", "--root-certificate"])
        .code(0)
        .out;
    assert!(root.starts_with("-----BEGIN CERTIFICATE-----"));
    for name in bench
        .names("home/keys")
        .iter()
        .filter(|name| name.ends_with(".key.pem"))
    {
        let secret = String::from_utf8(bench.read(&format!("home/keys/{name}"))).unwrap();
        let body = secret.lines().nth(1).unwrap();
        assert!(
            ![&shown, &json, &root]
                .iter()
                .any(|text| text.contains(body)),
            "{name}"
        );
    }
    bench.run(&["keys", "check"]).code(0);
    fs::remove_file(bench.path("home/keys/signer.cert.pem")).unwrap();
    bench
        .run(&["keys", "check"])
        .code(1)
        .says("signer.cert.pem is missing");
    let check = bench
        .run(&["keys", "check", "--json"])
        .code(1)
        .json()
        .remove(0);
    assert_eq!(check["sound"], false);
}

#[test]
fn a_wrong_passphrase() {
    let bench = Bench::new();
    bench.write("right", b"correct horse\n");
    bench.write("wrong", b"battery staple\n");
    bench.write("a.jpg", &photo(31));
    bench
        .run(&["--passphrase-file", "right", "keys", "init"])
        .code(0);
    bench
        .run(&[
            "--passphrase-file",
            "right",
            "stamp",
            "a.jpg",
            "-o",
            "out.jpg",
        ])
        .code(0);
    bench
        .run(&["--passphrase-file", "right", "keys", "check"])
        .code(0);
    let before = bench.names(".");
    bench
        .run(&[
            "--passphrase-file",
            "wrong",
            "stamp",
            "a.jpg",
            "-o",
            "no.jpg",
        ])
        .code(2)
        .says("wrong passphrase");
    bench
        .run(&["--passphrase-file", "wrong", "verify", "out.jpg"])
        .code(2)
        .says("wrong passphrase");
    bench
        .run(&["--passphrase-file", "wrong", "keys", "check"])
        .code(2)
        .says("passphrase");
    bench
        .run(&[
            "--passphrase-file",
            "wrong",
            "watermark",
            "detect",
            "out.jpg",
        ])
        .code(2)
        .says("wrong passphrase");
    bench
        .run(&[
            "--passphrase-file",
            "missing",
            "stamp",
            "a.jpg",
            "-o",
            "no.jpg",
        ])
        .code(2)
        .says("passphrase file missing");
    bench
        .run(&["stamp", "a.jpg", "-o", "no.jpg"])
        .code(2)
        .says("encrypted");
    // Without a passphrase the manifest and the ledger can still be read.
    bench
        .run(&["verify", "out.jpg"])
        .code(0)
        .says("not checked, see below")
        .says("proven to be in the signed log");
    assert_eq!(bench.names("."), before);
    let file = bench
        .command(&["keys", "check"])
        .env("COLOPHON_PASSPHRASE_FILE", "right")
        .output()
        .unwrap();
    assert_eq!(file.status.code(), Some(0));
}

#[test]
fn a_proof_is_checked_without_the_ledger() {
    let bench = Bench::new();
    bench.write("a.jpg", &photo(32));
    bench.run(&["stamp", "a.jpg", "-o", "out.jpg"]).code(0);
    let told = bench.run(&["ledger", "prove", "8"]).code(0).out;
    let key = told.split_whitespace().last().unwrap().to_owned();
    bench
        .run(&["ledger", "prove", "8"])
        .code(2)
        .says("exists already");
    bench
        .run(&["ledger", "prove", "70"])
        .code(2)
        .says("no entry");

    let elsewhere = Bench::new();
    elsewhere.write("p.tlog-proof", &bench.read("record-8.tlog-proof"));
    elsewhere.write("p.leaf", &bench.read("record-8.leaf"));
    elsewhere
        .run(&["ledger", "check", "p.tlog-proof", "--key", &key])
        .code(0)
        .says("The proof holds");
    elsewhere
        .run(&["ledger", "check", "p.tlog-proof"])
        .code(2)
        .says("colophon keys init");
    let mut leaf = elsewhere.read("p.leaf");
    leaf[40] ^= 1;
    elsewhere.write("changed.leaf", &leaf);
    elsewhere
        .run(&[
            "ledger",
            "check",
            "p.tlog-proof",
            "--leaf",
            "changed.leaf",
            "--key",
            &key,
        ])
        .code(1)
        .says("does not hold");
    elsewhere
        .run(&["ledger", "check", "missing", "--key", &key])
        .code(2);
    elsewhere
        .run(&["ledger", "check", "p.leaf", "--key", &key])
        .code(2);
    assert_eq!(
        elsewhere.names("."),
        ["changed.leaf", "p.leaf", "p.tlog-proof"]
    );
}

#[test]
fn records_are_found_by_number_id_hash_and_manifest() {
    let bench = Bench::new();
    bench.write("a.jpg", &photo(33));
    let issued = bench
        .run(&["stamp", "a.jpg", "-o", "out.jpg", "--json"])
        .code(0)
        .json()
        .remove(0);
    for key in ["watermark_id", "sha256", "manifest_id"] {
        let found = bench
            .run(&["ledger", "show", issued[key].as_str().unwrap(), "--json"])
            .code(0)
            .json();
        assert_eq!(found[0]["index"], 8, "{key}");
    }
    bench
        .run(&["ledger", "show", "8", "--manifest", "m.c2pa"])
        .code(0)
        .says("/8");
    assert!(bench.read("m.c2pa").len() > 1_000);
    bench
        .run(&["ledger", "show", "90"])
        .code(2)
        .says("no record `90`");
    bench
        .run(&["ledger", "show"])
        .code(0)
        .says("colophon.local/");
}

/// Flips one byte and puts it back when dropped.
struct Flipped {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Flipped {
    fn new(path: &Path, at: usize) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut changed = bytes.clone();
        changed[at] ^= 0x20;
        fs::write(path, changed).unwrap();
        Self {
            path: path.to_owned(),
            bytes,
        }
    }
}

impl Drop for Flipped {
    fn drop(&mut self) {
        fs::write(&self.path, &self.bytes).unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_flipped_byte_in_the_ledger_is_found() {
    let bench = Bench::new();
    bench.write("a.jpg", &photo(34));
    bench.run(&["stamp", "a.jpg", "-o", "out.jpg"]).code(0);
    bench.run(&["ledger", "fsck"]).code(0).says("sound");
    let watched: Vec<PathBuf> = files(&bench.path("home/ledger"))
        .into_iter()
        .filter(|path| {
            let name = path.to_string_lossy();
            fs::metadata(path).unwrap().len() > 0
                && (name.ends_with("ledger.sqlite")
                    || name.ends_with("checkpoint")
                    || name.contains("/tile/"))
        })
        .collect();
    assert!(watched.len() >= 3, "{watched:?}");
    for path in &watched {
        let length = fs::metadata(path).unwrap().len() as usize;
        for at in [length / 7, length / 2, length - 3] {
            let _flipped = Flipped::new(path, at);
            bench.run(&["ledger", "fsck"]).code(1).says("problem");
        }
    }
    bench.run(&["ledger", "fsck"]).code(0);
    let database = watched
        .iter()
        .find(|path| path.ends_with("ledger.sqlite"))
        .unwrap();
    let text = fs::read(database).unwrap();
    let title = text
        .windows(8)
        .position(|window| window == b"algorith")
        .or(text.windows(8).position(|window| window == b"gorithmi"));
    let _flipped = Flipped::new(database, title.unwrap());
    let shown = bench.run(&["ledger", "show", "8"]);
    assert_ne!(shown.code, Some(0), "{shown:?}");
    let report = bench.run(&["verify", "--json", "out.jpg"]).json().remove(0);
    assert_ne!(
        report["verdict"]["rule"], "issued-and-unchanged",
        "{report}"
    );
}
