//! Taking a job in.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use colophon_accounts::{Caller, Scope};
use colophon_jobs::{JobId, Kind, Plan};
use colophon_policy::Operation;
use colophon_provenance::Language;
use colophon_webhooks::EndpointId;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::super::caller::From;
use super::super::problem::{Problem, ProblemBody, ProblemKind};
use super::super::service::Service;
use super::body::JobBody;
use super::spool::{Archive, Taking, next};
use super::{Jobs, blocking, busy, of, parameters, problem};

/// Longest list in one piece of JSON, bytes.
const MOST_JSON: usize = 16 << 20;

/// A list of addresses.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UrlList {
    /// Addresses of pictures, https.
    urls: Vec<String>,
    /// Language of the reports, `en` or `de`.
    lang: Option<String>,
    /// The webhook that alone is told of its end.
    webhook: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wishes {
    /// Language of the reports, `en` or `de`.
    lang: Option<String>,
    /// The webhook that alone is told of its end; all of the tenant's are if none is named.
    webhook: Option<String>,
}

/// What is sent, by its media type.
enum Form {
    Json,
    Lines,
    Files,
    Archive(Archive),
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let value = headers.get(header::CONTENT_TYPE);
        let text = value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let kind = text.split(';').next().unwrap_or_default().trim();
        Ok(match kind.to_ascii_lowercase().as_str() {
            "application/json" => Self::Json,
            "application/jsonl" | "application/x-ndjson" | "application/x-jsonlines" => Self::Lines,
            "multipart/form-data" => Self::Files,
            "application/zip" | "application/x-zip-compressed" => Self::Archive(Archive::Zip),
            "application/x-tar" | "application/tar" => Self::Archive(Archive::Tar),
            _ => {
                return Err(Problem::new(ProblemKind::UnsupportedMediaType).with_detail(
                    "send application/json or application/jsonl with addresses, multipart/form-data with files, \
                     application/zip or application/x-tar",
                ));
            }
        })
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Json | Self::Lines => Kind::Urls,
            Self::Files | Self::Archive(_) => Kind::Files,
        }
    }
}

/// Sends pictures to be checked
///
/// Either a list of addresses (JSON, or JSON lines of which `url` is the address and the rest comes back with the
/// result), or files (a form with a file in each field, a ZIP or a TAR). They are checked in turn with the jobs of
/// others; the answer comes at once.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    tag = "jobs",
    params(Wishes),
    request_body(
        description = "Addresses or pictures",
        content(
            (UrlList = "application/json"),
            (String = "application/jsonl"),
            (Vec<u8> = "multipart/form-data"),
            (Vec<u8> = "application/zip"),
            (Vec<u8> = "application/x-tar"),
        ),
    ),
    responses(
        (status = 202, description = "Taken; `Location` is the job", body = JobBody),
        (status = "default", description = "Not taken", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn send(
    State(service): State<Arc<Service>>,
    from: From,
    query: Result<Query<Wishes>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = from.need(Scope::Jobs)?;
    let jobs = of(&service)?;
    let form = Form::of(request.headers())?;
    let wishes = parameters(query)?;
    service.ask_ledger(caller, Operation::BulkVerify, false)?;
    if form.kind() == Kind::Urls && jobs.fetches.is_none() {
        return Err(Problem::new(ProblemKind::NotImplemented)
            .with_detail("this installation fetches nothing; send the pictures"));
    }
    let place = Arc::clone(&jobs.sending).try_acquire_owned();
    let _place = place.map_err(|_| busy("too many jobs are being sent"))?;
    let taking = match form {
        Form::Json => json(jobs, caller, wishes, request.into_body()).await?,
        Form::Lines => {
            let mut taking = begin(jobs, caller, &wishes, Kind::Urls).await?;
            taking.lines(request.into_body()).await?;
            taking
        }
        Form::Files => {
            let mut taking = begin(jobs, caller, &wishes, Kind::Files).await?;
            files(&mut taking, request).await?;
            taking
        }
        Form::Archive(kind) => {
            let mut taking = begin(jobs, caller, &wishes, Kind::Files).await?;
            taking.archive(kind, request.into_body()).await?;
            taking
        }
    };
    let intake = taking.into_inner()?;
    let now = service.now();
    let job = blocking(move || intake.commit(now))
        .await?
        .map_err(problem)?;
    jobs.turn.notify_waiters();
    let retention = jobs.store.limits().retention;
    let body = Json(JobBody::of(&job.view(), now, retention));
    let location = [(header::LOCATION, location(job.id()))];
    Ok((StatusCode::ACCEPTED, location, body).into_response())
}

fn location(id: JobId) -> String {
    format!("/v1/jobs/{id}")
}

async fn begin(
    jobs: &Jobs,
    caller: &Caller,
    wishes: &Wishes,
    kind: Kind,
) -> Result<Taking, Problem> {
    let language = language(wishes.lang.as_deref())?;
    let webhook = webhook(jobs, caller, wishes.webhook.as_deref())?;
    let plan = Plan {
        tenant: caller.tenant.clone(),
        by: caller.name.clone(),
        kind,
        language: language.code().to_owned(),
        webhook: webhook.map(|id| id.to_string()),
    };
    let store = jobs.store.clone();
    let intake = blocking(move || store.intake(plan)).await?;
    intake.map(Taking::new).map_err(problem)
}

fn language(code: Option<&str>) -> Result<Language, Problem> {
    code.map_or(Ok(Language::default()), |code| {
        code.parse()
            .map_err(|error| Problem::invalid(format!("{error}")).at("lang"))
    })
}

fn webhook(jobs: &Jobs, caller: &Caller, id: Option<&str>) -> Result<Option<EndpointId>, Problem> {
    let Some(id) = id else { return Ok(None) };
    let unknown =
        |error: colophon_webhooks::WebhookError| Problem::invalid(error.to_string()).at("webhook");
    let id: EndpointId = id.parse().map_err(unknown)?;
    let endpoint = jobs.hooks.get(&caller.tenant, id).map_err(unknown)?;
    if endpoint.disabled.is_some() {
        return Err(
            Problem::invalid("the webhook is disabled; test it to enable it again").at("webhook"),
        );
    }
    Ok(Some(id))
}

async fn json(
    jobs: &Jobs,
    caller: &Caller,
    wishes: Wishes,
    mut body: Body,
) -> Result<Taking, Problem> {
    let mut bytes = Vec::new();
    while let Some(data) = next(&mut body).await? {
        bytes.extend_from_slice(&data);
        if bytes.len() > MOST_JSON {
            let detail = format!("at most {MOST_JSON} bytes of JSON are taken; send JSON lines");
            return Err(Problem::new(ProblemKind::TooLarge).with_detail(detail));
        }
    }
    let list: UrlList =
        serde_json::from_slice(&bytes).map_err(|error| Problem::invalid(error.to_string()))?;
    let wishes = Wishes {
        lang: list.lang.or(wishes.lang),
        webhook: list.webhook.or(wishes.webhook),
    };
    if let Some(at) = list.urls.iter().position(|url| !is_address(url)) {
        return Err(not_an_address().at(format!("/urls/{at}")));
    }
    let mut taking = begin(jobs, caller, &wishes, Kind::Urls).await?;
    taking
        .with(move |intake| list.urls.iter().try_for_each(|url| intake.url(url, None)))
        .await?;
    Ok(taking)
}

/// An address, and what its line says of it besides.
pub(super) type Line = (String, Option<Map<String, Value>>);

/// What a line says; `None` for an empty line.
pub(super) fn line(line: &[u8], number: usize) -> Result<Option<Line>, Problem> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let bad = |what: &str| Problem::invalid(format!("line {number}: {what}"));
    let value = serde_json::from_slice(line);
    let (url, extra) = match value.map_err(|error| bad(&error.to_string()))? {
        Value::String(url) => (url, Map::new()),
        Value::Object(mut fields) => match fields.shift_remove("url") {
            Some(Value::String(url)) => (url, fields),
            _ => {
                return Err(bad(
                    "it names no address; write it as {\"url\": \"https://...\"}",
                ));
            }
        },
        _ => return Err(bad("it is neither an address nor an object with `url`")),
    };
    if !is_address(&url) {
        return Err(bad(not_an_address().detail().unwrap_or_default()));
    }
    Ok(Some((url, (!extra.is_empty()).then_some(extra))))
}

/// Whether it looks like an address of a web server; where it may lead is judged when it is fetched.
fn is_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty())
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn not_an_address() -> Problem {
    Problem::invalid("this is no address; it begins with https://")
}

/// Takes the files of a form, one at a time.
async fn files(taking: &mut Taking, mut request: Request) -> Result<(), Problem> {
    DefaultBodyLimit::disable().apply(&mut request);
    let bad = |what: String| Problem::invalid(format!("the form: {what}"));
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|rejection| bad(rejection.body_text()))?;
    let most = taking
        .with(|intake| Ok(intake.limits().input_bytes))
        .await?;
    loop {
        let field = form.next_field().await;
        let Some(mut field) = field.map_err(|error| bad(error.body_text()))? else {
            return Ok(());
        };
        let Some(name) = field.file_name().map(str::to_owned) else {
            let name = field.name().unwrap_or_default().chars().take(80);
            let name: String = name.collect();
            return Err(bad(format!(
                "the field `{name}` holds no file; wishes go into the query"
            )));
        };
        let mut bytes = Vec::new();
        while let Some(piece) = field
            .chunk()
            .await
            .map_err(|error| bad(error.body_text()))?
        {
            // One byte more than allowed is enough to say so.
            let room = (most as usize + 1).saturating_sub(bytes.len());
            bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        taking
            .with(move |intake| intake.upload(&name, &bytes))
            .await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_addresses_with_what_their_sender_adds() {
        let read = |text: &str| {
            line(text.as_bytes(), 3)
                .map_err(|problem| problem.detail().unwrap_or_default().to_owned())
        };
        assert_eq!(read(" \r"), Ok(None));
        assert_eq!(
            read("\"https://a.example/1.png\""),
            Ok(Some(("https://a.example/1.png".to_owned(), None)))
        );
        let (url, extra) = read("{\"id\": 7, \"url\": \"https://a.example/2.png\"}")
            .unwrap()
            .unwrap();
        assert_eq!(
            (url.as_str(), extra.unwrap()["id"].as_i64()),
            ("https://a.example/2.png", Some(7))
        );
        for bad in [
            "7",
            "{\"id\": 7}",
            "{\"url\": 7}",
            "\"file:///etc/passwd\"",
            "\"https://\"",
            "\"https://a b\"",
            "{",
        ] {
            assert!(read(bad).unwrap_err().starts_with("line 3: "), "{bad}");
        }
    }
}
