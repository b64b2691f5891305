//! The client against a server: good, slow, lying, silent, broken.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

#[path = "../../../../tests/support/images_server.rs"]
mod images_server;

mod answers;
mod fetching;
mod interop;
mod refusals;
mod retries;
mod service;
mod signing;
mod stamping;
mod tls;

use std::time::{Duration, Instant};

use colophon_gateway::{Answer, Backend, Client, GatewayError, ImagesRequest};
use images_server::ImagesServer;

/// A backend with short waits.
fn backend(server: &ImagesServer) -> Backend {
    let mut backend = Backend::new(server.url());
    backend.first_wait = Duration::from_millis(10);
    backend.timeout = Duration::from_secs(20);
    backend
}

fn request() -> ImagesRequest {
    ImagesRequest::new("a red fox", 64, 48)
}

/// One request with the usual backend.
fn ask(server: &ImagesServer) -> Result<Answer, GatewayError> {
    ask_with(server, &request(), |_| {})
}

/// One request with a changed backend.
fn ask_with(
    server: &ImagesServer,
    request: &ImagesRequest,
    change: impl Fn(&mut Backend),
) -> Result<Answer, GatewayError> {
    let mut backend = backend(server);
    change(&mut backend);
    Client::new(backend)?.generate(request, &|| false)
}

/// Cancels after a time; fails if the call takes much longer than that.
fn cancelled_after(server: &ImagesServer, wait: Duration, change: impl Fn(&mut Backend)) {
    let mut backend = backend(server);
    change(&mut backend);
    let client = Client::new(backend).unwrap();
    let begun = Instant::now();
    let result = client.generate(&request(), &|| begun.elapsed() > wait);
    assert!(matches!(result, Err(GatewayError::Cancelled)), "{result:?}");
    let took = begun.elapsed();
    assert!(took < wait + Duration::from_millis(700), "{took:?}");
}
