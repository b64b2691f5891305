//! One request and its answer: sending, limits while reading, what failures mean.

use std::io::Read as _;
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderValue, header};
use ureq::{Agent, Body, Error, Timeout};
use url::Url;

use crate::secret::Secret;
use crate::server_error::{ServerError, readable};
use crate::transport::Forbidden;

/// Most bytes read of an answer that is an error.
const MAX_ERROR_BYTES: u64 = 64 << 10;
/// Bytes read at a time.
const PIECE: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The resolver refused the address.
    Forbidden(Forbidden),
    /// No connection, nothing sent.
    Unreachable(String),
    /// TLS failed, nothing sent.
    Tls(String),
    /// The whole time is over.
    TimedOut,
    /// The connection broke after something was sent.
    Lost(String),
    /// What came is not HTTP/1.1.
    NotHttp(String),
    /// More bytes than allowed.
    TooLarge,
}

/// What an error of the HTTP client means, given whether anything had been sent.
pub(crate) fn cause(error: Error, sent: bool) -> Cause {
    match error {
        Error::Other(other) => match other.downcast::<Forbidden>() {
            Ok(forbidden) => Cause::Forbidden(*forbidden),
            Err(other) => Cause::NotHttp(other.to_string()),
        },
        Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            Cause::Unreachable("no connection in time".to_owned())
        }
        Error::Timeout(_) => Cause::TimedOut,
        Error::HostNotFound => Cause::Unreachable("the name is not known".to_owned()),
        Error::ConnectionFailed => Cause::Unreachable("no connection".to_owned()),
        Error::Rustls(error) => Cause::Tls(error.to_string()),
        Error::Tls(reason) => Cause::Tls(reason.to_owned()),
        // rustls reports what is wrong with a certificate as invalid data of the handshake.
        Error::Io(error) if !sent && error.kind() == std::io::ErrorKind::InvalidData => {
            Cause::Tls(error.to_string())
        }
        Error::Io(error) if sent => Cause::Lost(error.to_string()),
        Error::Io(error) => Cause::Unreachable(error.to_string()),
        other => Cause::NotHttp(other.to_string()),
    }
}

/// The head of an answer and the body still to read.
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Body,
}

/// `Authorization` with the key, marked so that no log of the client shows it.
pub(crate) fn authorization(key: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Sends JSON.
pub(crate) fn post(
    agent: &Agent,
    url: &Url,
    key: Option<&Secret>,
    body: &[u8],
    time: Duration,
) -> Result<Reply, Error> {
    let mut request = agent
        .post(url.as_str())
        .config()
        .timeout_global(Some(time))
        .build()
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json");
    if let Some(value) = key.and_then(authorization) {
        request = request.header(header::AUTHORIZATION, value);
    }
    request.send(body).map(Reply::from)
}

/// Asks for a picture.
pub(crate) fn get(
    agent: &Agent,
    url: &Url,
    key: Option<&Secret>,
    time: Duration,
) -> Result<Reply, Error> {
    let mut request = agent
        .get(url.as_str())
        .config()
        .timeout_global(Some(time))
        .build()
        .header(header::ACCEPT, "image/png, image/webp, image/jpeg");
    if let Some(value) = key.and_then(authorization) {
        request = request.header(header::AUTHORIZATION, value);
    }
    request.call().map(Reply::from)
}

impl From<ureq::http::Response<Body>> for Reply {
    fn from(response: ureq::http::Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }
}

impl Reply {
    /// A header's value, if there is one and it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type without its parameters, in lower case; empty when none is given.
    pub(crate) fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default();
        readable(essence, None).to_ascii_lowercase()
    }

    /// The name of an encoding that was not asked for, if the body is in one.
    pub(crate) fn encoding(&self) -> Option<String> {
        let value = self.header("content-encoding")?;
        (!value.trim().eq_ignore_ascii_case("identity")).then(|| readable(value, None))
    }

    /// Reads the body piece by piece into `take`, at most `limit` bytes. `take` ends it with
    /// `false`.
    pub(crate) fn read(self, limit: u64, mut take: impl FnMut(&[u8]) -> bool) -> Result<(), Cause> {
        if self
            .body
            .content_length()
            .is_some_and(|length| length > limit)
        {
            return Err(Cause::TooLarge);
        }
        let mut reader = self.body.into_with_config().limit(u64::MAX).reader();
        let mut piece = vec![0; PIECE];
        let mut left = limit;
        loop {
            let count = match reader.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(cause(Error::from(error), true)),
            };
            left = left.checked_sub(count as u64).ok_or(Cause::TooLarge)?;
            if !take(&piece[..count]) {
                return Ok(());
            }
        }
    }

    /// What the server says in an answer that is an error, as far as it can be read.
    pub(crate) fn error(self, key: Option<&Secret>) -> ServerError {
        let mut text = Vec::new();
        // The status alone already tells of the error; a body that breaks off only says less.
        let _ = self.read(MAX_ERROR_BYTES, |piece| {
            text.extend_from_slice(piece);
            true
        });
        match serde_json::from_slice(&text) {
            Ok(body) => ServerError::from_json(&body, key).unwrap_or_default(),
            Err(_) => ServerError::from_text(&text, key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn whether_something_was_sent_decides_what_a_failure_means() {
        let reset = || Error::Io(io::Error::from(io::ErrorKind::ConnectionReset));
        assert!(matches!(cause(reset(), true), Cause::Lost(_)));
        assert!(matches!(cause(reset(), false), Cause::Unreachable(_)));
        let invalid = || Error::Io(io::Error::from(io::ErrorKind::InvalidData));
        assert!(matches!(cause(invalid(), false), Cause::Tls(_)));
        assert!(matches!(cause(invalid(), true), Cause::Lost(_)));
        let late = Error::Timeout(Timeout::Connect);
        assert!(matches!(cause(late, false), Cause::Unreachable(_)));
        assert_eq!(
            cause(Error::Timeout(Timeout::Global), true),
            Cause::TimedOut
        );
        let refused = Error::Other(Box::new(Forbidden::Network));
        assert_eq!(cause(refused, false), Cause::Forbidden(Forbidden::Network));
    }
}
