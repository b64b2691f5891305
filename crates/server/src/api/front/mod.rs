//! What every request to the service passes, whatever it asks for.
//!
//! In this order: who is at the other end; whether the request may come from there (host, origin); room for it; its
//! route's own limits; the answer; one form of errors; headers; compression; counting; a line in the log.

mod class;
pub(super) mod compress;
mod guard;
mod headers;
mod limited;
mod origin;
mod uniform;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::ops::{Line, Parent};
use super::problem::{Problem, ProblemKind};
use super::service::Service;
use crate::connection::{Peer, Upload};
use crate::settings::ServeSettings;

pub(crate) use class::Class;
pub(crate) use guard::Guard;
pub(crate) use headers::CONTENT as CONTENT_POLICY;

/// Whether a request came over HTTPS, as far as the service is told; an extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secure(pub bool);

/// What is known of a request before it is answered.
struct About {
    method: Method,
    /// The address as it is documented, with names where parts vary; `None` where nothing is.
    route: Option<String>,
    path: String,
    client: Option<IpAddr>,
    secure: bool,
    origin: Option<String>,
    gzip: bool,
    upload: Arc<Upload>,
    parent: Option<Parent>,
    begun: Instant,
}

impl About {
    fn of(request: &Request, settings: &ServeSettings) -> Self {
        let extensions = request.extensions();
        let headers = request.headers();
        let peer = extensions.get::<Peer>().copied();
        let client = peer.map(|peer| origin::client(peer, headers, &settings.trusted_proxies));
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            method: request.method().clone(),
            route: extensions
                .get::<MatchedPath>()
                .map(|path| path.as_str().to_owned()),
            path: request.uri().path().to_owned(),
            client: client.map(|client| client.address),
            secure: client.is_some_and(|client| client.secure),
            origin: text(header::ORIGIN).map(str::to_ascii_lowercase),
            gzip: settings.compression
                && text(header::ACCEPT_ENCODING).is_some_and(compress::takes_gzip),
            // Without a server around it, in a test, a request has come as a whole.
            upload: extensions
                .get::<Arc<Upload>>()
                .map_or_else(Arc::default, Arc::clone),
            parent: Parent::of(headers),
            begun: Instant::now(),
        }
    }

    /// Asked by machines that look after the process; never turned away for load.
    fn is_probe(&self) -> bool {
        matches!(self.path.as_str(), "/livez" | "/readyz" | "/metrics")
    }
}

/// The layer.
pub(super) async fn layer(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Response {
    let settings = &service.ops.settings;
    let about = About::of(&request, settings);
    if let Some(address) = about.client {
        // Behind a proxy it is not the connection's other end.
        let port = request
            .extensions()
            .get::<Peer>()
            .map_or(0, |peer| peer.address.port());
        request
            .extensions_mut()
            .insert(ConnectInfo(std::net::SocketAddr::new(address, port)));
    }
    request.extensions_mut().insert(Secure(about.secure));
    let response = match guarded(&service, &about, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    let response = uniform::problems(response, &about.upload).await;
    let problem = response.extensions().get::<Problem>();
    let cause = problem.and_then(Problem::cause).map(str::to_owned);
    let response = super::issue::told(about.route.as_deref(), response).await;
    let response = if about.gzip {
        compress::gzip(response, &about.path).await
    } else {
        response
    };
    let mut response = guard::preflight(response, &about, settings);
    headers::add(response.headers_mut(), &about, settings);
    let status = response.status();
    let seconds = about.begun.elapsed().as_secs_f64();
    let route = about.route.as_deref().unwrap_or("none");
    service
        .ops
        .metrics
        .answered(&about.method, route, status, seconds, about.upload.bytes());
    let line = Line {
        method: &about.method,
        route,
        status,
        seconds,
        bytes: about.upload.bytes(),
        client: about.client,
        cause: cause.as_deref(),
    };
    service.ops.log.request(&line);
    service.ops.traces.request(&line, about.parent);
    response
}

async fn guarded(
    service: &Arc<Service>,
    about: &About,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    service.ops.guard.host(about, &request)?;
    guard::same_origin(about, &request, &service.ops.settings)?;
    let class = Class::of(&about.method, about.route.as_deref());
    if about.is_probe() {
        return limited::answered(service, class, about, request, next).await;
    }
    let most = service.ops.settings.requests;
    let Some(_place) = service.ops.metrics.enter(most) else {
        service.ops.metrics.shed("requests");
        return Err(Problem::new(ProblemKind::Overloaded)
            .with_detail("too many requests are in hand")
            .retry_after(1));
    };
    limited::answered(service, class, about, request, next).await
}
