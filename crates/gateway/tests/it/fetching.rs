//! Pictures that come back as addresses.

use std::time::Duration;

use colophon_gateway::{Answer, Backend, GatewayError, ImagesRequest, ResponseFormat, Secret};
use serde_json::json;

use crate::images_server::{ImagesServer, Reaction, waves};
use crate::{ask_with, cancelled_after, request};

fn by_address() -> ImagesRequest {
    ImagesRequest {
        response_format: Some(ResponseFormat::Url),
        ..request()
    }
}

/// A request to a server that answers with this address.
fn ask_for(server: &ImagesServer, address: &str) -> Result<Answer, GatewayError> {
    ask_for_with(server, address, |_| {})
}

fn ask_for_with(
    server: &ImagesServer,
    address: &str,
    change: impl Fn(&mut Backend),
) -> Result<Answer, GatewayError> {
    server.next(Reaction::json(200, &json!({"data": [{"url": address}]})));
    ask_with(server, &by_address(), change)
}

fn picture() -> Vec<u8> {
    waves(&json!({"prompt": "x"}), 0, 64, 48)
}

#[test]
fn addresses_are_fetched_with_the_key() {
    let server = ImagesServer::start();
    server.require_key("sk-key");
    let mut request = by_address();
    request.count = 2;
    let key = |b: &mut Backend| b.api_key = Secret::new("sk-key").ok();
    let answer = ask_with(&server, &request, key).unwrap();
    assert_eq!((answer.pictures.len(), answer.attempts), (2, 1));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for fetched in &requests[1..] {
        assert_eq!(fetched.method, "GET");
        assert_eq!(fetched.headers["authorization"], "Bearer sk-key");
        assert_eq!(fetched.body, json!(null));
    }
    assert_eq!(
        answer.pictures[1].bytes,
        waves(&requests[0].body, 1, 64, 48)
    );
}

#[test]
fn relative_addresses_start_from_the_base() {
    let server = ImagesServer::start();
    server.serve(
        "/v1/images/x/content",
        Reaction::body(200, "image/png", picture()),
    );
    server.serve("/sd/out/1.png", Reaction::body(200, "image/png", picture()));
    assert!(ask_for(&server, "/v1/images/x/content").is_ok());
    assert!(ask_for(&server, "v1/images/x/content?variant=1").is_ok());
    let own = server.url().replace("http:", "");
    assert!(ask_for(&server, &format!("{own}/v1/images/x/content")).is_ok());
    assert!(ask_for(&server, "sd/out/1.png").is_ok());
}

#[test]
fn other_servers_are_not_asked() {
    let server = ImagesServer::start();
    let other = ImagesServer::start();
    other.serve("/x.png", Reaction::body(200, "image/png", picture()));
    let refused = |address: &str, allow: bool| {
        let error = ask_for_with(&server, address, |b| b.allow_other_hosts = allow).unwrap_err();
        assert!(
            matches!(error, GatewayError::PictureAddress { .. }),
            "{address}: {error:?}"
        );
        error.to_string()
    };
    let elsewhere = format!("{}/x.png?sig=secret", other.url());
    let text = refused(&elsewhere, false);
    assert!(
        text.contains(&other.url()) && !text.contains("secret"),
        "{text}"
    );
    // Allowed other hosts or not: not without TLS, not into networks the backend is not in.
    refused(&elsewhere, true);
    refused("ftp://127.0.0.1/x.png", true);
    refused("file:///etc/passwd", true);
    refused("https://169.254.169.254/latest/meta-data/", true);
    refused("https://10.0.0.1/x.png", true);
    refused("https://[::ffff:10.0.0.1]/x.png", true);
    refused("https://user:pw@example.invalid/x.png", true);
    let odd = format!("http://{}@{}/x.png", server.address(), other.address());
    refused(&odd, true);
    assert!(other.requests().is_empty());
}

#[test]
fn redirects_are_followed_within_the_backend_only() {
    let server = ImagesServer::start();
    let other = ImagesServer::start();
    server.serve("/moved", Reaction::redirect(302, "/there"));
    server.serve("/there", Reaction::redirect(307, "files/../x.png"));
    server.serve("/x.png", Reaction::body(200, "image/png", picture()));
    assert_eq!(ask_for(&server, "/moved").unwrap().pictures.len(), 1);

    server.serve(
        "/away",
        Reaction::redirect(302, &format!("{}/x.png", other.url())),
    );
    let error = ask_for(&server, "/away").unwrap_err();
    assert!(
        matches!(error, GatewayError::PictureAddress { .. }),
        "{error:?}"
    );
    let error = ask_for_with(&server, "/away", |b| b.allow_other_hosts = true).unwrap_err();
    assert!(
        matches!(error, GatewayError::PictureAddress { .. }),
        "{error:?}"
    );
    assert!(other.requests().is_empty());

    server.serve(
        "/inside",
        Reaction::redirect(302, "https://169.254.169.254/"),
    );
    let error = ask_for_with(&server, "/inside", |b| b.allow_other_hosts = true).unwrap_err();
    assert!(error.to_string().contains("private network"), "{error}");

    server.serve("/loop", Reaction::redirect(302, "/loop"));
    let before = server.requests().len();
    let error = ask_for(&server, "/loop").unwrap_err();
    assert!(error.to_string().contains("redirects"), "{error}");
    assert_eq!(
        server.requests().len() - before,
        7,
        "one generation, six fetches"
    );
    server.serve("/nowhere", Reaction::body(302, "text/plain", ""));
    let error = ask_for(&server, "/nowhere").unwrap_err();
    assert!(error.to_string().contains("no address"), "{error}");
}

#[test]
fn what_is_fetched_must_be_a_picture_within_the_limits() {
    let server = ImagesServer::start();
    server.serve("/page", Reaction::body(200, "text/html", "<html>"));
    let error = ask_for(&server, "/page").unwrap_err();
    assert!(error.to_string().contains("text/html"), "{error}");
    server.serve("/lie", Reaction::body(200, "image/png", "<html>"));
    let error = ask_for(&server, "/lie").unwrap_err();
    assert!(
        matches!(error, GatewayError::NotAPicture { .. }),
        "{error:?}"
    );
    server.serve(
        "/zip",
        Reaction::body(200, "image/png", "x").header("Content-Encoding", "gzip"),
    );
    let error = ask_for(&server, "/zip").unwrap_err();
    assert!(error.to_string().contains("gzip"), "{error}");
    server.serve("/gone", Reaction::error(404, "expired", "x"));
    let error = ask_for(&server, "/gone").unwrap_err();
    assert!(error.to_string().contains("status 404"), "{error}");
    server.serve(
        "/plain",
        Reaction::body(200, "application/octet-stream", picture()),
    );
    assert!(ask_for(&server, "/plain").is_ok());

    server.serve(
        "/endless",
        Reaction::Endless("Content-Type: image/png\r\n", b"aaaaaaaa"),
    );
    let error = ask_for_with(&server, "/endless", |b| b.max_picture_bytes = 1 << 20).unwrap_err();
    assert!(matches!(error, GatewayError::TooLarge { .. }), "{error:?}");
    let mut two = by_address();
    two.count = 2;
    let one_fits = picture().len() as u64 + 10;
    let error = ask_with(&server, &two, |b| b.max_response_bytes = one_fits).unwrap_err();
    assert!(matches!(error, GatewayError::TooLarge { .. }), "{error:?}");
}

#[test]
fn a_fetch_that_fails_is_tried_again_and_the_generation_is_not() {
    let server = ImagesServer::start();
    server.serve("/busy", Reaction::error(503, "later", "x"));
    let error = ask_for(&server, "/busy").unwrap_err();
    assert!(error.to_string().contains("status 503"), "{error}");
    assert_eq!(server.requests().len(), 4, "one generation, three fetches");
    server.serve("/drop", Reaction::HangUp);
    assert!(matches!(
        ask_for(&server, "/drop"),
        Err(GatewayError::Fetch { .. })
    ));
    assert_eq!(server.requests().len(), 8);
    let posts = server.requests();
    assert_eq!(posts.iter().filter(|r| r.method == "POST").count(), 2);
}

#[test]
fn fetching_can_be_cancelled() {
    let server = ImagesServer::start();
    server.serve("/slow", Reaction::Silence);
    server.next(Reaction::json(200, &json!({"data": [{"url": "/slow"}]})));
    cancelled_after(&server, Duration::from_millis(250), |_| {});
    server.serve("/slow2", Reaction::Silence);
    let error = ask_for_with(&server, "/slow2", |b| {
        b.timeout = Duration::from_millis(300);
    });
    assert!(
        matches!(error, Err(GatewayError::TimedOut { .. })),
        "{error:?}"
    );
}
