//! A server that the user named, which serves or takes small things: a log's files, a witness.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use ureq::Agent;
use ureq::http::header;
use url::Url;

use crate::destinations::{Owner, host_and_port, judge, shown};
use crate::error::GatewayError;
use crate::exchange::{Cause, Reply, cause};
use crate::retry;
use crate::transport::{self, Guard, Sent};

const CONNECT: Duration = Duration::from_secs(10);
const MOST_REDIRECTS: u32 = 5;
/// Attempts at one file, the first included.
const ATTEMPTS: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Connections kept for the next file.
const KEPT: usize = 4;

/// The server: its address, and connections to it and to where it sends us.
pub(crate) struct Site {
    base: Url,
    agents: [Agent; 2],
    sent: Sent,
}

/// A whole answer.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) media_type: String,
    pub(crate) body: Vec<u8>,
    wait: Option<Duration>,
}

impl Site {
    /// Checks the address; connects to nothing.
    pub(crate) fn new(
        address: &str,
        root_certificates: Option<&Path>,
    ) -> Result<Self, GatewayError> {
        let invalid = |reason: String| GatewayError::Site {
            to: "the address given".to_owned(),
            reason,
        };
        let mut base: Url = address.parse().map_err(|error: url::ParseError| {
            invalid(format!("{error}; give one such as https://log.example"))
        })?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(invalid("it is neither http:// nor https://".to_owned()));
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err(invalid(
                "it holds a user name, a password or a query; leave them out".to_owned(),
            ));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let roots = transport::roots(root_certificates)?;
        let sent = Sent::default();
        let agents = [Owner::Backend, Owner::Other].map(|owner| {
            let guard = Guard {
                owner,
                allow_plain_http: false,
                backend: base.clone(),
            };
            transport::agent_that_keeps(KEPT, guard, roots.clone(), CONNECT, sent.clone())
        });
        Ok(Self { base, agents, sent })
    }

    /// Host and port, for messages.
    pub(crate) fn host(&self) -> String {
        host_and_port(&self.base)
    }

    /// Gets a file below the address, of at most `limit` bytes; `None` where there is none (404, 410). What may be
    /// over in a moment is tried again, after waits that grow and differ.
    pub(crate) fn get(
        &self,
        path: &str,
        limit: u64,
        time: Duration,
    ) -> Result<Option<Vec<u8>>, GatewayError> {
        let url = self.join(path)?;
        let mut attempt = 1;
        loop {
            let (error, wait) = match self.follow(url.clone(), limit, time) {
                Ok(Answered {
                    status: 200, body, ..
                }) => return Ok(Some(body)),
                Ok(Answered {
                    status: 404 | 410, ..
                }) => return Ok(None),
                Ok(Answered { status, wait, .. }) => {
                    let error = self.failed(&format!("it answers status {status} for {path}"));
                    if !matches!(status, 429 | 500..=599) {
                        return Err(error);
                    }
                    (error, wait)
                }
                Err((error, false)) => return Err(error),
                Err((error, true)) => (error, None),
            };
            if attempt == ATTEMPTS || wait.is_some_and(|wait| wait > retry::MAX_RETRY_AFTER) {
                return Err(error);
            }
            std::thread::sleep(
                wait.unwrap_or_default()
                    .max(retry::backoff(attempt, FIRST_WAIT)),
            );
            attempt += 1;
        }
    }

    /// Posts what may arrive twice without harm; redirects are not followed.
    pub(crate) fn post(
        &self,
        path: &str,
        media_type: &str,
        body: &[u8],
        limit: u64,
        time: Duration,
    ) -> Result<Answered, GatewayError> {
        let url = self.join(path)?;
        let send = || {
            self.sent.clear();
            let request = self.agents[0].post(url.as_str()).config();
            let request = request.timeout_global(Some(time)).build();
            let request = request.header(header::CONTENT_TYPE, media_type);
            let sent = request.send(body).map(Reply::from);
            sent.map_err(|error| cause(error, self.sent.is_set()))
        };
        let reply = match send() {
            // A connection kept from before may have ended meanwhile.
            Err(Cause::Lost(_)) => send(),
            first => first,
        };
        let reply = reply.map_err(|cause| self.broken(cause).0)?;
        self.whole(reply, limit).map_err(|(error, _)| error)
    }

    fn join(&self, path: &str) -> Result<Url, GatewayError> {
        let url = self
            .base
            .join(path)
            .map_err(|error| self.failed(&error.to_string()))?;
        // A path that is an address of its own would lead elsewhere.
        if url.as_str().starts_with(self.base.as_str()) {
            Ok(url)
        } else {
            Err(self.failed("a path leads out of the address given"))
        }
    }

    /// Asks once, through redirects; the error says whether another attempt is worth it.
    fn follow(
        &self,
        mut url: Url,
        limit: u64,
        time: Duration,
    ) -> Result<Answered, (GatewayError, bool)> {
        let begun = Instant::now();
        for _ in 0..=MOST_REDIRECTS {
            let owner = judge(&url, &self.base, true).map_err(|reason| {
                let reason = format!("it sends us to {}, which {reason}", shown(&url));
                (self.failed(&reason), false)
            })?;
            let agent = match owner {
                Owner::Backend => &self.agents[0],
                Owner::Other => &self.agents[1],
            };
            let left = time.saturating_sub(begun.elapsed());
            self.sent.clear();
            let request = agent.get(url.as_str()).config();
            let reply = request
                .timeout_global(Some(left.max(Duration::from_millis(1))))
                .build()
                .call()
                .map(Reply::from)
                .map_err(|error| self.broken(cause(error, self.sent.is_set())))?;
            if !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
                return self.whole(reply, limit);
            }
            let next = reply.header("location").map(|to| url.join(to));
            let Some(Ok(next)) = next else {
                return Err((self.failed("it redirects to no address"), false));
            };
            url = next;
        }
        Err((self.failed("it redirects in circles"), false))
    }

    fn whole(&self, reply: Reply, limit: u64) -> Result<Answered, (GatewayError, bool)> {
        if let Some(encoding) = reply.encoding() {
            let reason = format!("it answers in the content encoding {encoding}, unasked");
            return Err((self.failed(&reason), false));
        }
        let mut answered = Answered {
            status: reply.status,
            media_type: reply.media_type(),
            body: Vec::new(),
            wait: retry::retry_after(None, reply.header("retry-after"), SystemTime::now()),
        };
        let body = &mut answered.body;
        let read = reply.read(limit, |piece| {
            body.extend_from_slice(piece);
            true
        });
        read.map_err(|cause| self.broken(cause))?;
        Ok(answered)
    }

    /// What a failure means, and whether another attempt is worth it.
    fn broken(&self, cause: Cause) -> (GatewayError, bool) {
        let (reason, again) = match cause {
            Cause::Forbidden(forbidden) => (format!("its address {}", forbidden.reason()), false),
            Cause::TimedOut => ("it takes too long".to_owned(), true),
            Cause::TooLarge => ("it sends more than such a file may hold".to_owned(), false),
            Cause::Tls(reason) => (format!("no trusted connection: {reason}"), false),
            Cause::Unreachable(reason) => (reason, true),
            Cause::Lost(reason) => (format!("the connection broke: {reason}"), true),
            Cause::NotHttp(reason) => (format!("it does not speak HTTP: {reason}"), false),
        };
        (self.failed(&reason), again)
    }

    pub(crate) fn failed(&self, reason: &str) -> GatewayError {
        GatewayError::Site {
            to: self.host(),
            reason: reason.to_owned(),
        }
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::test_server::server;

    #[test]
    fn an_address_is_a_plain_one_and_nothing_leads_out_of_it() {
        let new = |address: &str| Site::new(address, None);
        for bad in [
            "log",
            "ftp://a/",
            "https://u:p@a/",
            "https://a/?x=1",
            "file:///etc",
        ] {
            assert!(matches!(new(bad), Err(GatewayError::Site { .. })), "{bad}");
        }
        let site = new("https://log.example/of/ours").unwrap();
        let joined = |path: &str| site.join(path).map(|url| url.to_string()).ok();
        assert_eq!(
            joined("tile/0/000").as_deref(),
            Some("https://log.example/of/ours/tile/0/000")
        );
        for bad in [
            "/etc",
            "../x",
            "//other.example/x",
            "https://other.example/",
            "a/../../x",
        ] {
            assert_eq!(joined(bad), None, "{bad}");
        }
    }

    fn answer(status: &str, more: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\n{more}Content-Length: {length}\r\n\r\n{body}"
        )
    }

    fn got(answers: Vec<String>) -> Result<Option<Vec<u8>>, String> {
        let site = Site::new(&server(answers), None).unwrap();
        let found = site.get("checkpoint", 100, CONNECT);
        found.map_err(|error| error.to_string())
    }

    #[test]
    fn files_are_got_or_missing_and_what_passes_is_waited_for() {
        let ok = || answer("200 OK", "", "a note");
        assert_eq!(got(vec![ok()]), Ok(Some(b"a note".to_vec())));
        assert_eq!(got(vec![answer("404 Not Found", "", "")]), Ok(None));
        let busy = answer("503 Busy", "Retry-After: 0\r\n", "");
        assert_eq!(
            got(vec![busy.clone(), String::new(), ok()]),
            Ok(Some(b"a note".to_vec()))
        );
        assert!(got(vec![busy; 4]).unwrap_err().contains("503"));
        assert!(
            got(vec![answer("403 No", "", ""), ok()])
                .unwrap_err()
                .contains("403")
        );
        assert!(
            got(vec![answer("200 OK", "", &"x".repeat(101))])
                .unwrap_err()
                .contains("more than")
        );
        let encoded = answer("200 OK", "Content-Encoding: gzip\r\n", "x");
        assert!(got(vec![encoded]).unwrap_err().contains("gzip"));
        // Out of the address only over https, and never inside.
        let elsewhere = answer("302 Found", "Location: http://127.0.0.2:1/x\r\n", "");
        assert!(got(vec![elsewhere]).unwrap_err().contains("sends us to"));
        let circle = answer("302 Found", "Location: /checkpoint\r\n", "");
        assert!(got(vec![circle; 6]).unwrap_err().contains("circles"));
    }

    #[test]
    fn what_was_posted_over_a_connection_that_had_ended_is_posted_again() {
        let site = Site::new(
            &server(vec![String::new(), answer("409 Conflict", "", "7\n")]),
            None,
        )
        .unwrap();
        let answered = site
            .post("add-checkpoint", "text/plain", b"old 0\n", 100, CONNECT)
            .unwrap();
        assert_eq!(
            (answered.status, answered.body.as_slice()),
            (409, &b"7\n"[..])
        );
    }
}
