//! What can go wrong with a server.

use std::io;
use std::net::SocketAddr;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; is it taken, or not an address of this machine?")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The system gives no threads or no timer.
    #[error("cannot start the server's threads; close other programs")]
    Threads(#[source] io::Error),
}
