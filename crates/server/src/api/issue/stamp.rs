//! `POST /v1/stamp`: mark, sign and record a picture that is there already.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, RequestExt as _};
use colophon_accounts::{Scope, Tenant};
use colophon_imaging::sniff;
use colophon_provenance::{
    Destination, DigitalSourceType, Format, IssueOptions, StampRequest, Strength,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Served;
use super::answer::{IssuedBody, base};
use super::fields::Fields;
use super::refused::by_issuer;
use super::upload::{Form, Upload, of_disk};
use crate::api::Area;
use crate::api::caller::From;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::service::Service;

/// Longest title, characters.
pub(super) const MOST_TITLE: usize = 500;
/// Longest prompt, name of a generator or code, bytes.
const MOST_PROMPT: usize = 1 << 20;
const MOST_NAME: usize = 500;
/// The part or field that errors about the picture name.
const PICTURE: &str = "image";

pub(super) fn area() -> Area {
    OpenApiRouter::new().routes(routes!(stamp))
}

/// A format that can be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum FormatName {
    Png,
    #[serde(alias = "jpg")]
    Jpeg,
    Webp,
}

impl std::convert::From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Png => Self::Png,
            FormatName::Jpeg => Self::Jpeg,
            FormatName::Webp => Self::WebP,
        }
    }
}

/// How strong the mark may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum StrengthName {
    /// At least 45 dB; less robust.
    Subtle,
    /// At least 42 dB, weaker where that is enough.
    Standard,
    /// 42 dB, always.
    Strong,
}

impl std::convert::From<StrengthName> for Strength {
    fn from(name: StrengthName) -> Self {
        match name {
            StrengthName::Subtle => Self::Subtle,
            StrengthName::Standard => Self::Standard,
            StrengthName::Strong => Self::Strong,
        }
    }
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AnswerForm {
    /// What was issued, as JSON.
    Json,
    /// The file, with what was issued in headers.
    Image,
}

/// What is said of a picture and how it is issued: as `colophon stamp` takes it.
#[derive(Debug, Default, ToSchema)]
#[schema(as = StampRequest)]
struct Asked {
    /// How the picture came to be: IPTC digital source type, `trainedAlgorithmicMedia` if not told.
    #[schema(example = "trainedAlgorithmicMedia")]
    source: Option<String>,
    /// Model or program that made it; public.
    generator: Option<String>,
    /// Its version; goes with `generator`.
    generator_version: Option<String>,
    /// Prompt: kept in the erasable part of the record only. Not in an address: addresses get into logs.
    prompt: Option<String>,
    /// Title, at most 500 characters; public.
    title: Option<String>,
    /// Format of the file; that of the picture if it can be issued, else PNG.
    format: Option<FormatName>,
    /// JPEG quality, 1 to 100; as the picture's, at least 90, raised if the picture needs it, if not told.
    #[schema(minimum = 1, maximum = 100)]
    quality: Option<u8>,
    /// How strong the mark may be; as set, else `standard`.
    strength: Option<StrengthName>,
    /// Whether a picture that has no room for the mark is issued without it, and says so.
    allow_unmarked: Option<bool>,
    /// Whether EXIF, XMP, IPTC and texts of the picture go into the file; they do if not told.
    keep_metadata: Option<bool>,
    /// Why, for the policies: a code of their vocabulary.
    purpose: Option<String>,
    /// Form of the answer; else the header `accept` decides.
    response: Option<AnswerForm>,
}

impl Asked {
    fn take(mut fields: Fields) -> Result<Self, Problem> {
        let asked = Self {
            source: fields.take("source")?,
            generator: fields.take("generator")?,
            generator_version: fields.take("generator_version")?,
            prompt: fields.take("prompt")?,
            title: fields.take("title")?,
            format: fields.take("format")?,
            quality: fields.take("quality")?,
            strength: fields.take("strength")?,
            allow_unmarked: fields.take("allow_unmarked")?,
            keep_metadata: fields.take("keep_metadata")?,
            purpose: fields.take("purpose")?,
            response: fields.take("response")?,
        };
        fields.refuse_left()?;
        asked.check()?;
        Ok(asked)
    }

    fn check(&self) -> Result<(), Problem> {
        if self.quality.is_some_and(|it| !(1..=100).contains(&it)) {
            return Err(Problem::invalid("quality is 1 to 100").at("quality"));
        }
        if self.generator.is_none() && self.generator_version.is_some() {
            return Err(Problem::invalid("a version needs a `generator`").at("generator_version"));
        }
        check_title(self.title.as_deref(), "title")?;
        for (name, text, most) in [
            ("prompt", &self.prompt, MOST_PROMPT),
            ("generator", &self.generator, MOST_NAME),
            ("generator_version", &self.generator_version, MOST_NAME),
            ("purpose", &self.purpose, MOST_NAME),
        ] {
            if text.as_ref().is_some_and(|text| text.len() > most) {
                let reason = format!("{name} is longer than {most} bytes");
                return Err(Problem::invalid(reason).at(name));
            }
        }
        Ok(())
    }

    fn request(self, options: IssueOptions) -> Result<StampRequest, Problem> {
        let source = match &self.source {
            None => DigitalSourceType::TrainedAlgorithmicMedia,
            Some(name) => name
                .parse()
                .map_err(|error| Problem::invalid(format!("source: {error}")).at("source"))?,
        };
        let issued_at = options.issued_at;
        Ok(StampRequest {
            generator: self.generator,
            generator_version: self.generator_version,
            prompt: self.prompt,
            keep_metadata: self.keep_metadata.unwrap_or(true),
            options: IssueOptions {
                title: self.title,
                embed: self.strength.map(|name| Strength::options(name.into())),
                format: self.format.map(Into::into),
                jpeg_quality: self.quality,
                allow_unmarked: self.allow_unmarked.unwrap_or(false),
                purpose: self.purpose.unwrap_or(options.purpose),
                ..options
            },
            ..StampRequest::new(source, issued_at)
        })
    }
}

/// # Errors
/// [`crate::ProblemKind::InvalidRequest`] for a title that no manifest takes.
pub(super) fn check_title(title: Option<&str>, name: &str) -> Result<(), Problem> {
    if title.is_some_and(|title| title.chars().count() > MOST_TITLE) {
        let reason = format!("a title has at most {MOST_TITLE} characters");
        return Err(Problem::invalid(reason).at(name));
    }
    Ok(())
}

/// Mark, sign and record a picture
///
/// The picture is the body itself, with everything else in the query, or the part `image` of a form, with everything
/// else in the part `request` as JSON or in parts of their own. What kind of file it is, its bytes say.
#[utoipa::path(
    post,
    path = "/v1/stamp",
    tag = "issue",
    params(
        ("source" = Option<String>, Query, description = "IPTC digital source type"),
        ("generator" = Option<String>, Query, description = "Model or program that made it; public"),
        ("generator_version" = Option<String>, Query, description = "Its version"),
        ("title" = Option<String>, Query, description = "Title; public"),
        ("format" = Option<FormatName>, Query, description = "Format of the file"),
        ("quality" = Option<u8>, Query, description = "JPEG quality, 1 to 100"),
        ("strength" = Option<StrengthName>, Query, description = "How strong the mark may be"),
        ("allow_unmarked" = Option<bool>, Query, description = "Whether it may go out without a mark"),
        ("keep_metadata" = Option<bool>, Query, description = "Whether its own metadata stays"),
        ("purpose" = Option<String>, Query, description = "Why: a code of the policies' vocabulary"),
        ("response" = Option<AnswerForm>, Query, description = "Form of the answer"),
    ),
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (Asked = "multipart/form-data"),
    ), description = "The picture, or a form with it in the part `image`"),
    responses(
        (status = 200, description = "What was issued; the file itself for `accept: image/*`", content(
            (IssuedBody = "application/json"), (Vec<u8> = "image/*"),
        )),
        (status = 400, description = "A field cannot be", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "It needs a key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Key or policies do not allow it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "More bytes than are taken", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "No kind of picture that is taken", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "More pixels than are taken, a damaged picture, or one that cannot be marked", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn stamp(
    State(service): State<Arc<Service>>,
    caller: From,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let caller = caller.need(Scope::Issue)?.clone();
    let most = most_bytes(&service);
    let base = base(&service, &headers, request.extensions());
    let (asked, upload) = receive(request, &headers, most).await?;
    let form = asked.response.unwrap_or_else(|| wanted(&headers));
    let options = IssueOptions {
        principal: service.principal(&caller),
        ..IssueOptions::new(service.now())
    };
    let request = asked.request(options)?;
    let work = {
        let (service, tenant) = (Arc::clone(&service), caller.tenant);
        move || issue(&service, upload, request, &tenant, form)
    };
    let (issued, format, file) = service.issuing.run(work).await??;
    let body = IssuedBody::new(&issued, format, &base);
    Ok(match file {
        Some(file) => (StatusCode::OK, body.headers(), Body::from(file)).into_response(),
        None => Json(body).into_response(),
    })
}

/// Most bytes of a picture.
pub(super) fn most_bytes(service: &Service) -> usize {
    let decoded = usize::try_from(service.issuer.limits().max_bytes).unwrap_or(usize::MAX);
    decoded.min(service.settings.picture_bytes)
}

async fn receive(
    request: Request,
    headers: &HeaderMap,
    most: usize,
) -> Result<(Asked, Upload), Problem> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|it| it.to_str().ok());
    let is_form = content_type.is_some_and(|it| it.to_ascii_lowercase().starts_with("multipart/"));
    let query = query(&request)?;
    if !is_form {
        let asked = Asked::take(Fields::of_texts(query)?)?;
        let body = request.with_limited_body().into_body();
        return Ok((asked, Upload::of_body(body, most).await?));
    }
    let multipart = Multipart::from_request(request, &())
        .await
        .map_err(|error| Problem::invalid(format!("the form cannot be read: {error}")))?;
    let mut form = Form::read(multipart, &[PICTURE], most).await?;
    let picture = form.take_file(PICTURE)?.ok_or_else(|| {
        Problem::invalid("the form has no part `image` with a picture").at(PICTURE)
    })?;
    let request = form.texts.iter().position(|(name, _)| name == "request");
    let fields = match request.map(|place| form.texts.remove(place)) {
        None => Fields::of_texts(query.into_iter().chain(form.texts))?,
        Some((_, json)) => {
            let beside = query.into_iter().chain(form.texts).next();
            if let Some((name, _)) = beside {
                let reason = "what is asked stands in the part `request`, or in parts of its own";
                return Err(Problem::invalid(reason).at(name));
            }
            Fields::of_json(json.as_bytes()).map_err(|problem| problem.at("request"))?
        }
    };
    Ok((Asked::take(fields)?, picture))
}

fn query(request: &Request) -> Result<Vec<(String, String)>, Problem> {
    let query: Query<Vec<(String, String)>> = Query::try_from_uri(request.uri())
        .map_err(|error| Problem::invalid(format!("the query cannot be read: {error}")))?;
    Ok(query.0)
}

/// By the header `accept`: a picture where only pictures are taken.
fn wanted(headers: &HeaderMap) -> AnswerForm {
    let accept = headers.get_all(header::ACCEPT);
    let mut kinds = accept
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .peekable();
    if kinds.peek().is_some() && kinds.all(|kind| kind.starts_with("image/")) {
        AnswerForm::Image
    } else {
        AnswerForm::Json
    }
}

type Done = (
    colophon_provenance::Issued,
    Format,
    // The file, where the answer is to be it.
    Option<Vec<u8>>,
);

fn issue(
    service: &Service,
    upload: Upload,
    mut request: StampRequest,
    tenant: &Tenant,
    form: AnswerForm,
) -> Result<Done, Problem> {
    let picture = upload.into_bytes()?;
    let format = match request.options.format {
        Some(format) => format,
        None => match sniff(&picture) {
            Ok(format) if format.can_encode() => format,
            // What cannot be read is refused by the issuer, in its own words.
            _ => Format::Png,
        },
    };
    request.options.format = Some(format);
    let path = place(&service.served, tenant, format)?;
    let destination = Destination {
        path,
        overwrite: false,
    };
    let issued = service.issuer.stamp(&picture, &request, destination);
    let issued = issued.map_err(|error| by_issuer(&error, PICTURE))?;
    let file = match form {
        AnswerForm::Json => None,
        AnswerForm::Image => Some(std::fs::read(&issued.path).map_err(|error| of_disk(&error))?),
    };
    Ok((issued, format, file))
}

/// Where the next file of a tenant goes.
pub(super) fn place(
    served: &Served,
    tenant: &Tenant,
    format: Format,
) -> Result<std::path::PathBuf, Problem> {
    served
        .place(tenant, format)
        .map_err(|error| of_disk(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_answered_only_where_nothing_else_is_taken() {
        let wanted_by = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::ACCEPT, value.parse().unwrap());
            }
            wanted(&headers)
        };
        assert_eq!(wanted_by(&["image/*"]), AnswerForm::Image);
        assert_eq!(wanted_by(&["image/png, image/webp"]), AnswerForm::Image);
        for other in [
            &[][..],
            &["*/*"],
            &["image/*, application/json"],
            &["image/*", "*/*"],
        ] {
            assert_eq!(wanted_by(other), AnswerForm::Json, "{other:?}");
        }
    }
}
