//! A client of model hubs that speak the interface of the Hugging Face Hub: what is in a model at a revision, and its
//! files from any byte on.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use ureq::Agent;
use ureq::http::header;
use url::Url;

use crate::destinations::{Owner, host_and_port, judge, shown};
use crate::error::GatewayError;
use crate::exchange::{Cause, Reply, authorization, cause};
use crate::secret::Secret;
use crate::transport::{self, Guard, Sent};

/// The hub where none is named.
pub const DEFAULT_HUB: &str = "https://huggingface.co";

const CONNECT: Duration = Duration::from_secs(20);
/// For the head of an answer, and for a whole listing.
const PATIENCE: Duration = Duration::from_mins(1);
/// For a whole file.
const MOST_TIME: Duration = Duration::from_hours(24);
/// Longest listing of a model.
const MOST_LISTING: u64 = 32 << 20;
const MOST_FILES: usize = 10_000;
const MOST_REDIRECTS: u32 = 5;
const MOST_NAME: usize = 200;

/// A hub.
pub struct Hub {
    endpoint: Url,
    token: Option<Secret>,
    /// For the hub itself, and for where it sends us.
    agents: [Agent; 2],
    sent: Sent,
}

/// A model at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    /// The commit, which never changes its files.
    pub revision: String,
    /// The licence that its card names.
    pub license: Option<String>,
    /// Its files.
    pub files: Vec<HubFile>,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    /// Its place in the model, with `/` between folders; never outside of it.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal, where the hub tells it: for all large files.
    pub sha256: Option<String>,
}

#[derive(Deserialize)]
struct Listing {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
    #[serde(rename = "cardData", default)]
    card: Option<Card>,
}

#[derive(Deserialize)]
struct Card {
    license: Option<String>,
    license_name: Option<String>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: Option<String>,
    size: Option<u64>,
}

impl Hub {
    /// Checks the address and reads root certificates; connects to nothing.
    ///
    /// # Errors
    /// [`GatewayError::Url`], [`GatewayError::File`] and [`GatewayError::RootCertificates`].
    pub fn new(
        endpoint: &str,
        token: Option<Secret>,
        allow_plain_http: bool,
        root_certificates: Option<&Path>,
    ) -> Result<Self, GatewayError> {
        let invalid = |reason: String| GatewayError::Url { reason };
        let mut url: Url = endpoint
            .parse()
            .map_err(|error: url::ParseError| invalid(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(invalid("is not one of http or https".to_owned()));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let roots = transport::roots(root_certificates)?;
        let sent = Sent::default();
        let agents = [Owner::Backend, Owner::Other].map(|owner| {
            let guard = Guard {
                owner,
                allow_plain_http,
                backend: url.clone(),
            };
            transport::agent(guard, roots.clone(), CONNECT, sent.clone())
        });
        Ok(Self {
            endpoint: url,
            token,
            agents,
            sent,
        })
    }

    /// Host and port, for messages.
    pub fn host(&self) -> String {
        host_and_port(&self.endpoint)
    }

    /// What is in a model. `revision` is a branch, a tag or a commit.
    ///
    /// # Errors
    /// [`GatewayError::Hub`] where the hub does not know it or does not let us have it, or answers nonsense;
    /// [`GatewayError::Unreachable`], [`GatewayError::Tls`].
    pub fn model(&self, repository: &str, revision: &str) -> Result<HubModel, GatewayError> {
        let parts: Vec<&str> = repository.split('/').collect();
        if parts.len() != 2 || !parts.iter().chain([&revision]).all(|name| is_plain(name)) {
            return Err(self.failed(
                repository,
                "a model is named OWNER/NAME, of letters, digits, dots, hyphens and underscores",
            ));
        }
        let address = format!("api/models/{repository}/revision/{revision}?blobs=true");
        let reply = self.get(repository, &address, 0, PATIENCE)?;
        let mut text = Vec::new();
        reply
            .read(MOST_LISTING, |piece| {
                text.extend_from_slice(piece);
                true
            })
            .map_err(|cause| self.broken(repository, cause))?;
        let listing: Listing = serde_json::from_slice(&text).map_err(|error| {
            self.failed(
                repository,
                &format!("it answers no listing of a model ({error})"),
            )
        })?;
        if !is_plain(&listing.sha) || listing.siblings.len() > MOST_FILES {
            return Err(self.failed(repository, "it answers a listing that cannot be"));
        }
        let files: Result<Vec<HubFile>, _> = listing
            .siblings
            .into_iter()
            .map(|sibling| self.file(repository, sibling))
            .collect();
        Ok(HubModel {
            revision: listing.sha,
            license: listing
                .card
                .and_then(|card| card.license_name.or(card.license)),
            files: files?,
        })
    }

    fn file(&self, repository: &str, sibling: Sibling) -> Result<HubFile, GatewayError> {
        let path = sibling.rfilename;
        let inside = !path.contains('\\') && path.len() <= 1_000 && path.split('/').all(is_plain);
        // Names with blanks or other letters are none of a model's own files; they are passed over later.
        let harmless = inside || !path.split('/').any(|part| part == ".." || part.is_empty());
        if !harmless {
            return Err(self.failed(repository, "it lists a file outside of the model"));
        }
        let (sha256, size) = sibling
            .lfs
            .map_or((None, None), |lfs| (lfs.sha256, lfs.size));
        let is_hash =
            |hash: &String| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        Ok(HubFile {
            path,
            bytes: size.or(sibling.size).unwrap_or(0),
            sha256: sha256.filter(is_hash).map(|hash| hash.to_ascii_lowercase()),
        })
    }

    /// Reads a file at a commit from byte `from` on, piece by piece; `take` ends it with `false`. Whether the hub
    /// began at `from` is told: `false` means at the first byte, and `restart` was called before `take`.
    ///
    /// # Errors
    /// As [`Hub::model`]; [`GatewayError::Hub`] where more comes than the file has.
    pub fn read(
        &self,
        repository: &str,
        revision: &str,
        file: &HubFile,
        from: u64,
        restart: &mut dyn FnMut(),
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), GatewayError> {
        if !file.path.split('/').all(is_plain) {
            return Err(self.failed(repository, "a file's name cannot be asked for"));
        }
        let address = format!("{repository}/resolve/{revision}/{}", file.path);
        let reply = self.get(repository, &address, from, MOST_TIME)?;
        let begins = if reply.status == 206 { from } else { 0 };
        if begins == 0 && from > 0 {
            restart();
        }
        reply
            .read(file.bytes.saturating_sub(begins), take)
            .map_err(|cause| self.broken(repository, cause))
    }

    /// Asks, and follows redirects to where large files are kept.
    fn get(
        &self,
        repository: &str,
        address: &str,
        from: u64,
        time: Duration,
    ) -> Result<Reply, GatewayError> {
        let mut url = self
            .endpoint
            .join(address)
            .map_err(|error| self.failed(repository, &error.to_string()))?;
        for _ in 0..=MOST_REDIRECTS {
            let owner = judge(&url, &self.endpoint, true).map_err(|reason| {
                self.failed(
                    repository,
                    &format!("it sends us to {}, which {reason}", shown(&url)),
                )
            })?;
            let (agent, token) = match owner {
                Owner::Backend => (&self.agents[0], self.token.as_ref()),
                Owner::Other => (&self.agents[1], None),
            };
            self.sent.clear();
            let config = agent.get(url.as_str()).config();
            let config = config
                .timeout_global(Some(time))
                .timeout_recv_response(Some(PATIENCE));
            let mut request = config.build().header(header::ACCEPT_ENCODING, "identity");
            if from > 0 {
                request = request.header(header::RANGE, format!("bytes={from}-"));
            }
            if let Some(value) = token.and_then(authorization) {
                request = request.header(header::AUTHORIZATION, value);
            }
            let reply = request.call().map(Reply::from);
            let reply =
                reply.map_err(|error| self.broken(repository, cause(error, self.sent.is_set())))?;
            match reply.status {
                200 => return Ok(reply),
                206 if from > 0 => return Ok(reply),
                301 | 302 | 303 | 307 | 308 => {
                    let next = reply.header("location").map(|to| url.join(to));
                    let Some(Ok(next)) = next else {
                        return Err(self.failed(repository, "it redirects to no address"));
                    };
                    url = next;
                }
                401 | 403 => {
                    return Err(self.failed(
                        repository,
                        "it does not let us have it; accept its terms there and give an access token, or check the name",
                    ));
                }
                404 => {
                    return Err(
                        self.failed(repository, "it does not know that model, revision or file")
                    );
                }
                status => {
                    return Err(self.failed(
                        repository,
                        &format!("it answers status {status}; try again later"),
                    ));
                }
            }
        }
        Err(self.failed(repository, "it redirects in circles"))
    }

    fn failed(&self, repository: &str, reason: &str) -> GatewayError {
        GatewayError::Hub {
            host: self.host(),
            model: repository
                .chars()
                .filter(|c| !c.is_control())
                .take(MOST_NAME)
                .collect(),
            reason: reason.to_owned(),
        }
    }

    fn broken(&self, repository: &str, cause: Cause) -> GatewayError {
        match cause {
            Cause::Unreachable(reason) => GatewayError::HubUnreachable {
                host: self.host(),
                reason,
            },
            Cause::Tls(reason) => GatewayError::Tls {
                host: self.host(),
                reason,
            },
            Cause::Forbidden(forbidden) => {
                self.failed(repository, &format!("its address {}", forbidden.reason()))
            }
            Cause::TimedOut => self.failed(
                repository,
                "it takes too long; run the command again to go on",
            ),
            Cause::TooLarge => self.failed(repository, "it sends more than it announced"),
            Cause::Lost(reason) => self.failed(
                repository,
                &format!("the connection broke ({reason}); run the command again to go on"),
            ),
            Cause::NotHttp(reason) => self.failed(
                repository,
                &format!("it does not answer as a hub does ({reason})"),
            ),
        }
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("endpoint", &self.endpoint.as_str())
            .finish_non_exhaustive()
    }
}

/// A part of a path that means nothing but itself.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    !name.is_empty()
        && name.len() <= MOST_NAME
        && name.chars().all(plain)
        && name.chars().any(|c| c != '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_lead_elsewhere_are_refused() {
        for bad in ["", ".", "..", "a b", "a?b", "a#b", "a%2fb", "ä"] {
            assert!(!is_plain(bad), "{bad}");
        }
        for good in [
            "model.safetensors",
            "Qwen-Image_2512",
            "v1.0+x",
            ".gitattributes",
        ] {
            assert!(is_plain(good), "{good}");
        }
        let hub = Hub::new("http://127.0.0.1:1/hub", None, false, None).unwrap();
        for bad in ["model", "a/b/c", "../x", "a/..", "a/b?x"] {
            let error = hub.model(bad, "main").unwrap_err().to_string();
            assert!(error.contains("OWNER/NAME"), "{bad}: {error}");
        }
        let sibling = |name: &str| Sibling {
            rfilename: name.to_owned(),
            size: Some(1),
            lfs: None,
        };
        for bad in ["../x", "a/../../x", "/etc/passwd", "a//b"] {
            assert!(hub.file("a/b", sibling(bad)).is_err(), "{bad}");
        }
        assert!(hub.file("a/b", sibling("vae/config.json")).is_ok());
    }

    #[test]
    fn an_address_must_be_one_of_a_server() {
        for bad in ["ftp://x/", "hub", "file:///etc"] {
            assert!(
                matches!(
                    Hub::new(bad, None, false, None),
                    Err(GatewayError::Url { .. })
                ),
                "{bad}"
            );
        }
    }
}
