//! What is told of an issued picture.

use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, header};
use colophon_provenance::{Format, GenerationFacts, Issued};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::front::Secure;
use crate::api::service::Service;

/// A picture that was issued: what is in it, and where more of it is. Holds neither prompt nor requester.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Issued)]
pub(super) struct IssuedBody {
    /// Shard and number of the ledger record, as the command line and the log have them.
    #[schema(example = "2026h2/17")]
    pub id: String,
    /// The same, as addresses have it.
    #[schema(example = "2026h2-17")]
    pub record: String,
    /// RFC 6962 leaf hash of the record, hex.
    pub leaf_hash: String,
    /// The id in the pixels, 16 hex digits; none in a picture that was issued without a mark.
    pub watermark_id: Option<String>,
    /// Why the picture carries no mark, when it carries none.
    pub unmarked_reason: Option<String>,
    /// The picture carried this home's mark already, and it was kept.
    pub mark_kept: bool,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Length of the file.
    pub bytes: u64,
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
    /// `png`, `jpeg` or `webp`.
    pub format: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Label of the manifest.
    pub manifest_id: String,
    /// The manifest that came with the picture became an ingredient of the new one.
    pub ingredient_kept: bool,
    /// The 256-bit perceptual hash of the pixels, hex.
    pub fingerprint: Option<String>,
    /// Whether the signing chain is local, that is, on no public list.
    pub local_chain: bool,
    /// Hash of the policies that allowed it, hex.
    pub policy_hash: String,
    /// Codes of the prompt's labels, and of those that the policies add.
    pub labels: Vec<String>,
    /// Time of issue, RFC 3339.
    pub issued_at: String,
    /// How it was made; of generated pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<GenerationBody>,
    /// Where the file is for a while.
    pub url: String,
    /// Where more of it is.
    pub links: Links,
}

/// Addresses on this server.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Links {
    /// The page about the record.
    pub page: String,
    /// The record.
    pub record: String,
    /// Its proof in the log (C2SP tlog-proof).
    pub proof: String,
    /// The manifest by itself.
    pub manifest: String,
    /// The file, for a while.
    pub file: String,
}

/// How a model made a picture.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Generation)]
pub(super) struct GenerationBody {
    /// Identifier of the model.
    pub model: String,
    /// Its version.
    pub version: Option<String>,
    /// Whether it ran on another server.
    pub remote: bool,
    /// Seed of the noise, as far as it is known.
    pub seed: Option<u64>,
    /// Denoising steps.
    pub steps: Option<u32>,
    /// Way from noise to picture.
    pub sampler: Option<String>,
    /// Guidance scale.
    pub guidance: Option<f64>,
    /// The record's commitment to the prompt, hex.
    pub prompt_commitment: Option<String>,
    /// Its salt, hex: with it and the prompt anyone can check the commitment.
    pub prompt_salt: Option<String>,
    /// What the model made of the prompt, where it can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub understood: Option<String>,
    /// How it differs from what was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl IssuedBody {
    /// Of a file in the folder of kept ones.
    pub fn new(issued: &Issued, format: Format, base: &str) -> Self {
        let file = issued.path.file_name().unwrap_or_default();
        // One segment of a path.
        let record = issued.record_id.replace('/', "-");
        let links = Links::new(&record, &file.to_string_lossy());
        let issued = issued.clone();
        Self {
            id: issued.record_id,
            record,
            leaf_hash: issued.leaf_hash,
            watermark_id: issued.watermark_id,
            unmarked_reason: issued.unmarked_reason,
            mark_kept: issued.mark_kept,
            sha256: issued.sha256,
            bytes: issued.bytes,
            width: issued.width,
            height: issued.height,
            format: name_of(format),
            media_type: format.mime(),
            manifest_id: issued.manifest_id,
            ingredient_kept: issued.ingredient_kept,
            fingerprint: issued.fingerprint,
            local_chain: issued.local_chain,
            policy_hash: issued.policy_hash,
            labels: issued.labels,
            issued_at: issued.issued_at,
            generation: None,
            url: format!("{base}{}", links.file),
            links,
        }
    }

    /// With how it was made.
    pub fn made(mut self, issued: &Issued, made: &Making) -> Self {
        let facts = &made.facts;
        self.generation = Some(GenerationBody {
            model: facts.model.id.clone(),
            version: facts.model.version.clone(),
            remote: facts.backend != colophon_provenance::Backend::Embedded,
            seed: facts.seeds.first().copied(),
            steps: facts.steps,
            sampler: facts.sampler.clone(),
            // Through its text, so that 4.5 stays 4.5.
            guidance: facts
                .guidance
                .and_then(|scale| scale.to_string().parse().ok()),
            prompt_commitment: issued.prompt_commitment.clone(),
            prompt_salt: issued.prompt_salt.clone(),
            understood: made.understood.clone(),
            notes: made.notes.clone(),
        });
        self
    }

    /// The same in headers, for an answer that is the file.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(header::CONTENT_TYPE, self.media_type);
        set(header::CONTENT_LOCATION, &self.links.file);
        set(header::CACHE_CONTROL, "private, no-store");
        set(HeaderName::from_static("x-content-type-options"), "nosniff");
        set(HeaderName::from_static("x-colophon-record"), &self.record);
        set(HeaderName::from_static("x-colophon-sha256"), &self.sha256);
        if let Some(id) = &self.watermark_id {
            set(HeaderName::from_static("x-colophon-watermark-id"), id);
        }
        let links = format!(
            "<{}>; rel=\"describedby\", <{}>; rel=\"https://c2sp.org/tlog-proof\", <{}>; rel=\"c2pa-manifest\"",
            self.links.page, self.links.proof, self.links.manifest
        );
        set(header::LINK, &links);
        headers
    }
}

/// What is known of how a picture was made, beside what was issued.
#[derive(Debug, Clone)]
pub(super) struct Making {
    pub facts: GenerationFacts,
    pub understood: Option<String>,
    pub notes: Vec<String>,
}

impl Links {
    fn new(name: &str, file: &str) -> Self {
        let record = format!("/v1/records/{name}");
        Self {
            page: format!("/records/{name}"),
            proof: format!("{record}/proof"),
            manifest: format!("{record}/manifest"),
            file: format!("/v1/files/{file}"),
            record,
        }
    }
}

/// The name of a format in requests and answers.
pub(super) fn name_of(format: Format) -> &'static str {
    match format {
        Format::Jpeg => "jpeg",
        other => other.extension(),
    }
}

/// Scheme and host that addresses begin with: as set, else as the caller wrote them; empty where neither is known.
pub(super) fn base(service: &Service, headers: &HeaderMap, about: &Extensions) -> String {
    if let Some(base) = &service.settings.public_url {
        return base.trim_end_matches('/').to_owned();
    }
    let secure = about.get::<Secure>().is_some_and(|secure| secure.0);
    let scheme = if secure { "https" } else { "http" };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    host.filter(|host| !host.is_empty() && host.bytes().all(plain))
        .map_or_else(String::new, |host| format!("{scheme}://{host}"))
}
