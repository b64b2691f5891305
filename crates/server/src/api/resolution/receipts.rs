//! Receipts: proof that a manifest was entered. What proves it is the log's own `.tlog-proof` of the record, which
//! holds the manifest's label and hash; whoever has the log's key checks it without this service.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use colophon_ledger::{Leaf, Ledger, check_proof};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::From;
use super::super::problem::{Problem, ProblemBody};
use super::super::service::Service;
use super::manifests::entry;
use super::{BASE, ask, unreadable};

/// Longest receipt, bytes: a leaf and a proof have a few kilobytes.
const MOST_RECEIPT: usize = 64 << 10;
/// The type of a receipt.
const TYPE: &str = "org.c2pa.manifest-receipt";
/// The form of the proof.
const PROOF_ALG: &str = "c2sp.org/tlog-proof@v1";

/// Proof that a manifest was entered into a repository.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = c2pa::manifestReceipt)]
pub(super) struct Receipt {
    /// JSON-LD.
    #[serde(rename = "@context")]
    #[schema(value_type = Object)]
    context: serde_json::Value,
    /// Always `org.c2pa.manifest-receipt`.
    #[serde(rename = "@type")]
    #[schema(example = "org.c2pa.manifest-receipt")]
    kind: String,
    /// Where the manifest is.
    repository: Repository,
    /// What proves it.
    anchor: Anchor,
    /// Of a receipt that was checked here before; not looked at.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    #[expect(dead_code, reason = "a checked receipt may be handed in again")]
    verified: Option<serde_json::Value>,
    /// The same.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    #[expect(dead_code, reason = "a checked receipt may be handed in again")]
    error: Option<serde_json::Value>,
}

/// Where a manifest is.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = c2pa::manifestReceiptRepository)]
struct Repository {
    /// The repository.
    uri: String,
    /// The manifest's label.
    manifest_id: String,
}

/// What proves that it was entered.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(as = c2pa::manifestReceiptAnchor)]
struct Anchor {
    /// Where the proof is kept.
    uri: String,
    /// Names the record in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    parameters: Option<serde_json::Value>,
    /// The proof.
    proof: Proof,
}

/// The log's proof of the record.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[schema(as = c2pa::manifestReceiptProof)]
struct Proof {
    /// Always `c2sp.org/tlog-proof@v1`.
    alg: String,
    /// The `.tlog-proof` file, base64url.
    value: String,
    /// The record that it proves, base64url: deterministic CBOR with the manifest's label and SHA-256.
    leaf: String,
}

/// A receipt that was checked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = c2pa::verifiedManifestReceipt)]
pub(super) struct VerifiedReceipt {
    /// The receipt.
    #[serde(flatten)]
    receipt: Receipt,
    /// Whether it proves what it should.
    verified: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl VerifiedReceipt {
    fn new(receipt: Receipt, id: &str, ledger: &Ledger) -> Self {
        let checked = receipt.check(id, ledger);
        Self {
            receipt,
            verified: checked.is_ok(),
            error: checked.err(),
        }
    }
}

impl Receipt {
    /// Whether it proves, by the key of this log, that the manifest was entered. The error says why not.
    fn check(&self, id: &str, ledger: &Ledger) -> Result<(), String> {
        if self.kind != TYPE {
            return Err(format!("its type is not {TYPE}"));
        }
        if self.repository.manifest_id != id {
            return Err("it is for another manifest".to_owned());
        }
        let proof = &self.anchor.proof;
        if proof.alg != PROOF_ALG {
            return Err(format!("its proof is none of {PROOF_ALG}"));
        }
        let text = decoded(&proof.value).and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or("the proof is no text in base64url")?;
        let leaf = decoded(&proof.leaf).ok_or("the leaf is not base64url")?;
        let names_it = match Leaf::decode(&leaf) {
            Ok(Leaf::Record(record)) => record.manifest_id == id,
            _ => false,
        };
        if !names_it {
            return Err("the leaf is no record of this manifest".to_owned());
        }
        check_proof(&text, &leaf, ledger.verifier_key())
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    let decoded = URL_SAFE_NO_PAD.decode(bare);
    decoded.or_else(|_| STANDARD_NO_PAD.decode(bare)).ok()
}

/// Get the receipt of a manifest
#[utoipa::path(
    get,
    path = "/c2pa/manifests/{manifestId}/receipts",
    tag = "c2pa",
    operation_id = "getVerifiedReceipt",
    params(("manifestId" = String, Path, description = "Label of the manifest")),
    responses(
        (status = 200, description = "The receipt, checked", body = VerifiedReceipt),
        (status = 400, description = "No label of a manifest", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such manifest is kept", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn receipt(
    State(service): State<Arc<Service>>,
    caller: From,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<VerifiedReceipt>, Problem> {
    service.may_verify(&caller)?;
    let base = base(&service, &headers);
    ask(&service, move |service| {
        let ledger = service.issuer.ledger();
        let entry = entry(ledger, &id)?;
        let record = entry.id().to_string();
        let proof = ledger.prove(entry.id()).map_err(unreadable)?;
        let address = record.replace('/', "%2F");
        let receipt = Receipt {
            context: serde_json::json!({
                "c2pa": "https://c2pa.org/ns/",
                "receipt": "https://c2pa.org/ns/manifest-receipt#",
            }),
            kind: TYPE.to_owned(),
            repository: Repository {
                uri: format!("{base}{BASE}"),
                manifest_id: id.clone(),
            },
            anchor: Anchor {
                uri: format!("{base}/v1/records/{address}/proof"),
                parameters: Some(serde_json::json!({
                    "log": ledger.verifier_key().name(),
                    "record": record,
                })),
                proof: Proof {
                    alg: PROOF_ALG.to_owned(),
                    value: URL_SAFE_NO_PAD.encode(proof),
                    leaf: URL_SAFE_NO_PAD.encode(&entry.leaf),
                },
            },
            verified: None,
            error: None,
        };
        Ok(Json(VerifiedReceipt::new(receipt, &id, ledger)))
    })
    .await
}

/// Check a receipt
///
/// Against this repository's log: that the record it holds names the manifest and is in the signed tree.
#[utoipa::path(
    post,
    path = "/c2pa/manifests/{manifestId}/receipts",
    tag = "c2pa",
    operation_id = "verifyReceipt",
    params(("manifestId" = String, Path, description = "Label of the manifest")),
    request_body = Receipt,
    responses(
        (status = 200, description = "The receipt, and whether it proves what it should", body = VerifiedReceipt),
        (status = 400, description = "No receipt", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "A key is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such manifest is kept", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The receipt came too slowly", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "It is longer than any", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "It is no JSON", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn check(
    State(service): State<Arc<Service>>,
    caller: From,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<VerifiedReceipt>, Problem> {
    service.may_verify(&caller)?;
    let receipt: Receipt = service.uploads.json(request, MOST_RECEIPT).await?;
    ask(&service, move |service| {
        let ledger = service.issuer.ledger();
        entry(ledger, &id)?;
        Ok(Json(VerifiedReceipt::new(receipt, &id, ledger)))
    })
    .await
}

/// The service's address: the one that is set, or the one that the request came to.
fn base(service: &Service, headers: &HeaderMap) -> String {
    if let Some(url) = &service.settings.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let plain = |host: &&str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte);
        (1..=255).contains(&host.len()) && host.bytes().all(fits)
    };
    format!("http://{}", host.filter(plain).unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_have_the_fields_of_the_specification_and_no_others() {
        let text = r#"{"@context": {}, "@type": "org.c2pa.manifest-receipt",
            "repository": {"uri": "https://a.example", "manifestId": "urn:c2pa:1"},
            "anchor": {"uri": "https://a.example/1", "proof": {"alg": "x", "value": "", "leaf": ""}, "more": 1}}"#;
        let receipt: Receipt = serde_json::from_str(text).unwrap();
        let told = serde_json::to_value(&receipt).unwrap();
        let names: Vec<&String> = told.as_object().unwrap().keys().collect();
        assert_eq!(names, ["@context", "@type", "repository", "anchor"]);
        let more = text.replace(r#""@type""#, r#""type": 1, "@type""#);
        assert!(serde_json::from_str::<Receipt>(&more).is_err());
    }

    #[test]
    fn base64url_is_read_with_padding_and_without() {
        for text in ["-_8", "-_8=", "+/8=", "+/8"] {
            assert_eq!(decoded(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(decoded("a b"), None);
    }
}
