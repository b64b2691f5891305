//! Fetching from addresses that strangers name, in a file or in a request: the open network only, in small bites.

use std::str::FromStr;
use std::time::{Duration, Instant};

use ureq::Agent;
use url::Url;

use crate::destinations::{Scope, shown};
use crate::error::GatewayError;
use crate::exchange::{Cause, Reply, cause};
use crate::transport::{self, Sent, Strangers};

/// Most redirects followed.
const MAX_REDIRECTS: u32 = 5;

/// Bounds of one fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// Most bytes.
    pub bytes: u64,
    /// Longest time, all redirects together.
    pub time: Duration,
}

impl Default for FetchLimits {
    /// 10 MB, 10 seconds.
    fn default() -> Self {
        Self {
            bytes: 10_000_000,
            time: Duration::from_secs(10),
        }
    }
}

/// Where strangers' addresses may lead, beyond the open network over https.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchRules {
    /// The ports of hosts in the open network; any if there are none.
    pub ports: Vec<u16>,
    /// Hosts that may be in this machine or its private networks, and may be asked over plain http.
    pub near: Vec<NearHost>,
}

/// A host of the operator's own, such as an image store: a name or an IP address, with a port or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearHost {
    /// As a URL has it.
    host: String,
    /// `None` for the scheme's own.
    port: Option<u16>,
}

/// Text that names no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no host; give a name or an address with or without a port, such as images.lan:9000"
)]
pub struct NearHostError(String);

impl NearHost {
    /// Whether an address leads to it.
    pub(crate) fn is_of(&self, url: &Url) -> bool {
        let own_port = match url.scheme() {
            "http" => Some(80),
            _ => Some(443),
        };
        url.host_str() == Some(self.host.as_str())
            && url.port_or_known_default() == self.port.or(own_port)
    }
}

impl FromStr for NearHost {
    type Err = NearHostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NearHostError(text.chars().take(80).collect());
        // Without a standard port of its own, so that every port that is written is kept.
        let url = Url::parse(&format!("near://{text}")).map_err(|_| wrong())?;
        let bare = url.path().is_empty()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        // The host as an address over http would have it: names in small letters, IP addresses in one form.
        let host = url.host_str().filter(|host| bare && !host.is_empty());
        let host = host.and_then(|host| Url::parse(&format!("http://{host}/")).ok());
        let host = host.as_ref().and_then(Url::host_str).ok_or_else(wrong)?;
        Ok(Self {
            host: host.to_owned(),
            port: url.port(),
        })
    }
}

/// Fetches what is at an address that somebody else wrote: over https:// only, from the open network only. Every
/// redirect is judged like the first address, the name of each is looked up once, and the connection goes to the
/// very IP address that was judged. No key, no cookie and no proxy is used.
///
/// # Errors
/// [`GatewayError::Guarded`] for whatever keeps it from being fetched.
pub fn fetch_guarded(address: &str, limits: &FetchLimits) -> Result<Vec<u8>, GatewayError> {
    fetch_by_rules(address, limits, &FetchRules::default())
}

/// As [`fetch_guarded`], where these rules allow it too.
///
/// # Errors
/// As [`fetch_guarded`].
pub fn fetch_by_rules(
    address: &str,
    limits: &FetchLimits,
    rules: &FetchRules,
) -> Result<Vec<u8>, GatewayError> {
    let fetching = Fetching {
        https_only: true,
        networks: &[Scope::Public],
        rules,
    };
    fetching.fetch(address, limits)
}

/// Why nothing was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchFault {
    /// Such an address is not asked, whoever is there.
    Address,
    /// The host is not known, or is none of the open network. Whoever asks for strangers must not tell them apart:
    /// it would say which names there are in private networks.
    Hidden,
    /// More bytes than allowed.
    TooLarge,
    /// More time than allowed.
    TimedOut,
    /// The server was asked, and did not answer with a file.
    Server,
}

/// Where connections may go.
struct Fetching<'a> {
    https_only: bool,
    networks: &'static [Scope],
    rules: &'a FetchRules,
}

impl Fetching<'_> {
    fn fetch(&self, address: &str, limits: &FetchLimits) -> Result<Vec<u8>, GatewayError> {
        let begun = Instant::now();
        let mut url: Url = address
            .parse()
            .map_err(|_| failed("the address given", FetchFault::Address, "it is no address"))?;
        let sent = Sent::default();
        let guard = Strangers {
            networks: self.networks,
            near: self.rules.near.clone(),
        };
        let agent = transport::agent(guard, transport::roots(None)?, limits.time, sent.clone());
        for _ in 0..=MAX_REDIRECTS {
            self.judge(&url)
                .map_err(|reason| failed(&shown(&url), FetchFault::Address, reason))?;
            let left = limits.time.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(broken(&url, Cause::TimedOut));
            }
            sent.clear();
            let reply = match get(&agent, &url, left) {
                Ok(reply) => reply,
                Err(ureq::Error::HostNotFound) => {
                    let unknown = "the name is not known";
                    return Err(failed(&shown(&url), FetchFault::Hidden, unknown));
                }
                Err(error) => return Err(broken(&url, cause(error, sent.is_set()))),
            };
            let said = |reason: &str| failed(&shown(&url), FetchFault::Server, reason);
            match reply.status {
                200 => return read(reply, &url, limits.bytes),
                301 | 302 | 303 | 307 | 308 => {
                    let next = reply.header("location").map(|to| url.join(to));
                    let Some(Ok(next)) = next else {
                        return Err(said("it redirects to no address"));
                    };
                    url = next;
                }
                status => return Err(said(&format!("it answers status {status}"))),
            }
        }
        let circles = "it redirects in circles";
        Err(failed(&shown(&url), FetchFault::Server, circles))
    }

    /// What can be told of an address before its name is looked up.
    fn judge(&self, url: &Url) -> Result<(), &'static str> {
        let near = self.rules.near.iter().any(|host| host.is_of(url));
        match url.scheme() {
            "https" => {}
            "http" if near || !self.https_only => {}
            _ => return Err("it is not https://"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a user name or password");
        }
        if url.host().is_none() {
            return Err("it names no host");
        }
        let ports = &self.rules.ports;
        let port = url.port_or_known_default();
        if !near && !ports.is_empty() && !port.is_some_and(|port| ports.contains(&port)) {
            return Err("its port is not one that is asked here");
        }
        Ok(())
    }
}

fn get(agent: &Agent, url: &Url, time: Duration) -> Result<Reply, ureq::Error> {
    let request = agent.get(url.as_str()).config().timeout_global(Some(time));
    request.build().call().map(Reply::from)
}

fn read(reply: Reply, url: &Url, limit: u64) -> Result<Vec<u8>, GatewayError> {
    if let Some(encoding) = reply.encoding() {
        let reason = format!("it comes in the content encoding {encoding}");
        return Err(failed(&shown(url), FetchFault::Server, &reason));
    }
    let mut bytes = Vec::new();
    let read = reply.read(limit, |piece| {
        bytes.extend_from_slice(piece);
        true
    });
    read.map_err(|cause| broken(url, cause))?;
    Ok(bytes)
}

fn broken(url: &Url, cause: Cause) -> GatewayError {
    let hidden = match &cause {
        Cause::Forbidden(forbidden) => format!("it {}", forbidden.reason()),
        _ => String::new(),
    };
    broken_off(url, cause, hidden, "it is larger than allowed")
}

/// How an exchange failed: `hidden` is said of an address that may not be reached, `large` of too long an answer.
pub(crate) fn broken_off(url: &Url, cause: Cause, hidden: String, large: &str) -> GatewayError {
    let (fault, reason) = match cause {
        Cause::Forbidden(_) => (FetchFault::Hidden, hidden),
        Cause::TimedOut => (FetchFault::TimedOut, "it takes too long".to_owned()),
        Cause::TooLarge => (FetchFault::TooLarge, large.to_owned()),
        Cause::Unreachable(reason)
        | Cause::Tls(reason)
        | Cause::Lost(reason)
        | Cause::NotHttp(reason) => (FetchFault::Server, reason),
    };
    failed(&shown(url), fault, &reason)
}

pub(crate) fn failed(to: &str, fault: FetchFault, reason: &str) -> GatewayError {
    GatewayError::Guarded {
        to: to.to_owned(),
        reason: reason.to_owned(),
        fault,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::test_server::server;

    /// As the guard of strangers, but this machine counts as the open network.
    const OF_TESTS: Fetching<'_> = Fetching {
        https_only: false,
        networks: &[Scope::Public, Scope::Loopback],
        rules: &FetchRules {
            ports: Vec::new(),
            near: Vec::new(),
        },
    };

    fn ok(body: &str) -> String {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn to(location: &str) -> String {
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    }

    fn error(result: Result<Vec<u8>, GatewayError>) -> String {
        result.unwrap_err().to_string()
    }

    fn limits() -> FetchLimits {
        FetchLimits {
            bytes: 100,
            time: Duration::from_secs(5),
        }
    }

    #[test]
    fn strangers_addresses_are_https_on_the_open_network() {
        let fetch = |address: &str| error(fetch_guarded(address, &limits()));
        for address in [
            "http://example.org/x.c2pa",
            "ftp://example.org/",
            "file:///etc/passwd",
            "data:,x",
        ] {
            assert!(fetch(address).contains("not https"), "{address}");
        }
        assert!(fetch("https://user@example.org/").contains("user name"));
        assert!(fetch("nothing").contains("no address"));
        for inside in [
            "https://127.0.0.1/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://0.0.0.0/",
            "https://2130706433/",
        ] {
            let error = fetch(inside);
            assert!(error.contains("open network"), "{inside}: {error}");
        }
    }

    #[test]
    fn redirects_are_judged_like_first_addresses() {
        let fetched = OF_TESTS.fetch(&server(vec![to("/next"), ok("store")]), &limits());
        assert_eq!(fetched.unwrap(), b"store");
        for (target, part) in [
            ("http://169.254.169.254/", "open network"),
            ("http://10.0.0.1/", "open network"),
            ("file:///etc/passwd", "not https"),
            ("http://user@127.0.0.1/", "user name"),
        ] {
            let error = error(OF_TESTS.fetch(&server(vec![to(target)]), &limits()));
            assert!(error.contains(part), "{target}: {error}");
        }
        let circles = server(vec![to("/"); 8]);
        assert!(error(OF_TESTS.fetch(&circles, &limits())).contains("circles"));
    }

    #[test]
    fn size_time_and_status_are_bounded() {
        let large = server(vec![ok(&"x".repeat(101))]);
        assert!(error(OF_TESTS.fetch(&large, &limits())).contains("larger"));
        let gone = server(vec![
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ]);
        assert!(error(OF_TESTS.fetch(&gone, &limits())).contains("404"));
        let packed = server(vec![
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx".to_owned(),
        ]);
        assert!(error(OF_TESTS.fetch(&packed, &limits())).contains("encoding"));
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", silent.local_addr().unwrap());
        let short = FetchLimits {
            time: Duration::from_millis(200),
            ..limits()
        };
        let begun = Instant::now();
        assert!(OF_TESTS.fetch(&address, &short).is_err());
        assert!(begun.elapsed() < Duration::from_secs(3));
    }

    fn fault(result: Result<Vec<u8>, GatewayError>) -> FetchFault {
        match result.unwrap_err() {
            GatewayError::Guarded { fault, .. } => fault,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_host_of_the_operator_may_be_near_and_no_other_may() {
        let pictures = server(vec![
            ok("one"),
            to("http://127.0.0.1:9/"),
            to("http://169.254.169.254/latest/"),
        ]);
        let rules = FetchRules {
            ports: vec![443],
            near: vec![
                pictures.trim_start_matches("http://").parse().unwrap(),
                "169.254.169.254".parse().unwrap(),
            ],
        };
        let fetch = |address: &str| fetch_by_rules(address, &limits(), &rules);
        assert_eq!(fetch(&pictures).unwrap(), b"one");
        // The same machine by another port is another host, also by way of a redirect.
        assert_eq!(fault(fetch(&pictures)), FetchFault::Address);
        // Named or not: there are credentials at link-local addresses.
        assert_eq!(fault(fetch(&pictures)), FetchFault::Hidden);
    }

    #[test]
    fn names_in_private_networks_cannot_be_told_from_unknown_ones() {
        let rules = FetchRules {
            ports: vec![443],
            near: Vec::new(),
        };
        let fetch = |address: &str| fault(fetch_by_rules(address, &limits(), &rules));
        for hidden in [
            "https://localhost/",
            "https://nothing.invalid/",
            "https://10.1.2.3/",
            "https://[::ffff:169.254.169.254]/",
            "https://[64:ff9b::a00:1]/",
            "https://[fe80::1]/",
            "https://0x7f.1/",
            "https://017700000001/",
        ] {
            assert_eq!(fetch(hidden), FetchFault::Hidden, "{hidden}");
        }
        for address in [
            "https://example.org:8443/",
            "https://example.org:22/",
            "gopher://x/",
        ] {
            assert_eq!(fetch(address), FetchFault::Address, "{address}");
        }
    }

    #[test]
    fn hosts_are_names_and_addresses_with_or_without_a_port() {
        let is_of = |host: &str, url: &str| {
            let host: NearHost = host.parse().unwrap();
            host.is_of(&url.parse().unwrap())
        };
        assert!(is_of("images.lan", "https://images.lan/a"));
        assert!(is_of("images.lan", "http://IMAGES.lan/a"));
        assert!(is_of("Images.LAN:9000", "http://images.lan:9000/"));
        assert!(is_of("[::1]:80", "http://[0:0::1]/"));
        assert!(is_of("127.1", "http://127.0.0.1/"));
        assert!(!is_of("images.lan", "https://images.lan:9000/"));
        assert!(!is_of("images.lan:443", "http://images.lan/"));
        assert!(!is_of("images.lan", "https://images.lan.example/"));
        for text in [
            "",
            "http://a/",
            "a/b",
            "a b",
            "a:99999",
            "user@a",
            "a?b",
            ":80",
        ] {
            assert!(text.parse::<NearHost>().is_err(), "{text}");
        }
    }
}
