//! Keys of callers: made, listed, revoked.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use colophon_accounts::{
    AccountsError, Caller, KeyId, KeyRecord, KeyState, Limits, NewKey, Scope, Scopes, Tenant,
    teams_of,
};
use colophon_calendar::{Span, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::access::problem_of;
use crate::api::caller::From;
use crate::api::problem::{Problem, ProblemBody, ProblemKind};
use crate::api::service::Service;

const DAY: i64 = 86_400;

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRequest {
    /// Name by which policies and records know its holder. Two keys of one name are one principal, which is how a key is
    /// replaced.
    #[schema(example = "studio")]
    name: String,
    /// What it may be used for: `issue`, `verify`, `jobs`, `read`, `export`, `personal`, `admin`.
    #[schema(example = json!(["issue", "verify"]))]
    scopes: Vec<String>,
    /// Teams of its holder; left out: those of the shipped policies that fit the scopes.
    #[serde(default)]
    teams: Option<Vec<String>>,
    /// Whose data it acts on; left out: the caller's own tenant. Only the owner names another.
    #[serde(default)]
    tenant: Option<String>,
    /// When it ends, RFC 3339; left out: never.
    #[serde(default)]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Limits of its own; left out: those of the service.
    #[serde(default)]
    limits: KeyLimits,
}

/// Limits of a key.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyLimits {
    /// Requests a minute.
    #[serde(default)]
    requests_per_minute: Option<u32>,
    /// Pictures checked, stamped or made a minute.
    #[serde(default)]
    pictures_per_minute: Option<u32>,
    /// Bytes sent a day.
    #[serde(default)]
    bytes_per_day: Option<u64>,
}

impl std::convert::From<Limits> for KeyLimits {
    fn from(limits: Limits) -> Self {
        Self {
            requests_per_minute: limits.requests_per_minute,
            pictures_per_minute: limits.pictures_per_minute,
            bytes_per_day: limits.bytes_per_day,
        }
    }
}

/// What is kept of a key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Key {
    /// Its id, the part of it that is no secret.
    #[schema(example = "k3v7qx2m")]
    id: String,
    /// Name of its holder.
    name: String,
    /// Whose data it acts on.
    tenant: String,
    /// What it may be used for.
    scopes: Vec<&'static str>,
    /// Teams of its holder.
    teams: Vec<String>,
    /// `active`, `expired` or `revoked`.
    state: KeyStateName,
    /// When it was made, RFC 3339.
    created_at: String,
    /// When it ends.
    expires_at: Option<String>,
    /// When it was revoked.
    revoked_at: Option<String>,
    /// Day of its last use, UTC.
    #[schema(example = "2026-11-27")]
    last_used: Option<String>,
    /// Limits of its own.
    limits: KeyLimits,
}

/// What a key is good for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum KeyStateName {
    Active,
    Expired,
    Revoked,
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MadeKey {
    /// The key itself. It is shown this once and kept nowhere.
    #[schema(example = "colophon_k3v7qx2m_5dW0...")]
    key: String,
    #[serde(flatten)]
    about: Key,
}

/// Keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyList {
    /// The oldest first.
    keys: Vec<Key>,
}

fn told(service: &Service, key: &KeyRecord) -> Key {
    Key {
        id: key.id.to_string(),
        name: key.name.clone(),
        tenant: key.tenant.to_string(),
        scopes: key.scopes.iter().map(Scope::as_str).collect(),
        teams: key.teams.clone(),
        state: match key.state(service.now()) {
            KeyState::Active => KeyStateName::Active,
            KeyState::Expired => KeyStateName::Expired,
            KeyState::Revoked => KeyStateName::Revoked,
        },
        created_at: rfc3339(key.created),
        expires_at: key.expires.map(rfc3339),
        revoked_at: key.revoked.map(rfc3339),
        last_used: service
            .access
            .keys
            .last_used(key.id)
            .map(|day| rfc3339(day * DAY).chars().take(10).collect()),
        limits: key.limits.into(),
    }
}

/// Make a key
///
/// Nobody makes a key for more than the own one is for: scopes, teams and tenant of a key are within those of its maker,
/// unless that is the owner.
#[utoipa::path(
    post,
    path = "/v1/access/keys",
    tag = "access",
    request_body = KeyRequest,
    responses(
        (status = 201, description = "The key; its text is shown this once", body = MadeKey),
        (status = 400, description = "The request cannot be understood", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for that", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Such a key cannot be", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    from: From,
    body: Bytes,
) -> Result<Response, Problem> {
    let maker = from.need(Scope::Admin)?;
    let request: KeyRequest = serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid(format!("the body is not what it must be: {error}")))?;
    let key = within(maker, request)?;
    let (text, about) = blocking(&service, move |service| {
        let (text, record) = service.access.keys.create(key, service.now())?;
        Ok((text, told(service, &record)))
    })
    .await?;
    let location = format!("/v1/access/keys/{}", about.id);
    let made = MadeKey {
        key: text.expose().to_string(),
        about,
    };
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((StatusCode::CREATED, headers, Json(made)).into_response())
}

/// The key that is asked for, if its maker may make it.
fn within(maker: &Caller, request: KeyRequest) -> Result<NewKey, Problem> {
    let scope = |code: &String| {
        Scope::from_code(code).ok_or_else(|| {
            let known: Vec<&str> = Scope::ALL.iter().map(|it| it.as_str()).collect();
            Problem::invalid(format!("scopes are {}", known.join(", "))).at("/scopes")
        })
    };
    let scopes: Scopes = request.scopes.iter().map(scope).collect::<Result<_, _>>()?;
    let tenant: Tenant = match &request.tenant {
        None => maker.tenant.clone(),
        Some(name) => name
            .parse()
            .map_err(|error| Problem::invalid(format!("{error}")).at("/tenant"))?,
    };
    let teams = request.teams.unwrap_or_else(|| teams_of(&scopes));
    let more = |what: &str, pointer: &str| {
        let detail = format!("{what} beyond those of your own key; ask the owner");
        Err(Problem::new(ProblemKind::Forbidden)
            .with_detail(detail)
            .at(pointer))
    };
    if !maker.owner {
        if tenant != maker.tenant {
            return more("this is a tenant", "/tenant");
        }
        if !scopes.iter().all(|scope| maker.may(scope)) {
            return more("these are scopes", "/scopes");
        }
        if !teams.iter().all(|team| maker.teams.contains(team)) {
            return more("these are teams", "/teams");
        }
    }
    let expires = request.expires_at.map(|text| {
        let span = Span::parse(&text).filter(|span| span.from == span.until);
        span.map(|span| span.from).ok_or_else(|| {
            Problem::invalid("write a time as 2027-01-31T00:00:00Z").at("/expires_at")
        })
    });
    Ok(NewKey {
        name: request.name,
        tenant,
        scopes,
        teams: Some(teams),
        expires: expires.transpose()?,
        limits: Limits {
            requests_per_minute: request.limits.requests_per_minute,
            pictures_per_minute: request.limits.pictures_per_minute,
            bytes_per_day: request.limits.bytes_per_day,
        },
    })
}

/// Keys of the own tenant
///
/// Of all tenants for the owner. Never the keys themselves.
#[utoipa::path(
    get,
    path = "/v1/access/keys",
    tag = "access",
    responses(
        (status = 200, description = "The keys", body = KeyList),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for that", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    from: From,
) -> Result<Json<KeyList>, Problem> {
    let caller = from.need(Scope::Admin)?.clone();
    let keys = blocking(&service, move |service| {
        let keys = service.access.keys.list()?;
        let seen = keys.iter().filter(|key| caller.sees(&key.tenant));
        Ok(seen.map(|key| told(service, key)).collect())
    });
    Ok(Json(KeyList { keys: keys.await? }))
}

/// Revoke a key
///
/// At once and for good, in every process on this home.
#[utoipa::path(
    delete,
    path = "/v1/access/keys/{id}",
    tag = "access",
    params(("id" = String, Path, description = "Id of the key")),
    responses(
        (status = 200, description = "The key, revoked", body = Key),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for that", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such key", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    State(service): State<Arc<Service>>,
    from: From,
    Path(id): Path<String>,
) -> Result<Json<Key>, Problem> {
    let caller = from.need(Scope::Admin)?.clone();
    let missing = || AccountsError::NoKey(String::new());
    let id: KeyId = id.parse().map_err(|_| problem_of(&missing()))?;
    let key = blocking(&service, move |service| {
        let keys = &service.access.keys;
        // Keys of other tenants are not there.
        let seen = keys.get(id).ok().filter(|key| caller.sees(&key.tenant));
        seen.ok_or_else(missing)?;
        let key = keys.revoke(id, service.now())?;
        Ok(told(service, &key))
    });
    Ok(Json(key.await?))
}

async fn blocking<T: Send + 'static>(
    service: &Arc<Service>,
    work: impl FnOnce(&Service) -> Result<T, AccountsError> + Send + 'static,
) -> Result<T, Problem> {
    let service = Arc::clone(service);
    let done = tokio::task::spawn_blocking(move || work(&service)).await;
    done.map_err(|_| Problem::new(ProblemKind::Internal))?
        .map_err(|error| problem_of(&error))
}
