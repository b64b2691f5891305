//! Signing on in a browser, and the session that follows.
//!
//! Both are kept in memory: a restart asks people to sign on again, and nothing of them is on a disk.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::jwt::TokenError;
use super::provider::{OidcError, Provider};
use crate::Caller;

/// How long a sign-on may take, seconds.
const PENDING: i64 = 600;
/// How long a session lasts, seconds.
pub const SESSION: i64 = 8 * 3_600;
/// Most sign-ons under way, and most sessions.
const MOST_PENDING: usize = 4_096;
const MOST_SESSIONS: usize = 16_384;

/// Where to send a browser that signs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// Address at the issuer.
    pub url: String,
    /// For a cookie: that the browser that comes back is the one that was sent.
    pub browser: String,
}

/// What a browser proves its session by; the cookie's value.
#[derive(Clone)]
pub struct SessionToken(Zeroizing<String>);

impl SessionToken {
    /// The text for the cookie.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken")
    }
}

/// Somebody who has signed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub caller: Caller,
    /// What pages of ours send along with requests that change something, and pages of others do not know.
    pub csrf: String,
    /// When it ends, Unix seconds.
    pub ends: i64,
}

struct Pending {
    browser: [u8; 32],
    nonce: String,
    verifier: Zeroizing<String>,
    next: String,
    begun: i64,
}

/// Sign-ons and sessions.
#[derive(Default)]
pub struct SignOn {
    pending: Mutex<HashMap<String, Pending>>,
    /// By the hash of the token.
    sessions: Mutex<HashMap<[u8; 32], Session>>,
}

impl std::fmt::Debug for SignOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignOn")
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl SignOn {
    /// Begins a sign-on that ends at `redirect` (our own address for that) and goes on to the path `next`.
    ///
    /// # Errors
    /// [`OidcError`].
    pub fn begin(
        &self,
        provider: &Provider,
        redirect: &str,
        next: &str,
        now: i64,
    ) -> Result<Begin, OidcError> {
        let metadata = provider.metadata(now)?;
        let endpoint = metadata.authorization_endpoint.as_deref();
        let endpoint = endpoint
            .ok_or_else(|| OidcError::Issuer("it has no page for signing on".to_owned()))?;
        let (state, nonce, browser) = (random()?, random()?, random()?);
        let verifier = Zeroizing::new(random()?);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &provider.settings.client_id),
            ("redirect_uri", redirect),
            ("scope", "openid profile email"),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let sign = if endpoint.contains('?') { '&' } else { '?' };
        let mut pending = lock(&self.pending);
        pending.retain(|_, it| (0..PENDING).contains(&now.saturating_sub(it.begun)));
        if pending.len() >= MOST_PENDING {
            return Err(OidcError::Busy);
        }
        let begun = Pending {
            browser: Sha256::digest(browser.as_bytes()).into(),
            nonce,
            verifier,
            next: local_path(next).to_owned(),
            begun: now,
        };
        pending.insert(state, begun);
        Ok(Begin {
            url: format!("{endpoint}{sign}{query}"),
            browser,
        })
    }

    /// Ends a sign-on: exchanges the code, checks the token and opens a session; returns it with its token and the path
    /// to go on to. Blocks while the issuer is asked.
    ///
    /// # Errors
    /// [`OidcError`]. A state is good once, whatever comes of it.
    pub fn finish(
        &self,
        provider: &Provider,
        redirect: &str,
        answer: &Returned<'_>,
        now: i64,
    ) -> Result<(SessionToken, Session, String), OidcError> {
        let pending = lock(&self.pending).remove(answer.state);
        let pending = pending.filter(|it| (0..PENDING).contains(&now.saturating_sub(it.begun)));
        let pending = pending.ok_or(OidcError::State)?;
        let browser: [u8; 32] = Sha256::digest(answer.browser.as_bytes()).into();
        if !bool::from(browser.ct_eq(&pending.browser)) {
            return Err(OidcError::State);
        }
        // RFC 9207: the answer must be of the issuer that was asked.
        let metadata = provider.metadata(now)?;
        let must_tell = metadata.authorization_response_iss_parameter_supported == Some(true);
        let is_issuer = answer
            .issuer
            .map_or(!must_tell, |it| it == provider.settings.issuer);
        if !is_issuer {
            return Err(OidcError::Token(TokenError::Issuer));
        }
        let token = exchange(provider, redirect, answer.code, &pending.verifier, now)?;
        let client = &provider.settings.client_id;
        let claims = provider.claims(&token, client, Some(&pending.nonce), now)?;
        let caller = provider.person(&claims)?;
        let (token, session) = self.open(caller, now)?;
        Ok((token, session, pending.next))
    }

    fn open(&self, caller: Caller, now: i64) -> Result<(SessionToken, Session), OidcError> {
        let token = SessionToken(Zeroizing::new(random()?));
        let session = Session {
            caller,
            csrf: random()?,
            ends: now + SESSION,
        };
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= MOST_SESSIONS {
            sessions.retain(|_, session| session.ends > now);
        }
        if sessions.len() >= MOST_SESSIONS {
            return Err(OidcError::Busy);
        }
        sessions.insert(hash(token.expose()), session.clone());
        Ok((token, session))
    }

    /// The session of a token, while it lasts.
    pub fn session(&self, token: &str, now: i64) -> Option<Session> {
        let session = lock(&self.sessions).get(&hash(token)).cloned();
        session.filter(|session| session.ends > now)
    }

    /// Ends a session.
    pub fn end(&self, token: &str) {
        lock(&self.sessions).remove(&hash(token));
    }
}

/// What a browser comes back with.
#[derive(Debug, Clone, Copy)]
pub struct Returned<'a> {
    /// The state that it was sent with.
    pub state: &'a str,
    /// The issuer's code.
    pub code: &'a str,
    /// The issuer, if it tells (RFC 9207).
    pub issuer: Option<&'a str>,
    /// The cookie that it was given.
    pub browser: &'a str,
}

/// The identity token for a code.
fn exchange(
    provider: &Provider,
    redirect: &str,
    code: &str,
    verifier: &str,
    now: i64,
) -> Result<String, OidcError> {
    let failed = |why: &str| OidcError::Issuer(why.to_owned());
    let metadata = provider.metadata(now)?;
    let endpoint = metadata.token_endpoint.as_deref();
    let endpoint = endpoint.ok_or_else(|| failed("it has no address for tokens"))?;
    let settings = &provider.settings;
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect),
        ("code_verifier", verifier),
    ];
    fields.push(("client_id", &settings.client_id));
    if let Some(secret) = &settings.client_secret {
        fields.push(("client_secret", secret));
    }
    let answer = provider.web.post_form(endpoint, &form(&fields));
    let answer = answer.map_err(OidcError::Issuer)?;
    let answer: TokenAnswer = serde_json::from_slice(&answer)
        .map_err(|_| failed("its answer for the code cannot be read"))?;
    if let Some(error) = answer.error {
        let told = answer.error_description.unwrap_or_default();
        return Err(OidcError::Issuer(
            format!("{error} {told}").trim_end().to_owned(),
        ));
    }
    answer
        .id_token
        .ok_or_else(|| failed("it gave no identity token"))
}

/// A path on this service to go on to; anything else becomes the first page.
fn local_path(next: &str) -> &str {
    let plain = |c: char| c.is_ascii_graphic() && c != '\\';
    let local = next.starts_with('/') && !next.starts_with("//") && next.chars().all(plain);
    if local && next.len() <= 1_024 {
        next
    } else {
        "/"
    }
}

/// 256 random bits, 43 letters.
fn random() -> Result<String, OidcError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).map_err(|_| OidcError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> String {
    let each = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)));
    each.collect::<Vec<_>>().join("&")
}

/// All but unreserved characters of RFC 3986 as `%XX`.
fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Entries are whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
