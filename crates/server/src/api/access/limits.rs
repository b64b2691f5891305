//! How much each caller may ask for, and how much is left (draft-ietf-httpapi-ratelimit-headers-10).

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use colophon_accounts::{AddressPrefix, Caller, Exhausted, Kind, Left, Limits, Measure, Subject};

use super::repeated;
use crate::api::caller::From;
use crate::api::front::Class;
use crate::api::problem::{Problem, ProblemKind};
use crate::api::service::Service;
use crate::connection::Upload;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit");
/// Told where more is asked for than will ever be allowed.
const NEVER: u32 = 86_400;

/// Who is counted, and against what; an extension of requests that are.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    subject: Subject,
    limits: Limits,
}

impl Counted {
    /// `None` for the owner, who is not counted.
    fn of(service: &Service, caller: &Caller, address: Option<SocketAddr>) -> Option<Self> {
        let settings = &service.ops.settings;
        let (subject, limits) = match &caller.kind {
            Kind::Owner => return None,
            Kind::Key(id) => (Subject::Key(*id), caller.limits.or(settings.key_limits())),
            Kind::User => (
                Subject::User(caller.full_name()?),
                caller.limits.or(settings.key_limits()),
            ),
            Kind::Anonymous => {
                let subject = address.map_or(Subject::Others, |address| {
                    Subject::Address(AddressPrefix::of(address.ip()))
                });
                (subject, settings.public_limits())
            }
        };
        Some(Self { subject, limits })
    }
}

/// The layer around every route: whose request it is, whether there is room for it, and whether it was answered before.
pub(crate) async fn layer(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    if is_unlimited(parts.uri.path()) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let caller = match From::from_request_parts(&mut parts, &service).await {
        Ok(From(caller)) => caller,
        Err(problem) => {
            // Guesses are counted by where they come from.
            let nobody = Caller::anonymous(service.open_scopes());
            let counted = Counted::of(&service, &nobody, address(&parts));
            let taken = counted.map_or(Ok(()), |it| service.take(&it, Measure::Requests, 1));
            return taken.err().unwrap_or(problem).into_response();
        }
    };
    let Some(counted) = Counted::of(&service, &caller, address(&parts)) else {
        let request = Request::from_parts(parts, body);
        return repeated::answered(&service, &caller, request, next).await;
    };
    parts.extensions.insert(counted.clone());
    let upload = parts.extensions.get::<Arc<Upload>>().cloned();
    let request = Request::from_parts(parts, body);
    let mut response = match admit(&service, &counted, &request) {
        Ok(()) => repeated::answered(&service, &caller, request, next).await,
        Err(problem) => problem.into_response(),
    };
    let now = service.now();
    if let Some(upload) = upload.filter(|upload| upload.bytes() > 0) {
        // What came is known afterwards; whoever sent too much waits longer the next time.
        let limiter = &service.access.limiter;
        limiter.owe(
            &counted.subject,
            &counted.limits,
            Measure::Bytes,
            upload.bytes(),
            now,
        );
    }
    let left = service
        .access
        .limiter
        .left(&counted.subject, &counted.limits, now);
    tell(response.headers_mut(), &left);
    response
}

/// Machines that look after the process ask often and without a key; and one view of the page is thirty files from
/// memory, which would use up what a whole office has behind one address.
fn is_unlimited(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz") || path.starts_with("/web/")
}

fn address(parts: &axum::http::request::Parts) -> Option<SocketAddr> {
    parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|it| it.0)
}

fn admit(service: &Service, counted: &Counted, request: &Request) -> Result<(), Problem> {
    service.take(counted, Measure::Requests, 1)?;
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length
        .and_then(|it| it.to_str().ok()?.parse::<u64>().ok())
        .unwrap_or(0);
    // Looked at, and taken when it has come.
    service.room(
        counted,
        Measure::Bytes,
        length.max(u64::from(request.method() == Method::POST)),
    )?;
    let route = request.extensions().get::<axum::extract::MatchedPath>();
    match Class::of(
        request.method(),
        route.map(axum::extract::MatchedPath::as_str),
    ) {
        Class::Check | Class::Stamp | Class::Make => service.take(counted, Measure::Pictures, 1),
        Class::Quick | Class::Intake | Class::Stream => Ok(()),
    }
}

impl Service {
    /// Counts further pictures of a request, beside the one of each request to `/v1/verify`, `/v1/stamp`, `/v1/images/`
    /// and `/c2pa/`: those after the first of several that are made, or all of a job.
    ///
    /// # Errors
    /// [`ProblemKind::TooManyRequests`], with the time after which there is room.
    pub fn count_pictures(&self, caller: &Caller, pictures: u64) -> Result<(), Problem> {
        match Counted::of(self, caller, None) {
            Some(counted) if pictures > 0 => self.take(&counted, Measure::Pictures, pictures),
            _ => Ok(()),
        }
    }

    fn take(&self, counted: &Counted, measure: Measure, amount: u64) -> Result<(), Problem> {
        let Counted { subject, limits } = counted;
        let taken = self
            .access
            .limiter
            .take(subject, limits, measure, amount, self.now());
        taken.map_err(exhausted)
    }

    fn room(&self, counted: &Counted, measure: Measure, amount: u64) -> Result<(), Problem> {
        let Counted { subject, limits } = counted;
        let room = self
            .access
            .limiter
            .room(subject, limits, measure, amount, self.now());
        room.map_err(exhausted)
    }
}

fn exhausted(told: Exhausted) -> Problem {
    let wait = told.wait.map(|wait| u32::try_from(wait).unwrap_or(NEVER));
    let detail = match wait {
        Some(wait) => format!("{told}; try again in {wait} seconds"),
        None => format!("{told}, and this request alone asks for more; ask for less at once"),
    };
    Problem::new(ProblemKind::TooManyRequests)
        .with_detail(detail)
        .retry_after(wait.unwrap_or(NEVER))
}

/// Structured fields (RFC 9651): a list of quotas, and what is left of each.
fn tell(headers: &mut HeaderMap, left: &[Left]) {
    if left.is_empty() {
        return;
    }
    let list = |one: &dyn Fn(&Left) -> String| {
        let all: Vec<String> = left.iter().map(one).collect();
        HeaderValue::from_str(&all.join(", ")).ok()
    };
    let policy = list(&|left| {
        let unit = match left.measure {
            Measure::Requests => "",
            Measure::Pictures => ";qu=\"pictures\"",
            Measure::Bytes => ";qu=\"content-bytes\"",
        };
        let (name, window) = (left.measure.as_str(), left.measure.window());
        format!("\"{name}\";q={}{unit};w={window}", left.quota)
    });
    let remaining = list(&|left| {
        let name = left.measure.as_str();
        format!("\"{name}\";r={};t={}", left.remaining, left.reset)
    });
    for (name, value) in [(POLICY, policy), (REMAINING, remaining)] {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_told_as_the_draft_has_them() {
        let left = |measure, quota, remaining, reset| Left {
            measure,
            quota,
            remaining,
            reset,
        };
        let mut headers = HeaderMap::new();
        tell(
            &mut headers,
            &[
                left(Measure::Requests, 100, 99, 1),
                left(Measure::Bytes, 1_000, 0, 86_400),
            ],
        );
        assert_eq!(
            headers[POLICY],
            "\"requests\";q=100;w=60, \"bytes\";q=1000;qu=\"content-bytes\";w=86400"
        );
        assert_eq!(
            headers[REMAINING],
            "\"requests\";r=99;t=1, \"bytes\";r=0;t=86400"
        );
    }
}
