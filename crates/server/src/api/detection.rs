//! What the checks cover, how often they err, and what becomes of what is sent: what the law asks a detection tool to
//! tell (California Business and Professions Code 22757.2; EU AI Act, code of practice on article 50).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use colophon_accounts::Scope;
use colophon_provenance::Language;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Area;
use super::caller::From;
use super::problem::{Problem, ProblemBody, ProblemKind};
use super::service::Service;
use crate::feedback::MOST_TEXT;

/// The measured figures; a test holds them against `docs/watermark.md` and the README.
const ERROR_RATES: &str = include_str!("../../data/error-rates.json");

pub(super) fn area() -> Area {
    OpenApiRouter::new().routes(routes!(detection))
}

/// What the checks cover, how often they err, and what is kept.
#[derive(Debug, Serialize, ToSchema)]
struct Detection {
    /// Name of the program.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// Checking costs nothing.
    free: bool,
    /// Whether a key is needed to check a picture.
    key_needed: bool,
    /// What is looked for in a picture: `watermark`, `manifest`, `ledger` and `fingerprint` tell of pictures that were
    /// issued here; `manifest` and `metadata` also of those that others made.
    looks_for: [&'static str; 5],
    /// Addresses.
    addresses: Addresses,
    /// Bounds.
    limits: Bounds,
    /// Languages of reports.
    languages: Vec<&'static str>,
    /// What becomes of what is sent.
    privacy: Privacy,
    /// How often the checks err, as measured.
    error_rates: ErrorRates,
}

/// Addresses, relative to the server.
#[derive(Debug, Serialize, ToSchema)]
struct Addresses {
    /// Takes a picture.
    upload: &'static str,
    /// Takes the address of a picture; absent where none is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'static str>,
    /// Takes what people say of the checks.
    feedback: &'static str,
    /// C2PA Soft Binding Resolution API.
    resolution: &'static str,
    /// The document of the whole API.
    document: &'static str,
}

/// Bounds.
#[derive(Debug, Serialize, ToSchema)]
struct Bounds {
    /// Longest file, bytes.
    bytes: u64,
    /// Largest picture, pixels.
    pixels: u64,
    /// Longest text of feedback, characters.
    feedback_characters: usize,
}

/// What becomes of what is sent.
#[derive(Debug, Serialize, ToSchema)]
struct Privacy {
    /// Whether a picture that was sent is kept after the answer.
    pictures_kept: bool,
    /// Whether reports tell of persons what a picture's metadata says of them.
    personal_provenance_in_reports: bool,
    /// What is kept of feedback: what was written, and how to reach whoever asked for it.
    feedback_kept: [&'static str; 5],
}

/// Measured figures.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ErrorRates {
    /// Confidence of all intervals, percent.
    confidence_percent: u32,
    /// Found where there is nothing.
    false_positives: Vec<FalsePositives>,
    /// Probability that any unmarked picture is told to carry an id, by proof rather than by count, at most.
    bound: f64,
    /// Not found where there is something.
    false_negatives: FalseNegatives,
}

/// Found where there is nothing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FalsePositives {
    /// What counts as an error.
    what: String,
    /// How many were tested.
    tested: u32,
    /// How many erred.
    errors: u32,
    /// Upper end of the interval of the rate, 0..=1, where the tests were independent.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    /// Of what.
    pictures: String,
    /// The command that measured it.
    measured_by: String,
    /// When, `YYYY-MM-DD`.
    measured_on: String,
}

/// Not found where there is something.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FalseNegatives {
    /// What counts as found.
    what: String,
    /// In what.
    pictures: String,
    /// The command that measured it.
    measured_by: String,
    /// When, `YYYY-MM-DD`.
    measured_on: String,
    /// By what was done to the pictures.
    handlings: Vec<Handling>,
}

/// One way to handle a picture.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "as the document has it")]
struct Handling {
    /// Its kind.
    group: String,
    /// What was done.
    handling: String,
    /// In how many pictures the id was read.
    read: u32,
    /// Of how many.
    tested: u32,
    /// Interval of the share in which it is read, percent (Wilson).
    #[schema(value_type = Vec<u32>)]
    interval_percent: [u32; 2],
}

/// What this detection tool is
///
/// What it covers, how often it errs and what is kept, for people and for supervision.
#[utoipa::path(
    get,
    path = "/v1/detection",
    tag = "verify",
    responses(
        (status = 200, description = "What it is", body = Detection),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn detection(
    State(service): State<Arc<Service>>,
    caller: From,
) -> Result<Json<Detection>, Problem> {
    caller.need(Scope::Verify)?;
    let error_rates = serde_json::from_str(ERROR_RATES);
    let error_rates = error_rates.map_err(|_| Problem::new(ProblemKind::Internal))?;
    let limits = service.checks.limits();
    let bytes = (service.settings.picture_bytes as u64).min(limits.max_bytes);
    Ok(Json(Detection {
        name: "Colophon",
        version: env!("CARGO_PKG_VERSION"),
        free: true,
        key_needed: !service.settings.public_verify,
        looks_for: ["watermark", "manifest", "ledger", "fingerprint", "metadata"],
        addresses: Addresses {
            upload: "/v1/verify",
            url: service.fetching.is_offered().then_some("/v1/verify/url"),
            feedback: "/v1/feedback",
            resolution: "/c2pa",
            document: "/openapi.json",
        },
        limits: Bounds {
            bytes,
            pixels: limits.max_pixels,
            feedback_characters: MOST_TEXT,
        },
        languages: Language::ALL.iter().map(|it| it.code()).collect(),
        privacy: Privacy {
            pictures_kept: false,
            personal_provenance_in_reports: false,
            feedback_kept: ["kind", "text", "rule", "sha256", "contact"],
        },
        error_rates,
    }))
}
