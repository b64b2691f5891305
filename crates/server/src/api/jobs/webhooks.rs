//! Who is told of the ends of jobs: endpoints by Standard Webhooks.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use colophon_accounts::Scope;
use colophon_calendar::rfc3339;
use colophon_webhooks::{
    Attempt, Endpoint, EndpointId, EventKind, NewEndpoint, Outcome, Scheme, WebhookError,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::super::Area;
use super::super::caller::From;
use super::super::ports::Posts;
use super::super::problem::{Problem, ProblemBody, ProblemKind};
use super::super::service::Service;
use super::{Jobs, blocking, busy, deliveries, of};

/// A webhook to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookRequest {
    /// Where messages are posted, https, in the open network.
    url: String,
    /// For people.
    description: Option<String>,
    /// Events that it is told of: `job.completed`, `job.failed`. All if none is named.
    #[serde(default)]
    events: Vec<String>,
    /// `hmac-sha256` (a shared secret, `v1`) or `ed25519` (a key pair, `v1a`).
    #[serde(default)]
    signature: SchemeCode,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum SchemeCode {
    #[default]
    HmacSha256,
    Ed25519,
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
struct WebhookBody {
    #[schema(example = "wh_6f1e0c55f9f34a6cb2c8c8f4c1a2d3e4")]
    id: String,
    url: String,
    description: Option<String>,
    events: Vec<&'static str>,
    signature: SchemeCode,
    /// The shared secret (`whsec_`): told once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// The public key (`whpk_`) that messages are signed with.
    public_key: Option<String>,
    /// `enabled`, or why nothing is sent: `gone` (it answered 410) or `failing` (three days without success). A test
    /// that arrives enables it again.
    status: String,
    /// Since when nothing is sent.
    disabled_at: Option<String>,
    created_at: String,
    /// Messages that wait.
    waiting: usize,
    /// What came of the last message.
    last: Option<LastBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
struct LastBody {
    at: String,
    event: &'static str,
    delivered: bool,
    /// HTTP status, if it answered.
    status: Option<u16>,
    /// Why it did not arrive.
    error: Option<String>,
}

/// Webhooks of a tenant.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookList {
    /// Oldest first.
    webhooks: Vec<WebhookBody>,
}

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookTest {
    /// Whether it was answered with a status of 200 to 299.
    delivered: bool,
    /// HTTP status, if it answered.
    status: Option<u16>,
    /// Why it did not arrive.
    error: Option<String>,
}

impl LastBody {
    fn of(attempt: &Attempt) -> Self {
        Self {
            at: rfc3339(attempt.at),
            event: attempt.event.as_str(),
            delivered: attempt.error.is_none(),
            status: attempt.status,
            error: attempt.error.clone(),
        }
    }
}

impl WebhookBody {
    fn of(endpoint: &Endpoint, waiting: usize) -> Self {
        let disabled = endpoint.disabled.as_ref();
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            events: endpoint.events.iter().map(|kind| kind.as_str()).collect(),
            signature: match endpoint.scheme {
                Scheme::HmacSha256 => SchemeCode::HmacSha256,
                Scheme::Ed25519 => SchemeCode::Ed25519,
            },
            secret: None,
            public_key: endpoint.public_key().map(|key| key.to_string()),
            status: disabled.map_or_else(|| "enabled".to_owned(), |it| it.why.clone()),
            disabled_at: disabled.map(|it| rfc3339(it.at)),
            created_at: rfc3339(endpoint.created),
            waiting,
            last: endpoint.last.as_ref().map(LastBody::of),
        }
    }

    /// As it is told when its key is new.
    fn with_secret(endpoint: &Endpoint) -> Self {
        Self {
            secret: endpoint.secret().map(|secret| secret.reveal()),
            ..Self::of(endpoint, 0)
        }
    }
}

pub(super) fn area() -> Area {
    Area::new()
        .routes(routes!(create, list))
        .routes(routes!(one, delete))
        .routes(routes!(test))
        .routes(routes!(rotate))
}

fn posts(jobs: &Jobs) -> Result<Arc<dyn Posts>, Problem> {
    jobs.posts.clone().ok_or_else(|| {
        Problem::new(ProblemKind::NotImplemented).with_detail("this installation posts no messages")
    })
}

fn problem(error: WebhookError) -> Problem {
    use WebhookError as E;
    let kind = match &error {
        E::Unknown | E::Id => ProblemKind::NotFound,
        E::Event(_) | E::TooLong(_) | E::Key(_) => ProblemKind::InvalidRequest,
        E::TooManyEndpoints(_) => ProblemKind::TooManyRequests,
        // What the disk says is for the operator, not for callers.
        _ => return Problem::internal(error),
    };
    Problem::new(kind).with_detail(error.to_string())
}

fn id_of(text: &str) -> Result<EndpointId, Problem> {
    text.parse().map_err(problem)
}

/// Makes a webhook
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    tag = "webhooks",
    request_body = WebhookRequest,
    responses(
        (status = 201, description = "Made; a shared secret is told this once", body = WebhookBody),
        (status = "default", description = "Not made", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn create(
    State(service): State<Arc<Service>>,
    from: From,
    request: Result<Json<WebhookRequest>, JsonRejection>,
) -> Result<Response, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let jobs = of(&service)?;
    let Json(request) = request.map_err(|rejection| Problem::invalid(rejection.body_text()))?;
    let admitted = posts(jobs)?.admits(&request.url);
    admitted.map_err(|why| Problem::invalid(why).at("/url"))?;
    let events = request.events.iter().map(|name| name.parse::<EventKind>());
    let events = events
        .collect::<Result<BTreeSet<_>, _>>()
        .map_err(|error| problem(error).at("/events"))?;
    let new = NewEndpoint {
        tenant: caller.tenant.clone(),
        url: request.url,
        description: request.description,
        events,
        scheme: match request.signature {
            SchemeCode::HmacSha256 => Scheme::HmacSha256,
            SchemeCode::Ed25519 => Scheme::Ed25519,
        },
    };
    let (hooks, now) = (Arc::clone(&jobs.hooks), service.now());
    let made = blocking(move || hooks.create(new, now)).await?;
    let endpoint = made.map_err(problem)?;
    let headers = [
        (header::LOCATION, format!("/v1/webhooks/{}", endpoint.id)),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let body = Json(WebhookBody::with_secret(&endpoint));
    Ok((StatusCode::CREATED, headers, body).into_response())
}

/// Webhooks of the caller's tenant
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    tag = "webhooks",
    responses(
        (status = 200, description = "Them", body = WebhookList),
        (status = "default", description = "Not answered", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn list(
    State(service): State<Arc<Service>>,
    from: From,
) -> Result<Json<WebhookList>, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let (hooks, tenant) = (Arc::clone(&of(&service)?.hooks), caller.tenant.clone());
    let webhooks = blocking(move || {
        let endpoints = hooks.list(&tenant);
        let told = endpoints
            .iter()
            .map(|endpoint| WebhookBody::of(endpoint, hooks.waiting(endpoint.id)));
        told.collect()
    });
    Ok(Json(WebhookList {
        webhooks: webhooks.await?,
    }))
}

/// A webhook
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "It", body = WebhookBody),
        (status = "default", description = "Not answered", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn one(
    State(service): State<Arc<Service>>,
    from: From,
    Path(id): Path<String>,
) -> Result<Json<WebhookBody>, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let (hooks, tenant, id) = (
        Arc::clone(&of(&service)?.hooks),
        caller.tenant.clone(),
        id_of(&id)?,
    );
    let found = blocking(move || {
        let endpoint = hooks.get(&tenant, id)?;
        Ok(WebhookBody::of(&endpoint, hooks.waiting(id)))
    });
    found.await?.map(Json).map_err(problem)
}

/// Removes a webhook and the messages that wait for it
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 204, description = "It is removed"),
        (status = "default", description = "Not removed", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn delete(
    State(service): State<Arc<Service>>,
    from: From,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let (hooks, tenant, id) = (
        Arc::clone(&of(&service)?.hooks),
        caller.tenant.clone(),
        id_of(&id)?,
    );
    let deleted = blocking(move || hooks.delete(&tenant, id)).await?;
    deleted.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a webhook a new key; messages are signed with the one before as well for a day
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/rotate",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "It, with the new secret", body = WebhookBody),
        (status = "default", description = "Not changed", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn rotate(
    State(service): State<Arc<Service>>,
    from: From,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let (hooks, tenant, id) = (
        Arc::clone(&of(&service)?.hooks),
        caller.tenant.clone(),
        id_of(&id)?,
    );
    let now = service.now();
    let rotated = blocking(move || hooks.rotate(&tenant, id, now)).await?;
    let endpoint = rotated.map_err(problem)?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(WebhookBody::with_secret(&endpoint))).into_response())
}

/// Posts a test message now and tells what came of it; one that arrives enables a disabled webhook again
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/test",
    tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "What came of it", body = WebhookTest),
        (status = "default", description = "Not posted", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn test(
    State(service): State<Arc<Service>>,
    from: From,
    Path(id): Path<String>,
) -> Result<Json<WebhookTest>, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let jobs = of(&service)?;
    let posts = posts(jobs)?;
    let (id, now) = (id_of(&id)?, service.now());
    let place = Arc::clone(&jobs.posting).try_acquire_owned();
    let _place = place.map_err(|_| busy("other messages are just being posted"))?;
    let due = jobs.hooks.test(&caller.tenant, id, now).map_err(problem)?;
    let posted = deliveries::post(jobs, posts, due, now).await;
    let posted = posted.ok_or_else(|| Problem::new(ProblemKind::Internal))?;
    let (outcome, came) = posted.map_err(problem)?;
    let (status, error) = match came {
        Ok(status) => (Some(status), None),
        Err(why) => (None, Some(why)),
    };
    Ok(Json(WebhookTest {
        delivered: outcome == Outcome::Delivered,
        status,
        error: error.or_else(|| {
            let status = status.filter(|_| outcome != Outcome::Delivered)?;
            Some(format!("it answered status {status}"))
        }),
    }))
}
