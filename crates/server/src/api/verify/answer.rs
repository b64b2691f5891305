//! The answer to a check: the report, a report with attachments, or a page.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon_provenance::{Report, Wording};
use colophon_rendering::html::{self, Attachments, Image, ImageKind};
use serde::Serialize;
use utoipa::ToSchema;

use super::Checked;
use super::wishes::Wishes;

/// Nothing may be loaded and nothing run, whatever gets into the page.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'";

/// What is answered, made on the thread that made the check.
#[derive(Debug)]
pub(super) enum Answered {
    Report(Box<Report>),
    WithAttachments(Box<ReportAndMore>),
    Page(String),
}

/// A report and what was asked for beside it.
#[derive(Debug, Serialize)]
pub(super) struct ReportAndMore {
    report: Report,
    attachments: AttachedFiles,
}

/// By the names in `include`; what there is not is left out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AttachedFiles {
    /// The picture with the places in magenta where the mark is missing although it should be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    heat_map: Option<AttachedFile>,
    /// The picture small, without metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<AttachedFile>,
    /// The validator's own report on the manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    crjson: Option<AttachedFile>,
}

/// One file.
#[derive(Debug, Serialize, ToSchema)]
struct AttachedFile {
    /// Its media type.
    #[schema(example = "image/png")]
    media_type: &'static str,
    /// Its bytes, base64.
    data: String,
}

/// The report as `colophon verify --json` prints it; or, with `include`, an object with the report and the
/// attachments.
#[derive(ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "describes what is answered")]
pub(super) struct ReportOrMore(serde_json::Value);

impl AttachedFile {
    fn new(media_type: &'static str, bytes: &[u8]) -> Self {
        Self {
            media_type,
            data: STANDARD.encode(bytes),
        }
    }
}

impl Answered {
    pub(super) fn new(checked: Checked, wishes: Wishes) -> Self {
        if wishes.page {
            return Self::Page(page(&checked, Wording::of(wishes.wanted.language)));
        }
        if !wishes.attachments {
            return Self::Report(Box::new(checked.report));
        }
        let file = |media_type, bytes: &Option<Vec<u8>>| {
            bytes
                .as_deref()
                .map(|bytes| AttachedFile::new(media_type, bytes))
        };
        let thumbnail = checked.thumbnail.as_ref();
        Self::WithAttachments(Box::new(ReportAndMore {
            attachments: AttachedFiles {
                heat_map: file("image/png", &checked.heat_map),
                thumbnail: thumbnail.map(|small| AttachedFile::new("image/jpeg", &small.jpeg)),
                crjson: file("application/json", &checked.crjson),
            },
            report: checked.report,
        }))
    }
}

fn page(checked: &Checked, wording: &Wording) -> String {
    let attachments = match &checked.thumbnail {
        Some(small) => Attachments::with_thumbnail(Image::new(
            ImageKind::Jpeg,
            small.width,
            small.height,
            &small.jpeg,
        )),
        None => Attachments::default(),
    };
    html::page(&checked.report, &attachments, wording)
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let mut response = match self {
            Self::Report(report) => Json(report).into_response(),
            Self::WithAttachments(more) => Json(more).into_response(),
            Self::Page(page) => {
                let mut response = Html(page).into_response();
                let policy = HeaderValue::from_static(PAGE_POLICY);
                response
                    .headers_mut()
                    .insert(header::CONTENT_SECURITY_POLICY, policy);
                response
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        // Another kind of answer is at the same address.
        headers.insert(
            header::VARY,
            HeaderValue::from_static("accept, authorization"),
        );
        response
    }
}
