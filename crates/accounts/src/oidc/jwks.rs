//! Keys of an issuer (RFC 7517, RFC 7518).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

use super::jwt::TokenError;

/// Most keys of a set that are looked at.
const MOST_KEYS: usize = 64;

/// The keys of an issuer that sign tokens; others of the set are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet(Vec<Key>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    id: Option<String>,
    /// The one algorithm that it is for, if it says so.
    algorithm: Option<String>,
    public: Public,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// Uncompressed point (SEC 1, 2.3.3).
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct SetFile {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys of other kinds and for other purposes are left out.
    ///
    /// # Errors
    /// In words, when it is no set, or has no key that could be used.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let set: SetFile = serde_json::from_slice(text)
            .map_err(|_| "what the issuer answers is no list of keys (JWKS)".to_owned())?;
        let keys = set.keys.into_iter().take(MOST_KEYS);
        let keys: Vec<Key> = keys
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.key())
            .collect();
        if keys.is_empty() {
            return Err("the issuer lists no key for RS, PS, ES256, ES384 or EdDSA".to_owned());
        }
        Ok(Self(keys))
    }

    /// Checks a signature with the key of this id, or, without one, with each that fits.
    pub(super) fn verify(
        &self,
        algorithm: &str,
        id: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), TokenError> {
        let algorithm = Algorithm::of(algorithm).ok_or(TokenError::Algorithm)?;
        let meant = |key: &&Key| id.is_none() || key.id.as_deref() == id;
        let mut fits = self
            .0
            .iter()
            .filter(meant)
            .filter(|key| key.fits(&algorithm))
            .peekable();
        if fits.peek().is_none() {
            return Err(TokenError::UnknownKey);
        }
        let verified = fits.any(|key| key.verify(&algorithm, signed, signature));
        verified.then_some(()).ok_or(TokenError::Signature)
    }
}

/// Algorithms that are taken: signatures by a private key alone. `none` and those with a shared secret are not.
enum Algorithm {
    Rsa(&'static str, &'static RsaParameters),
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rsa("RS256", &signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa("RS384", &signature::RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa("RS512", &signature::RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Self::Rsa("PS256", &signature::RSA_PSS_2048_8192_SHA256),
            "PS384" => Self::Rsa("PS384", &signature::RSA_PSS_2048_8192_SHA384),
            "PS512" => Self::Rsa("PS512", &signature::RSA_PSS_2048_8192_SHA512),
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }

    fn is_called(&self, name: &str) -> bool {
        match self {
            Self::Rsa(own, _) => *own == name,
            Self::Es256 => name == "ES256",
            Self::Es384 => name == "ES384",
            Self::EdDsa => matches!(name, "EdDSA" | "Ed25519"),
        }
    }
}

impl Key {
    fn fits(&self, algorithm: &Algorithm) -> bool {
        let kind = matches!(
            (&self.public, algorithm),
            (Public::Rsa { .. }, Algorithm::Rsa(..))
                | (Public::P256(_), Algorithm::Es256)
                | (Public::P384(_), Algorithm::Es384)
                | (Public::Ed25519(_), Algorithm::EdDsa)
        );
        kind && self
            .algorithm
            .as_deref()
            .is_none_or(|name| algorithm.is_called(name))
    }

    fn verify(&self, algorithm: &Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match (&self.public, algorithm) {
            (Public::Rsa { modulus, exponent }, Algorithm::Rsa(_, parameters)) => {
                let key = RsaPublicKeyComponents {
                    n: modulus,
                    e: exponent,
                };
                key.verify(parameters, signed, signature)
            }
            (Public::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(signed, signature)
            }
            (Public::P384(point), Algorithm::Es384) => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point)
                    .verify(signed, signature)
            }
            (Public::Ed25519(point), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(signed, signature)
            }
            _ => Err(ring::error::Unspecified),
        };
        verified.is_ok()
    }
}

impl Jwk {
    fn key(self) -> Option<Key> {
        let signs = self
            .purpose
            .as_deref()
            .is_none_or(|purpose| purpose == "sig");
        let checks = self
            .key_ops
            .as_ref()
            .is_none_or(|all| all.iter().any(|it| it == "verify"));
        if !signs || !checks {
            return None;
        }
        let bytes = |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_deref()?).ok();
        let point = |length: usize| {
            let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
            let whole = x.len() == length && y.len() == length;
            whole.then(|| [[4].as_slice(), &x, &y].concat())
        };
        let public = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Public::Rsa {
                // ring refuses leading zeros, which some issuers write.
                modulus: trimmed(bytes(&self.n)?),
                exponent: trimmed(bytes(&self.e)?),
            },
            ("EC", Some("P-256")) => Public::P256(point(32)?),
            ("EC", Some("P-384")) => Public::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Public::Ed25519(bytes(&self.x).filter(|x| x.len() == 32)?),
            _ => return None,
        };
        Some(Key {
            id: self.kid,
            algorithm: self.alg,
            public,
        })
    }
}

fn trimmed(number: Vec<u8>) -> Vec<u8> {
    number.into_iter().skip_while(|byte| *byte == 0).collect()
}
