//! Speed and hit rate of the exact search among issued ids.

use std::time::Instant;

use colophon_watermark::{IssuedIds, MessageCode, Payload};

use crate::received::{SplitMix, received};

/// Least correlation that is searched for, in standard deviations.
const FLOOR: f32 = 9.75;
const QUERIES: u64 = 500;
/// Deflections of the words that are searched; 0 is a picture without a mark.
const DEFLECTIONS: [f64; 6] = [0.0, 10.0, 12.0, 14.0, 20.0, 60.0];

/// Builds an index of `count` ids and searches words with and without a mark in it.
pub fn run(count: u64) {
    let code = MessageCode::new();
    let start = Instant::now();
    let mut random = SplitMix(1);
    let mut issued = IssuedIds::new((0..count).map(|_| Payload(random.bits())));
    println!(
        "{} ids indexed in {:.1} s",
        issued.len(),
        start.elapsed().as_secs_f64()
    );
    println!("floor {FLOOR}, {QUERIES} queries each, scoring of the word apart\n");
    println!("| received | found | another id | min ms | median ms | p99 ms |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let marked = |number, z| received(&code, issued_id(number, count), z, &mut SplitMix(!number));
    for z in DEFLECTIONS {
        measure(&format!("z = {z}"), &issued, &code, count, |number| {
            marked(number, z)
        });
    }
    // Every segment has nine values far above the noise.
    measure("nine ids at once", &issued, &code, count, |number| {
        let words = (0..9).map(|i| marked(number + i * QUERIES, 100.0));
        words
            .reduce(|a, b| a.iter().zip(b).map(|(a, b)| a + b).collect())
            .unwrap_or_default()
    });
    measure(
        "three of four segments erased, z = 60",
        &issued,
        &code,
        count,
        |number| {
            let mut soft = marked(number, 60.0);
            let kept = soft.len() / 4;
            soft[kept..].fill(0.0);
            soft
        },
    );
    let start = Instant::now();
    // One rewriting of the indexes is among them.
    let added = (0..100_000)
        .filter(|_| issued.insert(Payload(random.bits())))
        .count();
    println!(
        "\n{added} ids added in {:.2} s",
        start.elapsed().as_secs_f64()
    );
}

/// The `number`-th of the issued ids, which are consecutive numbers of one generator.
fn issued_id(number: u64, count: u64) -> Payload {
    Payload(SplitMix::after(1, number % count.max(1)).bits())
}

/// Searches the words that `soft` makes of the queries' numbers and prints a row of the table.
fn measure(
    label: &str,
    issued: &IssuedIds,
    code: &MessageCode,
    count: u64,
    soft: impl Fn(u64) -> Vec<f32>,
) {
    let mut times = Vec::new();
    let (mut found, mut another) = (0, 0);
    for number in 0..QUERIES {
        let scores = code.scores(&soft(number));
        let start = Instant::now();
        let answer = issued.best(&scores, FLOOR);
        times.push(start.elapsed().as_secs_f64() * 1e3);
        match answer {
            Some(answer) if answer.payload == issued_id(number, count) => found += 1,
            Some(_) => another += 1,
            None => {}
        }
    }
    times.sort_by(f64::total_cmp);
    println!(
        "| {label} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} |",
        f64::from(found) / QUERIES as f64,
        f64::from(another) / QUERIES as f64,
        times[0],
        times[times.len() / 2],
        times[times.len() * 99 / 100],
    );
}
