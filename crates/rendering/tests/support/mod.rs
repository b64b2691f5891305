//! Reports kept as JSON, and what is expected of them.
#![allow(dead_code, reason = "each test uses a part")]

use std::fs;
use std::path::PathBuf;

use colophon_provenance::{Language, Report};

/// One of each kind of answer.
pub const KINDS: [&str; 6] = [
    "issued",
    "recovered",
    "contradiction",
    "declared",
    "nothing",
    "unreadable",
];

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

pub fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn report(kind: &str, language: Language) -> Report {
    serde_json::from_str(&read(&format!("{kind}.{language}.json"))).unwrap()
}

/// Compares with a golden file, which `UPDATE_GOLDEN=1` writes anew.
pub fn golden(name: &str, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path(name), text).unwrap();
    }
    assert!(
        read(name) == text,
        "{name} differs; UPDATE_GOLDEN=1 writes it anew:\n{text}"
    );
}
