//! Errors as servers tell them.

use colophon_gateway::GatewayError;
use serde_json::json;

use crate::ask;
use crate::images_server::{ImagesServer, Reaction};

#[test]
fn a_content_policy_is_told_as_such() {
    let server = ImagesServer::start();
    let message = "Your request was rejected by the safety system.";
    server.next(Reaction::error(400, message, "moderation_blocked"));
    let error = ask(&server).unwrap_err();
    assert!(
        matches!(error, GatewayError::ContentPolicy { .. }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.contains("content policy") && text.contains("change the prompt"),
        "{text}"
    );
    // In an answer of status 200, too.
    server.next(Reaction::error(200, "no", "content_policy_violation"));
    assert!(matches!(
        ask(&server),
        Err(GatewayError::ContentPolicy { .. })
    ));
    server.next(Reaction::error(403, "no", "content_filter"));
    assert!(matches!(
        ask(&server),
        Err(GatewayError::ContentPolicy { .. })
    ));
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn refusals_carry_what_the_server_said() {
    let server = ImagesServer::start();
    for (status, body, said) in [
        (
            400,
            json!({"error": {"message": "Unknown parameter: 'seed'.", "code": "unknown_parameter"}}),
            "Unknown parameter: 'seed' [unknown_parameter]",
        ),
        (400, json!({"error": "invalid params"}), "invalid params"),
        (
            422,
            json!({"detail": [{"loc": ["body", "n"], "msg": "too many"}]}),
            "n: too many",
        ),
        (400, json!({"detail": "bad size"}), "bad size"),
        (413, json!({}), "no reason given"),
        (
            200,
            json!({"error": {"message": "queue full"}}),
            "queue full",
        ),
    ] {
        server.next(Reaction::json(status, &body));
        let error = ask(&server).unwrap_err();
        assert!(matches!(error, GatewayError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains(said), "{error}");
    }
    server.next(Reaction::body(404, "text/html", "<h1>Not found</h1>"));
    let error = ask(&server).unwrap_err();
    assert!(matches!(error, GatewayError::NotFound { .. }), "{error:?}");
    assert!(!error.to_string().contains("<h1>"), "{error}");
}

#[test]
fn what_a_server_says_cannot_play_tricks_on_the_terminal() {
    let server = ImagesServer::start();
    server.next(Reaction::error(
        400,
        "a\u{1b}]0;owned\u{7}\r\nb \u{202e}c",
        "x\u{1b}[2J",
    ));
    let text = ask(&server).unwrap_err().to_string();
    assert!(
        !text.chars().any(|c| c.is_control() || c == '\u{202e}'),
        "{text:?}"
    );
    server.next(Reaction::body(400, "text/plain", "long ".repeat(50_000)));
    assert!(ask(&server).unwrap_err().to_string().len() < 600);
}

#[test]
fn a_generation_is_never_redirected() {
    let server = ImagesServer::start();
    let other = ImagesServer::start();
    for status in [301, 302, 303, 307, 308] {
        let to = format!("{}/v1/images/generations?token=secret", other.url());
        server.next(Reaction::redirect(status, &to));
        let error = ask(&server).unwrap_err();
        assert!(
            matches!(error, GatewayError::Redirected { .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains(&other.url()) && !text.contains("secret"),
            "{text}"
        );
    }
    assert!(other.requests().is_empty());
}

#[test]
fn a_head_without_end_is_cut() {
    let server = ImagesServer::start();
    let head = format!("HTTP/1.1 200 OK\r\nX-Long: {}", "x".repeat(1 << 20));
    server.next(Reaction::Raw(head.into_bytes()));
    let error = ask(&server).unwrap_err();
    assert!(
        matches!(
            error,
            GatewayError::NotHttp { .. } | GatewayError::Lost { .. }
        ),
        "{error:?}"
    );
}
