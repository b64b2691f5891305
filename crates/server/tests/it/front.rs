//! What every request passes: names, origins, headers, one form of errors, metrics, log.

use std::io::Read as _;

use serde_json::Value;

use crate::running::{Reply, ask};
use crate::serving::Serving;

fn problem(reply: &Reply) -> Value {
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{reply:?}"
    );
    let problem: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(problem["status"], reply.status);
    problem
}

#[test]
fn only_our_own_names_are_answered() {
    let serving = Serving::with(&["hosts=colophon.example"]);
    let of = |host: &str| serving.ask("GET /openapi.json", &[&format!("Host: {host}")]);
    for ours in [
        "localhost",
        "LOCALHOST:8750",
        "127.0.0.1:1",
        "[::1]:1",
        "colophon.example",
    ] {
        assert_eq!(of(ours).status, 200, "{ours}");
    }
    for rebound in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:80",
        "",
    ] {
        let reply = of(rebound);
        assert_eq!(reply.status, 421, "{rebound}");
        assert_eq!(problem(&reply)["type"], "/problems/misdirected");
    }
    // Whoever looks after the process knows it by its address alone.
    assert_eq!(
        serving.ask("GET /livez", &["Host: 10.1.2.3:80"]).status,
        200
    );
}

#[test]
fn pages_of_other_origins_read_what_is_public_and_nothing_else() {
    let serving = Serving::with(&["cors_origins=https://news.example"]);
    let news = "Origin: https://news.example";
    let reply = serving.ask("GET /v1/status", &[news]);
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some("https://news.example")
    );
    assert!(reply.head.to_ascii_lowercase().contains("vary: origin"));
    let other = serving.ask("GET /v1/status", &["Origin: https://evil.example"]);
    assert_eq!(other.header("access-control-allow-origin"), None);

    let asked = serving.ask(
        "OPTIONS /v1/status",
        &[news, "Access-Control-Request-Method: GET"],
    );
    assert_eq!(asked.status, 204);
    assert_eq!(
        asked.header("access-control-allow-methods"),
        Some("GET, HEAD, POST")
    );
    assert_eq!(asked.header("allow"), Some("GET,HEAD"));

    // What changes anything comes from our own page or from none.
    for (origin, status) in [
        ("Origin: https://evil.example", 403),
        ("Origin: null", 403),
        (news, 403),
        ("Origin: http://localhost", 405),
        ("X-None: 1", 405),
    ] {
        let reply = serving.ask("POST /v1/status", &[origin, "Content-Length: 0"]);
        assert_eq!(reply.status, status, "{origin}");
        problem(&reply);
    }
}

#[test]
fn errors_have_one_form_and_methods_are_told() {
    let serving = Serving::with(&[]);
    let reply = serving.ask("DELETE /livez", &[]);
    assert_eq!(reply.status, 405);
    assert_eq!(problem(&reply)["type"], "/problems/method-not-allowed");
    assert_eq!(reply.header("allow"), Some("GET,HEAD"));
    let reply = serving.ask("GET /nothing/here", &["X-Request-Id: mine-1"]);
    assert_eq!(
        (reply.status, problem(&reply)["requestId"].clone()),
        (404, "mine-1".into())
    );
    let reply = serving.ask("HEAD /openapi.json", &[]);
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    let length = reply.header("content-length").unwrap();
    assert!(length.parse::<usize>().unwrap() > 1_000, "{length}");
}

#[test]
fn browsers_are_told_to_be_careful() {
    let serving = Serving::with(&[]);
    for path in ["/livez", "/openapi.json", "/nothing"] {
        let reply = serving.ask(&format!("GET {path}"), &[]);
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("strict-transport-security"), None, "no TLS");
    }
    let behind = Serving::with(&["trusted_proxies=127.0.0.1"]);
    let reply = behind.ask("GET /livez", &["Forwarded: for=192.0.2.1;proto=https"]);
    assert_eq!(
        reply.header("strict-transport-security"),
        Some("max-age=15552000")
    );
}

#[test]
fn text_is_compressed_for_whoever_takes_it() {
    let serving = Serving::with(&[]);
    let plain = serving.ask("GET /openapi.json", &[]);
    let packed = serving.ask("GET /openapi.json", &["Accept-Encoding: br, gzip"]);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(
        packed
            .head
            .to_ascii_lowercase()
            .contains("vary: accept-encoding")
    );
    assert!(packed.body.len() * 2 < plain.body.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);
    let off = Serving::with(&["compression=false"]);
    let reply = off.ask("GET /v1/detection", &["Accept-Encoding: gzip"]);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-encoding"), None);
}

#[test]
fn metrics_count_and_are_not_for_everyone() {
    let closed = Serving::with(&[]);
    assert_eq!(closed.ask("GET /metrics", &[]).status, 401);
    let open = Serving::with(&["public_metrics=true"]);
    for _ in 0..3 {
        open.ask("GET /nothing/of/that/kind?secret=1", &[]);
    }
    open.ask("BREW /livez", &[]);
    let reply = open.ask("GET /metrics", &[]);
    let media_type = reply.header("content-type").unwrap();
    assert!(media_type.starts_with("text/plain; version=0.0.4"));
    let text = reply.text();
    for line in [
        "colophon_requests_total{route=\"none\",method=\"GET\",status=\"404\"} 3",
        "colophon_requests_total{route=\"/livez\",method=\"other\",status=\"405\"} 1",
        "colophon_request_seconds_count{route=\"none\"} 3",
        "colophon_ready 1",
        "colophon_children 1",
        "colophon_children_failed_total 2",
        "colophon_work_waiting{work=\"check\"} 0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
    }
    assert!(!text.contains("secret"));
    let entries = text
        .lines()
        .find_map(|line| line.strip_prefix("colophon_ledger_entries_total "));
    assert!(
        entries.unwrap().parse::<u64>().unwrap() > 0,
        "the keys' events"
    );
}

#[test]
fn the_status_tells_of_ledger_policies_and_certificates() {
    let serving = Serving::with(&[]);
    let reply = serving.ask("GET /v1/status", &[]);
    assert_eq!(reply.status, 200);
    let status: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(status["ready"], true, "{status}");
    assert!(status["ledger"]["entries"].as_u64().unwrap() > 0);
    assert_eq!(status["policy"]["up_to_date"], true);
    assert_eq!(status["policy"]["hash"].as_str().unwrap().len(), 64);
    let certificates = status["certificates"].as_array().unwrap();
    assert!(
        certificates
            .iter()
            .any(|it| it["days_left"].as_i64().unwrap() > 0)
    );
    assert_eq!(status["load"]["children"]["failed"], 2);
    let private = Serving::with(&["public_audit=false"]);
    assert_eq!(private.ask("GET /v1/status", &[]).status, 401);
}

#[test]
fn a_disk_without_room_is_told_before_it_is_full() {
    let serving = Serving::with(&["ready_disk=1000000GiB"]);
    let reply = serving.ask("GET /readyz", &[]);
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("retry-after"), Some("10"));
    assert_eq!(problem(&reply)["detail"], "the disk is nearly full");
    assert_eq!(serving.ask("GET /livez", &[]).status, 200);
}

#[test]
fn the_log_holds_no_personal_data() {
    let log = |settings: &[&str]| {
        let serving = Serving::with(settings);
        let asked = ["X-Request-Id: id-7", "Authorization: Bearer secret-key"];
        serving.ask("GET /livez?name=Ada", &asked);
        serving.ask("GET /files/ada.png", &[]);
        // Another thread writes.
        for _ in 0..100 {
            if serving.log.text().lines().count() == 2 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        serving.log.text().to_ascii_lowercase()
    };
    let text = log(&[]);
    assert!(text.contains("get /livez 200"), "{text}");
    assert!(text.contains("get none 404"), "{text}");
    assert!(text.contains("id-7"), "{text}");
    for private in ["ada", "secret", "127.0.0.1"] {
        assert!(!text.contains(private), "{private} in {text}");
    }
    let text = log(&["access_log=json", "log_addresses=true"]);
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["route"], &first["client"], &first["status"]),
        (&"/livez".into(), &"127.0.0.1".into(), &200.into())
    );
    assert_eq!(log(&["access_log=off"]), "");
}

#[test]
fn what_failed_is_told_to_the_operator_alone() {
    let serving = Serving::with(&["access_log=json"]);
    let picture = b"\x89PNG\r\n\x1a\n";
    let head = "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: image/png\r\n";
    let head = format!("{head}Content-Length: {}\r\n\r\n", picture.len());
    let reply = ask(serving.address(), &[head.as_bytes(), picture].concat());
    let body = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 500, "{body}");
    assert!(!body.contains("not in this test"), "{body}");
    for _ in 0..100 {
        if !serving.log.text().is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let line: Value = serde_json::from_str(&serving.log.text()).unwrap();
    assert_eq!(line["cause"], "not in this test");
    assert!(
        body.contains(line["request_id"].as_str().unwrap()),
        "{body}"
    );
}
