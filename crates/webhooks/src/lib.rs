//! Standard Webhooks 1.0.0 (standardwebhooks.com): messages signed with HMAC-SHA256 (`v1`) or Ed25519 (`v1a`), their
//! verification, endpoints and deliveries kept on disk. Knows no HTTP, no clock and no threads: whoever can post asks
//! for what is due ([`Hooks::due`]), posts it and says what came of it ([`Hooks::done`]).
//!
//! Below the folder of a store: `endpoints/TENANT/ID.json` (with the secrets; the folder is the owner's alone) and
//! `deliveries/ID.json`, a file for each message that is not delivered yet to one endpoint.

mod delivery;
mod endpoint;
mod error;
mod event;
mod key;
mod message;
mod schedule;
mod store;

pub use delivery::{Delivery, Due, Outcome, Posted};
pub use endpoint::{Attempt, Disabled, Endpoint, EndpointId, NewEndpoint, Scheme};
pub use error::WebhookError;
pub use event::{Event, EventKind};
pub use key::{PublicKey, Secret, SigningKey};
pub use message::{Headers, Key, TOLERANCE, VerifyError, sign, verify};
pub use schedule::{ATTEMPTS, next_attempt};
pub use store::{Hooks, Limits};
