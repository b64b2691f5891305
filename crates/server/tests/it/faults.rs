//! Clients that are slow, endless, rude or too many, and the end of the server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use colophon_server::{Limits, Pace, log_routes};
use colophon_tlog::NoteSigner as _;
use serde_json::Value;

use crate::running::Running;
use crate::serving::{Serving, head, rest};

fn connect(serving: &Serving) -> TcpStream {
    TcpStream::connect(serving.address()).unwrap()
}

fn status(answer: &[u8]) -> Option<u16> {
    let head = String::from_utf8_lossy(&answer[..answer.len().min(64)]).into_owned();
    head.split(' ').nth(1)?.parse().ok()
}

#[test]
fn a_body_that_is_announced_too_long_is_not_awaited() {
    let serving = Serving::with(&[]);
    let begun = Instant::now();
    let mut stream = connect(&serving);
    let ten_gigabytes = head("POST /livez", &["Content-Length: 10000000000"]);
    stream.write_all(ten_gigabytes.as_bytes()).unwrap();
    // A client that sends all the same is read for a while, so that it sees the answer.
    let chunk = vec![7_u8; 64 << 10];
    for _ in 0..64 {
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    assert_eq!(status(&rest(&mut stream)), Some(413));
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_eq!(serving.ask("GET /livez", &[]).status, 200);
}

#[test]
fn a_body_without_end_is_not_read_to_its_end() {
    let serving = Serving::with(&[]);
    let begun = Instant::now();
    let mut stream = connect(&serving);
    let chunked = head("POST /livez", &["Transfer-Encoding: chunked"]);
    stream.write_all(chunked.as_bytes()).unwrap();
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend(vec![7_u8; 64 << 10]);
    chunk.extend(b"\r\n");
    let mut sent = 0_u64;
    // It ends because we are cut off, not because we are done.
    while sent < 2 << 30 && stream.write_all(&chunk).is_ok() {
        sent += chunk.len() as u64;
    }
    assert!(sent < 2 << 30, "cut off after {sent} bytes");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(serving.ask("GET /livez", &[]).status, 200);
}

#[test]
fn slow_heads_cost_nobody_else_anything() {
    let serving = Serving::with(&["head_time=1s"]);
    let begun = Instant::now();
    let mut slow: Vec<TcpStream> = (0..40).map(|_| connect(&serving)).collect();
    for stream in &mut slow {
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nHost: loc")
            .unwrap();
    }
    assert_eq!(serving.ask("GET /livez", &[]).status, 200);
    for stream in &mut slow {
        assert_ne!(status(&rest(stream)), Some(200));
    }
    assert!(begun.elapsed() < Duration::from_secs(12), "all were ended");
}

#[test]
fn an_answer_that_is_not_taken_is_broken_off() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("tile/entries")).unwrap();
    let large = vec![7_u8; 16 << 20];
    std::fs::write(folder.path().join("tile/entries/000"), &large).unwrap();
    let pace = Pace {
        per_second: 100 << 20,
        grace: Duration::from_millis(500),
    };
    let limits = Limits {
        pace,
        ..Limits::default()
    };
    let running = Running::start(log_routes(folder.path().to_owned(), &[]), limits);
    let request = head("GET /tile/entries/000", &[]);
    let mut stream = TcpStream::connect(running.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert!(
        rest(&mut stream).len() < large.len(),
        "nobody took it for 3 seconds"
    );
    // Whoever takes it at once gets it.
    let mut stream = TcpStream::connect(running.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    assert!(rest(&mut stream).len() > large.len());
}

#[test]
fn connections_end_after_so_many_requests_and_so_much_time() {
    let serving = Serving::with(&["requests_per_connection=2", "connection_age=1s"]);
    let mut stream = connect(&serving);
    let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).unwrap();
    stream.write_all(request).unwrap();
    let both = String::from_utf8(rest(&mut stream)).unwrap();
    assert_eq!(both.matches("HTTP/1.1 200").count(), 2);
    assert_eq!(both.matches("connection: close").count(), 1);

    let begun = Instant::now();
    let mut stream = connect(&serving);
    stream.write_all(request).unwrap();
    let one = String::from_utf8(rest(&mut stream)).unwrap();
    assert_eq!(one.matches("HTTP/1.1 200").count(), 1);
    let took = begun.elapsed();
    assert!(
        took > Duration::from_millis(800) && took < Duration::from_secs(8),
        "{took:?}"
    );
}

#[test]
fn uploads_that_break_off_leave_nothing_behind() {
    let serving = Serving::with(&["upload_memory=64MiB"]);
    for _ in 0..60 {
        let mut stream = connect(&serving);
        let begin = head("POST /livez", &["Content-Length: 1000000"]);
        stream.write_all(begin.as_bytes()).unwrap();
        stream.write_all(&[7; 1_000]).unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    let reply = serving.ask("GET /v1/status", &[]);
    let status: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(status["load"]["upload_bytes"], 0);
    assert_eq!(status["load"]["requests"], 1, "this one");
}

#[test]
fn stopping_is_noticed_before_it_is_done() {
    let serving = Serving::with(&["stop_notice=2s"]);
    assert_eq!(serving.ask("GET /readyz", &[]).status, 200);
    let address = serving.address();
    serving.service.ops.stop().stop();
    serving.running.stop();
    let reply = serving.ask("GET /readyz", &[]);
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("stopping"), "{}", reply.text());
    assert_eq!(
        serving.ask("GET /livez", &[]).status,
        200,
        "it still answers"
    );
    let begun = Instant::now();
    serving.running.end();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_slow_body_is_told_so_and_a_steady_one_is_not() {
    let witness = crate::running::AWitness::new(
        "witness.example",
        colophon_tlog::Ed25519Signer::from_seed("log.example", &[1; 32])
            .unwrap()
            .verifier_key(),
        false,
    );
    let limits = Limits {
        pace: Pace {
            per_second: 100,
            grace: Duration::from_millis(500),
        },
        ..Limits::default()
    };
    let running = Running::start(witness.routes(), limits);
    let dribble = |bytes: usize, pause: u64| {
        let mut stream = TcpStream::connect(running.address()).unwrap();
        let begin = head("POST /add-checkpoint", &["Content-Length: 400"]);
        stream.write_all(begin.as_bytes()).unwrap();
        for _ in 0..(400 / bytes) {
            std::thread::sleep(Duration::from_millis(pause));
            if stream.write_all(&vec![b'x'; bytes]).is_err() {
                break;
            }
        }
        let mut first = [0; 64];
        let read = stream.read(&mut first).unwrap_or(0);
        status(&first[..read])
    };
    assert_eq!(dribble(4, 200), Some(408), "20 bytes a second");
    assert_eq!(
        dribble(40, 100),
        Some(400),
        "400 bytes a second: read, and no checkpoint"
    );
}
