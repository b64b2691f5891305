//! Requests to services that the operator names: a signer, a time-stamp authority. Over https://, or
//! on this machine.

use std::path::Path;
use std::time::Duration;

use ureq::Agent;
use ureq::http::header;
use url::{Host, Url};

use crate::destinations::{Scope, shown};
use crate::error::GatewayError;
use crate::exchange::{self, Cause, Reply};
use crate::secret::Secret;
use crate::transport::{self, Sent, Strangers};

/// Over TLS any address may be asked: the certificate says who answers.
const ANYWHERE: &[Scope] = &[
    Scope::Loopback,
    Scope::Private,
    Scope::LinkLocal,
    Scope::Public,
];
const THIS_MACHINE: &[Scope] = &[Scope::Loopback];

/// A service and how it is reached.
pub(crate) struct Service {
    url: Url,
    agent: Agent,
    sent: Sent,
    time: Duration,
}

/// What is asked of a service.
pub(crate) struct Ask<'a> {
    /// Path below the service's address; empty for the address itself.
    pub path: &'a str,
    /// What is sent, with its media type; `None` asks by GET.
    pub body: Option<(&'a str, &'a [u8])>,
    /// The media type wanted.
    pub accept: &'a str,
    pub key: Option<&'a Secret>,
    /// Most bytes of the answer.
    pub limit: u64,
}

/// A service's answer.
pub(crate) struct Answered {
    pub status: u16,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

impl Service {
    /// `roots` are certificates to trust instead of the system's.
    pub fn new(address: &str, time: Duration, roots: Option<&Path>) -> Result<Self, GatewayError> {
        let bad = |reason: &str| GatewayError::Service {
            to: "the address given".to_owned(),
            reason: reason.to_owned(),
        };
        let url: Url = address.parse().map_err(|_| bad("it is no address"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("it holds a user name or password"));
        }
        let encrypted = match url.scheme() {
            "https" => true,
            "http" if is_this_machine(&url) => false,
            _ => return Err(bad("it is neither https:// nor on this machine")),
        };
        // Reading the system's certificates takes time; without TLS none is needed.
        let roots = if encrypted {
            transport::roots(roots)?
        } else {
            ureq::tls::RootCerts::WebPki
        };
        let guard = Strangers {
            networks: if encrypted { ANYWHERE } else { THIS_MACHINE },
            near: Vec::new(),
        };
        let sent = Sent::default();
        Ok(Self {
            agent: transport::agent(guard, roots, time, sent.clone()),
            url,
            sent,
            time,
        })
    }

    /// Scheme, host and port, for messages.
    pub fn shown(&self) -> String {
        shown(&self.url)
    }

    /// Sends one request. No redirect is followed and nothing is sent twice.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn ask(&self, ask: &Ask<'_>) -> Result<Answered, String> {
        let mut address = self.url.as_str().trim_end_matches('/').to_owned();
        address.push_str(ask.path);
        self.sent.clear();
        let reply = self.send(&address, ask);
        let reply = reply.map_err(|error| told(exchange::cause(error, self.sent.is_set())))?;
        if let Some(encoding) = reply.encoding() {
            return Err(format!("it answers in the content encoding {encoding}"));
        }
        let (status, media_type) = (reply.status, reply.media_type());
        let mut bytes = Vec::new();
        reply
            .read(ask.limit, |piece| {
                bytes.extend_from_slice(piece);
                true
            })
            .map_err(told)?;
        Ok(Answered {
            status,
            media_type,
            bytes,
        })
    }

    fn send(&self, address: &str, ask: &Ask<'_>) -> Result<Reply, ureq::Error> {
        let key = ask.key.and_then(exchange::authorization);
        match ask.body {
            None => {
                let mut request = self
                    .agent
                    .get(address)
                    .config()
                    .timeout_global(Some(self.time))
                    .build()
                    .header(header::ACCEPT, ask.accept);
                if let Some(key) = key {
                    request = request.header(header::AUTHORIZATION, key);
                }
                request.call().map(Reply::from)
            }
            Some((media_type, body)) => {
                let mut request = self
                    .agent
                    .post(address)
                    .config()
                    .timeout_global(Some(self.time))
                    .build()
                    .header(header::CONTENT_TYPE, media_type)
                    .header(header::ACCEPT, ask.accept);
                if let Some(key) = key {
                    request = request.header(header::AUTHORIZATION, key);
                }
                request.send(body).map(Reply::from)
            }
        }
    }
}

/// Whether a host is this machine by its name alone; what the name leads to is judged when it is
/// looked up.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn told(cause: Cause) -> String {
    match cause {
        Cause::Forbidden(forbidden) => format!("it {}", forbidden.reason()),
        Cause::TimedOut => "it takes too long".to_owned(),
        Cause::TooLarge => "its answer is larger than allowed".to_owned(),
        Cause::Unreachable(reason)
        | Cause::Tls(reason)
        | Cause::Lost(reason)
        | Cause::NotHttp(reason) => reason,
    }
}
