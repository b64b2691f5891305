//! Fetching from addresses that a stranger's file names: the open network only, in small bites.

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

/// Fetches what is at an address that somebody else wrote: over https:// only, from the open network only. Every
/// redirect is judged like the first address, the name of each is looked up once, and the connection goes to the
/// very IP address that was judged. No key, no cookie and no proxy is used.
///
/// # Errors
/// [`GatewayError::Guarded`] for whatever keeps it from being fetched.
pub fn fetch_guarded(address: &str, limits: &FetchLimits) -> Result<Vec<u8>, GatewayError> {
    let rules = Rules {
        https_only: true,
        networks: &[Scope::Public],
    };
    rules.fetch(address, limits)
}

/// Where connections may go.
struct Rules {
    https_only: bool,
    networks: &'static [Scope],
}

impl Rules {
    fn fetch(&self, address: &str, limits: &FetchLimits) -> Result<Vec<u8>, GatewayError> {
        let begun = Instant::now();
        let mut url: Url = address
            .parse()
            .map_err(|_| failed("the address given", "it is no address"))?;
        let sent = Sent::default();
        let guard = Strangers(self.networks);
        let agent = transport::agent(guard, transport::roots(None)?, limits.time, sent.clone());
        for _ in 0..=MAX_REDIRECTS {
            self.judge(&url)
                .map_err(|reason| failed(&shown(&url), reason))?;
            let left = limits.time.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(failed(&shown(&url), "it takes too long"));
            }
            sent.clear();
            let reply = get(&agent, &url, left)
                .map_err(|error| broken(&url, cause(error, sent.is_set())))?;
            match reply.status {
                200 => return read(reply, &url, limits.bytes),
                301 | 302 | 303 | 307 | 308 => {
                    let next = reply.header("location").map(|to| url.join(to));
                    let Some(Ok(next)) = next else {
                        return Err(failed(&shown(&url), "it redirects to no address"));
                    };
                    url = next;
                }
                status => return Err(failed(&shown(&url), &format!("it answers status {status}"))),
            }
        }
        Err(failed(&shown(&url), "it redirects in circles"))
    }

    /// What can be told of an address before its name is looked up.
    fn judge(&self, url: &Url) -> Result<(), &'static str> {
        match url.scheme() {
            "https" => {}
            "http" if !self.https_only => {}
            _ => return Err("it is not https://"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a user name or password");
        }
        if url.host().is_none() {
            return Err("it names no host");
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
        return Err(failed(
            &shown(url),
            &format!("it comes in the content encoding {encoding}"),
        ));
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
    let reason = match cause {
        Cause::Forbidden(forbidden) => format!("it {}", forbidden.reason()),
        Cause::TimedOut => "it takes too long".to_owned(),
        Cause::TooLarge => "it is larger than allowed".to_owned(),
        Cause::Unreachable(reason)
        | Cause::Tls(reason)
        | Cause::Lost(reason)
        | Cause::NotHttp(reason) => reason,
    };
    failed(&shown(url), &reason)
}

fn failed(to: &str, reason: &str) -> GatewayError {
    GatewayError::Guarded {
        to: to.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::test_server::server;

    /// As the guard of strangers, but this machine counts as the open network.
    const OF_TESTS: Rules = Rules {
        https_only: false,
        networks: &[Scope::Public, Scope::Loopback],
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
}
