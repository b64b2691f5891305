//! An auditor follows one picture over HTTP, with other people's tools: Go's checksum database, `unzip`'s like, Python's
//! scitt-cose. The operator's program serves, and is not asked whether it tells the truth.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Bench, photo};

/// Where Debian's `golang-golang-x-mod-dev` puts the sources.
const GOPATH: &str = "/usr/share/gocode";

/// `colophon serve`, ended when dropped.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(bench: &Bench) -> Self {
        let mut child = bench.start(&["serve", "--listen", "127.0.0.1:0"]);
        let out = child.stdout.take().unwrap();
        let mut lines = BufReader::new(out).lines();
        let address = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once("http://")?;
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
            Some(rest[..end.unwrap_or(rest.len())].to_owned())
        });
        // What it says further must not fill its pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.expect("it told no address");
        Self { child, address }
    }

    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let wait = Some(Duration::from_mins(1));
        stream.set_read_timeout(wait).unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let split = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..split]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(!head.to_lowercase().contains("chunked"), "{head}");
        (status, answer[split + 4..].to_vec())
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        let text = String::from_utf8_lossy(&body);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn save(&self, path: &str, file: &Path) {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        std::fs::write(file, body).unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says that something is not tried for want of `what`; fails where tools are required.
fn skip(what: &str) {
    assert!(env::var_os("COLOPHON_REQUIRE_TOOLS").is_none(), "{what}");
    eprintln!("SKIPPED: {what}");
}

/// Runs a Go program of this folder or of a bundle; `None` without Go.
fn go(bench: &Bench, program: &Path, folder: &Path, arguments: &[&str]) -> Option<(bool, String)> {
    let is_there = Path::new(GOPATH)
        .join("src/golang.org/x/mod/sumdb/tlog")
        .is_dir()
        && Command::new("go").arg("version").output().is_ok();
    if !is_there {
        skip("the Debian packages golang-go and golang-golang-x-mod-dev are missing");
        return None;
    }
    let output = Command::new("go")
        .arg("run")
        .arg(program)
        .args(arguments)
        .current_dir(folder)
        .envs([
            ("GO111MODULE", "off"),
            ("GOPATH", GOPATH),
            ("GOFLAGS", ""),
            ("GOPROXY", "off"),
        ])
        .env("GOCACHE", bench.path("go-cache"))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8(text).unwrap()))
}

fn python() -> Option<PathBuf> {
    let python = env::var_os("COLOPHON_PYTHON").map(PathBuf::from);
    if python.is_none() {
        skip("COLOPHON_PYTHON names no Python with scitt-cose");
    }
    python
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/cli/auditor")
        .join(name)
}

#[test]
fn an_auditor_follows_one_picture_from_its_page_to_other_peoples_verifiers() {
    let bench = Bench::new();
    bench.write("photo.jpg", &photo(1));
    for out in ["first.png", "second.png", "third.png"] {
        bench
            .run(&[
                "stamp",
                "photo.jpg",
                "-o",
                out,
                "--title",
                "Portrait of Ida",
            ])
            .code(0);
    }
    let serving = Serving::start(&bench);
    // The picture leads to its record, by its hash.
    let hash = colophon_provenance::hex(&sha2_of(&bench.read("second.png")));
    let record = serving.json(&format!("/v1/records/{hash}"));
    assert_eq!(record["proven"], true, "{record}");
    assert!(!record.to_string().contains("Ida"), "{record}");
    let id = record["id"].as_str().unwrap();
    let (shard, index) = id.split_once('-').unwrap();
    let ledger = serving.json("/v1/ledger");
    let shards = ledger["shards"].as_array().unwrap();
    let named = shards.iter().find(|it| it["name"] == shard).unwrap();
    let key = named["verifier_key"].as_str().unwrap();

    // The same program far from the ledger: a proof, a leaf and a key are enough.
    let (leaf, proof) = (bench.path("record.leaf"), bench.path("record.tlog-proof"));
    serving.save(record["links"]["leaf"].as_str().unwrap(), &leaf);
    serving.save(record["links"]["proof"].as_str().unwrap(), &proof);
    bench
        .run(&[
            "--home",
            "elsewhere",
            "ledger",
            "check",
            "record.tlog-proof",
            "--key",
            key,
        ])
        .code(0)
        .says("The proof holds");

    // Go reads the tiles for itself, and says no to another record.
    let log = format!("http://{}/tlog/{shard}", serving.address);
    let leaf_name = leaf.to_str().unwrap();
    let here = bench.path("");
    let follow = |index: &str| {
        go(
            &bench,
            &source("follow.go"),
            &here,
            &[&log, key, index, leaf_name],
        )
    };
    if let Some((proven, text)) = follow(index) {
        assert!(proven && text.contains("PROVEN in"), "{text}");
        let (proven, text) = follow("0").unwrap();
        assert!(!proven && text.contains("NOT PROVEN"), "{text}");
    }

    // scitt-cose believes the receipt, under the key that the ledger's operator names, and no altered one.
    let receipt = bench.path("record.receipt");
    serving.save(record["links"]["receipt"].as_str().unwrap(), &receipt);
    let keys = serving.json("/v1/keys");
    let mut keys = keys["keys"].as_array().unwrap().iter();
    let of_receipts = keys.find(|it| it["role"] == "receipt").unwrap();
    bench.write(
        "receipt.pem",
        of_receipts["public_key"].as_str().unwrap().as_bytes(),
    );
    if let Some(python) = python() {
        let judge = || {
            let output = Command::new(&python)
                .arg(source("receipt.py"))
                .args(["record.receipt", "record.leaf", "receipt.pem"])
                .current_dir(&here)
                .output()
                .unwrap();
            output.status.success()
        };
        assert!(judge());
        let mut altered = bench.read("record.receipt");
        let last = altered.len() - 1;
        altered[last] ^= 1;
        bench.write("record.receipt", &altered);
        assert!(!judge());
    }

    // The bundle's own steps, in a folder that knows nothing of the ledger.
    let folder = bench.path("bundle");
    serving.save(
        record["links"]["bundle"].as_str().unwrap(),
        &bench.path("bundle.zip"),
    );
    unpack(&bench.path("bundle.zip"), &folder);
    if let Some((proven, text)) = go(&bench, &folder.join("check.go"), &folder, &[]) {
        assert!(proven && text.contains("PROVEN"), "{text}");
    }

    // Records go on being entered meanwhile, and the served log grows.
    let before = ledger["entries"].as_u64().unwrap();
    bench
        .run(&["stamp", "photo.jpg", "-o", "fourth.png"])
        .code(0);
    assert_eq!(serving.json("/v1/ledger")["entries"], before + 1);
    if let Some((proven, text)) = follow(index) {
        assert!(proven, "the proof from the larger tree: {text}");
    }
}

fn sha2_of(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

/// Unpacks an archive of stored files, as a bundle is: local headers one after the other (APPNOTE 4.3.7).
fn unpack(archive: &Path, folder: &Path) {
    let bytes = std::fs::read(archive).unwrap();
    let number = |at: usize, length: usize| {
        let bytes = bytes[at..at + length].iter().rev();
        bytes.fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let mut at = 0;
    while bytes[at..].starts_with(b"PK\x03\x04") {
        let (length, name, extra) = (number(at + 18, 4), number(at + 26, 2), number(at + 28, 2));
        let text = std::str::from_utf8(&bytes[at + 30..at + 30 + name]).unwrap();
        let content = at + 30 + name + extra;
        let target = folder.join(text);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, &bytes[content..content + length]).unwrap();
        at = content + length;
    }
    assert!(folder.join("check.go").is_file());
}

#[test]
fn receipts_storage_keys_and_trust_lists_from_the_command_line() {
    let bench = Bench::new();
    bench.write("photo.jpg", &photo(2));
    bench
        .run(&[
            "stamp",
            "photo.jpg",
            "-o",
            "out.png",
            "--title",
            "kept title",
        ])
        .code(0);
    let found = bench.run(&["ledger", "query", "--json"]).code(0).json();
    let record = found[0]["record"].as_str().unwrap().to_owned();
    bench
        .run(&[
            "ledger",
            "receipt",
            &record,
            "-o",
            "r.receipt",
            "--key",
            "r.pem",
        ])
        .code(0)
        .says("Receipt of record");
    assert!(bench.read("r.leaf").len() > 100);
    if let Some(python) = python() {
        let status = Command::new(python)
            .arg(source("receipt.py"))
            .args(["r.receipt", "r.leaf", "r.pem"])
            .current_dir(bench.path(""))
            .status();
        assert!(status.unwrap().success());
    }
    // Events of trust lists are in the log, without the operator's own words.
    bench.write("ca.pem", &bench.read("home/keys/root-ca.cert.pem"));
    bench
        .run(&["trust", "import", "ca.pem", "--name", "partners"])
        .code(0);
    bench
        .run(&["trust", "revoke", "ca.pem", "--reason", "Ida told us"])
        .code(0);
    bench.run(&["trust", "remove", "partners"]).code(0);
    let events = bench
        .run(&["ledger", "query", "--events", "only", "--json"])
        .code(0);
    assert!(!events.out.contains("Ida"), "{}", events.out);
    let kinds: Vec<String> = events
        .json()
        .iter()
        .filter_map(|it| it["type"].as_str().map(str::to_owned))
        .filter(|it| !it.starts_with("key-"))
        .collect();
    assert_eq!(
        kinds,
        [
            "trust-list-imported",
            "certificate-revoked",
            "trust-list-removed"
        ]
    );
    // The storage key is replaced: what is private opens as before, and the old key is gone.
    let storage = |bench: &Bench| {
        let names = bench.names("home/keys").into_iter();
        names
            .filter(|it| it.contains("storage"))
            .collect::<Vec<_>>()
    };
    let before = storage(&bench);
    bench
        .run(&["keys", "rotate", "storage"])
        .code(0)
        .says("wrapped anew; the former key is destroyed");
    let after = storage(&bench);
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after);
    bench
        .run(&["ledger", "show", &record, "--private"])
        .code(0)
        .says("kept title");
    bench.run(&["ledger", "fsck"]).code(0);
    bench.run(&["keys", "check"]).code(0);
    // A copy in one file, got back into a home with the same keys.
    bench.run(&["ledger", "backup", "copy.tar"]).code(0);
    std::fs::rename(bench.path("home/ledger"), bench.path("gone")).unwrap();
    bench.run(&["ledger", "restore", "copy.tar"]).code(0);
    bench
        .run(&["ledger", "show", &record, "--private"])
        .code(0)
        .says("kept title");
}
