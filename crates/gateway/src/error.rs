//! What can go wrong with a backend.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::guarded::FetchFault;
use crate::server_error::ServerError;

/// Errors of this crate. Every message says what to do; none holds the API key. Text that came from
/// the server is cut to 400 characters and has no control characters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The backend's address cannot be used.
    #[error("the backend's URL {reason}; give one such as http://127.0.0.1:8000")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// A field of the request or of the backend's limits is out of range.
    #[error("{field} {reason}")]
    Request {
        /// Which.
        field: &'static str,
        /// Its range.
        reason: String,
    },
    /// The server's dialect has no such field.
    #[error("{field} cannot be sent to a server of kind `{dialect}`: {reason}")]
    Unsupported {
        /// What was asked for.
        field: &'static str,
        /// The name of the dialect.
        dialect: &'static str,
        /// Why, and what can be done.
        reason: &'static str,
    },
    /// The API key cannot be used. The key itself is not repeated.
    #[error("{origin} {reason}; it should hold the API key and nothing else")]
    ApiKey {
        /// Where it came from.
        origin: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file with a key or certificates cannot be read.
    #[error("cannot read {path}; check its name and permissions", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file of root certificates holds none.
    #[error(
        "{path} holds no certificate; it should be a PEM file with CERTIFICATE blocks",
        path = .path.display()
    )]
    RootCertificates {
        /// Which.
        path: PathBuf,
    },
    /// Nothing of the request left: no name, no connection.
    #[error(
        "cannot reach {host} ({reason}), tried {attempts} times; check that the server runs and the URL is right"
    )]
    Unreachable {
        /// Host and port.
        host: String,
        /// The system's reason.
        reason: String,
        /// Connections tried.
        attempts: u32,
    },
    /// A model hub cannot be reached.
    #[error(
        "cannot reach the model hub {host} ({reason}); check the network, or copy the model's folder here and name it"
    )]
    HubUnreachable {
        /// Host and port.
        host: String,
        /// The system's reason.
        reason: String,
    },
    /// A model hub does not give a model.
    #[error("cannot get {model} from {host}: {reason}")]
    Hub {
        /// Host and port.
        host: String,
        /// What was asked for.
        model: String,
        /// Why not, and what can be done.
        reason: String,
    },
    /// The server's certificate was not accepted, or TLS failed otherwise.
    #[error(
        "no trusted connection to {host} ({reason}); for a certificate of your own give its root certificates"
    )]
    Tls {
        /// Host and port.
        host: String,
        /// The reason.
        reason: String,
    },
    /// Plain HTTP to an address of the open network.
    #[error(
        "{host} is outside private networks and its URL is plain http://, so that prompt and key would be readable on the way; use https:// or allow plain HTTP"
    )]
    PlainHttp {
        /// Host and port.
        host: String,
    },
    /// The whole time allowed is over. Pictures may have been made all the same.
    #[error(
        "no whole answer within {seconds} s; the backend may still be at work: allow more time or ask for less",
        seconds = .limit.as_secs_f32()
    )]
    TimedOut {
        /// The time allowed.
        limit: Duration,
    },
    /// The caller asked to stop.
    #[error("cancelled; the backend may have begun the pictures")]
    Cancelled,
    /// The connection broke after the request had begun to leave.
    #[error(
        "the connection to {host} broke after the request was sent ({reason}); it was not sent again, because the backend may have made the pictures already"
    )]
    Lost {
        /// Host and port.
        host: String,
        /// The reason.
        reason: String,
    },
    /// Something answers, but not in HTTP/1.1.
    #[error(
        "{host} does not answer as an HTTP server ({reason}); check port and scheme of the URL"
    )]
    NotHttp {
        /// Host and port.
        host: String,
        /// What does not fit.
        reason: String,
    },
    /// The request was to be sent elsewhere.
    #[error("{host} redirects to {to} (status {status}); give that address as the backend's URL")]
    Redirected {
        /// Host and port.
        host: String,
        /// Scheme and host of the new address.
        to: String,
        /// HTTP status.
        status: u16,
    },
    /// 401 or 403.
    #[error("{host} does not accept the API key or its rights (status {status}): {error}")]
    Unauthorized {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
        /// What the server said.
        error: Box<ServerError>,
    },
    /// 404 or 405: there is no such endpoint, or no such model.
    #[error(
        "{host} has no images endpoint under this URL, or not this model (status {status}): {error}"
    )]
    NotFound {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
        /// What the server said.
        error: Box<ServerError>,
    },
    /// The server's rules forbid what the prompt asks for. Asking again will not help.
    #[error("{host} refuses this prompt for its content policy: {error}; change the prompt")]
    ContentPolicy {
        /// Host and port.
        host: String,
        /// What the server said.
        error: Box<ServerError>,
    },
    /// Another refusal of the request (status 4xx, or an error in place of pictures).
    #[error("{host} refuses the request (status {status}): {error}")]
    Refused {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
        /// What the server said.
        error: Box<ServerError>,
    },
    /// 429 or 503 to the last attempt.
    #[error("{host} is busy (status {status}, asked {attempts} times): {error}{}", after(*.retry_after))]
    Busy {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
        /// Requests made.
        attempts: u32,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// What the server said.
        error: Box<ServerError>,
    },
    /// Another status of 500 and above.
    #[error("{host} failed (status {status}, asked {attempts} times): {error}; look into its log")]
    ServerFailed {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
        /// Requests made.
        attempts: u32,
        /// What the server said.
        error: Box<ServerError>,
    },
    /// The answer is not of the kind it must be.
    #[error(
        "{host} answers with {found} where {expected} must come; is the URL that of an images server?"
    )]
    WrongType {
        /// Host and port.
        host: String,
        /// What came.
        found: String,
        /// What had to come.
        expected: &'static str,
    },
    /// The answer ends early or is not what an images server returns.
    #[error("the answer of {host} cannot be read: {reason}")]
    BadAnswer {
        /// Host and port.
        host: String,
        /// What does not fit.
        reason: String,
    },
    /// More bytes than allowed.
    #[error("{what} is larger than the {limit} bytes allowed; raise the limit or ask for less")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The answer holds no picture and no error. Some servers withhold pictures silently that way.
    #[error(
        "{host} returned no picture and no reason; it may have withheld it for its content policy"
    )]
    NoPictures {
        /// Host and port.
        host: String,
    },
    /// Bytes that are no PNG, JPEG or WebP.
    #[error("picture {} of {host} is no picture: {reason}", .picture + 1)]
    NotAPicture {
        /// Host and port of the backend.
        host: String,
        /// Which, from 0.
        picture: usize,
        /// What is wrong.
        reason: String,
    },
    /// The address of a picture leads where it may not.
    #[error("picture {} is at {to}, which {reason}", .picture + 1)]
    PictureAddress {
        /// Which, from 0.
        picture: usize,
        /// Scheme and host of the address.
        to: String,
        /// Why it is not fetched, and what can be done.
        reason: &'static str,
    },
    /// A picture cannot be fetched from its address.
    #[error("picture {} cannot be fetched from {to}: {reason}", .picture + 1)]
    Fetch {
        /// Which, from 0.
        picture: usize,
        /// Scheme and host of the address.
        to: String,
        /// The reason.
        reason: String,
    },
    /// What a stranger's file names cannot be fetched.
    #[error("cannot fetch from {to}: {reason}")]
    Guarded {
        /// Scheme and host of the address.
        to: String,
        /// The reason.
        reason: String,
        /// What kind of reason that is.
        fault: FetchFault,
    },
    /// A log or a witness cannot be asked, or does not answer as one.
    #[error("no answer from {to}: {reason}; check the address and whether the server runs")]
    Site {
        /// Host and port.
        to: String,
        /// The reason.
        reason: String,
    },
    /// A service that the operator named does not do what was asked.
    #[error("{to} does not do what was asked: {reason}")]
    Service {
        /// Scheme and host of the address.
        to: String,
        /// The reason.
        reason: String,
    },
    /// A remote signer failed several times, and is left alone for a while.
    #[error("{to} failed several times and is not asked for another {} s; look into its log", .left.as_secs() + 1)]
    SignerPaused {
        /// Scheme and host of the address.
        to: String,
        /// For how long.
        left: Duration,
    },
    /// More signatures are waited for than a remote signer may owe.
    #[error(
        "{to} owes {waiting} signatures already; it is too slow, or too much is asked at a time"
    )]
    SignerBusy {
        /// Scheme and host of the address.
        to: String,
        /// Signatures waited for.
        waiting: usize,
    },
    /// The system gives no thread.
    #[error("cannot start a thread for the request; close other programs")]
    Thread(#[source] io::Error),
}

fn after(wait: Option<Duration>) -> String {
    wait.map_or_else(
        || "; try again later".to_owned(),
        |wait| format!("; it asks to wait {} s", wait.as_secs_f32().ceil()),
    )
}
