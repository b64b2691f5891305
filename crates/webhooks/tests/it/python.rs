//! Messages that the specification's own Python package makes and checks.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use colophon_webhooks::{Headers, Key, PublicKey, Secret, SigningKey, VerifyError, sign, verify};
use serde_json::{Value, json};

/// What the script prints, or `None` when its modules are missing and not required.
fn python(input: &Value) -> Option<Value> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/messages.py");
    let child = Command::new(&python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let output = child.and_then(|mut child| {
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.to_string().as_bytes())?;
        }
        child.wait_with_output()
    });
    match output {
        Ok(output) if output.status.success() => {
            Some(serde_json::from_slice(&output.stdout).unwrap())
        }
        Ok(output) if output.status.code() != Some(3) => {
            panic!("{}", String::from_utf8_lossy(&output.stderr))
        }
        _ => {
            let required = std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() == Ok("1");
            assert!(
                !required,
                "{python} has no module standardwebhooks or cryptography"
            );
            eprintln!("SKIPPED: {python} has no module standardwebhooks or cryptography");
            None
        }
    }
}

#[test]
fn messages_of_both_kinds_are_checked_by_the_package_and_its_by_us() {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    let (secret, key) = (Secret::draw().unwrap(), SigningKey::draw().unwrap());
    let body = json!({"type": "job.completed", "data": {"name": "Zürich"}}).to_string();
    let headers = sign(
        &[Key::Hmac(secret.clone()), Key::Ed25519(key.clone())],
        "msg_rust",
        now,
        body.as_bytes(),
    );
    let pairs: Value = headers
        .pairs()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect::<serde_json::Map<String, Value>>()
        .into();
    let given = json!({
        "secret": secret.reveal(), "public": key.public().to_string(), "headers": pairs, "body": body,
    });
    let Some(answer) = python(&given) else { return };
    assert_eq!(
        answer["versions"],
        json!(["v1", "v1a"]),
        "both were checked"
    );
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    let public: PublicKey = text("public").parse().unwrap();
    for (version, secrets, keys) in [
        ("v1", vec![secret.clone()], vec![]),
        ("v1a", vec![], vec![public]),
    ] {
        let headers = Headers {
            id: text("id"),
            timestamp: answer["timestamp"].as_i64().unwrap(),
            signature: text(version),
        };
        assert_eq!(
            verify(&secrets, &keys, &headers, text("body").as_bytes(), now),
            Ok(()),
            "{version}"
        );
        let other = verify(&secrets, &keys, &headers, b"{}", now);
        assert_eq!(other, Err(VerifyError::Signature), "{version}");
    }
}
