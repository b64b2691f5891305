//! `GET /v1/records` and `/v1/events`: entries, page by page.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::LINK;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use colophon_accounts::Caller;
use colophon_audit::Row;
use colophon_ledger::{Cursor, Hit, Ledger, Query};
use colophon_policy::Operation;
use serde_json::{Value, json};

use super::super::caller::From as Asking;
use super::super::problem::{Problem, ProblemBody};
use super::super::service::Service;
use super::params::{Events, Listing, Order, Params, read};
use super::{ask, decisions, find, fresh, problem};

/// Entries of a page, at most and where nothing is said.
const LIMIT: (usize, usize) = (1_000, 100);

/// Records of pictures, page by page, each proven
///
/// `records` holds the public facts of each entry; `next` is the cursor of the page behind, which the header `Link`
/// names too. `checkpoints` are the states of the shards that they were taken from.
#[utoipa::path(
    get,
    path = "/v1/records",
    tag = "audit",
    params(Listing),
    responses(
        (status = 200, description = "A page", body = Object, headers(("Link", description = "The page behind: `rel=\"next\"`"))),
        (status = 400, description = "A parameter is wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "It needs a key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn records(
    State(service): State<Arc<Service>>,
    asking: Asking,
    uri: Uri,
    Params(listing): Params<Listing>,
) -> Result<Response, Problem> {
    let page = ask(
        &service,
        &asking,
        Operation::Query,
        move |service, ledger, caller| page(service, ledger, caller, &listing),
    );
    Ok(answer("records", &page.await?, &uri))
}

/// Events: what happened to keys, policies, trust lists, records and shards, page by page
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "audit",
    params(Listing),
    responses(
        (status = 200, description = "A page", body = Object, headers(("Link", description = "The page behind: `rel=\"next\"`"))),
        (status = 400, description = "A parameter is wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "It needs a key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(service): State<Arc<Service>>,
    asking: Asking,
    uri: Uri,
    Params(listing): Params<Listing>,
) -> Result<Response, Problem> {
    if listing.events.is_some_and(|which| which != Events::Only) {
        return Err(Problem::invalid("here are events alone").at("events"));
    }
    let listing = Listing {
        events: Some(Events::Only),
        ..listing
    };
    let page = ask(
        &service,
        &asking,
        Operation::Query,
        move |service, ledger, caller| page(service, ledger, caller, &listing),
    );
    Ok(answer("events", &page.await?, &uri))
}

/// A page as it is answered.
struct Told {
    entries: Vec<Value>,
    next: Option<Cursor>,
    checkpoints: Vec<Value>,
}

fn page(
    service: &Service,
    ledger: &Ledger,
    caller: &Caller,
    listing: &Listing,
) -> Result<Told, Problem> {
    let limit = listing.limit.unwrap_or(LIMIT.1);
    if !(1..=LIMIT.0).contains(&limit) {
        return Err(Problem::invalid("a page has 1 to 1,000 entries").at("limit"));
    }
    let filter = listing.filter(caller)?;
    let logged = match filter.verdict {
        Some(_) => decisions(service)?,
        None => None,
    };
    let query = Query::new(ledger, filter, logged.as_ref(), false);
    let mut query = query.map_err(|error| problem(&error))?;
    if listing.order == Some(Order::Newest) {
        query = query.newest_first();
    }
    let cursor = match &listing.cursor {
        Some(text) => read("cursor", text)?,
        None => query.start(),
    };
    let page = query.page(cursor, limit).map_err(|error| problem(&error))?;
    Ok(Told {
        entries: page.hits.iter().map(told).collect::<Result<_, _>>()?,
        next: page.next,
        checkpoints: query.checkpoints().iter().map(checkpoint).collect(),
    })
}

fn told(hit: &Hit) -> Result<Value, Problem> {
    let mut value = Row::json_of(hit).map_err(|error| {
        Problem::internal(error)
            .with_detail(format!("entry {} cannot be read by this version", hit.id))
    })?;
    value["id"] = find::id_of(hit.id).into();
    Ok(value)
}

/// The signed state of a log.
pub(super) fn checkpoint(checkpoint: &colophon_ledger::Checkpoint) -> Value {
    json!({
        "origin": checkpoint.origin,
        "size": checkpoint.size.0,
        "root": checkpoint.root.to_string(),
    })
}

fn answer(name: &str, told: &Told, uri: &Uri) -> Response {
    let next = told.next.as_ref().map(ToString::to_string);
    let body = json!({
        name: told.entries,
        "next": next,
        "checkpoints": told.checkpoints,
    });
    let mut response = fresh(Json(body)).into_response();
    let link = next.map(|cursor| format!("<{}>; rel=\"next\"", behind(uri, &cursor)));
    if let Some(value) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(LINK, value);
    }
    response
}

/// The address of the page behind: the same question with another cursor.
fn behind(uri: &Uri, cursor: &str) -> String {
    let fields = uri.query().unwrap_or_default().split('&');
    let kept = fields.filter(|field| !field.is_empty() && !field.starts_with("cursor="));
    let mut address = format!("{}?", uri.path());
    kept.for_each(|field| address.extend([field, "&"]));
    address + "cursor=" + cursor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_behind_is_the_same_question() {
        let address = |uri: &str| behind(&uri.parse().unwrap(), "1ab");
        assert_eq!(address("/v1/records"), "/v1/records?cursor=1ab");
        assert_eq!(
            address("/v1/records?model=a%26b&cursor=1cd&limit=5"),
            "/v1/records?model=a%26b&limit=5&cursor=1ab"
        );
    }
}
