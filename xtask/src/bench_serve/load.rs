//! Requests offered in two ways: as fast as they are answered, and at a rate, whether they are answered or not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::client::Client;

/// What came of many requests.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answers by status; 0 stands for none.
    pub statuses: BTreeMap<u16, usize>,
    /// Seconds to each answer 200, from when the request was due; sorted.
    pub times: Vec<f64>,
    /// Of all.
    pub seconds: f64,
}

impl Outcome {
    pub fn good(&self) -> usize {
        self.statuses.get(&200).copied().unwrap_or(0)
    }

    /// Answers 200 a second.
    pub fn rate(&self) -> f64 {
        self.good() as f64 / self.seconds
    }

    /// The time within which that share was answered, milliseconds.
    pub fn within(&self, share: f64) -> f64 {
        let place = (self.times.len() as f64 * share).ceil() as usize;
        let at = place.clamp(1, self.times.len().max(1)) - 1;
        self.times.get(at).map_or(f64::NAN, |time| time * 1_000.0)
    }

    /// Statuses with their counts.
    pub fn told(&self) -> String {
        let one = |(status, count): (&u16, &usize)| match status {
            0 => format!("no answer: {count}"),
            status => format!("{status}: {count}"),
        };
        let all: Vec<String> = self.statuses.iter().map(one).collect();
        all.join(", ")
    }
}

/// Each client asks again when it has its answer, until all bodies were sent once.
pub fn closed(address: SocketAddr, clients: usize, bodies: &[Vec<u8>], lines: &str) -> Outcome {
    let next = AtomicUsize::new(0);
    gather(
        clients,
        |client| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let body = bodies.get(at)?;
            let begun = Instant::now();
            Some((status(client.post("/v1/verify", lines, body)), begun))
        },
        address,
    )
}

/// Requests are due at a rate; those that find no client free wait for one, and their wait counts.
pub fn open(
    address: SocketAddr,
    clients: usize,
    bodies: &[Vec<u8>],
    rate: f64,
    time: Duration,
    lines: &str,
) -> Outcome {
    let next = AtomicUsize::new(0);
    let count = (rate * time.as_secs_f64()) as usize;
    let start = Instant::now();
    gather(
        clients,
        |client| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return None;
            }
            let due = start + Duration::from_secs_f64(at as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let body = &bodies[at % bodies.len()];
            Some((status(client.post("/v1/verify", lines, body)), due))
        },
        address,
    )
}

fn status(answer: Result<super::client::Answer>) -> u16 {
    answer.map_or(0, |answer| answer.status)
}

fn gather(
    clients: usize,
    ask: impl Fn(&mut Client) -> Option<(u16, Instant)> + Sync,
    address: SocketAddr,
) -> Outcome {
    let all = Mutex::new(Outcome::default());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut client = Client::new(address);
                while let Some((status, due)) = ask(&mut client) {
                    let took = due.elapsed().as_secs_f64();
                    if let Ok(mut all) = all.lock() {
                        *all.statuses.entry(status).or_default() += 1;
                        if status == 200 {
                            all.times.push(took);
                        }
                    }
                }
            });
        }
    });
    let mut outcome = all.into_inner().unwrap_or_default();
    outcome.seconds = begun.elapsed().as_secs_f64();
    outcome.times.sort_by(f64::total_cmp);
    outcome
}
