//! Checks over HTTP: what comes in, what is refused, what is answered, and that nothing stays.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use colophon_provenance::{Verifier, VerifierOptions};
use colophon_server::{Feedback, FetchFailure, FetchTrouble, Fetches, Settings};
use serde_json::{Value, json};

use crate::running::{Reply, ask, get};
use crate::service::{Place, picture};

fn send(address: SocketAddr, target: &str, headers: &str, body: &[u8]) -> Reply {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    ask(address, &[head.as_bytes(), body].concat())
}

fn send_json(address: SocketAddr, target: &str, body: &Value) -> Reply {
    let body = body.to_string();
    send(
        address,
        target,
        "Content-Type: application/json\r\n",
        body.as_bytes(),
    )
}

fn form(fields: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, bytes) in fields {
        let head = format!(
            "--cut\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\n\r\n"
        );
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(b"--cut--\r\n");
    body
}

const FORM: &str = "Content-Type: multipart/form-data; boundary=cut\r\n";

/// The problem of an answer: its status and last part of its type.
fn problem(reply: &Reply) -> (u16, String) {
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{reply:?}"
    );
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let kind = body["type"].as_str().unwrap();
    (reply.status, kind.rsplit('/').next().unwrap().to_owned())
}

fn report(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

/// A report as it is read from its text, in which numbers may lose their last digit.
fn as_told(report: &colophon_provenance::Report) -> Value {
    serde_json::from_str(&serde_json::to_string(report).unwrap()).unwrap()
}

#[test]
fn a_picture_gives_the_report_of_the_verifier_as_it_is_or_in_a_form() {
    let place = Place::new();
    let (_, issued) = place.stamped(&picture(1), "a.png");
    let before = place.files();
    let running = place.serve(Settings::default());
    let verifier = Verifier::open(Some(&place.home), VerifierOptions::default()).unwrap();
    let mut expected = as_told(&verifier.verify(&issued, "fox.png"));
    expected["elapsed_ms"] = json!(0);
    let body = form(&[("image", "../a/fox\u{202e}.png", &issued)]);
    let in_form = send(running.address(), "/v1/verify", FORM, &body);
    for name in ["cache-control", "x-content-type-options"] {
        assert!(in_form.header(name).is_some(), "{}", in_form.head);
    }
    let mut told = report(&in_form);
    told["elapsed_ms"] = json!(0);
    assert_eq!(told, expected);
    let plain = send(
        running.address(),
        "/v1/verify?lang=de",
        "Content-Type: image/x-anything\r\n",
        &issued,
    );
    let told = report(&plain);
    assert_eq!(
        (&told["file"], &told["tool"]["language"]),
        (&json!("picture"), &json!("de"))
    );
    assert_eq!(
        told["evidence"]["watermark"],
        expected["evidence"]["watermark"]
    );
    assert_eq!(told["verdict"]["rule"], expected["verdict"]["rule"]);
    // What was sent is nowhere afterwards.
    assert_eq!(place.files(), before);
}

#[test]
fn what_is_asked_for_beside_the_report_comes_with_it_or_is_refused() {
    let place = Place::new();
    let (_, issued) = place.stamped(&picture(2), "a.png");
    let running = place.serve(Settings::default());
    let ask = |target: &str, headers: &str| send(running.address(), target, headers, &issued);
    let told = report(&ask("/v1/verify?include=thumbnail", ""));
    assert_eq!(told["attachments"]["thumbnail"]["media_type"], "image/jpeg");
    assert_eq!(told["attachments"]["thumbnail"]["data"], "c21hbGw=");
    assert_eq!(told["report"]["outcome"], "evidence-found");
    for (query, expected) in [
        ("include=heat-map", (401, "unauthenticated")),
        ("include=thumbnail,crjson", (401, "unauthenticated")),
        ("include=full", (400, "invalid-request")),
        ("lang=fr", (400, "invalid-request")),
        ("full=true", (400, "invalid-request")),
    ] {
        let (status, kind) = problem(&ask(&format!("/v1/verify?{query}"), ""));
        assert_eq!((status, kind.as_str()), expected, "{query}");
    }
    let page = ask("/v1/verify?lang=de", "Accept: text/html,*/*;q=0.8\r\n");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'none'")
    );
    assert!(page.text().contains("<html lang=\"de\">") && page.text().contains("data:image/jpeg"));
}

#[test]
fn uploads_that_are_none_are_named_and_cost_nothing() {
    let place = Place::new();
    let settings = Settings {
        picture_bytes: 100_000,
        ..Settings::default()
    };
    let running = place.serve(settings);
    let at = running.address();
    let big = vec![7; 100_001];
    let two = form(&[("image", "a", b"x"), ("image", "b", b"y")]);
    let other = form(&[("picture", "a", b"x")]);
    let cut = &form(&[("image", "a", &[1; 300])])[..200];
    let no_field = form(&[]);
    let empty = form(&[("image", "a", b"")]);
    let big_form = form(&[("image", "a", &big)]);
    let no_boundary = "Content-Type: multipart/form-data\r\n";
    let cases: [(&str, &[u8], (u16, &str)); 11] = [
        ("", b"", (400, "invalid-request")),
        (FORM, &two, (400, "invalid-request")),
        (FORM, &other, (400, "invalid-request")),
        (FORM, &no_field, (400, "invalid-request")),
        (FORM, &empty, (400, "invalid-request")),
        (FORM, cut, (400, "invalid-request")),
        (no_boundary, &two, (400, "invalid-request")),
        (
            "Content-Type: application/json\r\n",
            b"{}",
            (415, "unsupported-media-type"),
        ),
        (
            "Content-Type: text/html\r\n",
            b"<p>",
            (415, "unsupported-media-type"),
        ),
        ("", &big, (413, "too-large")),
        (FORM, &big_form, (413, "too-large")),
    ];
    for (headers, body, expected) in cases {
        let (status, kind) = problem(&send(at, "/v1/verify", headers, body));
        assert_eq!(
            (status, kind.as_str()),
            expected,
            "{headers} {}",
            body.len()
        );
    }
    // Ten gigabytes are refused before one byte of them has come.
    let announced = "POST /v1/verify HTTP/1.1\r\nHost: test\r\nContent-Length: 10000000000\r\n\r\n";
    assert_eq!(problem(&ask(at, announced.as_bytes())).0, 413);
    // Without a length they are refused when there are too many.
    let mut endless =
        b"POST /v1/verify HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..20 {
        endless.extend(b"2000\r\n");
        endless.extend([7; 0x2000]);
        endless.extend(b"\r\n");
    }
    assert_eq!(problem(&ask(at, &endless)).0, 413);
    // What is no picture is no error of the request.
    let told = report(&send(at, "/v1/verify", "", b"MZ this is a program"));
    assert_eq!(told["outcome"], "could-not-check");
}

#[test]
fn whoever_sends_too_slowly_or_is_one_too_many_is_told() {
    let place = Place::new();
    let settings = Settings {
        upload_time: Duration::from_millis(300),
        upload_memory: 128 << 10,
        queue: 0,
        ..Settings::default()
    };
    let checks = place.checks();
    let running = place.serve_with(settings, Arc::clone(&checks), None);
    let at = running.address();
    let begun = Instant::now();
    let slow = "POST /v1/verify HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nxxx";
    assert_eq!(
        problem(&ask(at, slow.as_bytes())),
        (408, "request-timeout".to_owned())
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
    let over = problem(&send(at, "/v1/verify", "", &vec![0; 200 << 10]));
    assert_eq!(over, (503, "overloaded".to_owned()));

    checks.gate.close();
    let mut held = TcpStream::connect(at).unwrap();
    let request =
        "POST /v1/verify HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    held.write_all(request.as_bytes()).unwrap();
    checks.gate.until_one_waits();
    let shed = send(at, "/v1/verify", "", b"y");
    assert_eq!(problem(&shed), (503, "overloaded".to_owned()));
    assert!(shed.header("retry-after").is_some());
    checks.gate.open();
    let mut answer = String::new();
    held.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(send(at, "/v1/verify", "", b"z").status, 200);
}

/// Answers by the address.
struct Scripted;

impl Fetches for Scripted {
    fn fetch(&self, address: &str, most: usize) -> Result<Vec<u8>, FetchFailure> {
        let trouble = match address {
            "https://pictures.example/a/fox.png?secret=1" => return Ok(picture(5)),
            "https://pictures.example/empty" => return Ok(Vec::new()),
            "https://refused.example/" => FetchTrouble::Refused,
            "https://large.example/" => FetchTrouble::TooLarge,
            "https://slow.example/" => FetchTrouble::TimedOut,
            _ => FetchTrouble::Failed,
        };
        Err(FetchFailure {
            trouble,
            said: format!("at most {most}"),
        })
    }
}

#[test]
fn a_picture_at_an_address_is_checked_like_one_that_was_sent() {
    let place = Place::new();
    let none = place.serve(Settings::default());
    let url = |address: &str| json!({ "url": address });
    let asked = send_json(none.address(), "/v1/verify/url", &url("https://a.example/"));
    assert_eq!(problem(&asked), (501, "not-implemented".to_owned()));

    let running = place.serve_with(
        Settings::default(),
        place.checks(),
        Some(Arc::new(Scripted)),
    );
    let at = running.address();
    let before = place.files();
    let good = url("https://pictures.example/a/fox.png?secret=1");
    let told = report(&send_json(at, "/v1/verify/url?lang=de", &good));
    assert_eq!(
        (&told["file"], &told["container"]["width"]),
        (&json!("fox.png"), &json!(640))
    );
    assert_eq!(place.files(), before);
    for (body, expected) in [
        (url("https://refused.example/"), (422, "unprocessable")),
        (url("https://large.example/"), (413, "too-large")),
        (url("https://slow.example/"), (504, "timed-out")),
        (url("https://gone.example/"), (502, "upstream")),
        (url("https://pictures.example/empty"), (502, "upstream")),
        (url(""), (400, "invalid-request")),
        (url(&"a".repeat(5_000)), (400, "invalid-request")),
        (
            json!({ "url": "https://a.example/", "headers": {} }),
            (400, "invalid-request"),
        ),
        (json!({}), (400, "invalid-request")),
    ] {
        let (status, kind) = problem(&send_json(at, "/v1/verify/url", &body));
        assert_eq!((status, kind.as_str()), expected, "{body}");
    }
    let plain = send(at, "/v1/verify/url", "", good.to_string().as_bytes());
    assert_eq!(plain.status, 415);
}

#[test]
fn feedback_is_kept_as_it_was_written_and_no_more() {
    let place = Place::new();
    let running = place.serve(Settings::default());
    let post = |body: &Value| send_json(running.address(), "/v1/feedback", body);
    let message = json!({ "kind": "missed", "text": "It is ours.", "rule": "nothing-found" });
    let kept = post(&message);
    assert_eq!(kept.status, 201, "{}", kept.text());
    let id: Value = serde_json::from_slice(&kept.body).unwrap();
    let messages = Feedback::of(&place.home).list().unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(json!(messages[0].id), id["id"]);
    assert_eq!(messages[0].text, "It is ours.");
    let file = std::fs::read_to_string(
        place
            .home
            .root
            .join("feedback")
            .join(format!("{}.json", messages[0].id)),
    )
    .unwrap();
    assert!(!file.contains("127.0.0.1"), "{file}");
    for bad in [
        json!({ "kind": "praise", "text": "a" }),
        json!({ "kind": "other" }),
        json!({ "kind": "other", "text": "" }),
        json!({ "kind": "other", "text": "a", "picture": "AAAA" }),
        json!({ "kind": "other", "text": "a", "contact": "ada@example.org" }),
    ] {
        assert_eq!(problem(&post(&bad)).0, 400, "{bad}");
    }
    let long = json!({ "kind": "other", "text": "a".repeat(40_000) });
    assert_eq!(problem(&post(&long)).0, 413);
    assert_eq!(Feedback::of(&place.home).list().unwrap().len(), 1);
}

/// The published error rates are those of the documents, row by row.
#[test]
fn error_rates_are_those_that_were_measured() {
    let place = Place::new();
    let running = place.serve(Settings::default());
    let told = report(&get(running.address(), "/v1/detection"));
    assert_eq!(told["addresses"]["url"], Value::Null);
    assert_eq!(
        (&told["free"], &told["key_needed"]),
        (&json!(true), &json!(false))
    );
    let rates = &told["error_rates"];

    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let document = std::fs::read_to_string(format!("{root}docs/watermark.md")).unwrap();
    let readme = std::fs::read_to_string(format!("{root}README.md")).unwrap();
    let part = document
        .split("\n## ")
        .find(|it| it.starts_with("What it survives"));
    let table = part
        .unwrap()
        .split("**Learned regeneration.**")
        .next()
        .unwrap();
    let rows = rates["false_negatives"]["handlings"].as_array().unwrap();
    let written: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("/40 | "))
        .collect();
    assert_eq!(rows.len(), written.len());
    for (row, line) in rows.iter().zip(written) {
        let [group, handling] = ["group", "handling"].map(|name| row[name].as_str().unwrap());
        let interval = &row["interval_percent"];
        let expected = format!(
            "| {group} | {handling} | {}/{} | {} to {} % |",
            row["read"], row["tested"], interval[0], interval[1]
        );
        assert!(line.starts_with(&expected), "{line} is not {expected}");
    }
    let readings: u64 = rows.iter().map(|row| row["tested"].as_u64().unwrap()).sum();
    let false_positives = rates["false_positives"].as_array().unwrap();
    let tested = |at: usize| false_positives[at]["tested"].as_u64().unwrap();
    assert_eq!(tested(1), readings);
    let flat = document.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "10,000 unmarked pictures of 20 kinds",
        "**No id was read**; the probability of one is at most 3.8e-04 with 95 % confidence (Wilson), and 1e-10 by the bound",
        "No wrong id in 4,760 readings",
    ] {
        assert!(flat.contains(said), "{said}");
    }
    assert_eq!((tested(0), rates["bound"].as_f64()), (10_000, Some(1e-10)));
    assert_eq!(false_positives[0]["at_most"].as_f64(), Some(3.8e-4));
    let flat = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(
        "no mark of others in the pixels of 6,313 pictures (at most 0.06 % with 95 % confidence"
    ));
    assert_eq!(
        (tested(2), false_positives[2]["at_most"].as_f64()),
        (6_313, Some(0.0006))
    );
    assert!(false_positives.iter().all(|it| it["errors"] == 0));
}
