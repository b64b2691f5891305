//! Our own mark as the measurement uses it: the only place here that knows the watermark's API.

use std::time::Instant;

use anyhow::Result;
use colophon_watermark::{
    Detector, EmbedOptions, Embedder, IssuedIds, Payload, Source, WatermarkError, WatermarkKey,
};
use image::RgbImage;

use super::options::{Options, Strength};
use crate::pictures;
use crate::received::SplitMix;

/// A writer and a reader with one key.
pub struct Ours {
    embedder: Embedder,
    detector: Detector,
    options: EmbedOptions,
    /// As a ledger holds them; none if nothing is to be looked up.
    issued: IssuedIds,
}

/// What the detector says of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// The id that was read.
    pub read: Option<u64>,
    /// The issued id that was matched, where none could be read.
    pub matched: Option<u64>,
    /// Correlation with that id in standard deviations.
    pub correlation: Option<f64>,
    /// Milliseconds that the detector took.
    pub ms: f64,
}

impl Ours {
    /// With a fixed key, for a number of pictures.
    pub fn new(options: &Options, pictures: usize) -> Self {
        let key = WatermarkKey::new([7; 32]);
        let issued = options.issued.map_or_else(IssuedIds::default, |others| {
            let mut random = SplitMix(1);
            let others = (0..others).map(|_| random.bits());
            IssuedIds::new((0..pictures as u64).map(id).chain(others).map(Payload))
        });
        Self {
            embedder: Embedder::new(&key),
            detector: Detector::new([&key]),
            options: match options.strength {
                Strength::Subtle => EmbedOptions::subtle(),
                Strength::Standard => EmbedOptions::default(),
                Strength::Strong => EmbedOptions::strong(),
            },
            issued,
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

    /// Looks for a mark in a picture.
    pub fn read(&self, picture: &RgbImage) -> Result<Answer> {
        let luma = pictures::luma(picture)?;
        let start = Instant::now();
        let found = if self.issued.is_empty() {
            self.detector.detect(&luma)
        } else {
            self.detector.detect_among(&luma, &self.issued)
        };
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let blind = found.as_ref().is_some_and(|d| d.source == Source::Blind);
        let id = found.as_ref().map(|d| d.payload.0);
        Ok(Answer {
            read: id.filter(|_| blind),
            matched: id.filter(|_| !blind),
            correlation: found.map(|d| d.correlation),
            ms,
        })
    }
}

/// The id that the picture with a number is given.
pub fn id(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
