//! Colours of the page: text stands out from what is behind it, in light, in dark and on paper (WCAG 2.2, 1.4.3:
//! a contrast of 4.5 or more).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../src/html/style.css");

/// Text, and what it stands on.
const PAIRS: [(&str, &str); 14] = [
    ("ink", "paper"),
    ("soft", "paper"),
    ("link", "paper"),
    ("good", "paper"),
    ("caution", "paper"),
    ("alert", "paper"),
    ("ink", "good-wash"),
    ("ink", "caution-wash"),
    ("ink", "alert-wash"),
    ("ink", "plain-wash"),
    ("good", "good-wash"),
    ("caution", "caution-wash"),
    ("plain", "plain-wash"),
    ("card", "alert"),
];

/// Relative luminance of `#rrggbb`, 0 to 1.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

#[test]
fn text_stands_out() {
    let palettes: Vec<BTreeMap<&str, &str>> = STYLE
        .split(":root {")
        .skip(1)
        .map(|rest| {
            let block = rest.split('}').next().unwrap();
            let pairs = block
                .split(';')
                .filter_map(|line| line.trim().split_once(": "));
            pairs
                .filter_map(|(name, value)| Some((name.strip_prefix("--")?, value)))
                .collect()
        })
        .collect();
    assert_eq!(palettes.len(), 3);
    for palette in palettes {
        for (text, ground) in PAIRS {
            let (a, b) = (luminance(palette[text]), luminance(palette[ground]));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
        }
    }
}
