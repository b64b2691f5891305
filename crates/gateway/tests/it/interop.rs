//! The official Python client of the OpenAI API agrees that the server of these tests is one.
//!
//! `COLOPHON_PYTHON` names the interpreter that has the modules of `interop/requirements.txt`;
//! `python3` otherwise.

use std::process::Command;

use serde_json::Value;

use crate::images_server::{ImagesServer, Reaction};

/// Lines of `client.py`, or `None` when the module is missing and not required.
fn official(server: &ImagesServer, key: &str) -> Option<Vec<Value>> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/client.py");
    let output = Command::new(&python)
        .args([script, &format!("{}/v1", server.url()), key])
        .output();
    let missing = match &output {
        Err(error) => Some(error.to_string()),
        Ok(output) if output.status.code() == Some(3) => {
            Some(format!("{python} has no module openai"))
        }
        Ok(_) => None,
    };
    if let Some(missing) = missing {
        assert!(
            std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() != Ok("1"),
            "required: {missing}"
        );
        eprintln!("SKIPPED: {missing}");
        return None;
    }
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    Some(lines.collect())
}

#[test]
fn the_official_client_takes_the_test_server_for_an_images_server() {
    let server = ImagesServer::start();
    server.require_key("sk-official");
    // The first generation meets these two and is sent again by the client itself.
    server
        .next(Reaction::error(429, "slow down", "rate_limit_exceeded").header("Retry-After", "1"));
    server.next(Reaction::error(503, "loading", "busy"));
    let Some(lines) = official(&server, "sk-official") else {
        return;
    };
    for line in &lines {
        assert_eq!(line["ok"], true, "{line}");
    }
    let steps: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["step"].as_str())
        .collect();
    assert_eq!(
        steps,
        [
            "models",
            "retried",
            "b64_json",
            "extra fields",
            "url",
            "bad size",
            "bad count",
            "bad key",
            "unknown endpoint"
        ]
    );
    let requests = server.requests();
    let posts: Vec<_> = requests.iter().filter(|r| r.method == "POST").collect();
    assert_eq!(posts[0].body, posts[2].body, "the same request three times");
    assert_eq!(posts[4].body["negative_prompt"], "blur");
}
