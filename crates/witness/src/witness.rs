//! Answering requests for cosignatures.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use colophon_tlog::{
    AddCheckpoint, Cosigner as _, CosignerKey, Ed25519Cosigner, Evidence, ForkEvidence,
    MalformedRequest, NoteSignature, UnixTime, VerifierKey, WitnessDecision, cosign, decide,
};

use crate::disk::{Disk, replace};
use crate::error::WitnessError;
use crate::folder::Logs;
use crate::state::LogState;

/// How far the clock may be behind the last cosignature, as after a correction, in seconds.
const SLACK: u64 = 60;
/// Most files of evidence written by one process.
const MOST_EVIDENCE: usize = 1_000;

/// A witness that answers. Usable from many threads; requests are answered one after the other, because each rests on
/// what the one before left on the disk.
pub struct Witness {
    logs: Logs,
    disk: Box<dyn Disk>,
    signer: Ed25519Cosigner,
    stopped: Mutex<bool>,
    evidence: AtomicUsize,
    _lock: Option<File>,
}

/// What a witness answers to an `add-checkpoint` request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The checkpoint follows from the last one; the state is on the disk.
    Cosigned(NoteSignature),
    /// It is not cosigned, and why.
    Refused(WitnessDecision),
    /// The body is no request.
    Malformed(MalformedRequest),
}

impl Witness {
    /// A witness over any disk, for [`WitnessFolder::open`](crate::WitnessFolder::open) and for tests that make the
    /// disk fail. `folder` must have been made before; `lock` is held as long as the witness lives.
    ///
    /// # Errors
    /// [`WitnessError::Damaged`] when the private key is not the one of `key`.
    pub fn new(
        folder: PathBuf,
        disk: Box<dyn Disk>,
        signer: Ed25519Cosigner,
        key: &CosignerKey,
        lock: Option<File>,
    ) -> Result<Self, WitnessError> {
        if signer.cosigner_key() != key {
            return Err(WitnessError::Damaged {
                path: folder,
                what: "holds a private and a public key that do not belong together".to_owned(),
            });
        }
        Ok(Self {
            logs: Logs::of(&folder),
            disk,
            signer,
            stopped: Mutex::new(false),
            evidence: AtomicUsize::new(0),
            _lock: lock,
        })
    }

    /// The key of its cosignatures.
    pub fn key(&self) -> &CosignerKey {
        self.signer.cosigner_key()
    }

    /// Answers the body of an `add-checkpoint` request (C2SP `tlog-witness`) at the time `now`. Where it cosigns, the
    /// new state is durable before this returns.
    ///
    /// # Errors
    /// [`WitnessError`] when it cannot answer: nothing was cosigned then. After a failed write it answers nothing any
    /// more until it is opened again.
    pub fn add_checkpoint(&self, body: &[u8], now: UnixTime) -> Result<Answer, WitnessError> {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(malformed) => return Ok(Answer::Malformed(malformed)),
        };
        let mut stopped = self.exclusive();
        if *stopped {
            return Err(WitnessError::Stopped);
        }
        let (keys, known) = self.keys_of(request.origin())?;
        let state = match &known {
            Some(log) => self.state(log)?,
            None => LogState::default(),
        };
        let size = state
            .0
            .as_ref()
            .map(|last| (last.checkpoint.size, last.checkpoint.root));
        let decision = decide(size, &request, &keys);
        if !matches!(decision, WitnessDecision::Accepted(_)) {
            if let Some(log) = &known {
                self.keep_evidence(&request, &state, &decision, log);
            }
            return Ok(Answer::Refused(decision));
        }
        let signed = keys.iter().find(|key| request.note.verify(key).is_ok());
        let Some(log) = known.as_ref().or(signed) else {
            return Ok(Answer::Refused(WitnessDecision::UnknownOrigin));
        };
        let cosigned = self.cosign(&request, &state, log, now);
        // Whether the new state would survive a crash now is not known: the next request must not rest on it.
        if matches!(cosigned, Err(WitnessError::Io { .. })) {
            *stopped = true;
        }
        cosigned.map(Answer::Cosigned)
    }

    fn exclusive(&self) -> MutexGuard<'_, bool> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys that may sign for an origin, and the one that is registered for it already.
    fn keys_of(
        &self,
        origin: &str,
    ) -> Result<(Vec<VerifierKey>, Option<VerifierKey>), WitnessError> {
        if let Some(key) = self.logs.key_of_log(&*self.disk, origin)? {
            return Ok((vec![key.clone()], Some(key)));
        }
        let Some(ledger) = ledger_of(origin) else {
            return Ok((Vec::new(), None));
        };
        let keys = self.logs.keys_of_ledger(&*self.disk, ledger)?;
        let named = keys
            .iter()
            .map(|key| VerifierKey::new(origin, key.public_key()));
        let named: Result<Vec<_>, _> = named.collect();
        let named = named.map_err(|source| WitnessError::Name {
            what: "the name of a half-year",
            source,
        })?;
        Ok((named, None))
    }

    fn state(&self, log: &VerifierKey) -> Result<LogState, WitnessError> {
        let path = self.logs.file(log.name(), "state");
        LogState::load(&*self.disk, &path, log, self.key())
    }

    fn cosign(
        &self,
        request: &AddCheckpoint,
        state: &LogState,
        log: &VerifierKey,
        now: UnixTime,
    ) -> Result<NoteSignature, WitnessError> {
        let last = state.time();
        if now.0.saturating_add(SLACK) < last.0 {
            return Err(WitnessError::Clock {
                now: now.0,
                last: last.0,
            });
        }
        let text = request.note.text();
        let cosignature = cosign(text, now.max(last), &self.signer)?;
        self.logs.register(&*self.disk, log)?;
        let of_log = request
            .note
            .signatures()
            .iter()
            .find(|line| line.name == log.name() && line.key_id == log.key_id());
        let of_log: String = of_log.map(ToString::to_string).unwrap_or_default();
        let path = self.logs.file(log.name(), "state");
        let file = LogState::file(text, &of_log, &cosignature.to_string());
        replace(&*self.disk, &path, file.as_bytes()).map_err(WitnessError::io("write", &path))?;
        Ok(cosignature)
    }

    /// Keeps two signed checkpoints that contradict each other, or may: once for each that was shown.
    fn keep_evidence(
        &self,
        request: &AddCheckpoint,
        state: &LogState,
        decision: &WitnessDecision,
        log: &VerifierKey,
    ) {
        let Some(last) = &state.0 else {
            return;
        };
        let shown = &request.checkpoint;
        let proof = match decision {
            // Also where the sizes of the request do not fit: both checkpoints are signed.
            WitnessDecision::Fork(_) | WitnessDecision::Conflict(_) => Vec::new(),
            WitnessDecision::BadProof(_) => request.proof.clone(),
            _ => return,
        };
        let fork = ForkEvidence {
            older: last.note.clone(),
            newer: request.note.clone(),
            proof,
        };
        let text = if fork.verify(log).is_ok() {
            fork.to_string()
        } else if matches!(decision, WitnessDecision::BadProof(_)) {
            let what =
                "unproven: it gave no proof that its new checkpoint grew out of the older one";
            let evidence = Evidence {
                log: log.name(),
                what,
                before: Some(&last.note),
                now: Some(&request.note),
            };
            evidence.to_string()
        } else {
            return;
        };
        let path = self
            .logs
            .evidence(log.name(), shown.size.0, &shown.root.to_string());
        // Best effort, once for each checkpoint: it must neither fill the disk nor keep the answer back.
        let known = matches!(self.disk.read(&path), Ok(Some(_)));
        if known || self.evidence.fetch_add(1, Ordering::Relaxed) >= MOST_EVIDENCE {
            return;
        }
        let _ = replace(&*self.disk, &path, text.as_bytes());
    }
}

/// The ledger whose half-year a log is, by its origin: `example.org` for `example.org/2026h2` and
/// `example.org/2026h2.2`.
fn ledger_of(origin: &str) -> Option<&str> {
    let (ledger, shard) = origin.rsplit_once('/')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (year, half) = shard.split_once('h')?;
    let (half, part) = half.split_once('.').unwrap_or((half, "2"));
    let fits = year.len() == 4
        && digits(year)
        && matches!(half, "1" | "2")
        && digits(part)
        && part.len() <= 5;
    fits.then_some(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_years_are_told_by_their_names() {
        for (origin, ledger) in [
            ("example.org/log/2026h2", Some("example.org/log")),
            ("example.org/2026h1.12", Some("example.org")),
            ("example.org/2026h3", None),
            ("example.org/26h1", None),
            ("example.org/2026h1.", None),
            ("example.org/2026h1/x", None),
            ("2026h1", None),
            ("example.org", None),
        ] {
            assert_eq!(ledger_of(origin), ledger, "{origin}");
        }
    }
}
