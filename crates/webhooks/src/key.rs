//! Secrets and keys in the forms that the specification gives them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use crate::WebhookError;

/// Bytes of a secret that is drawn here.
const DRAWN: usize = 32;

/// A shared secret of 24 to 64 bytes, `whsec_` and base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// An Ed25519 key pair, `whsk_` and base64 of the seed and the public key.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// The public half, `whpk_` and base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

fn decoded(text: &str, prefix: &str, what: &'static str) -> Result<Vec<u8>, WebhookError> {
    text.strip_prefix(prefix)
        .and_then(|text| STANDARD.decode(text).ok())
        .ok_or(WebhookError::Key(what))
}

impl Secret {
    const PREFIX: &str = "whsec_";

    /// A new one.
    ///
    /// # Errors
    /// [`WebhookError::Random`].
    pub fn draw() -> Result<Self, WebhookError> {
        let mut bytes = Zeroizing::new(vec![0; DRAWN]);
        getrandom::fill(&mut bytes).map_err(|_| WebhookError::Random)?;
        Ok(Self(bytes))
    }

    /// As whoever receives messages needs it.
    pub fn reveal(&self) -> String {
        format!("{}{}", Self::PREFIX, STANDARD.encode(&*self.0))
    }

    fn mac(&self, content: &[u8]) -> Option<Hmac<Sha256>> {
        // Any length is a key of an HMAC.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(content);
        Some(mac)
    }

    pub(crate) fn sign(&self, content: &[u8]) -> Vec<u8> {
        self.mac(content)
            .map(|mac| mac.finalize().into_bytes().to_vec())
            .unwrap_or_default()
    }

    /// In constant time.
    pub(crate) fn verifies(&self, content: &[u8], signature: &[u8]) -> bool {
        self.mac(content)
            .is_some_and(|mac| mac.verify_slice(signature).is_ok())
    }
}

impl FromStr for Secret {
    type Err = WebhookError;

    fn from_str(text: &str) -> Result<Self, WebhookError> {
        let bytes = decoded(text, Self::PREFIX, "secret")?;
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(Zeroizing::new(bytes)))
        } else {
            Err(WebhookError::Key("secret"))
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl SigningKey {
    const PREFIX: &str = "whsk_";

    /// A new one.
    ///
    /// # Errors
    /// [`WebhookError::Random`].
    pub fn draw() -> Result<Self, WebhookError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| WebhookError::Random)?;
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        seed.zeroize();
        Ok(Self(key))
    }

    /// For the file that keeps it.
    pub fn reveal(&self) -> String {
        format!(
            "{}{}",
            Self::PREFIX,
            STANDARD.encode(self.0.to_keypair_bytes())
        )
    }

    /// The half that may be told to anyone.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, content: &[u8]) -> Vec<u8> {
        self.0.sign(content).to_bytes().to_vec()
    }
}

impl FromStr for SigningKey {
    type Err = WebhookError;

    fn from_str(text: &str) -> Result<Self, WebhookError> {
        let bad = WebhookError::Key("private key");
        let bytes: [u8; 64] = match decoded(text, Self::PREFIX, "private key")?.try_into() {
            Ok(bytes) => bytes,
            Err(_) => return Err(bad),
        };
        ed25519_dalek::SigningKey::from_keypair_bytes(&bytes)
            .map(Self)
            .map_err(|_| bad)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

impl PublicKey {
    const PREFIX: &str = "whpk_";

    pub(crate) fn verifies(&self, content: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(content, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, STANDARD.encode(self.0.as_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = WebhookError;

    fn from_str(text: &str) -> Result<Self, WebhookError> {
        let bad = || WebhookError::Key("public key");
        let bytes = decoded(text, Self::PREFIX, "public key")?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| bad())?;
        ed25519_dalek::VerifyingKey::from_bytes(&bytes)
            .map(Self)
            .map_err(|_| bad())
    }
}
