//! Bytes of a connection: taken at a pace, and not cut off at the end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::limits::Pace;

/// Longest time, and most bytes, that are read and thrown away after the last answer. A connection closed on bytes that
/// nobody read is reset, and the client may then never see the answer that told it to stop sending.
const LINGER: Duration = Duration::from_secs(2);
const MOST_LINGERING: usize = 64 << 20;

/// A stream whose other end must take what is written.
#[derive(Debug)]
pub(crate) struct Paced<I> {
    inner: I,
    pace: Pace,
    written: u64,
    waited: Duration,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    lingering: Option<Lingering>,
}

#[derive(Debug)]
struct Lingering {
    timer: Pin<Box<Sleep>>,
    bytes: usize,
}

impl<I> Paced<I> {
    pub fn new(inner: I, pace: Pace) -> Self {
        Self {
            inner,
            pace,
            written: 0,
            waited: Duration::ZERO,
            since: None,
            timer: None,
            lingering: None,
        }
    }

    /// What came of a write; an error when the other end took too little for too long.
    fn wrote(
        &mut self,
        wrote: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if wrote.is_ready() {
            if let Some(since) = self.since.take() {
                self.waited += since.elapsed();
                self.timer = None;
            }
            if let Poll::Ready(Ok(bytes)) = &wrote {
                self.written += *bytes as u64;
            }
            return wrote;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = self.pace.allows(self.written).saturating_sub(self.waited);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until((since + left).into())));
        match timer.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Paced<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(context, into)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Paced<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.wrote(wrote, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.inner).poll_write_vectored(context, parts);
        this.wrote(wrote, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.inner).poll_flush(context);
        let none = flushed.map(|flushed| flushed.map(|()| 0));
        this.wrote(none, context).map(|flushed| flushed.map(|_| ()))
    }

    /// Ends our side, then reads until the other side ends too.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            match Pin::new(&mut this.inner).poll_shutdown(context) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
        let lingering = this.lingering.get_or_insert_with(|| Lingering {
            timer: Box::pin(tokio::time::sleep(LINGER)),
            bytes: 0,
        });
        let mut scrap = [0_u8; 16 << 10];
        loop {
            if lingering.bytes >= MOST_LINGERING
                || lingering.timer.as_mut().poll(context).is_ready()
            {
                return Poll::Ready(Ok(()));
            }
            let mut into = ReadBuf::new(&mut scrap);
            match Pin::new(&mut this.inner).poll_read(context, &mut into) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !into.filled().is_empty() => {
                    lingering.bytes += into.filled().len();
                }
                // Its end, or a broken connection.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
