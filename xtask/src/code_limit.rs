//! How far the code is from the best that any code could do.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use colophon_watermark::{ACCEPT_LOG10, MessageCode, Payload, log10_false_positive};
use rayon::prelude::*;

use crate::received::{CODE_BITS, SplitMix, received};

/// Deflections that are simulated, in standard deviations.
const DEFLECTIONS: [f64; 13] = [
    10.5, 11.0, 11.5, 12.0, 12.5, 13.0, 13.5, 14.0, 14.5, 15.0, 15.5, 16.0, 16.5,
];
const WORDS: u64 = 10_000;
/// Blind decoding below this correlation is pointless: it is far from being accepted.
const FLOOR: f32 = 8.0;
const ID_BITS: f64 = 64.0;

/// Shares of words at one deflection.
struct Rates {
    z: f64,
    /// Not decoded, or to another id.
    lost: f64,
    /// Lost, or right but not accepted under the false-positive bound.
    refused: f64,
    /// Lost at the least by the normal approximation.
    limit: f64,
}

/// Simulates the code in Gaussian noise, prints a table and draws it as SVG.
pub fn run(plot: Option<&Path>) -> Result<()> {
    let code = MessageCode::new();
    let rates: Vec<Rates> = DEFLECTIONS.iter().map(|&z| rates(&code, z)).collect();
    println!("{WORDS} words at each deflection, floor {FLOOR}\n");
    println!("| z | lost by the code | normal approximation | lost or not accepted |");
    println!("| ---: | ---: | ---: | ---: |");
    for r in &rates {
        println!(
            "| {:.1} | {:.4} | {:.4} | {:.4} |",
            r.z, r.lost, r.limit, r.refused
        );
    }
    let (blank, marked) = (decode_ms(&code, 0.0), decode_ms(&code, 13.0));
    println!("\none word: {blank:.3} ms of noise alone, {marked:.3} ms at z = 13");
    if let Some(path) = plot {
        std::fs::write(path, drawn(&rates))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn rates(code: &MessageCode, z: f64) -> Rates {
    let outcomes = (0..WORDS).into_par_iter().map(|number| {
        let mut random = SplitMix(number);
        let payload = Payload(random.bits());
        let scores = code.scores(&received(code, payload, z, &mut random));
        let right = code.decode(&scores, FLOOR) == Some(payload);
        let log10 = log10_false_positive(f64::from(scores.correlation(payload)), 1, 2f64.powi(64));
        let accepted = right && log10 <= ACCEPT_LOG10;
        (u64::from(!right), u64::from(!accepted))
    });
    let (lost, refused) = outcomes.reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    Rates {
        z,
        lost: lost as f64 / WORDS as f64,
        refused: refused as f64 / WORDS as f64,
        limit: normal_approximation(z),
    }
}

/// Median time to score and decode a word.
fn decode_ms(code: &MessageCode, z: f64) -> f64 {
    let mut times: Vec<f64> = (0..201)
        .map(|number| {
            let mut random = SplitMix(number);
            let payload = Payload(random.bits());
            let soft = received(code, payload, z, &mut random);
            let start = Instant::now();
            std::hint::black_box(code.decode(&code.scores(&soft), FLOOR));
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The least word error rate of 64 bits in 1024 dimensions with `z^2` of energy, in unit noise:
/// the normal approximation for the Gaussian channel (Polyanskiy, Poor and Verdu, IEEE Trans. IT
/// 56(5), 2010, equations 223 and 293).
fn normal_approximation(z: f64) -> f64 {
    let power = z * z / CODE_BITS;
    let capacity = 0.5 * (1.0 + power).log2();
    let log2_e = std::f64::consts::LOG2_E;
    let dispersion = power / 2.0 * (power + 2.0) / (power + 1.0).powi(2) * log2_e * log2_e;
    let margin = CODE_BITS * capacity - ID_BITS + 0.5 * CODE_BITS.log2();
    gaussian_tail(margin / (CODE_BITS * dispersion).sqrt())
}

/// P(N >= x) of a standard normal N: the integral of its density by Simpson's rule over twelve deviations.
fn gaussian_tail(x: f64) -> f64 {
    const INTERVALS: u32 = 2400;
    let step = 12.0 / f64::from(INTERVALS);
    let density = |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let weighted = (0..=INTERVALS).map(|i| {
        let weight = match i {
            0 | INTERVALS => 1.0,
            i if i % 2 == 1 => 4.0,
            _ => 2.0,
        };
        weight * density(x + f64::from(i) * step)
    });
    weighted.sum::<f64>() * step / 3.0
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const MARGIN: f64 = 56.0;
/// Least rate drawn, as a power of ten.
const DECADES: f64 = 4.0;

/// Colour, name and values.
type Curve = (&'static str, &'static str, fn(&Rates) -> f64);

/// The rates over the deflection on a logarithmic scale.
fn drawn(rates: &[Rates]) -> String {
    let (start, end) = (DEFLECTIONS[0], DEFLECTIONS[DEFLECTIONS.len() - 1]);
    let x = |z: f64| MARGIN + (z - start) / (end - start) * (WIDTH - 2.0 * MARGIN);
    let y = |rate: f64| MARGIN - rate.log10() / DECADES * (HEIGHT - 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    // Writing to a string cannot fail.
    for decade in 0..=DECADES as i32 {
        let at = y(10f64.powi(-decade));
        let _ = writeln!(
            svg,
            "<path d=\"M{MARGIN} {at:.1}H{:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">1e-{decade}</text>",
            WIDTH - MARGIN,
            MARGIN - 6.0,
            at + 4.0
        );
    }
    for z in DEFLECTIONS.iter().filter(|z| z.fract() == 0.0) {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{z}</text>",
            x(*z),
            HEIGHT - MARGIN + 16.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">deflection z, standard deviations</text>\
         <text x=\"{MARGIN}\" y=\"{:.1}\">share of words</text>",
        WIDTH / 2.0,
        HEIGHT - MARGIN + 36.0,
        MARGIN - 16.0
    );
    let curves: [Curve; 3] = [
        ("#888", "normal approximation", |r| r.limit),
        ("#06c", "lost by the code", |r| r.lost),
        ("#c40", "lost or not accepted", |r| r.refused),
    ];
    for (row, (colour, name, rate)) in curves.into_iter().enumerate() {
        let lowest = 10f64.powf(-DECADES);
        let points: Vec<String> = rates
            .iter()
            .filter(|r| rate(r) >= lowest)
            .map(|r| format!("{:.1},{:.1}", x(r.z), y(rate(r))))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>",
            points.join(" "),
            WIDTH - MARGIN,
            MARGIN + 16.0 * (row as f64 + 1.0)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_the_normal_distribution() {
        // Abramowitz and Stegun, table 26.1.
        for (x, tail) in [
            (-1.0, 0.841_344_7),
            (0.0, 0.5),
            (1.0, 0.158_655_3),
            (3.0, 1.349_898e-3),
        ] {
            assert!((gaussian_tail(x) / tail - 1.0).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn the_limit_falls_and_lies_near_twelve_for_one_in_a_hundred() {
        assert!(normal_approximation(11.8) > 0.01 && normal_approximation(11.95) < 0.01);
        assert!(DEFLECTIONS.is_sorted_by_key(|&z| -normal_approximation(z)));
    }

    #[test]
    fn the_drawing_has_a_curve_for_each_rate() {
        let rates: Vec<Rates> = DEFLECTIONS
            .iter()
            .map(|&z| Rates {
                z,
                lost: 0.1,
                refused: 0.2,
                limit: 0.0,
            })
            .collect();
        let svg = drawn(&rates);
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
