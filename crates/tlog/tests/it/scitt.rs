//! COSE receipts against the Python package `scitt-cose`: it believes ours and refuses altered ones; we believe its.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use colophon_tlog::{
    Ed25519ReceiptSigner, LeafIndex, Receipt, ReceiptError, ReceiptKey, ReceiptProof,
    ReceiptSigner as _, TreeSize, prove_consistency, prove_inclusion,
};

use crate::common::{Log, ORIGIN, folder, leaf, python, skip};

fn receipts() -> Ed25519ReceiptSigner {
    Ed25519ReceiptSigner::from_seed(b"receipts", &[31; 32])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn log(size: usize) -> Log {
    let mut log = Log::default();
    log.grow(size);
    log
}

fn inclusion(log: &Log, index: usize) -> Receipt {
    let at = LeafIndex(index as u64);
    let path = prove_inclusion(&mut log.reader(), at, log.size()).unwrap();
    Receipt::of_inclusion(&leaf(index), at, path, &log.statement(ORIGIN), &receipts()).unwrap()
}

fn consistency(old: &Log, new: &Log) -> Receipt {
    let path = prove_consistency(&mut new.reader(), old.size(), new.size()).unwrap();
    let statement = new.statement(ORIGIN);
    Receipt::of_consistency(old.size(), old.root(), path, &statement, &receipts()).unwrap()
}

/// What scitt-cose is asked, and what it must say: the root it believes, or nothing.
struct Cases {
    folder: PathBuf,
    json: Vec<String>,
    expected: Vec<Option<String>>,
}

impl Cases {
    fn add(&mut self, receipt: &[u8], about: &str, key: &str, expected: Option<String>) {
        let name = format!("{}.cose", self.json.len());
        fs::write(self.folder.join(&name), receipt).unwrap();
        self.json.push(format!(
            r#"{{"receipt": "{name}", "key": "{key}", {about}}}"#
        ));
        self.expected.push(expected);
    }

    /// The receipt is believed as it is, and with no byte altered.
    fn add_with_altered(&mut self, receipt: &Receipt, about: &str, root: &str) {
        let bytes = receipt.to_bytes();
        self.add(&bytes, about, "key.pem", Some(root.to_owned()));
        self.add(&bytes, about, "other.pem", None);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            self.add(&altered, about, "key.pem", None);
        }
        self.add(&bytes[..bytes.len() - 1], about, "key.pem", None);
        self.add(&[&bytes[..], &[0]].concat(), about, "key.pem", None);
    }
}

fn about_leaf(leaf: &[u8]) -> String {
    format!(r#""leaf": "{}""#, hex(leaf))
}

fn about_roots(old: &str, new: &str) -> String {
    format!(r#""old_root": "{old}", "new_root": "{new}""#)
}

#[test]
fn scitt_cose_believes_our_receipts_and_we_believe_its() {
    let Some(python) = python() else {
        skip("COLOPHON_PYTHON names no Python with tests/interop/requirements.txt installed");
        return;
    };
    let folder = folder("scitt");
    fs::write(folder.join("key.pem"), receipts().receipt_key().to_pem()).unwrap();
    let other = Ed25519ReceiptSigner::from_seed(b"receipts", &[32; 32]);
    fs::write(folder.join("other.pem"), other.receipt_key().to_pem()).unwrap();
    let mut cases = Cases {
        folder: folder.clone(),
        json: Vec::new(),
        expected: Vec::new(),
    };
    // The last of five leaves: no size and no index but its own have a proof of this shape.
    let five = log(5);
    let receipt = inclusion(&five, 4);
    let root = five.root().to_string();
    cases.add_with_altered(&receipt, &about_leaf(&leaf(4)), &root);
    cases.add(&receipt.to_bytes(), &about_leaf(&leaf(3)), "key.pem", None);
    let three = log(3);
    let receipt = consistency(&three, &five);
    let (old, new) = (three.root().to_string(), root.clone());
    cases.add_with_altered(&receipt, &about_roots(&old, &new), &new);
    let stranger = log(7).root().to_string();
    for wrong in [about_roots(&stranger, &new), about_roots(&old, &stranger)] {
        cases.add(&receipt.to_bytes(), &wrong, "key.pem", None);
    }
    // Larger trees, complete ones, and one of a single leaf.
    for (size, index) in [(1, 0), (256, 255), (300, 77), (70_000, 69_999)] {
        let log = log(size);
        let root = Some(log.root().to_string());
        let bytes = inclusion(&log, index).to_bytes();
        cases.add(&bytes, &about_leaf(&leaf(index)), "key.pem", root);
    }
    for (old, new) in [(1, 1), (1, 2), (256, 257), (300, 70_000)] {
        let (old, new) = (log(old), log(new));
        let about = about_roots(&old.root().to_string(), &new.root().to_string());
        let bytes = consistency(&old, &new).to_bytes();
        cases.add(&bytes, &about, "key.pem", Some(new.root().to_string()));
    }
    let answers = judge(&python, &cases);
    let lines: Vec<&str> = answers.lines().collect();
    assert_eq!(lines.len(), cases.json.len() + 1, "{answers}");
    for (index, expected) in cases.expected.iter().enumerate() {
        let expected = expected.as_ref().map_or_else(
            || r#"{"ok": false, "root": null}"#.to_owned(),
            |root| format!(r#"{{"ok": true, "root": "{root}"}}"#),
        );
        assert_eq!(lines[index], expected, "{}", cases.json[index]);
    }
    theirs(&folder, lines[cases.json.len()], &five);
    fs::remove_dir_all(folder).unwrap();
}

fn judge(python: &Path, cases: &Cases) -> String {
    let json = format!("[{}]", cases.json.join(",\n"));
    fs::write(cases.folder.join("cases.json"), json).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/receipts.py");
    let output = Command::new(python)
        .arg(script)
        .arg(&cases.folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// scitt-cose's receipt has claims in its header that we do not know, and a random key.
fn theirs(folder: &Path, key: &str, five: &Log) {
    let key = key
        .trim_start_matches(r#"{"key": ""#)
        .trim_end_matches(r#""}"#);
    let bytes: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&key[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let key = ReceiptKey::new(b"theirs", &bytes.try_into().unwrap()).unwrap();
    let receipt = Receipt::parse(&fs::read(folder.join("theirs.cose")).unwrap()).unwrap();
    assert_eq!(receipt.key_id(), Some(&b"theirs"[..]));
    assert_eq!(receipt.verify_inclusion(&leaf(2), &key), Ok(five.root()));
    let size_and_index = matches!(
        receipt.proof(),
        ReceiptProof::Inclusion {
            size: TreeSize(5),
            index: LeafIndex(2),
            ..
        }
    );
    assert!(size_and_index);
    assert_eq!(
        receipt.verify_inclusion(&leaf(3), &key),
        Err(ReceiptError::Signature)
    );
}
