//! Posting messages to addresses that strangers name: webhooks.

use std::time::Duration;

use ureq::http::header;
use url::{Host, Url};

use crate::destinations::{Scope, shown};
use crate::error::GatewayError;
use crate::exchange::{Cause, Reply, cause};
use crate::guarded::{FetchFault, broken_off, failed};
use crate::transport::{self, Sent, Strangers};

/// Longest wait for an answer: the least that the Standard Webhooks specification recommends.
const TIME: Duration = Duration::from_secs(15);
/// Most bytes read of an answer, which says nothing that is needed.
const ANSWER: u64 = 64 << 10;

const OPEN: &[Scope] = &[Scope::Public];
/// Where an operator's own receivers may be besides. Never link-local: cloud machines hand out credentials there.
const NEAR: &[Scope] = &[Scope::Public, Scope::Private, Scope::Loopback];

/// Posts messages: over https:// to the open network only, unless the operator has receivers near by. No redirect is
/// followed, the name is looked up once, and the connection goes to the very IP address that was judged. No key, no
/// cookie and no proxy is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct HookPoster {
    /// Whether receivers may be in this machine or its private networks, over plain http as well.
    pub near: bool,
}

/// What a receiver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookAnswer {
    /// HTTP status.
    pub status: u16,
    /// `retry-after`, if it is given in seconds.
    pub retry_after: Option<i64>,
}

impl HookPoster {
    /// Whether messages may be posted there, as far as that can be told without looking the name up.
    ///
    /// # Errors
    /// [`GatewayError::Guarded`].
    pub fn admits(&self, address: &str) -> Result<(), GatewayError> {
        self.judge(address).map(|_| ())
    }

    fn judge(self, address: &str) -> Result<Url, GatewayError> {
        let url: Url = address
            .parse()
            .map_err(|_| failed("the address given", FetchFault::Address, "it is no address"))?;
        let refused = |reason| Err(failed(&shown(&url), FetchFault::Address, reason));
        match url.scheme() {
            "https" => {}
            "http" if self.near => {}
            _ => return refused("it is not https://"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("it holds a user name or password");
        }
        if url.fragment().is_some() {
            return refused("it holds a #, after which nothing is sent");
        }
        let scope = match url.host() {
            None => return refused("it names no host"),
            Some(Host::Ipv4(address)) => Some(Scope::of(address.into())),
            Some(Host::Ipv6(address)) => Some(Scope::of(address.into())),
            Some(Host::Domain(_)) => None,
        };
        if scope.is_some_and(|scope| !self.networks().contains(&scope)) {
            return refused("it is no address of the open network");
        }
        Ok(url)
    }

    fn networks(self) -> &'static [Scope] {
        if self.near { NEAR } else { OPEN }
    }

    /// Posts JSON with these headers.
    ///
    /// # Errors
    /// [`GatewayError::Guarded`] when there is no answer.
    pub fn post(
        &self,
        address: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Result<HookAnswer, GatewayError> {
        let url = self.judge(address)?;
        let sent = Sent::default();
        let guard = Strangers {
            networks: self.networks(),
            near: Vec::new(),
        };
        let roots = if url.scheme() == "https" {
            transport::roots(None)?
        } else {
            ureq::tls::RootCerts::WebPki
        };
        let agent = transport::agent(guard, roots, TIME, sent.clone());
        let mut request = agent
            .post(url.as_str())
            .config()
            .timeout_global(Some(TIME))
            .build()
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let reply = match request.send(body).map(Reply::from) {
            Ok(reply) => reply,
            Err(ureq::Error::HostNotFound) => {
                let unknown = "the name is not known, or is none of the open network";
                return Err(failed(&shown(&url), FetchFault::Hidden, unknown));
            }
            Err(error) => return Err(told(&url, cause(error, sent.is_set()))),
        };
        let answer = HookAnswer {
            status: reply.status,
            retry_after: reply
                .header("retry-after")
                .and_then(|text| text.trim().parse().ok()),
        };
        // The status alone counts; what follows is read so that the receiver is not cut off.
        let _ = reply.read(ANSWER, |_| true);
        Ok(answer)
    }
}

fn told(url: &Url, cause: Cause) -> GatewayError {
    // As a name that is not known: which names there are in private networks is nobody's business.
    let hidden = "the name is not known, or is none of the open network";
    broken_off(url, cause, hidden.to_owned(), "it answers too much")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::server;

    const STRICT: HookPoster = HookPoster { near: false };
    const NEAR: HookPoster = HookPoster { near: true };

    #[test]
    fn receivers_are_https_on_the_open_network() {
        for address in [
            "http://example.org/hook",
            "ftp://example.org/",
            "file:///etc/passwd",
            "https://user:pw@example.org/",
            "https://127.0.0.1/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://2130706433/",
            "nothing",
        ] {
            assert!(STRICT.admits(address).is_err(), "{address}");
            assert!(STRICT.post(address, &[], b"{}").is_err(), "{address}");
        }
        assert!(STRICT.admits("https://hooks.example.org/a?b=c").is_ok());
        // A name that leads inside is refused when it is looked up.
        let error = STRICT.post("https://localhost/", &[], b"{}").unwrap_err();
        assert!(error.to_string().contains("open network"), "{error}");
        assert!(NEAR.admits("http://127.0.0.1:9/hook").is_ok());
        assert!(
            NEAR.admits("https://169.254.169.254/").is_err(),
            "never there"
        );
    }

    #[test]
    fn a_redirect_is_an_answer_and_is_not_followed() {
        let moved =
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        let later = "HTTP/1.1 503 Busy\r\nRetry-After: 90\r\nContent-Length: 2\r\n\r\nno";
        for (answer, status, retry_after) in [(moved, 302, None), (later, 503, Some(90))] {
            let answered = NEAR.post(
                &server(vec![answer.to_owned()]),
                &[("webhook-id", "m".to_owned())],
                b"{}",
            );
            assert_eq!(
                answered.unwrap(),
                HookAnswer {
                    status,
                    retry_after
                }
            );
        }
    }
}
