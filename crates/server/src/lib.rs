//! HTTP servers over the project's libraries: the service itself ([`Service`], [`service_routes`]), a witness
//! ([`witness_routes`], C2SP `tlog-witness`) and the static files of a log ([`log_routes`], C2SP `tlog-tiles`). The
//! only crate that knows an HTTP server.
//!
//! A [`Server`] speaks HTTP/1.1, plain or over TLS ([`Tls`]). Everything that comes in has a limit ([`Limits`]):
//! connections, all and of one address, the length of a body and its pace, the time for a head, the age of a connection.
//! The service adds limits by route ([`ServeSettings`]). Work on pictures, disks and with keys is done on threads of
//! its own, never on those that serve connections, and no more of it is taken on than can be done ([`Work`]).

mod api;
mod connection;
mod error;
mod feedback;
mod limits;
mod log;
mod routes;
mod server;
mod settings;
mod tls;
mod witness;

pub use api::{
    Access, Background, CheckFailure, Checked, Checks, Children, Clock, Collects, Effort,
    FetchFailure, FetchTrouble, Fetches, Identity, Jobs, LogWriter, MadeImage, MadePixels,
    MakeFailure, Makes, Making, ModelEntry, ModelPlace, Ops, Order, Pixels, Posts, Problem,
    ProblemKind, Service, Settings, Small, StartPicture, Step, Wanted, Watcher, Work, openapi,
    service_routes,
};
pub use error::ServerError;
pub use feedback::{Feedback, FeedbackError, FeedbackKind, Message, NewMessage};
pub use limits::{Limits, Pace};
pub use log::log_routes;
pub use routes::Routes;
pub use server::{Connections, Server, Stop};
pub use settings::{
    AccessLog, ByteCount, Declared, Hosts, Layers, Network, ServeSettings, SettingError, Shown,
    Span, VARIABLES,
};
pub use tls::Tls;
pub use witness::{Observer, witness_routes};
