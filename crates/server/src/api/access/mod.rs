//! Who may ask for what: keys, the policies, limits.

mod ask;
mod identity;
mod limits;
mod log;
mod repeated;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use colophon_accounts::{Caller, Denied, Idempotency, KeyText, Keys, RateLimiter, Scope, Scopes};
use colophon_provenance::Home;

use super::problem::{Problem, ProblemKind};
use super::service::Service;
use log::Log;

/// Folder of the API keys in a home.
const FOLDER: &str = "access";
/// Folder of the answers to requests with an `Idempotency-Key`.
const ANSWERS: &str = "idempotency";

pub use identity::Identity;

pub(crate) use identity::problem_of as problem_of_identity;

pub(crate) use limits::layer;
pub(crate) use repeated::problem_of;

/// Who may ask.
pub struct Access {
    /// The API keys of the home.
    pub keys: Keys,
    owner: Option<KeyText>,
    identity: Option<Arc<Identity>>,
    limiter: RateLimiter,
    repeated: Idempotency,
    log: Log,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// The keys of a home, and none for its owner.
    pub fn of(home: &Home) -> Self {
        Self {
            keys: Keys::new(home.root.join(FOLDER)),
            owner: None,
            identity: None,
            limiter: RateLimiter::new(),
            repeated: Idempotency::new(home.root.join(ANSWERS)),
            log: Log::default(),
        }
    }

    /// With a key of the owner's for as long as the process runs; it is kept nowhere.
    #[must_use]
    pub fn with_owner(mut self, key: KeyText) -> Self {
        self.owner = Some(key);
        self
    }

    /// Decisions that are not yet kept, and how many refusals were not kept because too many came at once.
    pub fn decisions_waiting(&self) -> (usize, u64) {
        self.log.waiting()
    }

    /// With an issuer of identities: people can sign on, and their tokens are good.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = Some(Arc::new(identity));
        self
    }

    /// The issuer of identities.
    pub(crate) fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// Whoever holds this key.
    fn holder(&self, key: &str, now: i64) -> Result<Caller, Problem> {
        if let Some(owner) = &self.owner
            && let Ok(key) = key.parse::<KeyText>()
            && owner.hash().is_of(&key)
        {
            return Ok(Caller::owner());
        }
        match self.keys.open(key, now) {
            Ok(record) => Ok(record.caller()),
            Err(Denied::Unreadable(why)) => Err(Problem::internal(why)
                .with_detail("keys cannot be looked up; the operator finds the file that is wrong by `colophon access list`")),
            Err(denied) => Err(unknown(denied.to_string())),
        }
    }
}

fn unknown(why: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::Unauthenticated).with_detail(why)
}

impl Service {
    /// Whoever holds this key or token.
    ///
    /// # Errors
    /// [`ProblemKind::Unauthenticated`]; [`ProblemKind::Internal`] when a key cannot be looked up,
    /// [`ProblemKind::Upstream`] when the issuer of identities cannot be asked.
    pub(crate) async fn caller_of(&self, token: &str) -> Result<Caller, Problem> {
        let now = self.now();
        match self.access.identity() {
            // The parts of a token have points between them, a key has none.
            Some(identity) if token.contains('.') => {
                let (identity, token) = (Arc::clone(identity), token.to_owned());
                // It may ask the issuer for its keys.
                let found =
                    tokio::task::spawn_blocking(move || identity.provider.caller(&token, now));
                found
                    .await
                    .map_err(|_| Problem::new(ProblemKind::Internal))?
                    .map_err(|error| identity::problem_of(&error))
            }
            _ => self.access.holder(token, now),
        }
    }

    /// Removes kept answers that are too old to be asked for. Reads files: not for threads that serve connections.
    pub fn tidy_access(&self) {
        // What cannot be removed now is tried the next time.
        let _ = self.access.repeated.tidy(self.now());
    }

    /// What anyone may do here.
    pub(crate) fn open_scopes(&self) -> Scopes {
        let open = [
            (Scope::Verify, self.settings.public_verify),
            (Scope::Read, self.settings.public_audit),
        ];
        open.into_iter()
            .filter_map(|(scope, open)| open.then_some(scope))
            .collect()
    }
}
