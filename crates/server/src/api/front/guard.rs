//! From where requests may come: which names the service has, and which pages may send them.
//!
//! A page of another site can have a browser send requests to any address the browser reaches, this machine's included,
//! and by a name of its own that it points here (DNS rebinding) also read the answers. So the name must be one of ours,
//! and what changes anything must come from our own pages or from no page at all (Fetch standard, CORS).

use std::net::SocketAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::About;
use crate::api::problem::{Problem, ProblemKind};
use crate::settings::ServeSettings;

/// Names by which the service is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Guard {
    /// `None`: by any.
    names: Option<Vec<String>>,
}

/// Names of the machine itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl Guard {
    /// The names that are set; those of loopback where it listens there.
    pub fn new(settings: &ServeSettings, listens: SocketAddr) -> Self {
        let mut names = settings.hosts.0.clone();
        let local = listens.ip().is_loopback();
        if names.is_empty() && !local {
            return Self::default();
        }
        if local {
            names.extend(LOOPBACK.map(str::to_owned));
            names.push(bracketed(listens));
        }
        Self { names: Some(names) }
    }

    /// Whether the request names us.
    ///
    /// # Errors
    /// [`ProblemKind::Misdirected`]; [`ProblemKind::InvalidRequest`] without a name.
    pub(super) fn host(&self, about: &About, request: &Request) -> Result<(), Problem> {
        let Some(names) = &self.names else {
            return Ok(());
        };
        // Kubelets and load balancers ask by address; the answer tells nobody anything.
        if matches!(about.path.as_str(), "/livez" | "/readyz") {
            return Ok(());
        }
        let Some(host) = host(request) else {
            return Err(Problem::invalid("a request names its host"));
        };
        let name = without_port(&host);
        if names.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(Problem::new(ProblemKind::Misdirected).with_detail(
            "the service is not known by the name in the request; its operator can add it to `serve.hosts`",
        ))
    }
}

fn bracketed(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// Name and port as the client wrote them, small.
fn host(request: &Request) -> Option<String> {
    let written = request.headers().get(header::HOST);
    let named = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => written.and_then(|value| value.to_str().ok()),
    };
    named.map(str::to_ascii_lowercase)
}

fn without_port(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        // The last colon of `[::1]` is none before a port.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

/// Whether what changes anything comes from our own pages, from those of an origin that may, or from no page.
///
/// # Errors
/// [`ProblemKind::Forbidden`].
pub(super) fn same_origin(
    about: &About,
    request: &Request,
    settings: &ServeSettings,
) -> Result<(), Problem> {
    let Some(origin) = &about.origin else {
        return Ok(());
    };
    if matches!(about.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    // The scheme may be a proxy's, which only it knows.
    let ours = host(request);
    let theirs = origin.split_once("://").map(|(_, host)| host);
    if ours.is_some() && ours.as_deref() == theirs {
        return Ok(());
    }
    if may(origin, settings) && is_public(&about.method, &about.path) {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::Forbidden)
        .with_detail("pages of other origins may not do this; see `serve.cors_origins`"))
}

fn may(origin: &str, settings: &ServeSettings) -> bool {
    let origins = &settings.cors_origins.0;
    origins.iter().any(|known| known == "*" || known == origin)
}

/// What pages of other origins may use: reading and checking.
fn is_public(method: &Method, path: &str) -> bool {
    let under = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    match *method {
        Method::GET | Method::HEAD => {
            under(&["/v1/", "/tlog/", "/c2pa/", "/.well-known/"]) || path == "/openapi.json"
        }
        Method::POST => under(&["/v1/verify", "/v1/feedback", "/c2pa/"]),
        _ => false,
    }
}

/// Answers `OPTIONS`, and tells browsers whether a page of another origin may read the answer.
pub(super) fn preflight(
    mut response: Response,
    about: &About,
    settings: &ServeSettings,
) -> Response {
    let asked = about.method == Method::OPTIONS && about.route.is_some();
    if asked && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        // The router adds what the address knows (`Allow`) to whatever is answered here.
        response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    if settings.cors_origins.0.is_empty() {
        return response;
    }
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = about
        .origin
        .as_deref()
        .filter(|origin| may(origin, settings))
    else {
        return response;
    };
    let public = |method: &Method| is_public(method, &about.path);
    if asked && (public(&Method::GET) || public(&Method::POST)) {
        allow_to_ask(response.headers_mut());
    } else if !public(&about.method) {
        return response;
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(origin) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    }
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("etag, link, location, retry-after, x-request-id"),
    );
    response
}

fn allow_to_ask(headers: &mut HeaderMap) {
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type, last-event-id, x-request-id"),
    );
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("600"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_apart_from_its_port() {
        for (host, name) in [
            ("localhost", "localhost"),
            ("localhost:8750", "localhost"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[::1]:8750", "[::1]"),
            ("colophon.example.:443", "colophon.example"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }

    #[test]
    fn keys_and_pictures_are_not_for_other_pages() {
        assert!(is_public(&Method::GET, "/v1/records/1"));
        assert!(is_public(&Method::POST, "/v1/verify/url"));
        assert!(!is_public(&Method::POST, "/v1/stamp"));
        assert!(!is_public(&Method::POST, "/v1/access/keys"));
        assert!(!is_public(&Method::DELETE, "/v1/records/1"));
        assert!(!is_public(&Method::GET, "/auth/login"));
    }
}
