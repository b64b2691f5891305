//! Against the Go checksum database's own code (`golang.org/x/mod/sumdb`), reading the files a log publishes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use colophon_tlog::{Hash, LeafIndex, TlogProof, prove_consistency, prove_inclusion};

use crate::common::{Log, vkey};

/// Where Debian's `golang-golang-x-mod-dev` puts the sources.
const GOPATH: &str = "/usr/share/gocode";

#[test]
fn the_go_reference_implementation_accepts_our_log() {
    let missing = !Path::new(GOPATH)
        .join("src/golang.org/x/mod/sumdb/tlog")
        .is_dir()
        || Command::new("go").arg("version").output().is_err();
    if missing {
        let packages = "the Debian packages golang-go and golang-golang-x-mod-dev are missing";
        assert!(
            env::var_os("COLOPHON_REQUIRE_TOOLS").is_none(),
            "{packages}"
        );
        eprintln!("SKIPPED: {packages}");
        return;
    }
    let dir = env::temp_dir().join(format!("colophon-tlog-go-{}", std::process::id()));
    let program = build(&dir);
    let sizes = [(0, 1), (1, 2), (255, 256), (256, 300), (300, 70_000)];
    for (old, new) in sizes {
        let log = dir.join(format!("{old}-{new}"));
        write_log(&log, old, new);
        let output = Command::new(&program)
            .args([&log, Path::new(&vkey())])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{old} -> {new}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    // The program must also be able to say no.
    let log = dir.join("256-300");
    let tile = log.join("tile/0/000");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    fs::write(&tile, bytes).unwrap();
    assert!(
        !Command::new(&program)
            .args([&log, Path::new(&vkey())])
            .output()
            .unwrap()
            .status
            .success()
    );
    fs::remove_dir_all(dir).unwrap();
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
    let (old_size, old_checkpoint) = (log.size(), log.checkpoint());
    log.grow(new);
    let checkpoint = log.checkpoint();
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
