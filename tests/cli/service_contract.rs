//! The running service against its own `OpenAPI` document, by somebody else's program: `schemathesis` from `PyPI` sends what
//! the document allows and much that it does not, and compares the answers with what the document promises.

use std::process::{Command, Stdio};

use crate::serving::Served;
use crate::support::Bench;

/// What must hold for each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
/// Every use.
const SCOPES: &str = "issue,verify,jobs,read,export,personal,admin";
/// The limits of one caller would be met at once.
const UNLIMITED: [&str; 7] = [
    "--public-metrics",
    "--public-requests=0",
    "--public-pictures=0",
    "--public-bytes=0",
    "--key-requests=0",
    "--key-pictures=0",
    "--key-bytes=0",
];
/// Requests made up for each address, at most.
const EXAMPLES: &str = "12";

#[test]
fn the_service_keeps_to_its_document() {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python)
        .args(["-c", "import schemathesis"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has {
        assert!(
            std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_none(),
            "no Python with `schemathesis`: set COLOPHON_PYTHON"
        );
        println!("skipped: no Python with `schemathesis` (COLOPHON_PYTHON names one)");
        return;
    }
    let bench = Bench::new();
    // 501 is said on purpose where this installation does not offer something.
    bench.write(
        "schemathesis.toml",
        b"[checks.not_a_server_error]\nexpected-statuses = [\"2xx\", \"3xx\", \"4xx\", \"501\"]\n",
    );
    let made = bench.run(&["access", "create", "tester", "--scope", SCOPES, "--json"]);
    let key = made.code(0).json()[0]["key"].as_str().unwrap().to_owned();
    let served = Served::start(&bench, &UNLIMITED, &[]);
    let url = format!("http://{}/openapi.json", served.address);
    // What makes pictures or asks other machines takes minutes here and has tests of its own.
    let output = Command::new(&python)
        .args(["-m", "schemathesis.cli", "run", &url])
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .args([
            "--checks",
            CHECKS,
            "--max-examples",
            EXAMPLES,
            "--seed",
            "1",
        ])
        .args([
            "--exclude-path-regex",
            "^/v1/(images|verify/url|webhooks|exports)",
        ])
        // One at a time: Python's parser, which it uses on itself, does not bear more.
        .args(["--workers", "1", "--request-timeout", "60", "--no-color"])
        .current_dir(bench.path("."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        served.get("/livez").starts_with("HTTP/1.1 200 "),
        "it is still there"
    );
}
