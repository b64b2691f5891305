//! Clients that mean no good, while others are served; and a restart among requests that must not be carried out twice.

use std::collections::BTreeSet;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::client::{self, Client};
use super::running::Running;

/// Connections that send their head byte by byte.
const SLOW: usize = 200;
/// Uploads that break off.
const ABORTED: usize = 300;
/// Most bytes sent of a body that never ends.
const ENDLESS: u64 = 10 << 30;

/// Time for a plain answer while connections are held by heads that never end, milliseconds.
pub fn slow_heads(address: SocketAddr) -> Result<f64> {
    let mut held = Vec::new();
    for _ in 0..SLOW {
        let mut stream = client::connect(address)?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: local")?;
        held.push(stream);
    }
    let begun = Instant::now();
    let answer = Client::new(address).get("/livez", "")?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(begun.elapsed().as_secs_f64() * 1_000.0)
}

/// Status for a body of ten gigabytes whose length is told, and how much of one without a length is taken.
pub fn huge_bodies(address: SocketAddr) -> Result<(u16, u64)> {
    let mut told = client::connect(address)?;
    let head = "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n";
    told.write_all(head.as_bytes())?;
    let (answer, _) = client::read(&mut BufReader::new(told))?;
    let mut endless = client::connect(address)?;
    let head = "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    endless.write_all(head.as_bytes())?;
    let mut chunk = b"100000\r\n".to_vec();
    chunk.resize(chunk.len() + (1 << 20), 7);
    chunk.extend(b"\r\n");
    let mut sent = 0;
    while sent < ENDLESS && endless.write_all(&chunk).is_ok() {
        sent += 1 << 20;
    }
    Ok((answer.status, sent))
}

/// Uploads of which half comes.
pub fn aborted(address: SocketAddr, body: &[u8]) -> Result<()> {
    for _ in 0..ABORTED {
        let mut stream: TcpStream = client::connect(address)?;
        let head = format!(
            "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body[..body.len() / 2])?;
    }
    let answer = Client::new(address).get("/livez", "")?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

/// What came of issuing while the service was stopped and started again.
pub struct Restarted {
    /// Pictures that were to be issued.
    pub asked: usize,
    /// Requests that were sent for them.
    pub sent: usize,
    /// Records that the ledger has more than before.
    pub records: u64,
    /// Different records that were told.
    pub told: usize,
}

/// Issues pictures, each under a key of its own, and stops the service `stops` times meanwhile. A request that was not
/// answered is sent again under the same key.
pub fn restarts(binary: &Path, home: &Path, picture: &[u8], stops: usize) -> Result<Restarted> {
    let asked = 24 * stops;
    let running = Running::start(binary, home, &[])?;
    let before = entries(&running)?;
    let place = RwLock::new((running.address, running.authorized()));
    let (next, sent) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (told, gave_up) = (Mutex::new(BTreeSet::new()), AtomicBool::new(false));
    let last = std::thread::scope(|scope| -> Result<Running> {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    if at >= asked || gave_up.load(Ordering::SeqCst) {
                        return;
                    }
                    let begun = Instant::now();
                    loop {
                        let now = place.read().map(|now| now.clone());
                        let Ok((address, key)) = now else { return };
                        sent.fetch_add(1, Ordering::SeqCst);
                        let lines = format!("{key}Idempotency-Key: restart-{at}\r\n");
                        let answer = Client::new(address).post("/v1/stamp", &lines, picture);
                        if let Ok(answer) = answer
                            && (200..300).contains(&answer.status)
                        {
                            if let Ok(mut told) = told.lock() {
                                told.insert(answer.body);
                            }
                            break;
                        }
                        if begun.elapsed() > Duration::from_mins(2) {
                            gave_up.store(true, Ordering::SeqCst);
                            return;
                        }
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            });
        }
        let mut running = running;
        for _ in 0..stops {
            std::thread::sleep(Duration::from_secs(2));
            running.stop()?;
            running = Running::start(binary, home, &[])?;
            if let Ok(mut now) = place.write() {
                *now = (running.address, running.authorized());
            }
        }
        Ok(running)
    })?;
    ensure!(
        !gave_up.load(Ordering::SeqCst),
        "a picture was not issued within two minutes"
    );
    Ok(Restarted {
        asked,
        sent: sent.into_inner(),
        records: entries(&last)? - before,
        told: told.into_inner().unwrap_or_default().len(),
    })
}

fn entries(running: &Running) -> Result<u64> {
    let mut client = Client::new(running.address);
    let answer = client.get("/v1/status", &running.authorized())?;
    let status: serde_json::Value = serde_json::from_slice(&answer.body)?;
    status["ledger"]["entries"]
        .as_u64()
        .with_context(|| format!("no entries in {status}"))
}
