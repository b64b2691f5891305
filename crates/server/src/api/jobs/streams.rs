//! Answers that come in pieces.

use std::fs::File;
use std::io::Read as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use futures_core::Stream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Bytes of a piece of a file.
const PIECE: usize = 256 << 10;

/// What comes out of a channel, until its other end is dropped.
pub(super) struct Receiving<T>(pub mpsc::Receiver<T>);

impl<T> Stream for Receiving<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}

/// The rest of a file as a body. It is read as the client takes it, and no thread waits for a slow one.
pub(super) fn body_of(file: File, place: OwnedSemaphorePermit) -> Body {
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(1);
    tokio::spawn(async move {
        let _place = place;
        let mut file = file;
        loop {
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = Vec::with_capacity(PIECE);
                let read = file.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                (file, read.map(|_| Bytes::from(piece)))
            });
            let Ok((back, piece)) = read.await else {
                return;
            };
            file = back;
            let last = piece.as_ref().map_or(true, Bytes::is_empty);
            if piece.as_ref().is_ok_and(Bytes::is_empty)
                || sender.send(piece).await.is_err()
                || last
            {
                return;
            }
        }
    });
    Body::from_stream(Receiving(receiver))
}
