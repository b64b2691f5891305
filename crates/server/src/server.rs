//! Listening, limits, and stopping without breaking answers off.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use crate::error::ServerError;
use crate::routes::{Routes, sentence};

/// Bounds of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; further ones wait in the system's queue.
    pub connections: usize,
    /// Longest body of a request, in bytes.
    pub body: usize,
    /// Longest wait for the head of a request, the first or a later one of a connection.
    pub head: Duration,
    /// Longest time from a whole head to the answer, the body's arrival included.
    pub answer: Duration,
    /// Longest life of a connection, so that nobody holds one by reading slowly.
    pub connection: Duration,
    /// Longest wait for answers under way when the server is told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    /// 256 connections, 256 KiB (the longest `add-checkpoint`), 10 s, 30 s, 5 minutes, 10 s.
    fn default() -> Self {
        Self {
            connections: 256,
            body: 256 << 10,
            head: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            connection: Duration::from_mins(5),
            drain: Duration::from_secs(10),
        }
    }
}

/// Tells a running server to stop. Clones tell the same server.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Not told yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// No new connection is taken from now on; answers under way are finished.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens. Port 0 lets the system choose one.
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub fn listen(address: SocketAddr) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is told to stop; returns when the last answer is out or the time for that is over.
    ///
    /// # Errors
    /// [`ServerError::Threads`].
    pub fn run(self, routes: Routes, limits: Limits, stop: &Stop) -> Result<(), ServerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(32)
            .thread_name("colophon-http")
            .enable_io()
            .enable_time()
            .build()
            .map_err(ServerError::Threads)?;
        let router = routes
            .0
            .layer(DefaultBodyLimit::max(limits.body))
            .layer(from_fn(move |request, next| {
                in_time(limits.answer, request, next)
            }));
        let routes = Routes(router);
        let done = runtime.block_on(self.accept(routes, limits, stop.0.subscribe()));
        // What still runs on threads of its own is a write that a crash would survive too.
        runtime.shutdown_timeout(limits.drain);
        done
    }

    async fn accept(
        self,
        routes: Routes,
        limits: Limits,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), ServerError> {
        let listener =
            tokio::net::TcpListener::from_std(self.listener).map_err(ServerError::Threads)?;
        let places = Arc::new(Semaphore::new(limits.connections));
        let graceful = GracefulShutdown::new();
        let told = stop.wait_for(|stop| *stop);
        let mut told = std::pin::pin!(told);
        loop {
            let next = async {
                // The semaphore is never closed, so that there is always a place some time.
                let place = Arc::clone(&places).acquire_owned().await.ok();
                (listener.accept().await, place)
            };
            let (accepted, place) = match first_of(told.as_mut(), next).await {
                First::Told => break,
                First::Next(next) => next,
            };
            let Ok((stream, _)) = accepted else {
                // Out of file descriptors, or the client has gone: let others finish.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let connection = graceful.watch(connection(stream, &routes, &limits));
            tokio::spawn(async move {
                // A connection that breaks or takes too long is the client's affair.
                let _ = tokio::time::timeout(limits.connection, connection).await;
                drop(place);
            });
        }
        drop(listener);
        let _ = tokio::time::timeout(limits.drain, graceful.shutdown()).await;
        Ok(())
    }
}

enum First<T> {
    Told,
    Next(T),
}

/// Whichever is ready first; being told wins.
async fn first_of<T>(
    mut told: std::pin::Pin<&mut (impl Future + ?Sized)>,
    next: impl Future<Output = T>,
) -> First<T> {
    let mut next = std::pin::pin!(next);
    std::future::poll_fn(|context| {
        if told.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(First::Told);
        }
        next.as_mut().poll(context).map(First::Next)
    })
    .await
}

fn connection(
    stream: TcpStream,
    routes: &Routes,
    limits: &Limits,
) -> http1::Connection<TokioIo<TcpStream>, TowerToHyperService<axum::Router>> {
    // Answers are small and the client waits for each: none is held back to be sent with the next.
    let _ = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(64 << 10)
        .serve_connection(
            TokioIo::new(stream),
            TowerToHyperService::new(routes.0.clone()),
        )
}

async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => sentence(StatusCode::REQUEST_TIMEOUT, "it took too long; try again"),
    }
}
