//! Connections: `ureq` with a resolver that refuses addresses and a transport that remembers
//! whether anything was sent.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};
use ureq::{Agent, Error};
use url::Url;

use crate::destinations::{Owner, Scope};
use crate::error::GatewayError;
use crate::guarded::NearHost;

/// Largest file of root certificates: the whole bundle of a system has a quarter of a megabyte.
const MAX_CERTIFICATE_BYTES: u64 = 4 << 20;
/// Longest head of an answer.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// What the resolver refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forbidden {
    /// Plain HTTP to an address outside near networks.
    PlainHttp,
    /// A picture's address within a network it has no business in.
    Network,
    /// A stranger's address outside the open network.
    NotPublic,
}

impl Forbidden {
    /// To stand after "which".
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::PlainHttp => "is plain http:// outside private networks",
            Self::Network => "is within a private network that the backend is not in",
            Self::NotPublic => "is no address of the open network",
        }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Forbidden {}

/// Looks names up and hands on only addresses that may be connected to. The connection goes to the
/// very addresses judged here, so a name that resolves differently a moment later gains nothing.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) owner: Owner,
    pub(crate) allow_plain_http: bool,
    /// The backend itself, to know which networks it is in.
    pub(crate) backend: Url,
}

impl Guard {
    fn scopes_of_backend(&self, config: &Config, timeout: NextTimeout) -> Vec<Scope> {
        let found = Uri::try_from(self.backend.as_str())
            .ok()
            .map(|uri| DefaultResolver::default().resolve(&uri, config, timeout));
        match found {
            Some(Ok(found)) => found.iter().map(|a| Scope::of(a.ip())).collect(),
            _ => Vec::new(),
        }
    }
}

impl Resolver for Guard {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        let plain = uri.scheme_str() != Some("https");
        let far = found.iter().any(|a| !Scope::of(a.ip()).is_near());
        let refusal = match self.owner {
            Owner::Backend if plain && !self.allow_plain_http && far => Some(Forbidden::PlainHttp),
            Owner::Backend => None,
            Owner::Other => {
                let backend = self.scopes_of_backend(config, timeout);
                let inside = |a: &std::net::SocketAddr| !Scope::of(a.ip()).may_be_fetched(&backend);
                found.iter().any(inside).then_some(Forbidden::Network)
            }
        };
        match refusal {
            Some(refusal) => Err(Error::Other(Box::new(refusal))),
            None => Ok(found),
        }
    }
}

/// As [`Guard`], for addresses that strangers name: hands on only addresses of these networks, and near ones for the
/// hosts that the operator has named.
#[derive(Debug)]
pub(crate) struct Strangers {
    pub(crate) networks: &'static [Scope],
    pub(crate) near: Vec<NearHost>,
}

impl Strangers {
    /// Cloud machines hand out credentials at link-local addresses: no setting leads there.
    fn admit(&self, uri: &Uri, found: Scope) -> bool {
        let named = || {
            let url = Url::parse(&uri.to_string());
            url.is_ok_and(|url| self.near.iter().any(|host| host.is_of(&url)))
        };
        self.networks.contains(&found)
            || (matches!(found, Scope::Public | Scope::Private | Scope::Loopback) && named())
    }
}

impl Resolver for Strangers {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        // However a name is not found: how would tell names of private networks from others.
        let found = DefaultResolver::default().resolve(uri, config, timeout);
        let found = found.map_err(|error| match error {
            Error::Timeout(_) => error,
            _ => Error::HostNotFound,
        })?;
        if found.iter().all(|a| self.admit(uri, Scope::of(a.ip()))) {
            Ok(found)
        } else {
            Err(Error::Other(Box::new(Forbidden::NotPublic)))
        }
    }
}

/// Whether a byte of a request has been handed to the connection. TLS is set up before that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn clear(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// The outermost connector: what passes through it is HTTP, not TLS.
#[derive(Debug)]
struct Watch(Sent);

impl<In: Transport> Connector<In> for Watch {
    type Out = Watched<In>;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Watched {
            inner,
            sent: self.0.clone(),
        }))
    }
}

#[derive(Debug)]
struct Watched<T> {
    inner: T,
    sent: Sent,
}

impl<T: Transport> Transport for Watched<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.sent.0.store(true, Ordering::SeqCst);
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// An agent that follows nothing by itself: no redirect, no proxy, no cookie, no compression, no
/// connection used twice (a request over a stale one could not be told from one that was lost).
pub(crate) fn agent(
    guard: impl Resolver,
    roots: RootCerts,
    connect_timeout: Duration,
    sent: Sent,
) -> Agent {
    agent_that_keeps(0, guard, roots, connect_timeout, sent)
}

/// As [`agent`], with up to `kept` connections kept for the next request: for requests that may be sent twice.
pub(crate) fn agent_that_keeps(
    kept: usize,
    guard: impl Resolver,
    roots: RootCerts,
    connect_timeout: Duration,
    sent: Sent,
) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .max_idle_connections(kept)
        .max_idle_connections_per_host(kept)
        .max_response_header_size(MAX_HEADER_BYTES)
        .timeout_resolve(Some(connect_timeout))
        .timeout_connect(Some(connect_timeout))
        .user_agent(concat!("colophon/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build();
    Agent::with_parts(config, DefaultConnector::new().chain(Watch(sent)), guard)
}

/// The certificates to trust: those of `file`, else the system's, else Mozilla's as built in (bare
/// containers have none).
///
/// # Errors
/// [`GatewayError::File`] and [`GatewayError::RootCertificates`] for `file`.
pub(crate) fn roots(file: Option<&Path>) -> Result<RootCerts, GatewayError> {
    let Some(path) = file else {
        let system = rustls_native_certs::load_native_certs().certs;
        let system: Vec<_> = system
            .iter()
            .map(|der| ureq::tls::Certificate::from_der(der).to_owned())
            .collect();
        return Ok(if system.is_empty() {
            RootCerts::WebPki
        } else {
            RootCerts::from(system)
        });
    };
    let failed = |source| GatewayError::File {
        path: path.to_path_buf(),
        source,
    };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_CERTIFICATE_BYTES {
        return Err(failed(io::Error::other("it is larger than 4 MiB")));
    }
    let pem = std::fs::read(path).map_err(failed)?;
    let certificates: Vec<_> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(GatewayError::RootCertificates {
            path: path.to_path_buf(),
        });
    }
    Ok(RootCerts::from(certificates))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(guard: &Guard, uri: &str) -> Result<usize, String> {
        let never = NextTimeout {
            after: ureq::unversioned::transport::time::Duration::NotHappening,
            reason: ureq::Timeout::Resolve,
            ..NextTimeout::default()
        };
        guard
            .resolve(&uri.parse().unwrap(), &Config::default(), never)
            .map(|found| found.len())
            .map_err(|error| error.to_string())
    }

    fn guard(owner: Owner, backend: &str) -> Guard {
        Guard {
            owner,
            allow_plain_http: false,
            backend: backend.parse().unwrap(),
        }
    }

    // Addresses written as numbers need no name server, and a resolver connects to nothing.

    #[test]
    fn plain_http_stays_in_near_networks() {
        let mut own = guard(Owner::Backend, "http://9.9.9.9/");
        for near in [
            "http://127.0.0.1/",
            "http://10.1.2.3:80/",
            "http://[::1]:8000/",
        ] {
            assert_eq!(resolve(&own, near), Ok(1), "{near}");
        }
        assert_eq!(resolve(&own, "https://9.9.9.9/"), Ok(1));
        assert!(
            resolve(&own, "http://9.9.9.9/")
                .unwrap_err()
                .contains("plain http")
        );
        own.allow_plain_http = true;
        assert_eq!(resolve(&own, "http://9.9.9.9/"), Ok(1));
    }

    #[test]
    fn other_hosts_never_lead_inside() {
        let other = guard(Owner::Other, "https://9.9.9.9/");
        assert_eq!(resolve(&other, "https://1.1.1.1/"), Ok(1));
        for inside in [
            "https://127.0.0.1/",
            "https://10.0.0.1/",
            "https://169.254.169.254/",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://0.0.0.0/",
            "https://224.0.0.1/",
        ] {
            let error = resolve(&other, inside).unwrap_err();
            assert!(error.contains("private network"), "{inside}: {error}");
        }
        let beside = guard(Owner::Other, "http://127.0.0.1:8000/");
        assert_eq!(resolve(&beside, "https://127.0.0.1:9000/"), Ok(1));
        assert!(resolve(&beside, "https://10.0.0.1/").is_err());
    }

    #[test]
    fn a_file_of_certificates_must_hold_some() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        assert!(matches!(roots(Some(&path)), Err(GatewayError::File { .. })));
        std::fs::write(&path, "no certificate").unwrap();
        assert!(matches!(
            roots(Some(&path)),
            Err(GatewayError::RootCertificates { .. })
        ));
    }
}
