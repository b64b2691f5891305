//! What a child costs.

use std::time::{Duration, Instant};

use crate::parent::{Test, ask, pool};

pub const TESTS: &[Test] = &[
    ("a_request_of_300_kb_costs_little", a_request_costs_little),
    ("a_child_starts_fast", a_child_starts_fast),
];

fn a_request_costs_little() {
    let pool = pool("plain", 1);
    let body = vec![7; 300_000];
    ask(&pool, "length", &body).unwrap();
    // The best of five: others may use the machine.
    let times = (0..5).map(|_| {
        let start = Instant::now();
        for _ in 0..100 {
            ask(&pool, "length", &body).unwrap();
        }
        start.elapsed() / 100
    });
    let best = times.min().unwrap();
    println!(
        "300 kB to a child and a short reply: {} µs",
        best.as_micros()
    );
    // 0.3 ms is the aim; a machine that others use too gets some more.
    assert!(best < Duration::from_micros(1500), "{best:?}");
}

fn a_child_starts_fast() {
    let times = (0..10).map(|_| {
        let start = Instant::now();
        let pool = pool("plain", 1);
        ask(&pool, "length", b"").unwrap();
        start.elapsed()
    });
    let best = times.min().unwrap();
    println!(
        "from a new pool to the first reply: {:.1} ms",
        best.as_secs_f64() * 1e3
    );
    assert!(best < Duration::from_secs(1), "{best:?}");
}
