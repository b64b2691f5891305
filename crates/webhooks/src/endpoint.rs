//! Where messages go.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use colophon_accounts::Tenant;
use serde::{Deserialize, Serialize};

use crate::{EventKind, Key, PublicKey, Secret, SigningKey, WebhookError};

/// How long the key before still signs after a change, seconds.
const OVERLAP: i64 = 24 * 3600;
/// What every id begins with.
const PREFIX: &str = "wh_";

/// A name of 128 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointId([u8; 16]);

impl EndpointId {
    pub(crate) fn draw() -> Result<Self, WebhookError> {
        Ok(Self(draw()?))
    }
}

/// 16 random bytes.
pub(crate) fn draw() -> Result<[u8; 16], WebhookError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| WebhookError::Random)?;
    Ok(bytes)
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:032x}", u128::from_be_bytes(self.0))
    }
}

impl FromStr for EndpointId {
    type Err = WebhookError;

    fn from_str(text: &str) -> Result<Self, WebhookError> {
        let digits = text.strip_prefix(PREFIX).ok_or(WebhookError::Id)?;
        let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 32 || !digits.bytes().all(plain) {
            return Err(WebhookError::Id);
        }
        u128::from_str_radix(digits, 16)
            .map(|number| Self(number.to_be_bytes()))
            .map_err(|_| WebhookError::Id)
    }
}

impl TryFrom<String> for EndpointId {
    type Error = WebhookError;

    fn try_from(text: String) -> Result<Self, WebhookError> {
        text.parse()
    }
}

impl From<EndpointId> for String {
    fn from(id: EndpointId) -> Self {
        id.to_string()
    }
}

/// How messages are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// A shared secret.
    #[default]
    HmacSha256,
    /// A key pair, of which the receiver needs the public half only.
    Ed25519,
}

/// What an endpoint is made from.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// Whose it is.
    pub tenant: Tenant,
    /// Where messages are posted.
    pub url: String,
    /// For people.
    pub description: Option<String>,
    /// Which events it is told of; none stands for all.
    pub events: BTreeSet<EventKind>,
    /// How messages are signed.
    pub scheme: Scheme,
}

/// Why nothing is sent to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// Since when, Unix seconds.
    pub at: i64,
    /// Why: `gone` (it answered 410) or `failing` (a message was given up after three days, and none arrived since).
    pub why: String,
}

/// What came of the last message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When, Unix seconds.
    pub at: i64,
    /// Its event.
    pub event: EventKind,
    /// Status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it did not arrive; `None` if it did.
    pub error: Option<String>,
}

/// A key as it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredKey {
    /// `whsec_` or `whsk_`.
    key: String,
    /// When it signs no longer.
    until: Option<i64>,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredKey")
    }
}

impl StoredKey {
    fn draw(scheme: Scheme) -> Result<Self, WebhookError> {
        let key = match scheme {
            Scheme::HmacSha256 => Secret::draw()?.reveal(),
            Scheme::Ed25519 => SigningKey::draw()?.reveal(),
        };
        Ok(Self { key, until: None })
    }

    fn read(&self) -> Option<Key> {
        let secret = self.key.parse().map(Key::Hmac);
        secret.or_else(|_| self.key.parse().map(Key::Ed25519)).ok()
    }
}

/// Somewhere that wants to be told of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name.
    pub id: EndpointId,
    /// Whose it is.
    pub tenant: Tenant,
    /// Where messages are posted.
    pub url: String,
    /// For people.
    pub description: Option<String>,
    /// Which events it is told of.
    pub events: BTreeSet<EventKind>,
    /// How messages are signed.
    pub scheme: Scheme,
    /// When it was made, Unix seconds.
    pub created: i64,
    /// Set when nothing is sent to it.
    pub disabled: Option<Disabled>,
    /// What came of the last message.
    pub last: Option<Attempt>,
    /// When a message last arrived.
    pub arrived: Option<i64>,
    /// The one in use first.
    pub(crate) keys: Vec<StoredKey>,
}

impl Endpoint {
    pub(crate) fn new(new: NewEndpoint, now: i64) -> Result<Self, WebhookError> {
        let events = if new.events.is_empty() {
            EventKind::CHOICES.into_iter().collect()
        } else {
            new.events
        };
        Ok(Self {
            id: EndpointId::draw()?,
            tenant: new.tenant,
            url: new.url,
            description: new.description,
            events,
            scheme: new.scheme,
            created: now,
            disabled: None,
            last: None,
            arrived: None,
            keys: vec![StoredKey::draw(new.scheme)?],
        })
    }

    /// A new key takes the place of the one in use, which signs beside it for a day.
    pub(crate) fn rotate(&mut self, now: i64) -> Result<(), WebhookError> {
        self.keys.truncate(1);
        for key in &mut self.keys {
            key.until = Some(now.saturating_add(OVERLAP));
        }
        self.keys.insert(0, StoredKey::draw(self.scheme)?);
        Ok(())
    }

    /// The keys that sign at `now`.
    pub fn keys(&self, now: i64) -> Vec<Key> {
        let valid = |key: &&StoredKey| key.until.is_none_or(|until| now < until);
        self.keys
            .iter()
            .filter(valid)
            .filter_map(StoredKey::read)
            .collect()
    }

    /// The shared secret in use; `None` when messages are signed with a key pair.
    pub fn secret(&self) -> Option<Secret> {
        match self.keys.first()?.read()? {
            Key::Hmac(secret) => Some(secret),
            Key::Ed25519(_) => None,
        }
    }

    /// The public key in use; `None` when messages are signed with a shared secret.
    pub fn public_key(&self) -> Option<PublicKey> {
        match self.keys.first()?.read()? {
            Key::Ed25519(key) => Some(key.public()),
            Key::Hmac(_) => None,
        }
    }
}
