//! What a caller sees while pictures are made, and how it stops that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::image::RgbImage;

/// Told once before the first step of each picture and once after each step.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The picture being made, counted from 1.
    pub picture: u32,
    /// Pictures in all.
    pub of: u32,
    /// Steps done of this picture, 0 to `steps`.
    pub step: u32,
    /// Steps of each picture.
    pub steps: u32,
    /// Since the call began.
    pub elapsed: Duration,
    /// Estimate of what is left of all pictures; `None` until the first step is done.
    pub remaining: Option<Duration>,
    /// What the picture would be by now, where previews were asked for.
    pub preview: Option<RgbImage>,
}

/// Stops a generation from another thread or a signal handler. Clones are one token.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop; takes effect before the next step.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
