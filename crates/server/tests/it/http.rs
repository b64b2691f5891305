//! The interfaces byte for byte, and what a server does not put up with.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use colophon_server::{Limits, Pace, log_routes};
use colophon_tlog::{
    AddCheckpoint, Checkpoint, Ed25519Signer, Hash, NoteSignature, NoteSigner as _, RightEdge,
    TreeSize, leaf_hash,
};

use crate::running::{AWitness, Running, get, post};

fn signer(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed("log.example", &[seed; 32]).unwrap()
}

fn root(size: u64, first: &[u8]) -> Hash {
    let mut edge = RightEdge::new();
    let leaves: Vec<Hash> = (0..size)
        .map(|n| {
            if n == 0 {
                leaf_hash(first)
            } else {
                leaf_hash(&n.to_be_bytes())
            }
        })
        .collect();
    edge.append(&leaves);
    edge.root()
}

fn request(old: u64, proof: Vec<Hash>, size: u64, root: Hash, signer: &Ed25519Signer) -> Vec<u8> {
    let checkpoint = Checkpoint {
        origin: signer.name().to_owned(),
        size: TreeSize(size),
        root,
        extensions: Vec::new(),
    };
    let note = checkpoint.sign(signer).unwrap();
    AddCheckpoint::new(TreeSize(old), proof, note)
        .unwrap()
        .to_string()
        .into_bytes()
}

#[test]
fn a_witness_answers_as_the_specification_says() {
    let log = signer(1);
    let witness = AWitness::new("witness.example", log.verifier_key(), false);
    let running = witness.serve();
    let add = |body: &[u8]| post(running.address(), "/add-checkpoint", body);

    let first = request(0, vec![], 1, root(1, b"a"), &log);
    let answer = add(&first);
    assert_eq!(answer.status, 200, "{answer:?}");
    let lines = NoteSignature::parse_lines(&answer.body).unwrap();
    let text = AddCheckpoint::parse(&first).unwrap().note.text().to_owned();
    let key = witness.folder().key().unwrap();
    assert_eq!(lines.len(), 1);
    assert!(key.verifies(&text, &lines[0].signature).is_some());

    // From one entry to two: the proof is the second leaf.
    let second = request(
        1,
        vec![leaf_hash(&1_u64.to_be_bytes())],
        2,
        root(2, b"a"),
        &log,
    );
    let unproved = request(1, vec![leaf_hash(b"x")], 2, root(2, b"a"), &log);
    let unknown = Ed25519Signer::from_seed("other.example", &[1; 32]).unwrap();
    for (body, status) in [
        (request(0, vec![], 1, root(1, b"a"), &unknown), 404),
        (request(1, vec![], 1, root(1, b"a"), &signer(2)), 403),
        (request(2, vec![], 1, root(1, b"a"), &log), 400),
        (b"old 1\n".to_vec(), 400),
        (unproved, 422),
    ] {
        let answer = add(&body);
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
    for body in [
        request(0, vec![], 2, root(2, b"a"), &log),
        // The same size with another root.
        request(1, vec![], 1, root(1, b"b"), &log),
    ] {
        let answer = add(&body);
        assert_eq!((answer.status, answer.text()), (409, "1\n"), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/x.tlog.size"));
    }
    assert_eq!(add(&second).status, 200);
    assert_eq!(add(&second).text(), "2\n");
    assert_eq!(witness.folder().evidence().unwrap().len(), 2);
    assert_eq!(get(running.address(), "/add-checkpoint").status, 405);
    assert_eq!(get(running.address(), "/").status, 404);
    assert_eq!(post(running.address(), "/elsewhere", b"").status, 404);
}

#[test]
fn what_is_too_long_or_too_slow_is_ended() {
    let log = signer(1);
    let witness = AWitness::new("witness.example", log.verifier_key(), false);
    let limits = Limits {
        head: Duration::from_millis(300),
        pace: Pace {
            per_second: 1 << 20,
            grace: Duration::from_millis(600),
        },
        ..Limits::default()
    };
    let running = Running::start(witness.routes(), limits);
    let long = vec![b'x'; limits.body + 1];
    assert_eq!(
        post(running.address(), "/add-checkpoint", &long).status,
        413
    );

    let ended = |begin: &[u8]| {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(running.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(begin).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        (
            begun.elapsed(),
            String::from_utf8_lossy(&answer).into_owned(),
        )
    };
    // A head that never ends, none at all, and a body that never comes.
    for begin in [
        &b"POST /add-checkpoint HTTP/1.1\r\nHost:"[..],
        b"",
        b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\no",
    ] {
        let (took, answer) = ended(begin);
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert!(answer.is_empty() || answer.contains(" 408 "), "{answer}");
    }
    // It still answers.
    let good = request(0, vec![], 1, root(1, b"a"), &log);
    assert_eq!(
        post(running.address(), "/add-checkpoint", &good).status,
        200
    );
}

#[test]
fn more_connections_than_allowed_wait_their_turn() {
    let log = signer(1);
    let witness = AWitness::new("witness.example", log.verifier_key(), false);
    let limits = Limits {
        connections: 2,
        head: Duration::from_millis(500),
        ..Limits::default()
    };
    let running = Running::start(witness.routes(), limits);
    let silent: Vec<TcpStream> = (0..2)
        .map(|_| TcpStream::connect(running.address()).unwrap())
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    assert_eq!(get(running.address(), "/").status, 404);
    assert!(
        begun.elapsed() > Duration::from_millis(200),
        "it waited for a place"
    );
    drop(silent);
}

#[test]
fn stopping_finishes_what_is_under_way() {
    let log = signer(1);
    let witness = AWitness::new("witness.example", log.verifier_key(), false);
    let running = witness.serve();
    let body = request(0, vec![], 1, root(1, b"a"), &log);
    let mut stream = TcpStream::connect(running.address()).unwrap();
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body[..10]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    running.stop();
    std::thread::sleep(Duration::from_millis(200));
    stream.write_all(&body[10..]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let address = running.address();
    running.end();
    assert!(
        TcpStream::connect(address).is_err(),
        "nobody listens any more"
    );
}

#[test]
fn a_log_is_served_as_static_files_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, bytes: &[u8]| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    put("shards", b"a list\n");
    put("2026h2/checkpoint", b"a note\n");
    put("2026h2/tile/0/000", &[7; 8_192]);
    put("2026h2/tile/entries/000.p/3", b"entries");
    put("2026h2/ledger.sqlite", b"private");
    put("ledger.sqlite", b"private");
    let running = Running::start(
        log_routes(folder.path().to_owned(), &["shards"]),
        Limits::default(),
    );
    let get = |path: &str| get(running.address(), path);
    for (path, media_type, cache) in [
        ("/shards", "text/plain; charset=utf-8", "no-cache"),
        (
            "/2026h2/checkpoint",
            "text/plain; charset=utf-8",
            "no-cache",
        ),
        (
            "/2026h2/tile/0/000",
            "application/octet-stream",
            "public, max-age=31536000, immutable",
        ),
        (
            "/2026h2/tile/entries/000.p/3",
            "application/octet-stream",
            "public, max-age=31536000, immutable",
        ),
    ] {
        let answer = get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some(media_type), "{path}");
        assert_eq!(answer.header("cache-control"), Some(cache), "{path}");
        assert_eq!(
            answer.body,
            std::fs::read(folder.path().join(&path[1..])).unwrap(),
            "{path}"
        );
    }
    for path in [
        "/ledger.sqlite",
        "/2026h2/ledger.sqlite",
        "/2026h2/../ledger.sqlite",
        "/%2e%2e/etc/passwd",
        "/2026h2/tile/0/001",
        "/2026h2",
        "/",
        "/2026h2/tile/0",
    ] {
        assert_eq!(get(path).status, 404, "{path}");
    }
    assert_eq!(post(running.address(), "/shards", b"").status, 405);
}
