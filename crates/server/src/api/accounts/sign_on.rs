//! Signing on in a browser (OpenID Connect, authorization code with PKCE).

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use colophon_accounts::oidc::{Returned, SESSION};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::access::{Identity, problem_of_identity};
use crate::api::caller::{From, cookie};
use crate::api::problem::{Problem, ProblemBody, ProblemKind};
use crate::api::service::Service;

/// Cookie of a browser that is signing on.
const LOGIN: &str = "colophon-login";
/// How long that may take, seconds.
const LOGIN_TIME: i64 = 600;

fn identity(service: &Service) -> Result<Arc<Identity>, Problem> {
    let identity = service.access.identity().map(Arc::clone);
    identity.ok_or_else(|| {
        Problem::new(ProblemKind::NotImplemented).with_detail(
            "no issuer of identities is set here (`serve.oidc_issuer`); use an API key",
        )
    })
}

/// Where to go on after signing on.
#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Next {
    /// Path on this service; the first page if left out.
    #[serde(default)]
    next: String,
}

/// Sign on: go to the issuer of identities
#[utoipa::path(
    get,
    path = "/auth/login",
    tag = "access",
    params(Next),
    responses(
        (status = 303, description = "To the issuer's page"),
        (status = 501, description = "No issuer is set", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The issuer cannot be asked", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn login(
    State(service): State<Arc<Service>>,
    Query(next): Query<Next>,
) -> Result<Response, Problem> {
    let identity = identity(&service)?;
    let now = service.now();
    let begun = {
        let identity = Arc::clone(&identity);
        // The issuer may have to be asked for its addresses.
        let begin = move || {
            let redirect = identity.redirect();
            identity
                .sign_on
                .begin(&identity.provider, &redirect, &next.next, now)
        };
        let begun = tokio::task::spawn_blocking(begin).await;
        begun.map_err(|_| Problem::new(ProblemKind::Internal))?
    };
    let begun = begun.map_err(|error| problem_of_identity(&error))?;
    // The issuer sends the browser back from its own page, which `Strict` would not survive.
    let cookie = identity.set_cookie(LOGIN, &begun.browser, LOGIN_TIME, true);
    Ok(go(&begun.url, &[cookie]))
}

/// What the issuer sends a browser back with.
#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Answer {
    /// The state that it was sent with.
    #[serde(default)]
    state: String,
    /// The code, to be exchanged for a token.
    #[serde(default)]
    code: String,
    /// The issuer (RFC 9207).
    iss: Option<String>,
    /// What went wrong at the issuer.
    error: Option<String>,
}

/// Sign on: back from the issuer of identities
#[utoipa::path(
    get,
    path = "/auth/callback",
    tag = "access",
    params(Answer),
    responses(
        (status = 303, description = "Signed on; to the page that was asked for"),
        (status = 401, description = "The issuer's token is not good", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Not begun in this browser, or refused by the issuer", body = ProblemBody, content_type = "application/problem+json"),
        (status = 501, description = "No issuer is set", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The issuer cannot be asked", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn callback(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Result<Response, Problem> {
    let identity = identity(&service)?;
    if answer.error.is_some() {
        return Err(Problem::new(ProblemKind::Forbidden)
            .with_detail("the issuer of identities did not let you sign on"));
    }
    let browser = cookie(&headers, LOGIN).unwrap_or_default().to_owned();
    let now = service.now();
    let finished = {
        let identity = Arc::clone(&identity);
        let finish = move || {
            let returned = Returned {
                state: &answer.state,
                code: &answer.code,
                issuer: answer.iss.as_deref(),
                browser: &browser,
            };
            let redirect = identity.redirect();
            identity
                .sign_on
                .finish(&identity.provider, &redirect, &returned, now)
        };
        let finished = tokio::task::spawn_blocking(finish).await;
        finished.map_err(|_| Problem::new(ProblemKind::Internal))?
    };
    let (token, _, next) = finished.map_err(|error| problem_of_identity(&error))?;
    let session = identity.set_cookie(identity.session_cookie(), token.expose(), SESSION, false);
    let over = identity.set_cookie(LOGIN, "", 0, true);
    Ok(go(&next, &[session, over]))
}

/// Sign off
///
/// Here; what the issuer of identities remembers is its own affair.
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "access",
    responses(
        (status = 204, description = "The session is over"),
        (status = 403, description = "Without the token of the session", body = ProblemBody, content_type = "application/problem+json"),
        (status = 501, description = "No issuer is set", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn logout(
    State(service): State<Arc<Service>>,
    _: From,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let identity = identity(&service)?;
    if let Some(token) = cookie(&headers, identity.session_cookie()) {
        identity.sign_on.end(token);
    }
    let over = identity.set_cookie(identity.session_cookie(), "", 0, false);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, over)]).into_response())
}

fn go(url: &str, cookies: &[String]) -> Response {
    let cookies = cookies.iter().map(|it| (header::SET_COOKIE, it.clone()));
    let fixed: [(HeaderName, String); 2] = [
        (header::LOCATION, url.to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let mut response = (StatusCode::SEE_OTHER, fixed).into_response();
    for (name, value) in cookies {
        if let Ok(value) = value.parse() {
            response.headers_mut().append(name, value);
        }
    }
    response
}
