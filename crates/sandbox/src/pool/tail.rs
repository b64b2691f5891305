//! The last that a child wrote to its standard error.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

/// Bytes that are kept.
const KEPT: usize = 4096;
/// Longest wait for the end of the stream once the child is gone: somebody else may hold it open.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Tail {
    kept: Arc<Mutex<VecDeque<u8>>>,
    /// Closed at the end of the stream.
    end: Receiver<()>,
}

impl Tail {
    /// Reads `from` in a thread of its own until it ends, so that the child is never held up by it.
    pub(super) fn of(mut from: impl Read + Send + 'static) -> io::Result<Self> {
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let (ended, end) = sync_channel::<()>(0);
        let shared = Arc::clone(&kept);
        Builder::new()
            .name("sandbox-stderr".to_owned())
            .spawn(move || {
                let _ended = ended;
                let mut buffer = [0; 1024];
                while let Ok(count @ 1..) = from.read(&mut buffer) {
                    let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend(&buffer[..count]);
                    let surplus = kept.len().saturating_sub(KEPT);
                    kept.drain(..surplus);
                }
            })?;
        Ok(Self { kept, end })
    }

    /// What was written last, once the child is gone.
    pub(super) fn last_words(&self) -> Vec<u8> {
        let _ = self.end.recv_timeout(PATIENCE);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().copied().collect()
    }
}
