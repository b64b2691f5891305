//! Against the Go checksum database's own code (`golang.org/x/mod/sumdb`), reading the files a log publishes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use colophon_tlog::{
    Cosigner as _, Hash, LeafIndex, Note, TlogProof, UnixTime, cosign, decode_bundle,
    encode_bundle_entry, prove_consistency, prove_inclusion,
};

use crate::common::{Log, ORIGIN, folder, skip, vkey, witness};

/// Where Debian's `golang-golang-x-mod-dev` puts the sources.
const GOPATH: &str = "/usr/share/gocode";

#[test]
fn the_go_reference_implementation_accepts_our_log() {
    let missing = !Path::new(GOPATH)
        .join("src/golang.org/x/mod/sumdb/tlog")
        .is_dir()
        || Command::new("go").arg("version").output().is_err();
    if missing {
        skip("the Debian packages golang-go and golang-golang-x-mod-dev are missing");
        return;
    }
    let dir = folder("go");
    let program = build(&dir);
    let run = |log: &Path| {
        let known = [0, 1].map(|number| witness(number).cosigner_key().to_string());
        Command::new(&program)
            .arg(log)
            .arg(vkey())
            .args(known)
            .output()
            .unwrap()
    };
    let sizes = [(0, 1), (1, 2), (255, 256), (256, 300), (70_000, 100_000)];
    for (old, new) in sizes {
        let log = dir.join(format!("{old}-{new}"));
        write_log(&log, old, new);
        let output = run(&log);
        assert!(
            output.status.success(),
            "{old} -> {new}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    // The program must also be able to say no: to an altered tile, to a cosignature of something else, and to an entry
    // that was edited, dropped or moved.
    let log = dir.join("256-300");
    let (tile, bundle) = ("tile/0/000", "tile/entries/001.p/44");
    let checkpoint = log.join("checkpoint");
    for (name, altered) in [
        (tile, flipped(&log.join(tile), 40)),
        ("checkpoint", with_another_cosignature(&checkpoint)),
        (bundle, flipped(&log.join(bundle), 9)),
        (
            bundle,
            rebundled(&log.join(bundle), |entries| entries.truncate(43)),
        ),
        (
            bundle,
            rebundled(&log.join(bundle), |entries| entries.swap(3, 4)),
        ),
    ] {
        let path = log.join(name);
        let good = fs::read(&path).unwrap();
        fs::write(&path, altered).unwrap();
        assert!(!run(&log).status.success(), "{name}");
        fs::write(&path, good).unwrap();
    }
    assert!(run(&log).status.success());
    fs::remove_dir_all(dir).unwrap();
}

fn flipped(path: &Path, at: usize) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    bytes
}

/// The bundle of 44 entries after `change`.
fn rebundled(path: &Path, change: impl FnOnce(&mut Vec<&[u8]>)) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    let mut entries = decode_bundle(&bytes, 44).unwrap();
    change(&mut entries);
    entries.iter().fold(Vec::new(), |mut bundle, entry| {
        encode_bundle_entry(&mut bundle, entry).unwrap();
        bundle
    })
}

/// The checkpoint with witness 1's line replaced by what that witness says of another tree.
fn with_another_cosignature(path: &Path) -> Vec<u8> {
    let mut note = Note::parse(&fs::read(path).unwrap()).unwrap();
    let other = Log::default().statement(ORIGIN).text();
    note.add_signature(cosign(&other, UnixTime(5), &witness(1)).unwrap())
        .unwrap();
    note.to_string().into_bytes()
}

fn build(dir: &Path) -> PathBuf {
    fs::create_dir_all(dir).unwrap();
    let program = dir.join("check");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/go/check.go"))
        .envs([
            ("GO111MODULE", "off"),
            ("GOPATH", GOPATH),
            ("GOFLAGS", ""),
            ("GOPROXY", "off"),
        ])
        .env("GOCACHE", dir.join("cache"))
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    program
}

/// The files of a log that published a checkpoint at `old` and one at `new`, with our proofs beside them.
fn write_log(dir: &Path, old: usize, new: usize) {
    let mut log = Log::default();
    log.grow(old);
    // Two witnesses that the program knows, and one that it does not.
    let witnesses = [witness(0), witness(1), witness(2)];
    let (old_size, old_checkpoint) = (log.size(), log.checkpoint(&witnesses));
    log.grow(new);
    let checkpoint = log.checkpoint(&witnesses);
    let lines = |hashes: &[Hash]| {
        hashes
            .iter()
            .map(|hash| hash.to_base64() + "\n")
            .collect::<String>()
    };
    let mut files = log.files.clone();
    files.insert("checkpoint".to_owned(), checkpoint.clone().into_bytes());
    files.insert("checkpoint.old".to_owned(), old_checkpoint.into_bytes());
    let consistency = prove_consistency(&mut log.reader(), old_size, log.size()).unwrap();
    files.insert("consistency".to_owned(), lines(&consistency).into_bytes());
    let mut indexes = String::new();
    for index in (0..new).step_by((new / 20).max(1)).chain([new - 1]) {
        let index = LeafIndex(index as u64);
        let hashes = prove_inclusion(&mut log.reader(), index, log.size()).unwrap();
        let proof = TlogProof {
            extra: None,
            index,
            hashes,
            checkpoint: checkpoint.clone(),
        };
        files.insert(
            format!("{index}.tlog-proof"),
            proof.to_string().into_bytes(),
        );
        writeln!(indexes, "{index}").unwrap();
    }
    files.insert("indexes".to_owned(), indexes.into_bytes());
    for (path, bytes) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
