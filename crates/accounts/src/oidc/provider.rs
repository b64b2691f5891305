//! An issuer of identities, as far as it is known here.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use super::jwks::KeySet;
use super::jwt::{Claims, Expected, TokenError, verify};
use crate::{Caller, Kind, Scope, Scopes, Tenant, check_name};

/// How long keys are used without asking again, seconds.
const FRESH: i64 = 3_600;
/// How long they are used while the issuer does not answer.
const STALE: i64 = 86_400;
/// Least time between two askings, whatever tokens come in.
const PAUSE: i64 = 60;
/// Most teams of a person.
const MOST_TEAMS: usize = 256;
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The way to the issuer; blocks. Implementations bound time and size.
pub trait Web: Send + Sync {
    /// Gets a document.
    ///
    /// # Errors
    /// In words.
    fn get(&self, url: &str) -> Result<Vec<u8>, String>;

    /// Posts a form (`application/x-www-form-urlencoded`) and returns the answer's body whatever its status.
    ///
    /// # Errors
    /// In words.
    fn post_form(&self, url: &str, form: &str) -> Result<Vec<u8>, String>;
}

/// Which issuer, and what its people may.
#[derive(Clone)]
pub struct OidcSettings {
    /// Its address, as tokens tell it.
    pub issuer: String,
    /// What it calls this service when people sign on.
    pub client_id: String,
    /// Its secret, for issuers that do not take public clients; sent in the form (`client_secret_post`).
    pub client_secret: Option<String>,
    /// What tokens sent as `Bearer` must be for; the client id if not told.
    pub audience: Option<String>,
    /// Claim with the name. `sub` is the only one that an issuer must never give to another person.
    pub name_claim: String,
    /// Claim with the teams.
    pub teams_claim: String,
    /// Claim with the tenant; without, people are of the home's own.
    pub tenant_claim: Option<String>,
    /// What people may use the service for.
    pub scopes: Scopes,
    /// Team whose members may everything that keys can be made for.
    pub admin_team: Option<String>,
}

impl OidcSettings {
    /// With the claims `sub` and `groups`, and all uses but personal data and managing.
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        let scopes = [
            Scope::Issue,
            Scope::Verify,
            Scope::Jobs,
            Scope::Read,
            Scope::Export,
        ];
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            client_secret: None,
            audience: None,
            name_claim: "sub".to_owned(),
            teams_claim: "groups".to_owned(),
            tenant_claim: None,
            scopes: scopes.into_iter().collect(),
            admin_team: None,
        }
    }
}

impl fmt::Debug for OidcSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcSettings")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Why nobody is known by a token or a sign-on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OidcError {
    /// The token proves nothing.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The issuer does not answer as it should.
    #[error("the issuer of identities cannot be asked: {0}")]
    Issuer(String),
    /// A sign-on that was not begun here, or too long ago.
    #[error("this sign-on was not begun in this browser, or too long ago; begin again")]
    State,
    /// Too many people sign on at once.
    #[error("too many sign-ons are under way; try again in some minutes")]
    Busy,
    /// No random numbers.
    #[error("the system's random number source failed; try again")]
    Random,
}

/// What the issuer says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    jwks_uri: String,
    pub authorization_endpoint: Option<String>,
    pub token_endpoint: Option<String>,
    pub end_session_endpoint: Option<String>,
    pub authorization_response_iss_parameter_supported: Option<bool>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    metadata: Option<Arc<Metadata>>,
    keys: Option<Arc<KeySet>>,
    /// When keys were got, and when they were last asked for.
    got: i64,
    asked: i64,
}

/// An issuer of identities.
pub struct Provider {
    pub(super) settings: OidcSettings,
    pub(super) web: Arc<dyn Web>,
    known: Mutex<Known>,
    /// Held while the issuer is asked, so that one asks and the others go on with what they have.
    asking: Mutex<()>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

impl Provider {
    /// An issuer that was not asked anything yet.
    ///
    /// # Errors
    /// In words, for an issuer's address that is neither `https` nor on this machine.
    pub fn new(settings: OidcSettings, web: Arc<dyn Web>) -> Result<Self, String> {
        safe(&settings.issuer)?;
        Ok(Self {
            settings,
            web,
            known: Mutex::default(),
            asking: Mutex::default(),
        })
    }

    /// Whoever shows this token, at a time (Unix seconds). May ask the issuer, and blocks then.
    ///
    /// # Errors
    /// [`OidcError`].
    pub fn caller(&self, token: &str, now: i64) -> Result<Caller, OidcError> {
        let settings = &self.settings;
        let audience = settings.audience.as_ref().unwrap_or(&settings.client_id);
        let claims = self.claims(token, audience, None, now)?;
        Ok(self.person(&claims)?)
    }

    /// What a good token says.
    pub(super) fn claims(
        &self,
        token: &str,
        audience: &str,
        nonce: Option<&str>,
        now: i64,
    ) -> Result<Claims, OidcError> {
        let expected = Expected {
            issuer: &self.settings.issuer,
            audience,
            nonce,
            now,
        };
        let first = verify(token, &*self.keys(now, false)?, &expected);
        match first {
            // A key that was not there an hour ago may be there now.
            Err(TokenError::UnknownKey) => Ok(verify(token, &*self.keys(now, true)?, &expected)?),
            other => Ok(other?),
        }
    }

    /// The person that the claims are about.
    pub(super) fn person(&self, claims: &Claims) -> Result<Caller, TokenError> {
        let settings = &self.settings;
        let wrong = |claim: &str| TokenError::Claim(claim.to_owned());
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        let name = text(&settings.name_claim).filter(|name| check_name(name).is_ok());
        let name = name.ok_or_else(|| wrong(&settings.name_claim))?;
        let tenant = match &settings.tenant_claim {
            None => Tenant::own(),
            Some(claim) => {
                let tenant: Option<Tenant> = text(claim).and_then(|name| name.parse().ok());
                tenant
                    .filter(|it| *it != Tenant::public())
                    .ok_or_else(|| wrong(claim))?
            }
        };
        let teams = teams(claims.get(&settings.teams_claim));
        let teams = teams.ok_or_else(|| wrong(&settings.teams_claim))?;
        let is_admin = settings
            .admin_team
            .as_ref()
            .is_some_and(|team| teams.contains(team));
        Ok(Caller {
            kind: Kind::User,
            name: Some(name.to_owned()),
            teams,
            tenant,
            scopes: if is_admin {
                Scopes::all()
            } else {
                settings.scopes.clone()
            },
            limits: crate::Limits::default(),
            owner: false,
        })
    }

    /// What the issuer says of itself, asked once.
    pub(super) fn metadata(&self, now: i64) -> Result<Arc<Metadata>, OidcError> {
        if let Some(metadata) = self.known(|known| known.metadata.clone()) {
            return Ok(metadata);
        }
        self.keys(now, false)?;
        let metadata = self.known(|known| known.metadata.clone());
        metadata.ok_or_else(|| OidcError::Issuer("it was not reached yet".to_owned()))
    }

    /// The issuer's keys: those known while they are fresh, else asked for; `newer` asks for ones that are not known.
    fn keys(&self, now: i64, newer: bool) -> Result<Arc<KeySet>, OidcError> {
        let usable = |known: &Known, most: i64| {
            let fresh = (0..most).contains(&now.saturating_sub(known.got));
            known.keys.clone().filter(|_| fresh)
        };
        let paused = |known: &Known| (0..PAUSE).contains(&now.saturating_sub(known.asked));
        let settled = |known: &Known| {
            if newer && !paused(known) {
                None
            } else {
                usable(known, FRESH)
            }
        };
        if let Some(keys) = self.known(|known| settled(known)) {
            return Ok(keys);
        }
        let asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have asked meanwhile.
        let known = self.known(|known| known.clone());
        if let Some(keys) = settled(&known) {
            return Ok(keys);
        }
        if paused(&known) {
            let old = usable(&known, STALE);
            return old
                .ok_or_else(|| OidcError::Issuer("it did not answer a moment ago".to_owned()));
        }
        self.known(|known| known.asked = now);
        let answered = self.ask(known.metadata.as_ref());
        drop(asking);
        match answered {
            Ok((metadata, keys)) => {
                let keys = Arc::new(keys);
                self.known(|known| {
                    known.metadata = Some(metadata);
                    known.keys = Some(Arc::clone(&keys));
                    known.got = now;
                });
                Ok(keys)
            }
            Err(why) => usable(&known, STALE).ok_or(OidcError::Issuer(why)),
        }
    }

    fn ask(&self, known: Option<&Arc<Metadata>>) -> Result<(Arc<Metadata>, KeySet), String> {
        let metadata = match known {
            Some(metadata) => Arc::clone(metadata),
            None => Arc::new(self.discover()?),
        };
        let keys = self.web.get(&metadata.jwks_uri)?;
        Ok((metadata, KeySet::read(&keys)?))
    }

    fn discover(&self) -> Result<Metadata, String> {
        let issuer = &self.settings.issuer;
        let told = self
            .web
            .get(&format!("{}{DISCOVERY}", issuer.trim_end_matches('/')))?;
        let metadata: Metadata = serde_json::from_slice(&told)
            .map_err(|_| "what it says of itself is no OpenID configuration".to_owned())?;
        if metadata.issuer != *issuer {
            return Err(format!("it calls itself {}, not {issuer}", metadata.issuer));
        }
        let addresses = [
            Some(&metadata.jwks_uri),
            metadata.authorization_endpoint.as_ref(),
            metadata.token_endpoint.as_ref(),
            metadata.end_session_endpoint.as_ref(),
        ];
        addresses
            .into_iter()
            .flatten()
            .try_for_each(|url| safe(url))?;
        Ok(metadata)
    }

    fn known<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether what goes to an address cannot be read on the way: `https`, or this machine.
fn safe(url: &str) -> Result<(), String> {
    let local = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
    let is_local = local.iter().any(|start| {
        let rest = url.strip_prefix(start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    let plain = !url.contains(['@', ' ', '#', '\\']) && !url.chars().any(char::is_control);
    if plain && (is_local || url.starts_with("https://")) {
        Ok(())
    } else {
        Err(format!(
            "its address {url} is neither https nor on this machine"
        ))
    }
}

/// Teams of a claim: a list of names, or names with spaces between them; none where there is no claim.
fn teams(claim: Option<&Value>) -> Option<Vec<String>> {
    let names: Vec<String> = match claim {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(names)) => names.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(all)) => {
            let names = all.iter().map(|one| one.as_str().map(str::to_owned));
            names.collect::<Option<_>>()?
        }
        Some(_) => return None,
    };
    (names.len() <= MOST_TEAMS).then_some(names)
}
