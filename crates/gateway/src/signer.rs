//! A client of remote signers: a key on another machine, asked over a small JSON protocol.
//!
//! ```text
//! GET  {base}/v1/keys/{key}        -> {"algorithm": "ed25519", "public_key": BASE64}
//! POST {base}/v1/keys/{key}/sign   {"purpose": "c2pa-claim", "message": BASE64}
//!                                  -> {"signature": BASE64}
//! ```
//!
//! Both with `Authorization: Bearer TOKEN`. `public_key` is a `SubjectPublicKeyInfo` (DER),
//! `signature` has 64 bytes: Ed25519 (RFC 8032), or `r || s` of ES256 (RFC 9053). A refusal has a
//! status of 400 and above and may say why: `{"error": "a sentence"}`.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use crate::error::GatewayError;
use crate::posting::{Answered, Ask, Service};
use crate::secret::Secret;
use crate::server_error::readable;

const JSON: &str = "application/json";
/// Most bytes of an answer.
const MAX_ANSWER: u64 = 16 << 10;
/// Most signatures waited for at a time. More come from a server that is too slow to help.
pub const MAX_WAITING: usize = 16;
/// After so many failures one after the other the signer is left alone for a while.
pub const FAILURES_TO_PAUSE: u32 = 3;
/// How long it is left alone.
pub const PAUSE: Duration = Duration::from_secs(10);

/// One key of a remote signer.
pub struct RemoteKeyClient {
    service: Service,
    path: String,
    token: Secret,
    state: Mutex<State>,
    pause: Duration,
}

#[derive(Default)]
struct State {
    waiting: usize,
    failures: u32,
    /// Until when nothing is asked.
    paused: Option<Instant>,
}

#[derive(Deserialize)]
struct KeyAnswer {
    public_key: String,
}

#[derive(Deserialize)]
struct SignAnswer {
    signature: String,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

impl RemoteKeyClient {
    /// The key named `key` of the signer at `base`: https://, or http:// on this machine. `time`
    /// bounds each request; `roots` are certificates to trust for TLS instead of the system's.
    ///
    /// # Errors
    /// [`GatewayError::Service`] for an address or name that cannot be; [`GatewayError::File`],
    /// [`GatewayError::RootCertificates`].
    pub fn new(
        base: &str,
        key: &str,
        token: Secret,
        time: Duration,
        roots: Option<&Path>,
    ) -> Result<Self, GatewayError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if key.is_empty() || key.len() > 100 || key.starts_with('.') || !key.bytes().all(plain) {
            return Err(GatewayError::Service {
                to: base.to_owned(),
                reason: "a key's name has 1 to 100 letters, digits, `-`, `_` and `.`".to_owned(),
            });
        }
        Ok(Self {
            service: Service::new(base, time, roots)?,
            path: format!("/v1/keys/{key}"),
            token,
            state: Mutex::default(),
            pause: PAUSE,
        })
    }

    /// With another pause after failures than [`PAUSE`].
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// The key's `SubjectPublicKeyInfo`, DER.
    ///
    /// # Errors
    /// [`GatewayError::Service`], [`GatewayError::SignerPaused`], [`GatewayError::SignerBusy`].
    pub fn public_key(&self) -> Result<Vec<u8>, GatewayError> {
        let answer: KeyAnswer = self.ask(&self.path, None)?;
        self.decoded(&answer.public_key)
    }

    /// The signature over `message` for a purpose.
    ///
    /// # Errors
    /// As [`Self::public_key`].
    pub fn sign(&self, purpose: &str, message: &[u8]) -> Result<Vec<u8>, GatewayError> {
        let body = json!({ "purpose": purpose, "message": STANDARD.encode(message) });
        let path = format!("{}/sign", self.path);
        let answer: SignAnswer = self.ask(&path, Some(body.to_string().as_bytes()))?;
        self.decoded(&answer.signature)
    }

    fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<T, GatewayError> {
        let _turn = self.turn()?;
        let answer = self.service.ask(&Ask {
            path,
            body: body.map(|body| (JSON, body)),
            accept: JSON,
            key: Some(&self.token),
            limit: MAX_ANSWER,
        });
        let (result, works) = match answer {
            Err(reason) => (Err(self.failed(reason)), false),
            Ok(answer) => self.understood(&answer),
        };
        self.count(works);
        result
    }

    /// The answer, and whether the signer works. A refusal is an answer of one that does.
    fn understood<T: for<'de> Deserialize<'de>>(
        &self,
        answer: &Answered,
    ) -> (Result<T, GatewayError>, bool) {
        match answer.status {
            200 => {
                let read = serde_json::from_slice(&answer.bytes).map_err(|_| {
                    self.failed("its answer is not that of a signer; check its address".to_owned())
                });
                let works = read.is_ok();
                (read, works)
            }
            status => {
                let said = serde_json::from_slice::<ErrorAnswer>(&answer.bytes).ok();
                let said = said.map(|said| readable(&said.error, Some(&self.token)));
                let reason = said.map_or_else(
                    || format!("it answers status {status}"),
                    |said| format!("status {status}: {said}"),
                );
                (Err(self.failed(reason)), (400..500).contains(&status))
            }
        }
    }

    /// A place in the queue, given back when dropped.
    fn turn(&self) -> Result<Turn<'_>, GatewayError> {
        let mut state = self.state();
        if let Some(until) = state.paused {
            let left = until.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                return Err(GatewayError::SignerPaused {
                    to: self.service.shown(),
                    left,
                });
            }
            // One request tries whether it works again; the others go on being refused meanwhile.
            state.paused = Some(Instant::now() + self.pause);
        }
        if state.waiting >= MAX_WAITING {
            return Err(GatewayError::SignerBusy {
                to: self.service.shown(),
                waiting: state.waiting,
            });
        }
        state.waiting += 1;
        Ok(Turn(self))
    }

    fn count(&self, works: bool) {
        let mut state = self.state();
        if works {
            state.failures = 0;
            state.paused = None;
        } else {
            state.failures = state.failures.saturating_add(1);
            if state.failures >= FAILURES_TO_PAUSE {
                state.paused = Some(Instant::now() + self.pause);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decoded(&self, text: &str) -> Result<Vec<u8>, GatewayError> {
        STANDARD
            .decode(text)
            .map_err(|_| self.failed("its answer is not base64".to_owned()))
    }

    fn failed(&self, reason: String) -> GatewayError {
        GatewayError::Service {
            to: self.service.shown(),
            reason,
        }
    }
}

/// A place in the queue.
struct Turn<'a>(&'a RemoteKeyClient);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}
