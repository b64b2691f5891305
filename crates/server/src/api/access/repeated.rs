//! Requests that are sent again: `Idempotency-Key` on `POST` (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! A request with a key is carried out to its end even when its caller has gone, so that whoever comes back finds the
//! answer. What was answered without an error is kept for a day, and so is a failure after work was begun; what was
//! refused beforehand is forgotten, since nothing was done.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, Response as Head, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use colophon_accounts::{
    AccountsError, Begun, Caller, KeptAnswer, Kind, MOST_BODY, RequestHash, RequestName, Running,
};
use colophon_provenance::rfc3339;
use sha2::{Digest as _, Sha256};

use crate::api::problem::{Problem, ProblemKind};
use crate::api::request_id;
use crate::api::service::Service;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Answers below it hold keys, which are kept nowhere.
const SECRETS: &str = "/v1/access/";
/// In answers that were given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Headers that are part of an answer, beside those of our own ([`is_kept`]).
const KEPT_HEADERS: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LOCATION,
    header::CACHE_CONTROL,
    header::LOCATION,
    header::LINK,
];

/// Whether a header is part of an answer: those that say what was made (`x-colophon-record`) are.
fn is_kept(name: &HeaderName) -> bool {
    KEPT_HEADERS.contains(name) || name.as_str().starts_with("x-colophon-")
}

/// Answers a request: from what is kept, or anew.
pub(super) async fn answered(
    service: &Arc<Service>,
    caller: &Caller,
    request: Request,
    next: Next,
) -> Response {
    // Whoever has no key issues nothing, and could read what others were answered.
    if request.method() != Method::POST || caller.kind == Kind::Anonymous {
        return next.run(request).await;
    }
    let name = match name(caller, &request) {
        Ok(None) => return next.run(request).await,
        Ok(Some(name)) => name,
        Err(problem) => return problem.into_response(),
    };
    match once(service, name, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

fn name(caller: &Caller, request: &Request) -> Result<Option<RequestName>, Problem> {
    let mut keys = request.headers().get_all(KEY).iter();
    let key = match (keys.next(), keys.next()) {
        (None, _) => return Ok(None),
        (Some(key), None) => key.to_str().ok(),
        (Some(_), Some(_)) => None,
    };
    // A structured field's string, or the bare text that most clients send.
    let key = key.map(|key| key.trim().trim_matches('"'));
    let who = format!(
        "{:?} {}",
        caller.kind,
        caller.full_name().unwrap_or_default()
    );
    let name = key.and_then(|key| RequestName::new(&caller.tenant, &who, key));
    name.map(Some).ok_or_else(|| {
        Problem::invalid("the Idempotency-Key must be one text of 1 to 255 bytes").at(KEY.as_str())
    })
}

async fn once(
    service: &Arc<Service>,
    name: RequestName,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    // The front bounds it.
    let body = to_bytes(body, usize::MAX).await;
    let body = body.map_err(|_| Problem::invalid("the body did not come as a whole"))?;
    let hash = hash(&parts, &body);
    let begun = {
        let service = Arc::clone(service);
        blocking(move || {
            let size = service
                .issuer
                .ledger()
                .stats()
                .map_or(0, |stats| stats.entries);
            service
                .access
                .repeated
                .begin(name, &hash, size, service.now())
        })
        .await?
    };
    let running = match begun {
        Begun::Now(running) => running,
        Begun::Done(answer) => return replayed(answer),
        Begun::Running => {
            return Err(Problem::new(ProblemKind::Conflict)
                .with_detail(
                    "the request with this Idempotency-Key is being carried out; ask again later",
                )
                .retry_after(2));
        }
        Begun::Other => {
            return Err(Problem::new(ProblemKind::Unprocessable)
                .with_detail("this Idempotency-Key was used for another request; use a new one")
                .at(KEY.as_str()));
        }
        Begun::Unknown { begun, log_size } => {
            return Err(unknown(service, begun, log_size).await);
        }
    };
    let request = Request::from_parts(parts, Body::from(body));
    let service = Arc::clone(service);
    let is_secret = request.uri().path().starts_with(SECRETS);
    // On its own: it goes on when the caller does not wait.
    let task = tokio::spawn(request_id::carried(async move {
        let response = next.run(request).await;
        keep(&service, running, response, is_secret).await
    }));
    task.await.map_err(|_| Problem::new(ProblemKind::Internal))
}

/// Everything that makes a request another one. The boundary of a form is drawn anew by each client's library, and is
/// left out.
fn hash(parts: &axum::http::request::Parts, body: &Bytes) -> RequestHash {
    let media = parts.headers.get(header::CONTENT_TYPE);
    let media = media.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(parts.method.as_str().as_bytes());
    part(
        parts
            .uri
            .path_and_query()
            .map_or("", |it| it.as_str())
            .as_bytes(),
    );
    if let Some(boundary) = boundary(media) {
        part(b"multipart/form-data");
        pieces(body, boundary.as_bytes()).for_each(part);
    } else {
        part(media.as_bytes());
        part(body);
    }
    hash.finalize().into()
}

/// The boundary of a multipart form (RFC 7578).
fn boundary(media: &str) -> Option<&str> {
    let (kind, rest) = media.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = rest.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then_some(value)
    })?;
    Some(value.trim().trim_matches('"')).filter(|it| !it.is_empty())
}

/// What lies between the boundaries.
fn pieces<'a>(mut rest: &'a [u8], boundary: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut over = false;
    std::iter::from_fn(move || {
        if over {
            return None;
        }
        let at = rest
            .windows(boundary.len())
            .position(|window| window == boundary);
        let Some(at) = at else {
            over = true;
            return Some(rest);
        };
        let piece = &rest[..at];
        rest = &rest[at + boundary.len()..];
        Some(piece)
    })
}

/// Keeps an answer, or forgets that it was asked for.
async fn keep(
    service: &Arc<Service>,
    running: Running,
    response: Response,
    is_secret: bool,
) -> Response {
    let status = response.status();
    let refused = status.is_client_error()
        || matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::NOT_IMPLEMENTED
        );
    if refused {
        let _ = blocking(move || running.forget()).await;
        return response;
    }
    let (parts, body) = response.into_parts();
    let media = parts.headers.get(header::CONTENT_TYPE);
    let streams = media.is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream"));
    let kept = parts.headers.iter().filter(|(name, _)| is_kept(name));
    let headers = kept.filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let mut answer = KeptAnswer {
        status: status.as_u16(),
        headers: headers.collect(),
        body: None,
    };
    let (now, kept) = (service.now(), Arc::clone(service));
    if streams {
        let body = stream::Told::new(body, move || {
            // Out of the way of whoever reads the stream.
            let write = move || running.done(answer, kept.now());
            tokio::task::spawn_blocking(write);
        });
        return Head::from_parts(parts, Body::new(body));
    }
    let Ok(whole) = to_bytes(body, usize::MAX).await else {
        return Problem::new(ProblemKind::Internal).into_response();
    };
    answer.body = (whole.len() <= MOST_BODY && !is_secret).then(|| whole.to_vec());
    // What was answered holds, whether it can be kept or not; if not, the request counts as broken off.
    let _ = blocking(move || running.done(answer, now)).await;
    Head::from_parts(parts, Body::from(whole))
}

fn replayed(answer: KeptAnswer) -> Result<Response, Problem> {
    let Some(body) = answer.body else {
        return Err(Problem::new(ProblemKind::Gone).with_detail(format!(
            "this request was carried out and answered with status {}; the answer held a secret, was streamed or too long to be kept: see `/v1/records` for what was issued",
            answer.status
        )));
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// What is known of a request that a stop of the service broke off.
async fn unknown(service: &Arc<Service>, begun: i64, log_size: u64) -> Problem {
    let service = Arc::clone(service);
    let size = blocking(move || Ok(service.issuer.ledger().stats().map(|stats| stats.entries)));
    let grown = match size.await {
        Ok(Ok(size)) => Some(size.saturating_sub(log_size)),
        _ => None,
    };
    let begun = rfc3339(begun);
    let told = match grown {
        Some(0) => format!(
            "the service stopped while this request, begun at {begun}, was carried out; the ledger has not grown since, so nothing was issued: send it again with a new Idempotency-Key"
        ),
        Some(grown) => format!(
            "the service stopped while this request, begun at {begun}, was carried out; whether it issued anything is not known. The ledger took {grown} entries since then: look there (`/v1/records?after={begun}`), and send the request again with a new Idempotency-Key only if what you asked for is missing"
        ),
        None => format!(
            "the service stopped while this request, begun at {begun}, was carried out; whether it issued anything is not known, and the ledger cannot be read now"
        ),
    };
    Problem::new(ProblemKind::OutcomeUnknown).with_detail(told)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AccountsError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Problem::new(ProblemKind::Internal))?
        .map_err(|error| problem_of(&error))
}

/// What keeps accounts from working, told without paths.
pub(crate) fn problem_of(error: &AccountsError) -> Problem {
    match error {
        AccountsError::Invalid(why) => {
            Problem::new(ProblemKind::Unprocessable).with_detail(why.clone())
        }
        AccountsError::NoKey(_) => {
            Problem::new(ProblemKind::NotFound).with_detail("there is no such key")
        }
        AccountsError::TooMany(_) => {
            Problem::new(ProblemKind::Conflict).with_detail(error.to_string())
        }
        error if error.is_no_space() => Problem::new(ProblemKind::NoSpace).because(error),
        _ => Problem::internal(error),
    }
}

mod stream {
    //! A body that tells when it is over, however it ends.

    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::{Body, Bytes};
    use hyper::body::{Frame, SizeHint};

    pub struct Told<F: FnOnce()> {
        inner: Body,
        over: Option<F>,
    }

    impl<F: FnOnce()> Told<F> {
        pub fn new(inner: Body, over: F) -> Self {
            Self {
                inner,
                over: Some(over),
            }
        }
    }

    impl<F: FnOnce()> Drop for Told<F> {
        fn drop(&mut self) {
            if let Some(over) = self.over.take() {
                over();
            }
        }
    }

    impl<F: FnOnce() + Unpin> hyper::body::Body for Told<F> {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Pin::new(&mut self.inner).poll_frame(context)
        }

        fn size_hint(&self) -> SizeHint {
            self.inner.size_hint()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(media: &str, path: &str, body: &str) -> RequestHash {
        let request = Request::post(path).header("content-type", media);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        hash(&parts, &Bytes::from(body.to_owned()))
    }

    #[test]
    fn a_form_sent_again_is_the_same_whatever_its_boundary() {
        let form = |boundary: &str, text: &str| {
            let body = format!("--{boundary}\r\nname: a\r\n\r\n{text}\r\n--{boundary}--\r\n");
            of(
                &format!("multipart/form-data; boundary={boundary}"),
                "/v1/stamp",
                &body,
            )
        };
        assert_eq!(form("aaaa", "x"), form("bbbbbb", "x"));
        assert_ne!(form("aaaa", "x"), form("aaaa", "y"));
        let quoted = of(
            "multipart/form-data; boundary=\"q\"",
            "/",
            "--q\r\n\r\nx--q--",
        );
        assert_eq!(
            quoted,
            of("multipart/form-data; boundary=z", "/", "--z\r\n\r\nx--z--")
        );
    }

    #[test]
    fn other_requests_are_others() {
        let json = of("application/json", "/v1/stamp", "{}");
        for other in [
            of("application/json", "/v1/stamp?a=1", "{}"),
            of("application/json", "/v1/stamp", "{ }"),
            of("text/plain", "/v1/stamp", "{}"),
        ] {
            assert_ne!(json, other);
        }
        assert_eq!(json, of("application/json", "/v1/stamp", "{}"));
    }
}
