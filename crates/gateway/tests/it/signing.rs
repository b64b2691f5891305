//! Remote signers: good, refusing, slow, broken, overrun.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon_gateway::{FAILURES_TO_PAUSE, GatewayError, MAX_WAITING, RemoteKeyClient, Secret};
use serde_json::{Value, json};

use crate::service::{Answer, Asked, start};

const TOKEN: &str = "tk-very-secret";

fn said(status: u16, body: &Value) -> Answer {
    (status, "application/json", body.to_string().into_bytes())
}

/// A signer whose signature is its message, reversed.
fn good(asked: &Asked) -> Answer {
    if asked.header("authorization") != format!("Bearer {TOKEN}") {
        return said(401, &json!({ "error": format!("{TOKEN} is not it") }));
    }
    match asked.line.as_str() {
        "GET /base/v1/keys/claims" => said(
            200,
            &json!({ "algorithm": "ed25519", "public_key": STANDARD.encode("spki") }),
        ),
        "POST /base/v1/keys/claims/sign" => {
            let body: Value = serde_json::from_slice(&asked.body).unwrap();
            if body["purpose"] != "c2pa-claim" {
                return said(403, &json!({ "error": "this key signs claims" }));
            }
            let mut message = STANDARD.decode(body["message"].as_str().unwrap()).unwrap();
            message.reverse();
            said(200, &json!({ "signature": STANDARD.encode(message) }))
        }
        _ => said(404, &json!({})),
    }
}

fn client(url: &str, token: &str, time: Duration) -> RemoteKeyClient {
    let token = Secret::new(token).unwrap();
    let client = RemoteKeyClient::new(&format!("{url}/base/"), "claims", token, time, None);
    client.unwrap().with_pause(Duration::from_millis(300))
}

const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_good_signer_signs() {
    let client = client(&start(good), TOKEN, SOON);
    assert_eq!(client.public_key().unwrap(), b"spki");
    assert_eq!(client.sign("c2pa-claim", b"abc").unwrap(), b"cba");
}

#[test]
fn refusals_are_told_without_the_token_and_do_not_count_as_failures() {
    let url = start(good);
    let signer = client(&url, TOKEN, SOON);
    for _ in 0..=FAILURES_TO_PAUSE {
        let text = signer.sign("checkpoint", b"x").unwrap_err().to_string();
        assert!(
            text.contains("403") && text.contains("this key signs claims"),
            "{text}"
        );
    }
    assert!(signer.sign("c2pa-claim", b"x").is_ok());
    let stranger = client(&url, "tk-other", SOON);
    assert!(
        stranger
            .public_key()
            .unwrap_err()
            .to_string()
            .contains("401")
    );
    // What a server repeats of the token is not shown.
    let echo = client(
        &start(|_| said(400, &json!({ "error": format!("got {TOKEN}") }))),
        TOKEN,
        SOON,
    );
    let text = echo.public_key().unwrap_err().to_string();
    assert!(!text.contains(TOKEN) && text.contains("redacted"), "{text}");
}

#[test]
fn a_failing_signer_is_left_alone_for_a_while() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let url = start(move |asked| {
        if counted.fetch_add(1, Ordering::SeqCst) < FAILURES_TO_PAUSE {
            said(500, &json!({}))
        } else {
            good(asked)
        }
    });
    let client = client(&url, TOKEN, SOON);
    for _ in 0..FAILURES_TO_PAUSE {
        assert!(matches!(
            client.sign("c2pa-claim", b"x"),
            Err(GatewayError::Service { .. })
        ));
    }
    for _ in 0..5 {
        assert!(matches!(
            client.sign("c2pa-claim", b"x"),
            Err(GatewayError::SignerPaused { .. })
        ));
    }
    assert_eq!(
        calls.load(Ordering::SeqCst),
        FAILURES_TO_PAUSE,
        "nothing is asked in between"
    );
    thread::sleep(Duration::from_millis(350));
    assert!(client.sign("c2pa-claim", b"x").is_ok());
    assert!(client.sign("c2pa-claim", b"x").is_ok());
}

#[test]
fn answers_are_waited_for_a_bounded_time_by_a_bounded_number() {
    let url = start(|asked| {
        thread::sleep(Duration::from_millis(600));
        good(asked)
    });
    let short = client(&url, TOKEN, Duration::from_millis(150));
    let begun = Instant::now();
    let text = short.sign("c2pa-claim", b"x").unwrap_err().to_string();
    assert!(text.contains("too long"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(3));

    let patient = client(&url, TOKEN, SOON);
    let busy = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..MAX_WAITING + 5 {
            scope.spawn(|| {
                if let Err(GatewayError::SignerBusy { .. }) = patient.sign("c2pa-claim", b"x") {
                    busy.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(busy.load(Ordering::SeqCst), 5);
    assert!(
        patient.sign("c2pa-claim", b"x").is_ok(),
        "the queue is empty again"
    );
}

#[test]
fn what_is_no_signer_and_no_place_for_one_is_refused() {
    for body in [
        "",
        "{}",
        "[1]",
        "{\"signature\": 5}",
        "{\"signature\": \"*\"}",
    ] {
        let body = body.as_bytes().to_vec();
        let url = start(move |_| (200, "application/json", body.clone()));
        assert!(client(&url, TOKEN, SOON).sign("c2pa-claim", b"x").is_err());
    }
    let large = start(|_| (200, "application/json", vec![b' '; 1 << 20]));
    let text = client(&large, TOKEN, SOON)
        .public_key()
        .unwrap_err()
        .to_string();
    assert!(text.contains("larger"), "{text}");
    let new = |url: &str, key: &str| {
        RemoteKeyClient::new(url, key, Secret::new(TOKEN).unwrap(), SOON, None).map(drop)
    };
    for url in [
        "http://signer.example",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        "https://user@signer.example",
        "nothing",
    ] {
        assert!(new(url, "claims").is_err(), "{url}");
    }
    for key in ["", "..", "a/b", "a b", "a?b"] {
        assert!(new("http://127.0.0.1:1", key).is_err(), "{key}");
    }
}
