//! What is tried again and what never is; time and cancelling.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use colophon_gateway::{Backend, Client, GatewayError};

use crate::images_server::{ImagesServer, Reaction};
use crate::{ask, ask_with, backend, cancelled_after, request};

#[test]
fn a_busy_server_is_asked_again() {
    let server = ImagesServer::start();
    server.next(Reaction::error(429, "slow down", "rate_limit_exceeded"));
    server.next(Reaction::body(503, "text/plain", "loading the model"));
    let answer = ask(&server).unwrap();
    assert_eq!((answer.attempts, server.requests().len()), (3, 3));
    let bodies: Vec<_> = server.requests().into_iter().map(|r| r.body).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]));

    for _ in 0..3 {
        server.next(Reaction::error(503, "loading", "busy").header("Retry-After", "0"));
    }
    let error = ask(&server).unwrap_err();
    assert!(
        matches!(&error, GatewayError::Busy { attempts: 3, retry_after, .. }
            if *retry_after == Some(Duration::ZERO)),
        "{error:?}"
    );
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn the_wait_that_the_server_asks_for_is_kept() {
    let server = ImagesServer::start();
    server.next(Reaction::error(429, "later", "x").header("Retry-After", "1"));
    let begun = Instant::now();
    assert_eq!(ask(&server).unwrap().attempts, 2);
    assert!(begun.elapsed() >= Duration::from_secs(1));

    server.next(Reaction::error(429, "later", "x").header("retry-after-ms", "300"));
    let begun = Instant::now();
    assert_eq!(ask(&server).unwrap().attempts, 2);
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_wait_beyond_reason_or_beyond_the_time_left_is_not_begun() {
    let server = ImagesServer::start();
    for wait in ["3600", "30", "Thu, 31 Dec 2099 23:59:59 GMT"] {
        server.next(Reaction::error(429, "later", "x").header("Retry-After", wait));
        let begun = Instant::now();
        let error = ask(&server).unwrap_err();
        assert!(
            matches!(error, GatewayError::Busy { attempts: 1, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("asks to wait"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn a_proxy_without_a_server_is_asked_again_but_not_one_that_gave_up_waiting() {
    let server = ImagesServer::start();
    server.next(Reaction::body(502, "text/html", "<h1>Bad gateway</h1>"));
    server.next(Reaction::body(504, "text/html", "<h1>Time-out</h1>"));
    assert_eq!(ask(&server).unwrap().attempts, 3);
    // The server behind it may still be at work by then.
    let late = Reaction::body(504, "text/html", "<h1>Time-out</h1>");
    server.next(late.after(Duration::from_millis(600)));
    let patience = |b: &mut Backend| b.connect_timeout = Duration::from_millis(500);
    let error = ask_with(&server, &request(), patience).unwrap_err();
    assert!(
        matches!(
            error,
            GatewayError::ServerFailed {
                attempts: 1,
                status: 504,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn what_may_have_cost_something_is_never_asked_for_again() {
    let server = ImagesServer::start();
    for reaction in [
        Reaction::HangUp,
        Reaction::CutOff(2000),
        Reaction::error(500, "out of memory", "server_error"),
        Reaction::Raw(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        Reaction::body(200, "text/html", "<html>"),
    ] {
        let before = server.requests().len();
        server.next(reaction);
        let error = ask(&server).unwrap_err();
        assert_eq!(server.requests().len(), before + 1, "{error}");
    }
    server.next(Reaction::HangUp);
    let error = ask(&server).unwrap_err();
    assert!(matches!(error, GatewayError::Lost { .. }), "{error:?}");
    assert!(error.to_string().contains("not sent again"), "{error}");
    server.next(Reaction::CutOff(2000));
    assert!(matches!(ask(&server), Err(GatewayError::Lost { .. })));
    server.next(Reaction::error(500, "out of memory", "server_error"));
    let error = ask(&server).unwrap_err();
    assert!(matches!(
        error,
        GatewayError::ServerFailed { attempts: 1, .. }
    ));
    assert!(error.to_string().contains("out of memory"), "{error}");
    server.next(Reaction::Raw(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()));
    let error = ask(&server).unwrap_err();
    assert!(matches!(error, GatewayError::NotHttp { .. }), "{error:?}");
}

#[test]
fn no_credit_left_is_not_busy() {
    let server = ImagesServer::start();
    server.next(Reaction::error(
        429,
        "You exceeded your quota",
        "insufficient_quota",
    ));
    assert!(matches!(
        ask(&server),
        Err(GatewayError::Busy { attempts: 1, .. })
    ));
}

/// A port that nothing listens on.
fn dead_url() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_server_that_is_down_is_tried_again_and_told() {
    let mut backend = Backend::new(dead_url());
    backend.first_wait = Duration::from_millis(40);
    let client = Client::new(backend).unwrap();
    let begun = Instant::now();
    let error = client.generate(&request(), &|| false).unwrap_err();
    assert!(
        matches!(error, GatewayError::Unreachable { attempts: 3, .. }),
        "{error:?}"
    );
    // At least half of 40 ms and of 80 ms.
    assert!(begun.elapsed() >= Duration::from_millis(60));
    let text = error.to_string();
    assert!(
        text.contains(&client.host()) && text.contains("tried 3 times"),
        "{text}"
    );
}

#[test]
fn a_name_that_does_not_exist_is_told() {
    // RFC 6761: `.invalid` never resolves.
    let mut backend = Backend::new("https://images.invalid");
    backend.retries = 0;
    let client = Client::new(backend).unwrap();
    let error = client.generate(&request(), &|| false).unwrap_err();
    assert!(
        matches!(error, GatewayError::Unreachable { .. }),
        "{error:?}"
    );
}

#[test]
fn the_whole_time_is_a_limit() {
    let server = ImagesServer::start();
    let limit = |b: &mut Backend| b.timeout = Duration::from_millis(400);
    for reaction in [
        Reaction::Silence,
        Reaction::Drip(10, Duration::from_millis(50)),
        Reaction::Endless("Content-Type: application/json\r\n", b" "),
    ] {
        server.next(reaction);
        let begun = Instant::now();
        let error = ask_with(&server, &request(), limit).unwrap_err();
        assert!(
            matches!(
                error,
                GatewayError::TimedOut { .. } | GatewayError::TooLarge { .. }
            ),
            "{error:?}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
    }
    assert_eq!(server.requests().len(), 3, "nothing is asked for twice");
}

#[test]
fn cancelling_works_at_every_point() {
    let server = ImagesServer::start();
    let wait = Duration::from_millis(200);
    server.next(Reaction::Silence);
    cancelled_after(&server, wait, |_| {});
    server.next(Reaction::Drip(5, Duration::from_millis(20)));
    cancelled_after(&server, wait, |_| {});
    server.next(Reaction::error(429, "later", "x").header("Retry-After", "10"));
    cancelled_after(&server, wait, |_| {});
    cancelled_after(&server, wait, |b| {
        b.url = dead_url();
        b.first_wait = Duration::from_secs(5);
    });
    // Before anything is sent.
    let before = server.requests().len();
    let client = Client::new(backend(&server)).unwrap();
    let result = client.generate(&request(), &|| true);
    assert!(matches!(result, Err(GatewayError::Cancelled)));
    assert_eq!(server.requests().len(), before);
}

#[test]
fn cancelling_closes_the_connection() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let watching = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // Ends when the client closes: a server sees that and can stop generating.
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap()
    });
    let begun = Instant::now();
    let client = Client::new(Backend::new(url)).unwrap();
    let cancel = || begun.elapsed() > Duration::from_millis(200);
    let result = client.generate(&request(), &cancel);
    assert!(matches!(result, Err(GatewayError::Cancelled)));
    assert!(watching.join().unwrap() > 100);
    assert!(begun.elapsed() < Duration::from_secs(3));
}
