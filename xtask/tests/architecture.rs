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
const PURE: [&str; 5] = [
    "colophon-calendar",
    "colophon-watermark",
    "colophon-fingerprint",
    "colophon-signals",
    "colophon-tlog",
];

/// A foreign crate and the one of ours that may depend on it; more than one where each has its own format in it.
const OWNERS: [(&str, &str); 19] = [
    ("c2pa", "colophon-manifest"),
    ("ureq", "colophon-gateway"),
    ("tokio-rustls", "colophon-server"),
    ("rustls-native-certs", "colophon-gateway"),
    ("rusqlite", "colophon-ledger"),
    ("cedar-policy", "colophon-policy"),
    ("cryptoki", "colophon-keys"),
    ("candle-core", "colophon-diffusion"),
    ("axum", "colophon-server"),
    ("hyper", "colophon-server"),
    ("tokio", "colophon-server"),
    ("clap", "colophon"),
    ("zip", "colophon-archive"),
    ("tar", "colophon-archive"),
    ("tar", "colophon-ledger"),
    ("landlock", "colophon-sandbox"),
    ("seccompiler", "colophon-sandbox"),
    ("parquet", "colophon-tabular"),
    ("csv", "colophon-tabular"),
];

/// Which of ours each of ours may depend on.
const ARROWS: [(&str, &[&str]); 28] = [
    ("colophon-imaging", &[]),
    ("colophon-watermark", &[]),
    ("colophon-fingerprint", &[]),
    ("colophon-diffusion", &[]),
    ("colophon-gateway", &[]),
    ("colophon-tlog", &[]),
    ("colophon-keys", &[]),
    ("colophon-manifest", &[]),
    ("colophon-wording", &[]),
    ("colophon-signals", &[]),
    ("colophon-sandbox", &[]),
    ("colophon-calendar", &[]),
    ("colophon-archive", &[]),
    ("colophon-tabular", &["colophon-calendar"]),
    ("colophon-policy", &["colophon-wording", "colophon-tlog"]),
    (
        "colophon-ledger",
        &["colophon-fingerprint", "colophon-tlog"],
    ),
    ("colophon-witness", &["colophon-keys", "colophon-tlog"]),
    ("colophon-accounts", &[]),
    (
        "colophon-jobs",
        &[
            "colophon-accounts",
            "colophon-archive",
            "colophon-batch",
            "colophon-imaging",
            "colophon-provenance",
            "colophon-tabular",
        ],
    ),
    (
        "colophon-webhooks",
        &["colophon-accounts", "colophon-calendar", "colophon-imaging"],
    ),
    (
        "colophon-server",
        &[
            "colophon-accounts",
            "colophon-audit",
            "colophon-batch",
            "colophon-calendar",
            "colophon-fingerprint",
            "colophon-imaging",
            "colophon-jobs",
            "colophon-keys",
            "colophon-ledger",
            "colophon-policy",
            "colophon-provenance",
            "colophon-rendering",
            "colophon-tabular",
            "colophon-tlog",
            "colophon-webhooks",
            "colophon-witness",
            "colophon-wording",
        ],
    ),
    ("colophon-monitor", &["colophon-ledger", "colophon-tlog"]),
    (
        "colophon-provenance",
        &[
            "colophon-calendar",
            "colophon-imaging",
            "colophon-watermark",
            "colophon-fingerprint",
            "colophon-keys",
            "colophon-manifest",
            "colophon-ledger",
            "colophon-policy",
            "colophon-signals",
            "colophon-wording",
        ],
    ),
    (
        "colophon-rendering",
        &["colophon-provenance", "colophon-wording"],
    ),
    (
        "colophon-batch",
        &[
            "colophon-provenance",
            "colophon-fingerprint",
            "colophon-imaging",
            "colophon-tabular",
        ],
    ),
    (
        "colophon-audit",
        &[
            "colophon-archive",
            "colophon-calendar",
            "colophon-ledger",
            "colophon-tabular",
            "colophon-tlog",
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
            let owned = !needs.contains(foreign) || OWNERS.contains(&(foreign, &package));
            assert!(owned, "{package} must not know {foreign}; {owner} does");
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

/// Crates that open connections, or that only those need. `hyper` and `rustls` have tests of their own, because a server
/// needs their other halves.
const CLIENTS: [&str; 7] = [
    "reqwest",
    "ureq",
    "isahc",
    "rustls-native-certs",
    "native-tls",
    "openssl",
    "curl",
];

/// Names and versions of everything that `package` is built from.
fn tree(package: &str, more: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--edges", "normal", "--prefix", "none", "--offline"])
        .args(["--package", package])
        .args(more)
        .current_dir(root())
        .output()
        .expect("cargo tree starts");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(
        lines
            .first()
            .is_some_and(|line| line.starts_with(&format!("{package} "))),
        "the tree of {package} was listed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    lines
}

fn clients(tree: &[String]) -> Vec<&str> {
    let names = tree.iter().filter_map(|line| line.split(' ').next());
    names.filter(|name| CLIENTS.contains(name)).collect()
}

/// What verifies and issues works offline: it could not reach the network if it wanted to. Only
/// `generate --backend openai` does, through `colophon-gateway`, and nothing else in the binary
/// brings a client.
#[test]
fn the_network_client_is_the_gateways_alone() {
    for (package, needs) in dependencies() {
        let may = matches!(package.as_str(), "colophon" | "colophon-gateway");
        assert!(
            may || !needs.contains("colophon-gateway"),
            "{package} must not know the gateway; only the command line does"
        );
        if !may {
            assert_eq!(
                clients(&tree(&package, &[])),
                [""; 0],
                "{package} works offline"
            );
        }
    }
    let uses_gateway = dependencies()["colophon"].contains("colophon-gateway");
    let prune: &[&str] = if uses_gateway {
        &["--prune", "colophon-gateway"]
    } else {
        &[]
    };
    let rest = tree("colophon", prune);
    assert_eq!(clients(&rest), [""; 0], "in the binary beside the gateway");
    let gateway = tree("colophon-gateway", &[]);
    assert!(
        clients(&gateway).contains(&"ureq"),
        "the list is the right one"
    );
    assert!(
        !gateway.iter().any(|line| line.starts_with("tokio ")),
        "the gateway blocks; no runtime comes with it"
    );
}

/// TLS is spoken by the gateway, which connects, and by the server, which is connected to. No file of the server names
/// what connecting takes, over TLS or without.
#[test]
fn the_server_accepts_tls_and_connects_to_nobody() {
    let all = dependencies();
    let speak: Vec<&str> = all
        .iter()
        .filter(|(_, needs)| needs.contains("rustls") || needs.contains("tokio-rustls"))
        .map(|(package, _)| package.as_str())
        .collect();
    assert_eq!(speak, ["colophon-server"], "the gateway has TLS from ureq");
    let mut files = 0;
    for file in sources(&root().join("crates/server/src")) {
        files += 1;
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in [
            "ClientConfig",
            "ClientConnection",
            "rustls::client",
            "TlsConnector",
            "TcpStream::connect",
            "TcpSocket",
            "UdpSocket",
            "UnixStream",
            "lookup_host",
            "ToSocketAddrs",
        ] {
            assert!(!code.contains(word), "{} uses {word}", file.display());
        }
    }
    assert!(files > 20, "the sources were found");
}

/// The server's HTTP library could connect to others too, if it were built so.
#[test]
fn hyper_is_built_without_its_client() {
    let built = features(&["--package", "colophon", "--edges", "normal,build"]);
    let hyper: Vec<&String> = built
        .iter()
        .filter(|line| line.starts_with("hyper ") || line.starts_with("hyper-util "))
        .collect();
    assert_eq!(hyper.len(), 2, "{hyper:?}");
    for line in hyper {
        let features = line.split(' ').next_back().unwrap_or_default();
        assert!(
            features.contains("server") && !features.contains("client"),
            "{line}"
        );
    }
}

#[test]
fn c2pa_is_pinned_because_verdicts_change_with_it() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    assert!(lock.contains("name = \"c2pa\"\nversion = \"0.90.22\""));
    let tree = tree("colophon-provenance", &[]);
    assert!(tree.iter().any(|line| line.starts_with("c2pa v0.90.22")));
}

/// Each package with its features, as a command builds it.
fn features(packages: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--prefix",
            "none",
            "--format",
            "{p} {f}",
            "--offline",
        ])
        .args(packages)
        .current_dir(root())
        .output()
        .expect("cargo tree starts");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)").trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// A package is built anew for each set of features. c2pa and candle are most of all compile time.
#[test]
fn run_xtask_and_tests_share_one_build() {
    let tests = features(&["--workspace", "--edges", "normal,build,dev"]);
    for package in ["colophon", "xtask"] {
        let run = features(&["--package", package, "--edges", "normal,build"]);
        assert!(run.len() > 100, "the packages of {package} were listed");
        let others: Vec<_> = run.difference(&tests).collect();
        assert!(
            others.is_empty(),
            "{package} has features that tests have not, or fewer: name the missing ones in \
             crates/manifest/Cargo.toml; {others:?}"
        );
    }
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
