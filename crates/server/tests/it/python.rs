//! The witness protocol against an independent client and an independent witness: Python's `cryptography`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use colophon_gateway::{WitnessAnswer, WitnessClient};
use colophon_tlog::{
    AddCheckpoint, Checkpoint, CosignerKey, Ed25519Signer, Hash, NoteSignature, NoteSigner as _,
    RightEdge, TreeSize, leaf_hash,
};

use crate::running::AWitness;

/// Python with `cryptography`, or `None` with the reason printed.
fn python() -> Option<String> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", "import cryptography"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        assert!(
            std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_none(),
            "no Python with `cryptography`: set COLOPHON_PYTHON"
        );
        println!("skipped: no Python with `cryptography` (COLOPHON_PYTHON names one)");
    }
    found.then_some(python)
}

fn script() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/witness.py")
}

#[test]
fn an_independent_client_gets_cosignatures_from_our_witness() {
    let Some(python) = python() else {
        return;
    };
    // The script signs as this log, whose seed is thirty-two sevens.
    let log = Ed25519Signer::from_seed("python.example/log", &[7; 32]).unwrap();
    let witness = AWitness::new("witness.example", log.verifier_key(), false);
    let running = witness.serve();
    let output = Command::new(python)
        .arg(script())
        .args([
            "client",
            &running.url(),
            &witness.folder().key().unwrap().to_string(),
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(said.trim(), "cosigned 1 3 8 refused 403 404 409 422");
}

#[test]
fn our_client_gets_cosignatures_from_an_independent_witness() {
    let Some(python) = python() else {
        return;
    };
    let log = Ed25519Signer::from_seed("log.example", &[5; 32]).unwrap();
    let mut child = Command::new(python)
        .arg(script())
        .args(["witness", &log.verifier_key().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap();
    let key: CosignerKey = lines.next().unwrap().unwrap().parse().unwrap();

    let client = WitnessClient::new(&url, None).unwrap();
    let leaf = |n: u64| leaf_hash(&n.to_be_bytes());
    let root = |size: u64| {
        let mut edge = RightEdge::new();
        edge.append(&(0..size).map(leaf).collect::<Vec<_>>());
        edge.root()
    };
    let ask = |old: u64, proof: Vec<Hash>, size: u64, root: Hash| {
        let checkpoint = Checkpoint {
            origin: "log.example".to_owned(),
            size: TreeSize(size),
            root,
            extensions: Vec::new(),
        };
        let note = checkpoint.sign(&log).unwrap();
        let text = note.text().to_owned();
        let body = AddCheckpoint::new(TreeSize(old), proof, note)
            .unwrap()
            .to_string();
        let answer = client.add_checkpoint(body.as_bytes(), std::time::Duration::from_secs(20));
        (text, answer.unwrap())
    };
    let good = |(text, answer): (String, WitnessAnswer)| {
        let WitnessAnswer::Cosigned(lines) = answer else {
            return false;
        };
        let lines = NoteSignature::parse_lines(&lines).unwrap();
        lines
            .iter()
            .any(|line| key.verifies(&text, &line.signature).is_some())
    };
    assert!(good(ask(0, vec![], 1, root(1))));
    assert_eq!(ask(0, vec![], 2, root(2)).1, WitnessAnswer::Knows(1));
    assert!(good(ask(1, vec![leaf(1)], 2, root(2))));
    let refused = ask(2, vec![leaf(9)], 3, root(3)).1;
    assert!(
        matches!(refused, WitnessAnswer::Refused { status: 422, .. }),
        "{refused:?}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}
