//! Our own mark as the measurement uses it: the only place here that knows the watermark's API.

use std::time::Instant;

use anyhow::Result;
use colophon_watermark::{Detector, EmbedOptions, Embedder, Payload, WatermarkError, WatermarkKey};
use image::RgbImage;

use super::options::Strength;
use crate::pictures;

/// A writer and a reader with one key.
pub struct Ours {
    embedder: Embedder,
    detector: Detector,
    options: EmbedOptions,
}

impl Ours {
    /// With a fixed key.
    pub fn new(strength: Strength) -> Self {
        let key = WatermarkKey::new([7; 32]);
        Self {
            embedder: Embedder::new(&key),
            detector: Detector::new([&key]),
            options: match strength {
                Strength::Subtle => EmbedOptions::subtle(),
                Strength::Standard => EmbedOptions::default(),
                Strength::Strong => EmbedOptions::strong(),
            },
        }
    }

    /// The picture with the mark of an id; `None` when it leaves no room for one.
    pub fn marked(&self, picture: &RgbImage, id: u64) -> Result<Option<RgbImage>> {
        let luma = pictures::luma(picture)?;
        match self.embedder.mark(&luma, Payload(id), &self.options) {
            Err(WatermarkError::NoRoom { .. } | WatermarkError::TooSmall { .. }) => Ok(None),
            mark => Ok(Some(pictures::with_mark(picture, &mark?))),
        }
    }

    /// The id that is read from a picture, and the milliseconds that the detector took.
    pub fn read(&self, picture: &RgbImage) -> Result<(Option<u64>, f64)> {
        let luma = pictures::luma(picture)?;
        let start = Instant::now();
        let found = self.detector.detect(&luma).map(|d| d.payload.0);
        Ok((found, start.elapsed().as_secs_f64() * 1e3))
    }
}

/// The id that the picture with a number is given.
pub fn id(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
