//! Who sent a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use colophon_accounts::{Caller, Scope};
use subtle::ConstantTimeEq as _;

use super::problem::{Problem, ProblemKind};
use super::service::Service;

/// Where a key can stand besides `Authorization`.
const API_KEY: &str = "x-api-key";
/// What pages send along with requests that change something, when a session is their proof.
const CSRF: &str = "x-csrf-token";

/// Of a request whose proof is a session; an extension.
#[derive(Debug, Clone)]
pub(crate) struct InSession {
    /// What the pages of the session send along.
    pub csrf: String,
}

/// Whoever sent the request, as far as it is proven; extracted by handlers.
///
/// Proof is an API key or a token as `Authorization: Bearer` or `X-API-Key`, else the cookie of a session. A key that is
/// not good is an error even where none is needed: whoever sends one should learn that it is not. A session that is over
/// is none, since browsers send its cookie unasked.
#[derive(Debug, Clone)]
pub(crate) struct From(pub Caller);

impl From {
    /// # Errors
    /// [`ProblemKind::Unauthenticated`] for somebody without a key, [`ProblemKind::Forbidden`] for one whose key is not
    /// for this use.
    pub(crate) fn need(&self, scope: Scope) -> Result<&Caller, Problem> {
        if self.0.may(scope) {
            return Ok(&self.0);
        }
        let kind = match self.0.name {
            None => ProblemKind::Unauthenticated,
            Some(_) => ProblemKind::Forbidden,
        };
        let detail = format!("it needs a key with the scope `{}`", scope.as_str());
        Err(Problem::new(kind).with_detail(detail))
    }
}

impl FromRequestParts<Arc<Service>> for From {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Problem> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let caller = match token(&parts.headers)? {
            Some(token) => service.caller_of(token).await?,
            None => match in_session(parts, service)? {
                Some(caller) => caller,
                None => Caller::anonymous(service.open_scopes()),
            },
        };
        let from = Self(caller);
        parts.extensions.insert(from.clone());
        Ok(from)
    }
}

/// Whoever the session's cookie stands for. Any page can have a browser send the cookie, so what changes something needs
/// the token that only our own pages read.
fn in_session(parts: &mut Parts, service: &Service) -> Result<Option<Caller>, Problem> {
    let Some(identity) = service.access.identity() else {
        return Ok(None);
    };
    let token = cookie(&parts.headers, identity.session_cookie());
    let session = token.and_then(|token| identity.sign_on.session(token, service.now()));
    let Some(session) = session else {
        return Ok(None);
    };
    let safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let told = parts
        .headers
        .get(CSRF)
        .map(axum::http::HeaderValue::as_bytes);
    if !safe && !told.is_some_and(|told| bool::from(told.ct_eq(session.csrf.as_bytes()))) {
        return Err(Problem::new(ProblemKind::Forbidden).with_detail(format!(
            "a request in a session that changes something needs the header {CSRF} with the `csrf_token` of /v1/whoami"
        )));
    }
    parts.extensions.insert(InSession { csrf: session.csrf });
    Ok(Some(session.caller))
}

/// The value of a cookie (RFC 6265); `None` for one that is there twice.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    });
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// The key or token that a request brings.
fn token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let unreadable = |name: &str| {
        Problem::new(ProblemKind::Unauthenticated).with_detail(format!(
            "the header {name} cannot be read; send one, as `Bearer KEY`"
        ))
    };
    let one = |name: &str| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(Some).map_err(|_| unreadable(name)),
            (Some(_), Some(_)) => Err(unreadable(name)),
        }
    };
    if let Some(value) = one(AUTHORIZATION.as_str())? {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
            return Err(unreadable("authorization"));
        }
        return Ok(Some(token.trim()));
    }
    Ok(one(API_KEY)?.map(str::trim))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        let mut headers = HeaderMap::new();
        pairs.for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    }

    #[test]
    fn a_cookie_is_found_among_others_and_must_be_there_once() {
        let of = |line: &str| {
            let headers = headers(&[("cookie", line)]);
            cookie(&headers, "s").map(str::to_owned)
        };
        assert_eq!(of("a=1; s=x=y; b").as_deref(), Some("x=y"));
        for line in ["", "as=1", "s", "s=1; s=2"] {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn a_key_stands_in_one_of_two_headers() {
        for pairs in [
            [("authorization", "Bearer abc")],
            [("authorization", "bearer  abc")],
            [("x-api-key", "abc")],
        ] {
            assert_eq!(token(&headers(&pairs)).unwrap(), Some("abc"), "{pairs:?}");
        }
        assert_eq!(token(&headers(&[])).unwrap(), None);
        for pairs in [
            vec![("authorization", "Basic abc")],
            vec![("authorization", "Bearer")],
            vec![("authorization", "Bearer a"), ("authorization", "Bearer b")],
            vec![("x-api-key", "a"), ("x-api-key", "b")],
        ] {
            let problem = token(&headers(&pairs)).unwrap_err();
            assert_eq!(problem.kind(), ProblemKind::Unauthenticated, "{pairs:?}");
        }
    }
}
