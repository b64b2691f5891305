//! `GET /v1/ledger`: what the ledger is, how large, and who vouches for it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use colophon_ledger::{Ledger, Note, ShardInfo, ShardState, WitnessPolicy};
use colophon_policy::Operation;
use colophon_provenance::rfc3339;
use serde_json::{Value, json};

use super::super::caller::From as Asking;
use super::super::problem::{Problem, ProblemBody};
use super::super::service::Service;
use super::listing::checkpoint;
use super::{ask, fresh, home_problem, problem};

/// The ledger: its name and key, its shards, the newest signed state, its witnesses
#[utoipa::path(
    get,
    path = "/v1/ledger",
    tag = "audit",
    responses(
        (status = 200, description = "The ledger", body = Object),
        (status = 401, description = "It needs a key", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn ledger(
    State(service): State<Arc<Service>>,
    asking: Asking,
) -> Result<Response, Problem> {
    let told = ask(
        &service,
        &asking,
        Operation::ReadLedger,
        |service, ledger, _| tell(service, ledger),
    );
    Ok(fresh(Json(told.await?)))
}

fn tell(service: &Service, ledger: &Ledger) -> Result<Value, Problem> {
    let stats = ledger.stats().map_err(|error| problem(&error))?;
    let shards = ledger.shards().map_err(|error| problem(&error))?;
    let policy = service
        .home
        .witness_policy()
        .map_err(|error| home_problem(&error))?;
    let newest = shards.last();
    let shown = newest.and_then(|shard| note(service, shard));
    let last = stats.first_and_last.map(|(_, last)| last);
    Ok(json!({
        "origin": stats.origin,
        "verifier_key": ledger.verifier_key().to_string(),
        "entries": stats.entries,
        "first": stats.first_and_last.map(|(first, _)| rfc3339(first)),
        "last": last.map(rfc3339),
        "last_entry_age_seconds": last.map(|last| service.now().saturating_sub(last).max(0)),
        "database_bytes": stats.database_bytes,
        "checkpoint": newest.and_then(|shard| shard.checkpoint.as_ref().ok()).map(checkpoint),
        "checkpoint_note": shown.as_ref().map(ToString::to_string),
        "witnesses": policy.map(|policy| witnesses(&policy, shown.as_ref())),
        "shards": shards.iter().map(shard_json).collect::<Vec<_>>(),
        "files": "/tlog/",
    }))
}

fn shard_json(shard: &ShardInfo) -> Value {
    let state = shard.checkpoint.as_ref().ok();
    json!({
        "name": shard.name.to_string(),
        "origin": shard.key.name(),
        "sealed": shard.state != ShardState::Open,
        "entries": state.map(|state| state.size.0),
        "root": state.map(|state| state.root.to_string()),
        "verifier_key": shard.key.to_string(),
        "readable": state.is_some(),
        "checkpoint": format!("/tlog/{}/checkpoint", shard.name),
    })
}

/// The published checkpoint with its cosignatures. Its signature was checked with the shard's state.
fn note(service: &Service, shard: &ShardInfo) -> Option<Note> {
    let folder = service.home.ledger().join(shard.name.to_string());
    let bytes = std::fs::read(folder.join("checkpoint")).ok()?;
    shard.checkpoint.as_ref().ok()?;
    Note::parse(&bytes).ok()
}

/// Who must cosign, and who has.
fn witnesses(policy: &WitnessPolicy, shown: Option<&Note>) -> Value {
    let cosigned = |key| shown.and_then(|note| note.verify_cosignature(key).ok());
    let each = policy.witnesses().iter().map(|witness| {
        json!({
            "name": witness.name,
            "verifier_key": witness.key.to_string(),
            "cosigned_at": cosigned(&witness.key).map(|time| rfc3339(time.0 as i64)),
        })
    });
    let met = shown.map(|note| policy.check_quorum(note));
    json!({
        "quorum": met.as_ref().map(Result::is_ok),
        "problem": met.and_then(Result::err).map(|error| error.to_string()),
        "policy": "/tlog/witness-policy",
        "witnesses": each.collect::<Vec<_>>(),
    })
}
