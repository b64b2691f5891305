//! Listening, and stopping without breaking answers off.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::connection::{self, Paced, Peer, Place, Places};
use crate::error::ServerError;
use crate::limits::Limits;
use crate::routes::Routes;
use crate::settings::Network;
use crate::tls::Tls;

/// What an address with too many connections is told. Over TLS it is only closed: a handshake costs more than it may.
const REFUSAL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nConnection: close\r\n\
Content-Length: 0\r\n\r\n";
/// Longest wait for a refusal to be taken.
const REFUSING: Duration = Duration::from_secs(2);

/// Tells a running server to stop. Clones tell the same server.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Not told yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// No new connection is taken from now on, or after [`Limits::notice`]; answers under way are finished.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was told.
    pub fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is told: for answers that would go on for ever.
    pub async fn told(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|stop| *stop).await;
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts of a server, for its operator.
#[derive(Debug, Default)]
pub struct Connections {
    pub(crate) open: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) handshakes_failed: AtomicU64,
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    proxies: Vec<Network>,
    counts: Arc<Connections>,
}

impl Server {
    /// Listens. Port 0 lets the system choose one.
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub fn listen(address: SocketAddr) -> Result<Self, ServerError> {
        let listener =
            TcpListener::bind(address).map_err(|source| ServerError::Listen { address, source })?;
        Self::on(listener)
    }

    /// Takes a socket that listens already, such as one that a service manager opened.
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub fn on(listener: TcpListener) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Listen {
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            source,
        };
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            listener,
            address,
            tls: None,
            proxies: Vec::new(),
            counts: Arc::default(),
        })
    }

    /// The same server over TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Arc<Tls>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Does not count the connections of these addresses: many clients are behind each.
    #[must_use]
    pub fn behind(mut self, proxies: Vec<Network>) -> Self {
        self.proxies = proxies;
        self
    }

    /// Counts its connections here.
    #[must_use]
    pub fn counting(mut self, counts: Arc<Connections>) -> Self {
        self.counts = counts;
        self
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
            .max_blocking_threads(64)
            .thread_name("colophon-http")
            .enable_io()
            .enable_time()
            .build()
            .map_err(ServerError::Threads)?;
        let router = routes.0.layer(DefaultBodyLimit::max(limits.body));
        let done = runtime.block_on(self.accept(router, limits, stop.0.subscribe()));
        // What still runs on threads of its own is a write that a crash would survive too.
        runtime.shutdown_timeout(limits.drain);
        done
    }

    async fn accept(
        self,
        router: Router,
        limits: Limits,
        stop: watch::Receiver<bool>,
    ) -> Result<(), ServerError> {
        let listener =
            tokio::net::TcpListener::from_std(self.listener).map_err(ServerError::Threads)?;
        // Those that are connected are told when no more are taken, not when the server is.
        let (ending, ended) = watch::channel(false);
        let door = Door {
            places: Places::default(),
            proxies: self.proxies,
            tls: self.tls,
            counts: self.counts,
            router,
            limits,
            stop: ended,
        };
        let rooms = Arc::new(Semaphore::new(limits.connections));
        let mut connections = JoinSet::new();
        let mut over = std::pin::pin!(noticed(stop, limits.notice));
        loop {
            let next = async {
                // The semaphore is never closed, so that there is always a room some time.
                let room = Arc::clone(&rooms).acquire_owned().await.ok();
                (listener.accept().await, room)
            };
            let (accepted, room) = tokio::select! {
                biased;
                () = &mut over => break,
                next = next => next,
            };
            while connections.try_join_next().is_some() {}
            let Ok((stream, address)) = accepted else {
                // Out of file descriptors, or the client has gone: let others finish.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Some(place) = door.place(address.ip()) else {
                door.counts.refused.fetch_add(1, Ordering::Relaxed);
                if door.tls.is_none() {
                    tokio::spawn(refuse(stream, room));
                }
                continue;
            };
            let connection = door.clone().serve(stream, address);
            connections.spawn(async move {
                connection.await;
                drop((place, room));
            });
        }
        drop(listener);
        ending.send_replace(true);
        let all = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(limits.drain, all).await;
        Ok(())
    }
}

/// Told to stop, and the time in which others may notice is over.
async fn noticed(mut stop: watch::Receiver<bool>, notice: Duration) {
    let _ = stop.wait_for(|stop| *stop).await;
    tokio::time::sleep(notice).await;
}

/// What each connection is let in to.
#[derive(Clone)]
struct Door {
    places: Places,
    proxies: Vec<Network>,
    tls: Option<Arc<Tls>>,
    counts: Arc<Connections>,
    router: Router,
    limits: Limits,
    stop: watch::Receiver<bool>,
}

impl Door {
    /// A place among the connections of its address, if there is one left.
    #[expect(clippy::option_option, reason = "no place left, or none needed")]
    fn place(&self, address: IpAddr) -> Option<Option<Place>> {
        let address = address.to_canonical();
        if address.is_loopback() || self.proxies.iter().any(|proxy| proxy.has(address)) {
            return Some(None);
        }
        self.places.take(address, self.limits.per_address).map(Some)
    }

    async fn serve(self, stream: TcpStream, address: SocketAddr) {
        self.counts.accepted.fetch_add(1, Ordering::Relaxed);
        self.counts.open.fetch_add(1, Ordering::Relaxed);
        let _open = Open(&self.counts);
        // Answers are small and the client waits for each: none is held back to be sent with the next.
        let _ = stream.set_nodelay(true);
        let peer = Peer {
            address,
            secure: self.tls.is_some(),
        };
        let stop = self.stop.clone();
        let Some(tls) = self.tls.as_ref() else {
            return connection::serve(stream, peer, self.router.clone(), self.limits, stop).await;
        };
        // A handshake is bounded as a head is.
        let paced = Paced::new(stream, self.limits.pace);
        match tokio::time::timeout(self.limits.head, tls.accept(paced)).await {
            Ok(Ok(stream)) => {
                connection::serve(stream, peer, self.router.clone(), self.limits, stop).await;
            }
            _ => {
                self.counts
                    .handshakes_failed
                    .fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// A connection that is open.
struct Open<'a>(&'a Connections);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn refuse(mut stream: TcpStream, room: Option<tokio::sync::OwnedSemaphorePermit>) {
    let told = async {
        let _ = stream.write_all(REFUSAL).await;
        let _ = stream.shutdown().await;
        // Read away what was sent, or the refusal is lost with the reset.
        let mut scrap = [0; 4_096];
        while let Ok(1..) = tokio::io::AsyncReadExt::read(&mut stream, &mut scrap).await {}
    };
    let _ = tokio::time::timeout(REFUSING, told).await;
    drop(room);
}
