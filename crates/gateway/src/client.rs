//! The client: one thread for the network, the caller's own for cancelling.

use std::convert::Infallible;
use std::panic;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use ureq::tls::RootCerts;
use url::Url;

use crate::answer::Answer;
use crate::backend::Backend;
use crate::destinations::{Owner, host_and_port};
use crate::error::GatewayError;
use crate::job::Job;
use crate::request::ImagesRequest;
use crate::transport::{self, Guard, Sent};

/// How often the caller is asked whether to stop.
const POLL: Duration = Duration::from_millis(50);

/// A client of one backend. It holds no connection between calls.
#[derive(Clone, Debug)]
pub struct Client {
    backend: Backend,
    endpoint: Url,
    base: Url,
    roots: RootCerts,
}

impl Client {
    /// Checks address and limits and reads the root certificates; connects to nothing.
    ///
    /// # Errors
    /// [`GatewayError::Url`], [`GatewayError::Request`] for limits out of range,
    /// [`GatewayError::File`] and [`GatewayError::RootCertificates`].
    pub fn new(backend: Backend) -> Result<Self, GatewayError> {
        backend.check()?;
        let (endpoint, base) = backend.addresses()?;
        // Reading the system's certificates takes tens of milliseconds; without TLS none is needed.
        let encrypted = endpoint.scheme() == "https" || backend.allow_other_hosts;
        let roots = if encrypted || backend.root_certificates.is_some() {
            transport::roots(backend.root_certificates.as_deref())?
        } else {
            RootCerts::WebPki
        };
        Ok(Self {
            backend,
            endpoint,
            base,
            roots,
        })
    }

    /// The backend asked.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Host and port of the backend, for messages and records.
    pub fn host(&self) -> String {
        host_and_port(&self.endpoint)
    }

    /// Asks for pictures and waits for them.
    ///
    /// A generation costs time and money each time it is asked for, so that the request is sent
    /// again only where nothing can have been made: when no byte of it had left (no name, no
    /// connection, at most [`Backend::retries`] times) and after the statuses 429 and 503, or 502
    /// and 504 that come within [`Backend::connect_timeout`]. `Retry-After` is obeyed up to 60 s. A
    /// connection that breaks later ends the call. Pictures that come back as addresses are fetched
    /// as often as `retries` allows, which costs nothing.
    ///
    /// `cancel` is asked on the calling thread about 20 times a second; once it says `true` the
    /// connections are closed and the call returns at once.
    ///
    /// # Errors
    /// Every other variant of [`GatewayError`]. A picture that cannot be had makes the whole answer
    /// an error; other numbers and sizes than asked for are [`Answer::deviations`].
    pub fn generate(
        &self,
        request: &ImagesRequest,
        cancel: &dyn Fn() -> bool,
    ) -> Result<Answer, GatewayError> {
        request.check()?;
        let body = self.backend.dialect.body(request)?.to_string().into_bytes();
        if cancel() {
            return Err(GatewayError::Cancelled);
        }
        let sent = Sent::default();
        let agents = [Owner::Backend, Owner::Other].map(|owner| self.agent(owner, &sent));
        let (keep_going, stop) = mpsc::channel::<Infallible>();
        let job = Job {
            backend: self.backend.clone(),
            endpoint: self.endpoint.clone(),
            base: self.base.clone(),
            host: self.host(),
            request: request.clone(),
            body,
            agents: agents.clone(),
            sent,
            started: Instant::now(),
            stop,
        };
        let (working, ended) = mpsc::channel::<Infallible>();
        let worker = thread::Builder::new()
            .name("colophon-gateway".to_owned())
            .spawn(move || {
                let _working = working;
                job.run()
            })
            .map_err(GatewayError::Thread)?;
        while !has_ended(&ended) {
            if cancel() {
                // The worker wakes from its waits by the first and from the network by the second.
                drop(keep_going);
                agents.into_iter().for_each(ureq::Agent::shutdown);
                return Err(GatewayError::Cancelled);
            }
        }
        worker
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    fn agent(&self, owner: Owner, sent: &Sent) -> ureq::Agent {
        let guard = Guard {
            owner,
            allow_plain_http: self.backend.allow_plain_http,
            backend: self.endpoint.clone(),
        };
        transport::agent(
            guard,
            self.roots.clone(),
            self.backend.connect_timeout,
            sent.clone(),
        )
    }
}

/// Waits a moment; whether the worker's end of the channel is gone.
fn has_ended(worker: &Receiver<Infallible>) -> bool {
    matches!(
        worker.recv_timeout(POLL),
        Err(RecvTimeoutError::Disconnected)
    )
}
