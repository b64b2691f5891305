//! Manifests that match a binding or a picture.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use colophon_ledger::{Ledger, LedgerError, RecordId, unhex};
use colophon_policy::Binding as Shows;
use colophon_provenance::{Matched, Report, ReportError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::caller::From;
use super::super::ports::Wanted;
use super::super::problem::{Problem, ProblemBody, ProblemKind};
use super::super::service::Service;
use super::super::verify::could_not_check;
use super::binding::{Algorithm, Binding, may_be_told};
use super::{ask, unreadable};

/// Longest value in an address, characters; a larger one goes into a body.
const MOST_VALUE: usize = 2_048;
/// Most manifests of one answer.
const MOST_RESULTS: u32 = 100;
/// Longest body with a binding.
const MOST_BODY: usize = 16 << 10;
/// Hashes of a lower quality are not compared: the picture shows too little.
const LEAST_QUALITY: u8 = 50;

/// A binding in an address.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct InAddress {
    /// Name of the algorithm.
    #[param(example = "io.colophon.watermark.1")]
    alg: String,
    /// The value, base64.
    #[param(example = "AAAAAAAAAAE=")]
    value: String,
    /// Most manifests in the answer.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 10)]
    max_results: Option<u32>,
}

/// How many are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct HowMany {
    /// Most manifests in the answer.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 10)]
    max_results: Option<u32>,
}

/// What to match a picture by.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct ByContent {
    /// Name of the only algorithm that is wanted.
    alg: Option<String>,
    /// Most manifests in the answer.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100, default = 10)]
    max_results: Option<u32>,
    /// Name of the algorithm of `hintValue`.
    hint_alg: Option<String>,
    /// A binding that whoever asks has found: its manifests count too where the picture's fingerprint is like theirs.
    hint_value: Option<String>,
}

/// A soft binding.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = c2pa::softBindingQuery)]
pub(super) struct InBody {
    /// Name of the algorithm.
    #[schema(example = "io.colophon.watermark.1")]
    alg: String,
    /// The value, base64.
    #[schema(example = "AAAAAAAAAAE=")]
    value: String,
}

/// Manifests that match.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = c2pa::softBindingQueryResult)]
pub(super) struct QueryResult {
    /// The best first.
    matches: Vec<Match>,
}

/// A manifest that matches.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Match {
    /// Its label, for `/c2pa/manifests/{manifestId}`.
    #[schema(example = "urn:c2pa:F9168C5E-CEB2-4FAA-B6BF-329BF39FA1E4")]
    manifest_id: String,
    /// How well it matches, 0..=100.
    #[schema(minimum = 0, maximum = 100)]
    similarity_score: u8,
}

/// Scores by manifest.
#[derive(Debug, Default)]
struct Scores(BTreeMap<String, u8>);

impl Scores {
    fn add(&mut self, manifest_id: &str, score: u8) {
        let best = self.0.entry(manifest_id.to_owned()).or_default();
        *best = score.max(*best);
    }

    fn add_all(&mut self, binding: Binding, ledger: &Ledger) -> Result<(), LedgerError> {
        for (entry, score) in binding.find(ledger)? {
            self.add(&entry.record.manifest_id, score);
        }
        Ok(())
    }

    fn best(self, most: usize) -> QueryResult {
        let mut scores: Vec<(String, u8)> = self.0.into_iter().collect();
        scores.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
        let matches = scores.into_iter().take(most);
        QueryResult {
            matches: matches
                .map(|(manifest_id, similarity_score)| Match {
                    manifest_id,
                    similarity_score,
                })
                .collect(),
        }
    }
}

fn wanted(max_results: Option<u32>) -> Result<usize, Problem> {
    match max_results {
        None => Ok(10),
        Some(0) => Err(Problem::invalid("it must be 1 or more").at("maxResults")),
        Some(most) => Ok(most.min(MOST_RESULTS) as usize),
    }
}

fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => Err(Problem::invalid(rejection.body_text())),
    }
}

async fn answer(
    service: &Arc<Service>,
    binding: Binding,
    most: usize,
) -> Result<Json<QueryResult>, Problem> {
    ask(service, move |service| {
        let mut scores = Scores::default();
        let found = scores.add_all(binding, service.issuer.ledger());
        found.map_err(unreadable)?;
        Ok(Json(scores.best(most)))
    })
    .await
}

/// Find manifests by a soft binding
#[utoipa::path(
    get,
    path = "/c2pa/matches/byBinding",
    tag = "c2pa",
    operation_id = "queryByBinding",
    params(InAddress),
    responses(
        (status = 200, description = "Those that match, the best first", body = QueryResult),
        (status = 400, description = "An unknown algorithm, or a value that is none of it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 414, description = "The value is too long for an address; send it in a body", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn by_binding(
    State(service): State<Arc<Service>>,
    caller: From,
    asked: Result<Query<InAddress>, QueryRejection>,
) -> Result<Json<QueryResult>, Problem> {
    service.may_verify(&caller)?;
    let asked = query(asked)?;
    if asked.value.len() > MOST_VALUE {
        return Err(Problem::new(ProblemKind::UriTooLong)
            .with_detail("send it in the body of a POST")
            .at("value"));
    }
    let most = wanted(asked.max_results)?;
    answer(&service, Binding::parse(&asked.alg, &asked.value)?, most).await
}

/// Find manifests by a soft binding in the body
#[utoipa::path(
    post,
    path = "/c2pa/matches/byBinding",
    tag = "c2pa",
    operation_id = "queryByLargeBinding",
    params(HowMany),
    request_body = InBody,
    responses(
        (status = 200, description = "Those that match, the best first", body = QueryResult),
        (status = 400, description = "No JSON, an unknown algorithm, or a value that is none of it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The request came too slowly", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The value is longer than any", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The request is no JSON", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn by_large_binding(
    State(service): State<Arc<Service>>,
    caller: From,
    asked: Result<Query<HowMany>, QueryRejection>,
    request: Request,
) -> Result<Json<QueryResult>, Problem> {
    service.may_verify(&caller)?;
    let most = wanted(query(asked)?.max_results)?;
    let binding: InBody = service.uploads.json(request, MOST_BODY).await?;
    answer(
        &service,
        Binding::parse(&binding.alg, &binding.value)?,
        most,
    )
    .await
}

/// Find manifests by a picture
///
/// The mark in it is read and its fingerprint taken. A mark counts when the picture shows what was marked, so that one
/// that was copied into another picture leads nowhere. Nothing of the picture is kept.
#[utoipa::path(
    post,
    path = "/c2pa/matches/byContent",
    tag = "c2pa",
    operation_id = "uploadFile",
    params(ByContent),
    request_body(content((Vec<u8> = "image/*"))),
    responses(
        (status = 200, description = "Those that match, the best first", body = QueryResult),
        (status = 400, description = "No picture, or a damaged one", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The picture came too slowly", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More bytes or pixels than are taken", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "A kind of file that is not read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "More to do than can be done", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn by_content(
    State(service): State<Arc<Service>>,
    caller: From,
    asked: Result<Query<ByContent>, QueryRejection>,
    request: Request,
) -> Result<Json<QueryResult>, Problem> {
    service.may_verify(&caller)?;
    let asked = query(asked)?;
    let most = wanted(asked.max_results)?;
    let only = asked.alg.as_deref().map(Algorithm::named).transpose()?;
    let hint = match (&asked.hint_alg, &asked.hint_value) {
        (Some(alg), Some(value)) => Some(Binding::parse(alg, value)?),
        (None, None) => None,
        _ => {
            return Err(Problem::invalid("hintAlg and hintValue go together").at("hintValue"));
        }
    };
    let upload = service
        .uploads
        .picture(request, service.settings.picture_bytes)
        .await?;
    let checks = Arc::clone(&service.checks);
    let report = service.checking.run(move || {
        let checked = checks.check(&upload.name, &upload.bytes, Wanted::default())?;
        Ok(checked.report)
    });
    let report = report.await?.map_err(|failure| could_not_check(&failure))?;
    if let Some(error) = &report.error {
        return Err(unread(error));
    }
    ask(&service, move |service| {
        let scores = of_picture(&report, service.issuer.ledger(), only, hint);
        Ok(Json(scores.map_err(unreadable)?.best(most)))
    })
    .await
}

/// What a report on a picture leads to.
fn of_picture(
    report: &Report,
    ledger: &Ledger,
    only: Option<Algorithm>,
    hint: Option<Binding>,
) -> Result<Scores, LedgerError> {
    let evidence = &report.evidence;
    let mut scores = Scores::default();
    let mut alike = Scores::default();
    if let Some(found) = &evidence.fingerprint {
        if found.quality >= LEAST_QUALITY
            && let Some(hash) = unhex(&found.hash)
        {
            alike.add_all(Binding::Fingerprint(hash), ledger)?;
        }
        // The nearest was found in any of the eight turned versions.
        if let Some(nearest) = &found.nearest
            && let Ok(id) = format!("{}/{}", nearest.shard, nearest.record).parse::<RecordId>()
            && let Some(entry) = ledger
                .get(id)?
                .and_then(colophon_ledger::LogEntry::into_record)
            && may_be_told(&entry)
        {
            alike.add(
                &entry.record.manifest_id,
                super::binding::score(nearest.distance),
            );
        }
    }
    if let Some(hint) = hint {
        for (entry, _) in hint.find(ledger)? {
            let id = &entry.record.manifest_id;
            if let Some(score) = alike.0.get(id) {
                scores.add(id, *score);
            }
        }
    }
    if only != Some(Algorithm::Watermark) {
        for (id, score) in alike.0 {
            scores.add(&id, score);
        }
    }
    let marked = evidence.ledger.as_ref().filter(|hit| {
        let erased = hit.erased.as_ref();
        let erased = erased.is_some_and(|it| it.parts.iter().any(|part| part == "manifest"));
        hit.matched_by.contains(&Matched::Watermark) && hit.inclusion.proven && !erased
    });
    if let Some(hit) = marked.filter(|_| only != Some(Algorithm::Fingerprint)) {
        match hit.comparison.binding {
            Shows::Same => scores.add(&hit.manifest_id, 100),
            Shows::Undecided | Shows::None => scores.add(&hit.manifest_id, 50),
            Shows::Different => {}
        }
    }
    Ok(scores)
}

/// Why a picture could not be matched.
fn unread(error: &ReportError) -> Problem {
    let kind = match error.kind.as_str() {
        "unsupported" => ProblemKind::UnsupportedMediaType,
        "limit" => ProblemKind::TooLarge,
        "system" => ProblemKind::Internal,
        _ => ProblemKind::InvalidRequest,
    };
    Problem::new(kind).with_detail(error.message.clone())
}
