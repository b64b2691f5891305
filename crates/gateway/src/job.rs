//! One call of the client, from the first attempt to the last picture. Runs on a thread of its own.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use ureq::Agent;
use url::Url;

use crate::answer::{Answer, Deviation, ReturnedPicture};
use crate::backend::Backend;
use crate::destinations::shown;
use crate::error::GatewayError;
use crate::exchange::{self, Cause, Reply};
use crate::parse::{AnswerReader, Item, Parsed, Source, Useless};
use crate::request::ImagesRequest;
use crate::retry::{self, MAX_RETRY_AFTER};
use crate::secret::Secret;
use crate::sniff;
use crate::transport::Sent;

/// Everything a call needs.
pub(crate) struct Job {
    pub(crate) backend: Backend,
    pub(crate) endpoint: Url,
    /// Where relative addresses of pictures start from.
    pub(crate) base: Url,
    pub(crate) host: String,
    pub(crate) request: ImagesRequest,
    pub(crate) body: Vec<u8>,
    /// For the backend and for other hosts.
    pub(crate) agents: [Agent; 2],
    pub(crate) sent: Sent,
    pub(crate) started: Instant,
    /// Its other end goes away when the caller cancels.
    pub(crate) stop: Receiver<Infallible>,
}

/// An attempt that failed.
pub(crate) struct Failed {
    pub(crate) error: GatewayError,
    pub(crate) again: Again,
}

/// Whether another attempt makes sense.
pub(crate) enum Again {
    Never,
    /// After this wait, or one of our own choice.
    After(Option<Duration>),
}

impl From<GatewayError> for Failed {
    fn from(error: GatewayError) -> Self {
        let again = Again::Never;
        Self { error, again }
    }
}

impl Job {
    pub(crate) fn run(&self) -> Result<Answer, GatewayError> {
        let (parsed, attempts) = self.persist(|attempt| self.ask(attempt))?;
        if parsed.items.is_empty() {
            let host = self.host.clone();
            return Err(GatewayError::NoPictures { host });
        }
        let mut deviations = Vec::new();
        if parsed.returned != self.request.count as usize {
            deviations.push(Deviation::Count {
                asked: self.request.count,
                returned: u32::try_from(parsed.returned).unwrap_or(u32::MAX),
            });
        }
        let mut pictures = Vec::new();
        // Of all fetched pictures together.
        let mut budget = self.backend.max_response_bytes;
        for (number, item) in parsed.items.into_iter().enumerate() {
            let picture = self.picture(number, item, &mut budget)?;
            let asked = (self.request.width, self.request.height);
            let returned = (picture.width, picture.height);
            if asked != returned {
                deviations.push(Deviation::Size {
                    picture: number,
                    asked,
                    returned,
                });
            }
            pictures.push(picture);
        }
        Ok(Answer {
            pictures,
            model: parsed.model,
            created: parsed.created,
            elapsed: self.started.elapsed(),
            attempts,
            deviations,
        })
    }

    pub(crate) fn key(&self) -> Option<&Secret> {
        self.backend.api_key.as_ref()
    }

    /// What is left of the whole time.
    pub(crate) fn time_left(&self) -> Result<Duration, GatewayError> {
        let left = self.backend.timeout.saturating_sub(self.started.elapsed());
        if left.is_zero() {
            Err(self.timed_out())
        } else {
            Ok(left)
        }
    }

    pub(crate) fn timed_out(&self) -> GatewayError {
        GatewayError::TimedOut {
            limit: self.backend.timeout,
        }
    }

    /// Runs `once` until it succeeds, fails for good, or attempts or time are used up.
    pub(crate) fn persist<T>(
        &self,
        once: impl Fn(u32) -> Result<T, Failed>,
    ) -> Result<(T, u32), GatewayError> {
        let mut attempt = 1;
        loop {
            let Failed { error, again } = match once(attempt) {
                Ok(done) => return Ok((done, attempt)),
                Err(failed) => failed,
            };
            let Again::After(wanted) = again else {
                return Err(error);
            };
            let wait = wanted.unwrap_or_else(|| retry::backoff(attempt, self.backend.first_wait));
            let useless = wait > MAX_RETRY_AFTER || self.time_left().is_ok_and(|left| wait >= left);
            if attempt > self.backend.retries || useless {
                return Err(error);
            }
            if self.stop.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
                return Err(GatewayError::Cancelled);
            }
            attempt += 1;
        }
    }

    /// Sends the request once.
    fn ask(&self, attempt: u32) -> Result<Parsed, Failed> {
        self.sent.clear();
        let begun = Instant::now();
        let time = self.time_left()?;
        let reply = exchange::post(
            &self.agents[0],
            &self.endpoint,
            self.key(),
            &self.body,
            time,
        )
        .map_err(|error| self.no_reply(exchange::cause(error, self.sent.is_set()), attempt))?;
        if (200..300).contains(&reply.status) {
            self.read(reply).map_err(Failed::from)
        } else {
            Err(self.refusal(reply, attempt, begun.elapsed()))
        }
    }

    /// What it means that a request got no answer.
    fn no_reply(&self, cause: Cause, attempts: u32) -> Failed {
        let host = self.host.clone();
        let error = match cause {
            Cause::Unreachable(reason) => {
                return Failed {
                    error: GatewayError::Unreachable {
                        host,
                        reason,
                        attempts,
                    },
                    again: Again::After(None),
                };
            }
            Cause::Forbidden(_) => GatewayError::PlainHttp { host },
            Cause::Tls(reason) => GatewayError::Tls { host, reason },
            Cause::TimedOut => self.timed_out(),
            Cause::Lost(reason) => GatewayError::Lost { host, reason },
            Cause::NotHttp(reason) => GatewayError::NotHttp { host, reason },
            Cause::TooLarge => GatewayError::TooLarge {
                what: "the answer",
                limit: self.backend.max_response_bytes,
            },
        };
        error.into()
    }

    /// Reads an answer of status 2xx.
    fn read(&self, reply: Reply) -> Result<Parsed, GatewayError> {
        let host = self.host.clone();
        let status = reply.status;
        let media_type = reply.media_type();
        let json = matches!(media_type.as_str(), "" | "application/json" | "text/json")
            || (media_type.starts_with("application/") && media_type.ends_with("+json"));
        let found = match reply.encoding() {
            Some(encoding) => Some(format!("the content encoding {encoding}")),
            None => (!json).then_some(media_type),
        };
        if let Some(found) = found {
            return Err(GatewayError::WrongType {
                host,
                found,
                expected: "application/json",
            });
        }
        let mut reader = AnswerReader::new(self.request.count, self.backend.max_picture_bytes);
        reply
            .read(self.backend.max_response_bytes, |piece| reader.push(piece))
            .map_err(|cause| self.no_reply(cause, 1).error)?;
        reader.finish(self.key()).map_err(|useless| match useless {
            Useless::Error(error) if error.is_content_policy() => {
                let error = Box::new(error);
                GatewayError::ContentPolicy { host, error }
            }
            Useless::Error(error) => GatewayError::Refused {
                host,
                status,
                error: Box::new(error),
            },
            Useless::PictureTooLarge => self.picture_too_large(),
            Useless::Unreadable(reason) => GatewayError::BadAnswer { host, reason },
        })
    }

    pub(crate) fn picture_too_large(&self) -> GatewayError {
        GatewayError::TooLarge {
            what: "a picture",
            limit: self.backend.max_picture_bytes,
        }
    }

    /// What a status outside 2xx means.
    fn refusal(&self, reply: Reply, attempts: u32, after: Duration) -> Failed {
        let host = self.host.clone();
        let status = reply.status;
        if (300..400).contains(&status) {
            let to = reply.header("location").map(|to| self.base.join(to));
            let to = match to {
                Some(Ok(to)) => shown(&to),
                _ => "no address".to_owned(),
            };
            return GatewayError::Redirected { host, to, status }.into();
        }
        let retry_after = retry::retry_after(
            reply.header("retry-after-ms"),
            reply.header("retry-after"),
            SystemTime::now(),
        );
        let error = Box::new(reply.error(self.key()));
        let again = if retry::is_worth_repeating(status, after, self.backend.connect_timeout)
            && !error.is_out_of_credit()
        {
            Again::After(retry_after)
        } else {
            Again::Never
        };
        let error = match status {
            _ if status < 500 && error.is_content_policy() => {
                GatewayError::ContentPolicy { host, error }
            }
            401 | 403 => GatewayError::Unauthorized {
                host,
                status,
                error,
            },
            404 | 405 => GatewayError::NotFound {
                host,
                status,
                error,
            },
            429 | 503 => GatewayError::Busy {
                host,
                status,
                attempts,
                retry_after,
                error,
            },
            500.. => GatewayError::ServerFailed {
                host,
                status,
                attempts,
                error,
            },
            _ => GatewayError::Refused {
                host,
                status,
                error,
            },
        };
        Failed { error, again }
    }

    /// One picture of the answer, fetched if need be, its header read.
    fn picture(
        &self,
        number: usize,
        item: Item,
        budget: &mut u64,
    ) -> Result<ReturnedPicture, GatewayError> {
        let bytes = match item.source {
            Source::Bytes(bytes) => bytes,
            Source::Address(address) => {
                let bytes = self.fetch(number, &address, *budget)?;
                *budget = budget.saturating_sub(bytes.len() as u64);
                bytes
            }
        };
        let header = sniff::header(&bytes).map_err(|reason| GatewayError::NotAPicture {
            host: self.host.clone(),
            picture: number,
            reason,
        })?;
        Ok(ReturnedPicture {
            bytes,
            media_type: header.media_type,
            width: header.width,
            height: header.height,
            revised_prompt: item.revised_prompt,
        })
    }
}
