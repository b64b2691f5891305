//! Which server is asked, and within which limits.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::dialect::Dialect;
use crate::error::GatewayError;
use crate::secret::Secret;

/// An images server and the limits it is held to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Backend {
    /// Where it is: `http://host:port`, with or without `/v1` or the whole
    /// `/v1/images/generations`. No user name, query or fragment.
    pub url: String,
    /// Which extensions it takes.
    pub dialect: Dialect,
    /// Sent to this server's scheme, host and port only.
    pub api_key: Option<Secret>,
    /// For name look-up, TCP and TLS together; of one attempt. 10 s unless set.
    pub connect_timeout: Duration,
    /// For everything: all attempts, the waits between them and fetching pictures. 10 minutes
    /// unless set.
    pub timeout: Duration,
    /// Further attempts after the first, at most [`MAX_RETRIES`]; 2 unless set. See
    /// [`Client::generate`](crate::Client::generate) for what is tried again.
    pub retries: u32,
    /// Wait before the first retry, doubled for each further one up to 8 s; a random part of up
    /// to a half is taken off. 0.5 s unless set.
    pub first_wait: Duration,
    /// Most bytes of an answer, and of all fetched pictures together. 256 MiB unless set.
    pub max_response_bytes: u64,
    /// Most bytes of one picture. 64 MiB unless set.
    pub max_picture_bytes: u64,
    /// Whether prompt and key may go over plain HTTP to addresses outside loopback, private and
    /// link-local networks.
    pub allow_plain_http: bool,
    /// Whether a picture's address may name another server than this one: HTTPS only, public
    /// addresses only (or the kind of network this server is in), and without the key.
    pub allow_other_hosts: bool,
    /// PEM file of the certificates to trust in place of the system's, for a server with a
    /// certificate of its own.
    pub root_certificates: Option<PathBuf>,
}

/// Most retries that can be asked for.
pub const MAX_RETRIES: u32 = 10;

impl Backend {
    /// A server with the limits written at the fields. `api.openai.com` gets
    /// [`Dialect::OpenAi`], every other host [`Dialect::Diffusers`].
    pub fn new(url: impl Into<String>) -> Self {
        let url = url.into();
        let host = Url::parse(&url).ok();
        let host = host.as_ref().and_then(Url::host_str);
        Self {
            dialect: if host == Some("api.openai.com") {
                Dialect::OpenAi
            } else {
                Dialect::Diffusers
            },
            url,
            api_key: None,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_mins(10),
            retries: 2,
            first_wait: Duration::from_millis(500),
            max_response_bytes: 256 << 20,
            max_picture_bytes: 64 << 20,
            allow_plain_http: false,
            allow_other_hosts: false,
            root_certificates: None,
        }
    }

    /// The address that requests go to and the one that relative picture addresses start from.
    pub(crate) fn addresses(&self) -> Result<(Url, Url), GatewayError> {
        let refuse = |reason: String| GatewayError::Url { reason };
        let mut base = Url::parse(self.url.trim()).map_err(|e| refuse(e.to_string()))?;
        let wrong = if !matches!(base.scheme(), "http" | "https") {
            Some("begins neither with http:// nor with https://")
        } else if base.host_str().is_none_or(str::is_empty) {
            Some("names no host")
        } else if !base.username().is_empty() || base.password().is_some() {
            Some("holds a user name or password; give the API key by a file or the environment")
        } else if base.query().is_some() || base.fragment().is_some() {
            Some("has a query or a fragment")
        } else {
            None
        };
        if let Some(reason) = wrong {
            return Err(refuse(reason.to_owned()));
        }
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix("/images/generations").unwrap_or(path);
        let path = path.strip_suffix("/v1").unwrap_or(path).to_owned();
        let mut endpoint = base.clone();
        endpoint.set_path(&format!("{path}/v1/images/generations"));
        base.set_path(&format!("{path}/"));
        Ok((endpoint, base))
    }

    /// Whether the limits can be kept.
    pub(crate) fn check(&self) -> Result<(), GatewayError> {
        let wrong = if self.connect_timeout.is_zero() || self.timeout.is_zero() {
            Some(("time-out", "is longer than zero".to_owned()))
        } else if self.retries > MAX_RETRIES {
            Some(("retries", format!("is at most {MAX_RETRIES}")))
        } else if self.max_response_bytes == 0 || self.max_picture_bytes == 0 {
            Some(("byte limit", "is at least 1".to_owned()))
        } else {
            None
        };
        match wrong {
            Some((field, reason)) => Err(GatewayError::Request { field, reason }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ways_to_write_an_address_mean_the_same() {
        for url in [
            "http://127.0.0.1:8000",
            "http://127.0.0.1:8000/",
            " http://127.0.0.1:8000/v1",
            "http://127.0.0.1:8000/v1/",
            "http://127.0.0.1:8000/v1/images/generations",
        ] {
            let (endpoint, base) = Backend::new(url).addresses().unwrap();
            assert_eq!(
                endpoint.as_str(),
                "http://127.0.0.1:8000/v1/images/generations"
            );
            assert_eq!(base.as_str(), "http://127.0.0.1:8000/");
        }
        let (endpoint, base) = Backend::new("https://gpu.example/sd/v1")
            .addresses()
            .unwrap();
        assert_eq!(
            endpoint.as_str(),
            "https://gpu.example/sd/v1/images/generations"
        );
        assert_eq!(base.as_str(), "https://gpu.example/sd/");
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for url in [
            "",
            "127.0.0.1:8000",
            "localhost",
            "ftp://host/",
            "file:///etc/passwd",
            "http://",
            "http://user:secret@host/",
            "http://host/?key=secret",
            "http://host/#part",
        ] {
            let error = Backend::new(url).addresses().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_dialect_follows_the_host() {
        assert_eq!(
            Backend::new("https://api.openai.com/v1").dialect,
            Dialect::OpenAi
        );
        assert_eq!(
            Backend::new("http://localhost:8000").dialect,
            Dialect::Diffusers
        );
    }

    #[test]
    fn limits_that_cannot_be_kept_are_refused() {
        let bad: [fn(&mut Backend); 4] = [
            |b| b.timeout = Duration::ZERO,
            |b| b.connect_timeout = Duration::ZERO,
            |b| b.retries = 11,
            |b| b.max_picture_bytes = 0,
        ];
        for change in bad {
            let mut backend = Backend::new("http://localhost");
            change(&mut backend);
            assert!(backend.check().is_err(), "{backend:?}");
        }
    }
}
