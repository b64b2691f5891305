//! HTTP servers over the project's libraries: a witness ([`witness_routes`], C2SP `tlog-witness`) and the static files
//! of a log ([`log_routes`], C2SP `tlog-tiles`). The only crate that knows an HTTP server.
//!
//! A [`Server`] speaks plain HTTP/1.1: encryption is the business of a proxy in front of it. Everything that comes in
//! has a limit ([`Limits`]): connections, the length of a body, the time for a head, for an answer and for a
//! connection. Work on disks and with keys is done on threads of its own, never on those that serve connections.

mod error;
mod log;
mod routes;
mod server;
mod witness;

pub use error::ServerError;
pub use log::log_routes;
pub use routes::Routes;
pub use server::{Limits, Server, Stop};
pub use witness::{Observer, witness_routes};
