//! The invariants of `docs/architecture.md` that a program can hold.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates that compute and do nothing else.
const PURE: [&str; 3] = [
    "colophon-watermark",
    "colophon-fingerprint",
    "colophon-tlog",
];

/// A foreign crate and the only one of ours that may depend on it.
const OWNERS: [(&str, &str); 5] = [
    ("c2pa", "colophon-manifest"),
    ("rusqlite", "colophon-ledger"),
    ("candle-core", "colophon-diffusion"),
    ("axum", "colophon-server"),
    ("clap", "colophon"),
];

/// Which of ours each of ours may depend on.
const ARROWS: [(&str, &[&str]); 12] = [
    ("colophon-imaging", &[]),
    ("colophon-watermark", &[]),
    ("colophon-fingerprint", &[]),
    ("colophon-diffusion", &[]),
    ("colophon-tlog", &[]),
    ("colophon-keys", &[]),
    ("colophon-manifest", &[]),
    ("colophon-policy", &[]),
    ("colophon-ledger", &["colophon-tlog"]),
    (
        "colophon-provenance",
        &[
            "colophon-imaging",
            "colophon-watermark",
            "colophon-fingerprint",
            "colophon-keys",
            "colophon-manifest",
            "colophon-ledger",
            "colophon-policy",
        ],
    ),
    ("colophon", &["*"]),
    ("xtask", &["*"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Normal (not development) dependencies of every package of the workspace.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo metadata starts");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let names = package["dependencies"].as_array().unwrap().iter();
            let normal = names.filter(|d| d["kind"].is_null());
            let normal = normal
                .map(|d| d["name"].as_str().unwrap().to_owned())
                .collect();
            (package["name"].as_str().unwrap().to_owned(), normal)
        })
        .collect()
}

#[test]
fn arrows_go_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    for (package, needs) in dependencies() {
        let allowed = allowed
            .get(package.as_str())
            .unwrap_or_else(|| panic!("{package} is not on the map"));
        for need in needs.iter().filter(|n| n.starts_with("colophon")) {
            assert!(
                allowed.contains(&"*") || allowed.contains(&need.as_str()),
                "{package} must not import {need}"
            );
        }
    }
}

#[test]
fn foreign_crates_have_one_owner() {
    for (package, needs) in dependencies() {
        for (foreign, owner) in OWNERS {
            let owned = !needs.contains(foreign) || package == owner;
            assert!(
                owned,
                "{package} must not know {foreign}; only {owner} does"
            );
        }
    }
}

#[test]
fn pure_crates_know_no_runtime_and_no_system() {
    let foreign = [
        "tokio",
        "axum",
        "rusqlite",
        "c2pa",
        "candle-core",
        "tempfile",
        "rayon",
        "getrandom",
    ];
    let all = dependencies();
    for package in PURE {
        let needs = &all[package];
        assert!(
            foreign.iter().all(|f| !needs.contains(*f)),
            "{package} is pure: {needs:?}"
        );
        let folder = root()
            .join("crates")
            .join(package.trim_start_matches("colophon-"))
            .join("src");
        for file in sources(&folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in [
                "std::fs",
                "std::net",
                "std::time",
                "std::env",
                "std::process",
                "std::thread",
                "SystemTime",
            ] {
                assert!(
                    !code.contains(word),
                    "{} uses {word}, but {package} is pure",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn no_network_is_compiled_in() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "colophon",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo tree starts");
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(
        tree.contains("c2pa v0.90.22"),
        "the tree was listed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    for client in ["reqwest", "ureq", "hyper", "rustls", "openssl", "curl"] {
        let found = tree
            .lines()
            .any(|line| line.split(' ').next() == Some(client));
        assert!(
            !found,
            "{client} is in the binary; the verifier works offline"
        );
    }
    assert!(
        lock.contains("name = \"c2pa\"\nversion = \"0.90.22\""),
        "c2pa is pinned: its verdicts change with it"
    );
}

#[test]
fn files_stay_short_enough_to_read() {
    let mut long = Vec::new();
    for folder in ["crates", "xtask", "tests"] {
        for file in sources(&root().join(folder)) {
            let lines = std::fs::read_to_string(&file).unwrap().lines().count();
            if lines > 550 {
                long.push(format!("{} ({lines})", file.display()));
            }
        }
    }
    assert!(long.is_empty(), "split these: {long:?}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}
