//! People, by an issuer of identities.

use colophon_accounts::oidc::{OidcError, Provider, SignOn};

use crate::api::problem::{Problem, ProblemKind};

/// Path to which the issuer sends browsers back.
const CALLBACK: &str = "/auth/callback";

/// An issuer of identities, and those who signed on by it.
#[derive(Debug)]
pub struct Identity {
    pub(crate) provider: Provider,
    pub(crate) sign_on: SignOn,
    /// Address of this service as browsers know it, without a slash at its end.
    public_url: String,
}

impl Identity {
    /// By this issuer, for a service that browsers reach at `public_url`.
    pub fn new(provider: Provider, public_url: &str) -> Self {
        Self {
            provider,
            sign_on: SignOn::default(),
            public_url: public_url.trim_end_matches('/').to_owned(),
        }
    }

    /// Where browsers come back to; to be registered at the issuer.
    pub fn redirect(&self) -> String {
        format!("{}{CALLBACK}", self.public_url)
    }

    /// Name of the cookie with the session. The prefix has browsers refuse it from anyone but this very host over HTTPS
    /// (RFC 6265bis, 4.1.3).
    pub(crate) fn session_cookie(&self) -> &'static str {
        if self.is_secure() {
            "__Host-colophon"
        } else {
            "colophon-session"
        }
    }

    /// `name=value`, for as long, kept from scripts; sent with requests from our own pages alone, or (`lax`) when
    /// somebody comes here from another page.
    pub(crate) fn set_cookie(&self, name: &str, value: &str, seconds: i64, lax: bool) -> String {
        let site = if lax { "Lax" } else { "Strict" };
        let secure = if self.is_secure() { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site}{secure}")
    }

    fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// Why nobody is known, for whoever asked.
pub(crate) fn problem_of(error: &OidcError) -> Problem {
    let kind = match error {
        OidcError::Token(_) => ProblemKind::Unauthenticated,
        OidcError::Issuer(_) => ProblemKind::Upstream,
        OidcError::State => ProblemKind::Forbidden,
        OidcError::Busy => ProblemKind::Overloaded,
        _ => ProblemKind::Internal,
    };
    Problem::new(kind).with_detail(error.to_string())
}
