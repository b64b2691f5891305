//! Bodies of requests as they arrive.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use crate::limits::Pace;

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It came too slowly.
    Slow = 1,
    /// It is longer than the route takes.
    Long = 2,
    /// There is no memory left for bodies.
    NoRoom = 3,
    /// The client broke off.
    Broken = 4,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slow => "the body comes too slowly",
            Self::Long => "the body is too long",
            Self::NoRoom => "too many bodies are being received",
            Self::Broken => "the body broke off",
        })
    }
}

impl std::error::Error for Fault {}

/// What is known of a request's body; an extension of every request.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    bytes: AtomicU64,
    waited_ms: AtomicU64,
    fault: AtomicU8,
    done: AtomicBool,
}

impl Upload {
    /// Bytes that came so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Time spent waiting for the client.
    pub fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed))
    }

    /// Whether it came to its end.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Option<Fault> {
        let all = [Fault::Slow, Fault::Long, Fault::NoRoom, Fault::Broken];
        let code = self.fault.load(Ordering::Relaxed);
        all.into_iter().find(|fault| *fault as u8 == code)
    }

    /// The client was waited for so long by now.
    pub fn set_waited(&self, waited: Duration) {
        let ms = waited.as_millis() as u64;
        self.waited_ms.store(ms, Ordering::Relaxed);
    }

    /// It cannot be read further, because of this.
    pub fn set_fault(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::Relaxed);
    }
}

/// A body that must come at a pace.
pub(crate) struct Arriving {
    inner: Incoming,
    pace: Pace,
    upload: Arc<Upload>,
    waited: Duration,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    pub fn new(inner: Incoming, pace: Pace, upload: &Arc<Upload>) -> Self {
        if inner.is_end_stream() {
            upload.done.store(true, Ordering::Relaxed);
        }
        Self {
            inner,
            pace,
            upload: Arc::clone(upload),
            waited: Duration::ZERO,
            since: None,
            timer: None,
        }
    }

    /// The client is waited for: until when?
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = self
            .pace
            .allows(self.upload.bytes())
            .saturating_sub(self.waited);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until((since + left).into())));
        timer.as_mut().poll(context)
    }

    fn waited(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
            self.upload.set_waited(self.waited);
        }
        self.timer = None;
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else {
            if this.wait(context).is_pending() {
                return Poll::Pending;
            }
            this.waited();
            this.upload.set_fault(Fault::Slow);
            return Poll::Ready(Some(Err(Fault::Slow.into())));
        };
        this.waited();
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                this.upload.bytes.fetch_add(bytes, Ordering::Relaxed);
            }
            Some(Err(_)) => this.upload.set_fault(Fault::Broken),
            None => {}
        }
        if frame.is_none() || this.inner.is_end_stream() {
            this.upload.done.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
