//! The bounds of a route: the length of its body, memory for it, the time to an answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use super::{About, Class};
use crate::api::ops::Reserved;
use crate::api::problem::{Problem, ProblemKind};
use crate::api::service::Service;
use crate::connection::{Fault, Upload};

/// Answers within the bounds of the class.
pub(super) async fn answered(
    service: &Arc<Service>,
    class: Class,
    about: &About,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let settings = &service.ops.settings;
    let most = class.body(settings);
    let length = length(&request);
    if length.is_some_and(|length| length > most as u64) {
        about.upload.set_fault(Fault::Long);
        return Err(too_long(most));
    }
    let waits = match class {
        Class::Check => Some(&service.checking),
        Class::Stamp => Some(&service.issuing),
        _ => None,
    };
    // Before a body is taken that could not be worked on.
    if waits.is_some_and(super::super::work::Work::is_full) {
        service.ops.metrics.shed("queue");
        return Err(Problem::new(ProblemKind::Overloaded).retry_after(2));
    }
    let memory = &service.ops.memory;
    let in_memory = class != Class::Intake;
    if in_memory && length.is_some_and(|length| !memory.has(length)) {
        service.ops.metrics.shed("memory");
        return Err(no_room());
    }
    DefaultBodyLimit::disable().apply(&mut request);
    let (parts, body) = request.into_parts();
    let bounded = Bounded {
        inner: body,
        left: most as u64,
        upload: Arc::clone(&about.upload),
        reserved: in_memory.then(|| memory.reserve()),
    };
    let request = Request::from_parts(parts, Body::new(bounded));
    let answer = in_time(class.time(settings), &about.upload, next.run(request)).await;
    match about.upload.fault() {
        Some(Fault::Slow) => {
            Err(Problem::new(ProblemKind::RequestTimeout)
                .with_detail("the request came too slowly"))
        }
        Some(Fault::Long) => Err(too_long(most)),
        Some(Fault::NoRoom) => {
            service.ops.metrics.shed("memory");
            Err(no_room())
        }
        _ => answer,
    }
}

fn length(request: &Request) -> Option<u64> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let text = length.map(HeaderValue::to_str)?.ok()?;
    text.parse().ok()
}

fn too_long(most: usize) -> Problem {
    Problem::new(ProblemKind::TooLarge).with_detail(format!("at most {most} bytes are taken here"))
}

fn no_room() -> Problem {
    Problem::new(ProblemKind::Overloaded)
        .with_detail("too many uploads are being received")
        .retry_after(2)
}

/// Ends what takes too long. The time for which the client was waited for does not count: a body must come at a pace,
/// which is another bound.
async fn in_time(
    most: Duration,
    upload: &Upload,
    answer: impl Future<Output = Response>,
) -> Result<Response, Problem> {
    let begun = tokio::time::Instant::now();
    let mut answer = std::pin::pin!(answer);
    loop {
        let end = begun + most + upload.waited();
        if let Ok(response) = tokio::time::timeout_at(end, answer.as_mut()).await {
            return Ok(response);
        }
        if begun + most + upload.waited() <= tokio::time::Instant::now() {
            return Err(Problem::new(ProblemKind::TimedOut).retry_after(5));
        }
    }
}

/// A body of a bounded length for which memory is reserved as it comes.
struct Bounded {
    inner: Body,
    left: u64,
    upload: Arc<Upload>,
    /// `None` for what goes to the disk.
    reserved: Option<Reserved>,
}

impl hyper::body::Body for Bounded {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else {
            return Poll::Pending;
        };
        let Some(Ok(data)) = &frame else {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        };
        let bytes = data.data_ref().map_or(0, Bytes::len) as u64;
        let fault = if bytes > this.left {
            Some(Fault::Long)
        } else if this.reserved.as_mut().is_none_or(|it| it.more(bytes)) {
            None
        } else {
            Some(Fault::NoRoom)
        };
        if let Some(fault) = fault {
            this.upload.set_fault(fault);
            return Poll::Ready(Some(Err(fault.into())));
        }
        this.left -= bytes;
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_the_client_does_not_count() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let upload = Upload::default();
            let never = std::future::pending::<Response>();
            let ended = in_time(Duration::from_millis(20), &upload, never).await;
            assert_eq!(ended.unwrap_err().kind(), ProblemKind::TimedOut);
            let slow = async {
                tokio::time::sleep(Duration::from_millis(60)).await;
                upload.set_waited(Duration::from_millis(200));
                tokio::time::sleep(Duration::from_millis(60)).await;
                Response::default()
            };
            assert!(
                in_time(Duration::from_millis(100), &upload, slow)
                    .await
                    .is_ok()
            );
        });
    }
}
