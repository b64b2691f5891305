//! Pictures that come back as addresses.

use std::time::{Instant, SystemTime};

use url::Url;

use crate::destinations::{Owner, judge, shown};
use crate::error::GatewayError;
use crate::exchange::{self, Cause, Reply};
use crate::job::{Again, Failed, Job};
use crate::retry;

/// Most redirects followed for one picture.
const MAX_REDIRECTS: u32 = 5;

impl Job {
    /// Fetches one picture, at most `budget` bytes.
    pub(crate) fn fetch(
        &self,
        picture: usize,
        address: &str,
        budget: u64,
    ) -> Result<Vec<u8>, GatewayError> {
        let url = self
            .base
            .join(address)
            .map_err(|error| GatewayError::Fetch {
                picture,
                to: "its address".to_owned(),
                reason: error.to_string(),
            })?;
        let (bytes, _) = self.persist(|_| self.follow(picture, url.clone(), budget))?;
        Ok(bytes)
    }

    /// Fetches once, through redirects. Each of them is judged like the first address, and its
    /// name looked up and judged anew by the resolver.
    fn follow(&self, picture: usize, mut url: Url, budget: u64) -> Result<Vec<u8>, Failed> {
        for _ in 0..=MAX_REDIRECTS {
            let refused = |reason| GatewayError::PictureAddress {
                picture,
                to: shown(&url),
                reason,
            };
            let allowed = judge(&url, &self.endpoint, self.backend.allow_other_hosts);
            let (agent, key) = match allowed.map_err(refused)? {
                Owner::Backend => (&self.agents[0], self.key()),
                Owner::Other => (&self.agents[1], None),
            };
            self.sent.clear();
            let begun = Instant::now();
            let time = self.time_left()?;
            let reply = exchange::get(agent, &url, key, time).map_err(|error| {
                self.not_fetched(picture, &url, exchange::cause(error, self.sent.is_set()))
            })?;
            match reply.status {
                200 => return self.read_picture(picture, &url, reply, budget),
                301 | 302 | 303 | 307 | 308 => {
                    let next = reply.header("location").map(|to| url.join(to));
                    let Some(Ok(next)) = next else {
                        return Err(failed(picture, &url, "it redirects to no address").into());
                    };
                    url = next;
                }
                status => {
                    let wait = retry::retry_after(
                        reply.header("retry-after-ms"),
                        reply.header("retry-after"),
                        SystemTime::now(),
                    );
                    let patience = self.backend.connect_timeout;
                    let again = retry::is_worth_repeating(status, begun.elapsed(), patience);
                    return Err(Failed {
                        error: failed(picture, &url, &format!("status {status}")),
                        again: if again {
                            Again::After(wait)
                        } else {
                            Again::Never
                        },
                    });
                }
            }
        }
        let reason = format!("more than {MAX_REDIRECTS} redirects");
        Err(failed(picture, &url, &reason).into())
    }

    fn read_picture(
        &self,
        picture: usize,
        url: &Url,
        reply: Reply,
        budget: u64,
    ) -> Result<Vec<u8>, Failed> {
        let media_type = reply.media_type();
        let plausible = media_type.is_empty()
            || media_type.starts_with("image/")
            || matches!(
                media_type.as_str(),
                "application/octet-stream" | "binary/octet-stream"
            );
        let found = match reply.encoding() {
            Some(encoding) => Some(format!("it comes in the content encoding {encoding}")),
            None => (!plausible).then(|| format!("it is {media_type} and no picture")),
        };
        if let Some(reason) = found {
            return Err(failed(picture, url, &reason).into());
        }
        let mut bytes = Vec::new();
        reply
            .read(self.backend.max_picture_bytes.min(budget), |piece| {
                bytes.extend_from_slice(piece);
                true
            })
            .map_err(|cause| self.not_fetched(picture, url, cause))?;
        Ok(bytes)
    }

    /// What it means that a picture did not come. Asking for it again costs nothing.
    fn not_fetched(&self, picture: usize, url: &Url, cause: Cause) -> Failed {
        let again = match cause {
            Cause::Unreachable(_) | Cause::Lost(_) => Again::After(None),
            _ => Again::Never,
        };
        let error = match cause {
            Cause::Forbidden(forbidden) => GatewayError::PictureAddress {
                picture,
                to: shown(url),
                reason: forbidden.reason(),
            },
            Cause::TimedOut => self.timed_out(),
            Cause::TooLarge => self.picture_too_large(),
            Cause::Unreachable(reason)
            | Cause::Tls(reason)
            | Cause::Lost(reason)
            | Cause::NotHttp(reason) => failed(picture, url, &reason),
        };
        Failed { error, again }
    }
}

fn failed(picture: usize, url: &Url, reason: &str) -> GatewayError {
    GatewayError::Fetch {
        picture,
        to: shown(url),
        reason: reason.to_owned(),
    }
}
