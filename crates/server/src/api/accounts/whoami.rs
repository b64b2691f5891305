//! Who the caller is.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use colophon_accounts::{Kind, Scope};
use colophon_policy::PrincipalKind;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::caller::{From, InSession};
use crate::api::problem::ProblemBody;
use crate::api::service::Service;

/// Who the caller is, and what for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WhoAmI {
    /// How that is proven: `anonymous`, `owner`, `api-key` or `user`.
    #[schema(example = "api-key")]
    kind: &'static str,
    /// Name of the key's holder or the person; `null` for somebody without a key.
    name: Option<String>,
    /// Whose data the caller acts on.
    tenant: String,
    /// As the policies and records know the caller.
    #[schema(example = "api-key:news/studio")]
    principal: String,
    /// Teams besides those that the policies tell.
    teams: Vec<String>,
    /// What the caller may use the service for, as far as the policies permit it.
    scopes: Vec<&'static str>,
    /// Whether it is the owner of the home.
    owner: bool,
    /// Of a session: to be sent as `x-csrf-token` with requests that change something.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    /// Whether people can sign on at `/auth/login`.
    sign_on: bool,
}

/// Who the caller is
#[utoipa::path(
    get,
    path = "/v1/whoami",
    tag = "access",
    responses(
        (status = 200, description = "Who the caller is", body = WhoAmI),
        (status = 401, description = "The key is not good", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn whoami(
    State(service): State<Arc<Service>>,
    from: From,
    session: Option<Extension<InSession>>,
) -> Response {
    let caller = &from.0;
    let principal = service.principal(caller);
    let kind = match caller.kind {
        Kind::Anonymous => "anonymous",
        Kind::Owner => "owner",
        Kind::Key(_) => PrincipalKind::ApiKey.as_str(),
        Kind::User => PrincipalKind::User.as_str(),
    };
    let body = WhoAmI {
        kind,
        name: caller.name.clone(),
        tenant: caller.tenant.to_string(),
        principal: format!("{}:{}", principal.kind.as_str(), principal.name),
        teams: principal.teams,
        scopes: caller.scopes.iter().map(Scope::as_str).collect(),
        owner: caller.owner,
        csrf_token: session.map(|Extension(session)| session.csrf),
        sign_on: service.access.identity().is_some(),
    };
    // Other callers behind the same proxy are others.
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
