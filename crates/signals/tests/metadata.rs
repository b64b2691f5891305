//! One file for every dialect, built byte by byte, and files that look alike and say nothing.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

#[path = "metadata/build.rs"]
mod build;
#[path = "metadata/containers.rs"]
mod containers;
#[path = "metadata/credentials.rs"]
mod credentials;
#[path = "metadata/generators.rs"]
mod generators;
#[path = "metadata/hostile.rs"]
mod hostile;
#[path = "metadata/innocent.rs"]
mod innocent;
#[path = "metadata/labels.rs"]
mod labels;

use colophon_signals::{Findings, Limits, Signal, Source, read_metadata};
use colophon_wording::{Language, Wording};

/// Reads a file; every code in what was found has a sentence in every language.
fn read(file: &[u8]) -> Findings {
    let findings = read_metadata(file, &Limits::default());
    let mut keys: Vec<String> = findings
        .problems
        .iter()
        .map(|problem| format!("signal.problem.{}", problem.what))
        .collect();
    keys.extend(
        findings
            .dates
            .iter()
            .map(|date| format!("date.{}", date.what)),
    );
    for signal in &findings.signals {
        keys.extend(sentences(signal));
    }
    for language in Language::ALL {
        for key in &keys {
            assert!(Wording::of(language).has(key), "{language} has no {key}");
        }
    }
    findings
}

fn sentences(signal: &Signal) -> Vec<String> {
    let mut keys = vec![
        format!("signal.class.{}", signal.class.code()),
        format!("signal.says.{}", signal.says.code()),
    ];
    keys.extend(signal.note.map(|note| format!("signal.note.{note}")));
    keys
}

/// The signal of a source.
fn signal(file: &[u8], source: Source) -> Signal {
    let findings = read(file);
    let found = findings
        .signals
        .iter()
        .find(|signal| signal.source == source);
    found
        .cloned()
        .unwrap_or_else(|| panic!("no {source:?} in {findings:#?}"))
}

fn field<'s>(signal: &'s Signal, name: &str) -> &'s str {
    let found = signal.fields.iter().find(|field| field.name == name);
    found.map_or_else(
        || panic!("no {name} in {signal:#?}"),
        |field| field.value.as_str(),
    )
}

fn is_personal(signal: &Signal, name: &str) -> bool {
    signal
        .fields
        .iter()
        .any(|field| field.name == name && field.personal)
}
