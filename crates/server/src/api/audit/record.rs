//! `GET /v1/records/{id}`: one entry, its life, and the files that prove it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use colophon_accounts::{Caller, Scope, tenant_of};
use colophon_audit::{BundleParts, Life, NamedFile, ReceiptFile, Row};
use colophon_keys::{CLAIM_CERTIFICATE_FILE, ISSUING_CERTIFICATE_FILE, ROOT_CERTIFICATE_FILE};
use colophon_ledger::{Entry, Ledger, LogEntry, PrivatePart, RecordId, WitnessPolicy};
use colophon_policy::Operation;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::super::caller::From as Asking;
use super::super::problem::{Problem, ProblemBody, ProblemKind};
use super::super::service::Service;
use super::params::{Params, mark_id};
use super::{ask, audit_problem, decisions, file, find, fresh, home_problem, problem};

/// Why a manifest is not told.
const GIVEN_TO: &str = "the manifest may hold a title: it is given to whoever has the picture and asks by the id of the mark in it, or with a key for personal data of the tenant";

/// What is wanted beside the public facts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Beside {
    /// `private` adds the private part; needs the scope `personal`, and that the record is the caller's own
    #[param(pattern = "^private$")]
    include: Option<String>,
}

/// One record: its public facts and its life, each claim checked, with links to proof, receipt, bundle and manifest
///
/// `id` is the record's place (`2026h2-17`), the id of the mark in the pixels, the SHA-256 of the issued file, or the
/// manifest's id. An event has a place too.
#[utoipa::path(
    get,
    path = "/v1/records/{id}",
    tag = "audit",
    params(("id" = String, Path, description = "Place, mark's id, SHA-256 of the file, or manifest's id", example = "2026h2-17"), Beside),
    responses(
        (status = 200, description = "The record", body = Object),
        (status = 401, description = "It needs a key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The private part is not the caller's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such record", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn record(
    State(service): State<Arc<Service>>,
    asking: Asking,
    Path(name): Path<String>,
    Params(beside): Params<Beside>,
) -> Result<Response, Problem> {
    let private = match beside.include.as_deref() {
        None => false,
        Some("private") => {
            asking.need(Scope::Personal)?;
            true
        }
        Some(_) => return Err(Problem::invalid("only `private` can be included").at("include")),
    };
    let told = ask(
        &service,
        &asking,
        Operation::ReadLedger,
        move |service, ledger, caller| match find::entry(ledger, &name)? {
            LogEntry::Event(event) => {
                let (id, log) = (
                    LogEntry::Event(event.clone()).id(),
                    log_of(ledger, event.shard)?,
                );
                let mut told = facts(&log, id, &event.leaf)?;
                told["proven"] = event.inclusion.is_ok().into();
                told["tree_size"] = event
                    .inclusion
                    .as_ref()
                    .ok()
                    .map(|it| it.tree_size.0)
                    .into();
                Ok(told)
            }
            LogEntry::Record(entry) => picture(service, ledger, caller, *entry, &name, private),
        },
    );
    Ok(fresh(Json(told.await?)))
}

fn log_of(ledger: &Ledger, shard: colophon_ledger::ShardName) -> Result<String, Problem> {
    let shards = ledger.shards().map_err(|error| problem(&error))?;
    let found = shards.into_iter().find(|it| it.name == shard);
    found
        .map(|shard| shard.key.name().to_owned())
        .ok_or_else(|| Problem::new(ProblemKind::NotFound))
}

fn facts(log: &str, id: RecordId, leaf: &[u8]) -> Result<Value, Problem> {
    let row = Row::of_leaf(log, id.index.0, leaf).map_err(|_| {
        Problem::new(ProblemKind::Internal).with_detail("this version cannot read the entry")
    })?;
    Ok(json!({
        "record": id.to_string(),
        "id": find::id_of(id),
        "facts": row.to_json(),
    }))
}

fn picture(
    service: &Service,
    ledger: &Ledger,
    caller: &Caller,
    entry: Entry,
    asked: &str,
    private: bool,
) -> Result<Value, Problem> {
    let id = entry.id();
    let own = if private {
        Some(private_part(service, caller, id)?)
    } else {
        None
    };
    let policy = policy(service)?.map(|(_, policy)| policy);
    // Requests and checks are the operator's log, no part of the public one.
    let logged = if caller.may(Scope::Admin) {
        decisions(service)?
    } else {
        None
    };
    let life = Life::of(ledger, entry, logged.as_ref(), policy.as_ref());
    let life = life.map_err(|error| audit_problem(&error))?;
    let mut told = life.to_json();
    let name = find::id_of(id);
    let at = |part: &str| format!("/v1/records/{name}/{part}");
    // By the name that it was asked for: to whom it is given depends on that.
    let manifest = format!("/v1/records/{asked}/manifest");
    let has_manifest = life.manifest.is_ok() && may_have_manifest(service, caller, asked, id)?;
    told["id"] = name.clone().into();
    told["erased"] = json!(life.entry.erased().map(|erased| json!({
        "at": colophon_provenance::rfc3339(erased.at),
        "reason": erased.reason.code(),
        "event": erased.event.to_string(),
    })));
    told["links"] = json!({
        "page": format!("/records/{name}"),
        "leaf": at("leaf"),
        "proof": at("proof"),
        "receipt": at("receipt"),
        "bundle": at("bundle"),
        "manifest": has_manifest.then_some(manifest),
    });
    if let Some(part) = own {
        told["private"] = part;
    }
    Ok(told)
}

/// The private part, for those whose record it is.
fn private_part(service: &Service, caller: &Caller, id: RecordId) -> Result<Value, Problem> {
    let ledger = service.issuer.ledger();
    let entry = ledger.get(id).map_err(|error| problem(&error))?;
    let entry = entry.and_then(LogEntry::into_record);
    let entry = entry.ok_or_else(|| Problem::new(ProblemKind::NotFound))?;
    if let Some(erased) = entry.erased() {
        let day = colophon_provenance::rfc3339(erased.at);
        return Err(Problem::new(ProblemKind::Gone)
            .with_detail(format!("the private part was erased on {day}")));
    }
    // What does not fit its leaf is not told as if it did.
    let part = entry.part().filter(|_| entry.inclusion.is_ok());
    match part {
        Some(part) if is_own(service, caller, part) => Ok(told(part)),
        _ => Err(Problem::new(ProblemKind::Forbidden).with_detail(
            "the private part is told to those who asked for the picture, and to the owner",
        )),
    }
}

/// Whether somebody is given the manifest, which holds the title: whoever has the picture, and so can name the mark in
/// it, and those who may see personal data of its tenant.
fn may_have_manifest(
    service: &Service,
    caller: &Caller,
    name: &str,
    id: RecordId,
) -> Result<bool, Problem> {
    if mark_id(name).is_ok() {
        return Ok(true);
    }
    if !caller.may(Scope::Personal) {
        return Ok(false);
    }
    let entry = service.issuer.ledger().get(id);
    let entry = entry.map_err(|error| problem(&error))?;
    let entry = entry.and_then(LogEntry::into_record);
    let part = entry.as_ref().and_then(Entry::part);
    Ok(part.is_some_and(|part| is_own(service, caller, part)))
}

/// Whether personal data of a record may be told to the caller, by tenant, scope and policies.
fn is_own(service: &Service, caller: &Caller, part: &PrivatePart) -> bool {
    caller.sees_personal_of(&tenant_of(part.requester.as_deref()))
        && service
            .ask_ledger(caller, Operation::ReadLedger, true)
            .is_ok()
}

fn told(part: &PrivatePart) -> Value {
    json!({
        "watermark_id": part.watermark_id.map(|id| format!("{id:016x}")),
        "fingerprint": part.fingerprint.map(|hash| colophon_provenance::hex(&hash)),
        "title": part.title,
        "prompt": part.prompt,
        "negative_prompt": part.negative_prompt,
        "prompt_salt": part.prompt_salt.map(|salt| colophon_provenance::hex(&salt)),
        "unmarked_reason": part.unmarked_reason,
        "requester": part.requester,
        "requester_salt": part.requester_salt.map(|salt| colophon_provenance::hex(&salt)),
    })
}

/// The witness policy of the home, as bytes and as what it says.
fn policy(service: &Service) -> Result<Option<(Vec<u8>, WitnessPolicy)>, Problem> {
    let policy = service.home.witness_policy();
    let policy = policy.map_err(|error| home_problem(&error))?;
    let bytes = std::fs::read(service.home.witness_policy_file()).ok();
    Ok(bytes.zip(policy))
}

/// The record itself: the bytes that are hashed into the log (deterministic CBOR)
#[utoipa::path(
    get,
    path = "/v1/records/{id}/leaf",
    tag = "audit",
    params(("id" = String, Path, description = "As of the record")),
    responses(
        (status = 200, description = "The leaf", content_type = "application/cbor", body = [u8]),
        (status = 404, description = "There is no such record", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn leaf(
    State(service): State<Arc<Service>>,
    asking: Asking,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = ask(
        &service,
        &asking,
        Operation::ReadLedger,
        move |_, ledger, _| {
            let entry = find::entry(ledger, &id)?;
            Ok((entry.id(), entry.leaf().to_vec()))
        },
    );
    let (id, leaf) = found.await?;
    let name = format!("record-{}.leaf", find::id_of(id));
    Ok(file("application/cbor", &name, leaf))
}

/// The proof that the record is in the signed log (C2SP `tlog-proof`)
#[utoipa::path(
    get,
    path = "/v1/records/{id}/proof",
    tag = "audit",
    params(("id" = String, Path, description = "As of the record")),
    responses(
        (status = 200, description = "The proof", content_type = "text/plain", body = String),
        (status = 404, description = "There is no such record", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn proof(
    State(service): State<Arc<Service>>,
    asking: Asking,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = ask(
        &service,
        &asking,
        Operation::ReadLedger,
        move |_, ledger, _| {
            let id = find::entry(ledger, &id)?.id();
            Ok((id, ledger.prove(id).map_err(|error| problem(&error))?))
        },
    );
    let (id, proof) = found.await?;
    let name = format!("record-{}.tlog-proof", find::id_of(id));
    Ok(file("text/plain; charset=utf-8", &name, proof))
}

/// The same proof as a COSE receipt (RFC 9942), signed with the receipt key
#[utoipa::path(
    get,
    path = "/v1/records/{id}/receipt",
    tag = "audit",
    params(("id" = String, Path, description = "As of the record")),
    responses(
        (status = 200, description = "The receipt", content_type = "application/cose", body = [u8]),
        (status = 404, description = "There is no such record", body = ProblemBody, content_type = "application/problem+json"),
        (status = 501, description = "There is no key for receipts", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn receipt(
    State(service): State<Arc<Service>>,
    asking: Asking,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = ask(
        &service,
        &asking,
        Operation::ReadLedger,
        move |service, ledger, _| {
            let id = find::entry(ledger, &id)?.id();
            let receipt = signed_receipt(service, ledger, id)?;
            let none = || {
                Problem::new(ProblemKind::NotImplemented)
                    .with_detail("this installation has no key that signs receipts")
            };
            Ok((id, receipt.ok_or_else(none)?.receipt))
        },
    );
    let (id, receipt) = found.await?;
    let name = format!("record-{}.receipt", find::id_of(id));
    let media_type = "application/cose; cose-type=\"cose-sign1\"";
    Ok(file(media_type, &name, receipt))
}

/// The receipt with its key; `None` without a key that signs receipts.
fn signed_receipt(
    service: &Service,
    ledger: &Ledger,
    id: RecordId,
) -> Result<Option<ReceiptFile>, Problem> {
    let Ok(signer) = service.issuer.attester().receipts() else {
        return Ok(None);
    };
    let receipt = ledger.receipt(id, signer);
    let receipt = receipt.map_err(|error| problem(&error))?;
    Ok(Some(ReceiptFile {
        receipt: receipt.to_bytes(),
        key_pem: signer.receipt_key().to_pem(),
    }))
}

/// Everything that a stranger needs to check the record with public tools (ZIP)
#[utoipa::path(
    get,
    path = "/v1/records/{id}/bundle",
    tag = "audit",
    params(("id" = String, Path, description = "As of the record")),
    responses(
        (status = 200, description = "The bundle; its README.md tells how to check it", content_type = "application/zip", body = [u8]),
        (status = 404, description = "There is no such record", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn bundle(
    State(service): State<Arc<Service>>,
    asking: Asking,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let found = ask(
        &service,
        &asking,
        Operation::ReadLedger,
        move |service, ledger, caller| {
            let entry = find::entry(ledger, &name)?;
            let id = entry.id();
            let entry = entry.into_record().ok_or_else(|| {
                Problem::new(ProblemKind::NotFound)
                    .with_detail("an event has no bundle: its proof and its leaf say all")
            })?;
            let (bytes, policy) = policy(service)?.unzip();
            let life = Life::of(ledger, entry, None, policy.as_ref());
            let mut life = life.map_err(|error| audit_problem(&error))?;
            if !may_have_manifest(service, caller, &name, id)? {
                life.manifest = Err(GIVEN_TO.to_owned());
            }
            let parts = parts(service, ledger, id, bytes)?;
            let packed = colophon_audit::bundle(&life, &parts);
            Ok((id, packed.map_err(|error| audit_problem(&error))?))
        },
    );
    let (id, bundle) = found.await?;
    let name = format!("record-{}.zip", find::id_of(id));
    Ok(file("application/zip", &name, bundle))
}

fn parts(
    service: &Service,
    ledger: &Ledger,
    id: RecordId,
    witness_policy: Option<Vec<u8>>,
) -> Result<BundleParts, Problem> {
    let keys = service.home.keys();
    let certificate = |name: &str| {
        // A key kept elsewhere leaves none.
        let bytes = std::fs::read(keys.join(name)).ok()?;
        let name = format!("certificates/{name}");
        Some(NamedFile { name, bytes })
    };
    let names = [
        ROOT_CERTIFICATE_FILE,
        ISSUING_CERTIFICATE_FILE,
        CLAIM_CERTIFICATE_FILE,
    ];
    let shards = ledger.shards().map_err(|error| problem(&error))?;
    let shard = shards.into_iter().find(|shard| shard.name == id.shard);
    Ok(BundleParts {
        log_key: shard.map_or_else(|| ledger.verifier_key().clone(), |shard| shard.key),
        certificates: names.into_iter().filter_map(certificate).collect(),
        witness_policy,
        shards: std::fs::read(service.home.ledger().join("shards")).ok(),
        receipt: signed_receipt(service, ledger, id)?,
    })
}

/// The manifest as it was signed (C2PA, JUMBF)
///
/// It may hold a title, so it is given to whoever has the picture: `id` is then the mark's. Others need a key for
/// personal data of their own records.
#[utoipa::path(
    get,
    path = "/v1/records/{id}/manifest",
    tag = "audit",
    params(("id" = String, Path, description = "As of the record")),
    responses(
        (status = 200, description = "The manifest", content_type = "application/c2pa", body = [u8]),
        (status = 401, description = "It is given to whoever has the picture", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such record", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "It was erased", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn manifest(
    State(service): State<Arc<Service>>,
    asking: Asking,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let found = ask(
        &service,
        &asking,
        Operation::ReadLedger,
        move |service, ledger, caller| {
            let id = find::entry(ledger, &name)?.id();
            if !may_have_manifest(service, caller, &name, id)? {
                let kind = match caller.name {
                    None => ProblemKind::Unauthenticated,
                    Some(_) => ProblemKind::Forbidden,
                };
                return Err(Problem::new(kind).with_detail(GIVEN_TO));
            }
            let manifest = ledger.manifest_bytes(id);
            Ok((id, manifest.map_err(|error| problem(&error))?))
        },
    );
    let (id, manifest) = found.await?;
    let name = format!("record-{}.c2pa", find::id_of(id));
    Ok(file("application/c2pa", &name, manifest).into_response())
}
