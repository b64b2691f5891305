//! Tokens: JSON Web Signature (RFC 7515) with claims (RFC 7519), checked as RFC 8725 advises.
//!
//! The algorithm is taken from a fixed list and must fit the key's own type; a key or its address in a token's header is
//! never used. Arithmetic is `ring`'s.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jwks::KeySet;

/// Longest token.
const MOST_BYTES: usize = 16 << 10;
/// How far clocks may differ, seconds.
const LEEWAY: i64 = 60;
/// Kinds of tokens taken (`typ`); logout tokens and the like prove nobody's presence.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// What a token says.
pub type Claims = Map<String, Value>;

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not a token, or one of a kind that is not taken.
    #[error("the token cannot be read: {0}")]
    Malformed(&'static str),
    /// No such algorithm here.
    #[error("the token's algorithm is not taken; the issuer should use RS256, ES256 or EdDSA")]
    Algorithm,
    /// None of the issuer's keys.
    #[error("the token is signed with a key that its issuer does not list")]
    UnknownKey,
    /// Altered, or not the issuer's.
    #[error("the token's signature does not verify")]
    Signature,
    /// Of another issuer.
    #[error("the token is of another issuer")]
    Issuer,
    /// For another service.
    #[error("the token is not for this service (`aud`)")]
    Audience,
    /// Its time is over.
    #[error("the token has expired; sign on again")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet; are the clocks right?")]
    NotYet,
    /// Of another sign-on.
    #[error("the token belongs to another sign-on")]
    Nonce,
    /// A claim is missing or is not what it must be.
    #[error("the token's claim `{0}` is missing or cannot be used")]
    Claim(String),
}

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Its issuer, exactly.
    pub issuer: &'a str,
    /// One of its audiences.
    pub audience: &'a str,
    /// The number that the sign-on was begun with.
    pub nonce: Option<&'a str>,
    /// The time, Unix seconds.
    pub now: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// Checks a token, signature first.
///
/// # Errors
/// [`TokenError`].
pub fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, TokenError> {
    if token.len() > MOST_BYTES {
        return Err(TokenError::Malformed("it is longer than 16 KiB"));
    }
    let (signed, signature) = token
        .rsplit_once('.')
        .ok_or(TokenError::Malformed("it has no three parts"))?;
    let (header, payload) = signed
        .split_once('.')
        .filter(|(_, payload)| !payload.contains('.'))
        .ok_or(TokenError::Malformed("it has no three parts"))?;
    let header: Header = json(header)?;
    if header.crit.is_some() {
        return Err(TokenError::Malformed("it asks for extensions (`crit`)"));
    }
    let kind = header.typ.as_deref().unwrap_or("jwt").to_ascii_lowercase();
    if !TYPES.contains(&kind.as_str()) {
        return Err(TokenError::Malformed(
            "it is no token of identity or access (`typ`)",
        ));
    }
    let signature = bytes(signature)?;
    keys.verify(
        &header.alg,
        header.kid.as_deref(),
        signed.as_bytes(),
        &signature,
    )?;
    let claims: Claims = json(payload)?;
    check(&claims, expected)?;
    Ok(claims)
}

fn bytes(part: &str) -> Result<Vec<u8>, TokenError> {
    let decoded = URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| TokenError::Malformed("a part of it is not base64url"))
}

fn json<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, TokenError> {
    serde_json::from_slice(&bytes(part)?)
        .map_err(|_| TokenError::Malformed("a part of it is not the JSON that it must be"))
}

fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), TokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(TokenError::Issuer);
    }
    let is_audience = match claims.get("aud") {
        Some(Value::String(one)) => one == expected.audience,
        Some(Value::Array(all)) => all
            .iter()
            .any(|one| one.as_str() == Some(expected.audience)),
        _ => false,
    };
    if !is_audience {
        return Err(TokenError::Audience);
    }
    let end = time(claims, "exp")?.ok_or_else(|| TokenError::Claim("exp".to_owned()))?;
    if end.saturating_add(LEEWAY) <= expected.now {
        return Err(TokenError::Expired);
    }
    for begin in ["nbf", "iat"] {
        if time(claims, begin)?.is_some_and(|begin| begin > expected.now.saturating_add(LEEWAY)) {
            return Err(TokenError::NotYet);
        }
    }
    if expected.nonce.is_some() && text("nonce") != expected.nonce {
        return Err(TokenError::Nonce);
    }
    match text("sub") {
        Some(subject) if !subject.is_empty() => Ok(()),
        _ => Err(TokenError::Claim("sub".to_owned())),
    }
}

/// A time, Unix seconds; fractions are allowed (RFC 7519, section 2). One of another type is an error: it must not pass
/// for one that is missing.
fn time(claims: &Claims, name: &str) -> Result<Option<i64>, TokenError> {
    let wrong = || TokenError::Claim(name.to_owned());
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => {
            let whole = number.as_i64();
            let rounded = || {
                let seconds = number.as_f64()?.floor();
                (seconds.abs() < 9e15).then_some(seconds as i64)
            };
            whole.or_else(rounded).map(Some).ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}
