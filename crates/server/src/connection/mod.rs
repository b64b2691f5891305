//! One connection: its bytes, its requests, its end.

mod arriving;
mod places;
mod stream;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::limits::Limits;
use crate::routes::sentence;

pub(crate) use arriving::{Arriving, Fault, Upload};
pub(crate) use places::{Place, Places};
pub(crate) use stream::Paced;

/// Longest wait for a first request once the server was told to stop.
const FIRST: Duration = Duration::from_millis(500);
/// Longest head of a request, bytes.
const MOST_HEAD: usize = 32 << 10;

/// The other end of a connection, as the system tells it; an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub secure: bool,
}

/// Answers the requests of a connection until either side has enough.
pub(crate) async fn serve<I>(
    stream: I,
    peer: Peer,
    router: Router,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let served = Arc::new(AtomicUsize::new(0));
    let begun = Arc::clone(&served);
    let service = service_fn(move |request| {
        let last = served.fetch_add(1, Ordering::Relaxed) + 1 >= limits.requests;
        answer(router.clone(), request, peer, limits, last)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MOST_HEAD.max(64 << 10))
        .serve_connection(TokioIo::new(Paced::new(stream, limits.pace)), service);
    let mut connection = std::pin::pin!(connection);
    let mut age = std::pin::pin!(tokio::time::sleep(limits.age));
    let mut ending = false;
    loop {
        let told = async {
            let _ = stopping.wait_for(|stop| *stop).await;
            // Whoever has only just come in may still ask once: its request may be on the way.
            if begun.load(Ordering::Relaxed) == 0 {
                tokio::time::sleep(FIRST).await;
            }
        };
        tokio::select! {
            // A connection that breaks is the client's affair.
            _ = connection.as_mut() => break,
            () = age.as_mut(), if !ending => {}
            () = told, if !ending => {}
        }
        ending = true;
        connection.as_mut().graceful_shutdown();
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: Peer,
    limits: Limits,
    last: bool,
) -> Result<Response<Body>, Infallible> {
    let upload = Arc::new(Upload::default());
    let mut request = request.map(|body| Body::new(Arriving::new(body, limits.pace, &upload)));
    let extensions = request.extensions_mut();
    extensions.insert(peer);
    extensions.insert(ConnectInfo(peer.address));
    extensions.insert(Arc::clone(&upload));
    let Ok(mut response) = router.oneshot(request).await;
    if upload.fault() == Some(Fault::Slow) && response.status() == StatusCode::BAD_REQUEST {
        response = sentence(
            StatusCode::REQUEST_TIMEOUT,
            "the request came too slowly; try again",
        );
    }
    if last || !upload.is_done() {
        // What is left of the body is not read to find the next request behind it.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Ok(response)
}
