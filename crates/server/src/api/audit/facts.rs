//! `GET /v1/policy`, `/v1/keys`, `/v1/trust-lists`: what decides, who signs, and whom others are believed by.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use colophon_accounts::Scope;
use colophon_keys::{KeyStore, REVOCATION_REASONS};
use colophon_policy::{Bundle, Facts, Operation};
use colophon_provenance::rfc3339;
use colophon_provenance::trust::{AnchorFacts, Listed, Lists, Revocations, certificate_code};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::caller::From as Asking;
use super::super::problem::{Problem, ProblemBody};
use super::super::service::Service;
use super::{fresh, home_problem};

/// Longest file of a bundle that is told whole.
const MOST: usize = 256 << 10;

/// Reads what the home holds, on a thread of its own, for somebody who may read.
async fn read(
    service: &Arc<Service>,
    asking: &Asking,
    reading: impl FnOnce(&Service) -> Result<Value, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let caller = asking.need(Scope::Read)?;
    service.ask_ledger(caller, Operation::ReadLedger, false)?;
    let work = {
        let service = Arc::clone(service);
        move || reading(&service)
    };
    let told = service.audit.look_ups.run(work).await??;
    Ok(fresh(Json(told)))
}

/// The policy bundle in force: its hash, its files with their hashes, its rules, its signature
#[utoipa::path(
    get,
    path = "/v1/policy",
    tag = "audit",
    responses(
        (status = 200, description = "The bundle", body = Object),
        (status = 401, description = "It needs a key", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn policy(
    State(service): State<Arc<Service>>,
    asking: Asking,
) -> Result<Response, Problem> {
    read(&service, &asking, tell_policy).await
}

fn tell_policy(service: &Service) -> Result<Value, Problem> {
    let in_force = service.home.policies_in_force();
    let in_force = in_force.map_err(|error| home_problem(&error))?;
    let note = service
        .home
        .policy_store()
        .note(in_force.files.hash())
        .map(|note| String::from_utf8_lossy(&note).into_owned());
    let files: Vec<Value> = in_force
        .files
        .iter()
        .map(|(path, bytes)| file(path, bytes))
        .collect();
    let listing = in_force.files.listing();
    let (origin, signers) = (in_force.origin, in_force.signers);
    let bundle = Bundle::load(in_force.files).map_err(|error| {
        Problem::internal(error)
            .with_detail("the policies in force cannot be read; run `colophon policy check`")
    })?;
    Ok(json!({
        "hash": bundle.hash(),
        "origin": origin,
        "signers": signers,
        "listing": listing,
        "note": note,
        "policies": bundle.rules().collect::<Vec<_>>(),
        "verdict_rules": bundle.table().rules().collect::<Vec<_>>(),
        "signals": Facts::signals().map(|(name, values)| json!({ "name": name, "values": values })),
        "vocabulary": bundle.vocabulary(),
        "terms": bundle.lexicon().terms(),
        "files": files,
    }))
}

/// A file of the bundle. Word lists are told by name and hash only: read out, they tell how to get around them.
#[expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "names as the bundle has them"
)]
fn file(path: &str, bytes: &[u8]) -> Value {
    let tells_all =
        path.ends_with(".cedar") || path.ends_with(".cedarschema") || path == "verdicts.toml";
    let text = std::str::from_utf8(bytes).ok();
    json!({
        "path": path,
        "sha256": colophon_provenance::hex(&Sha256::digest(bytes)),
        "bytes": bytes.len(),
        "text": text.filter(|_| tells_all && bytes.len() <= MOST),
    })
}

/// The keys of all times: public facts only
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "audit",
    responses(
        (status = 200, description = "The keys, in the order of making", body = Object),
        (status = 401, description = "It needs a key", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn keys(
    State(service): State<Arc<Service>>,
    asking: Asking,
) -> Result<Response, Problem> {
    read(&service, &asking, |service| {
        let keys = KeyStore::open(&service.home.keys(), None).map_err(|error| {
            Problem::internal(error).with_detail(
                "the keys cannot be read; their keeper should run `colophon keys check`",
            )
        })?;
        Ok(json!({ "keys": keys.list() }))
    })
    .await
}

/// The lists of authorities by which other people's credentials are judged, and what was revoked
#[utoipa::path(
    get,
    path = "/v1/trust-lists",
    tag = "audit",
    responses(
        (status = 200, description = "The lists", body = Object),
        (status = 401, description = "It needs a key", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn trust_lists(
    State(service): State<Arc<Service>>,
    asking: Asking,
) -> Result<Response, Problem> {
    read(&service, &asking, |service| {
        let lists = Lists::load(Some(&service.home)).map_err(|error| home_problem(&error))?;
        let revoked = Revocations::load(Some(&service.home));
        let revoked = revoked.map_err(|error| home_problem(&error))?;
        let today = rfc3339(service.now());
        let today = today.get(..10).unwrap_or_default();
        let lists = lists.all().iter().map(|each| list(each, today));
        let revoked = revoked.all().iter().map(|entry| {
            // A reason in the operator's own words may tell of persons.
            let reason = entry.reason.as_deref();
            json!({
                "certificate": certificate_code(&entry.certificate),
                "from": rfc3339(entry.from),
                "reason": reason.filter(|reason| REVOCATION_REASONS.contains(reason)),
            })
        });
        Ok(json!({
            "lists": lists.collect::<Vec<_>>(),
            "revoked": revoked.collect::<Vec<_>>(),
        }))
    })
    .await
}

fn list(each: &Listed, today: &str) -> Value {
    let list = &each.list;
    let told = |all: &[AnchorFacts]| -> Vec<Value> {
        let one = |it: &AnchorFacts| json!({ "subject": it.subject, "sha256": it.sha256, "not_after": rfc3339(it.not_after) });
        all.iter().map(one).collect()
    };
    json!({
        "name": list.name,
        "kind": list.kind,
        "usage": list.usage,
        "issued": list.issued,
        "next_update": list.next_update,
        "stale": list.is_stale(today),
        "source": list.source,
        "license": list.license,
        "built_in": each.built_in,
        "certificates": told(&AnchorFacts::of(&list.anchors)),
        "signers": told(&AnchorFacts::of(&list.allowed)),
    })
}
