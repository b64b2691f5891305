//! Marks that other generators put into pixels, and data that they hide there.
//!
//! Three kinds are read: the `dwtDct` mark of the Python package invisible-watermark with the messages that
//! are public constants, data in the least significant bits ("stealth" metadata), and `NovelAI`'s signature
//! over the pixels. Formats, bounds and measurements: `docs/signals.md`, "Marks in pixels".

mod blocks;
mod messages;
mod novelai;
mod python_json;
mod stealth;

use crate::{Class, Field, Says, Signal};

pub use blocks::{Blocks, Plane};
pub use messages::{MESSAGES, MIN_Z, Message, Reading, read_messages};

/// How samples lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha (not premultiplied).
    Rgba,
}

impl Layout {
    /// Samples a pixel.
    pub const fn channels(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// A picture of 8-bit samples, row by row from the top, in the orientation in which it is stored.
#[derive(Debug, Clone, Copy)]
pub struct PixelView<'a> {
    width: usize,
    height: usize,
    layout: Layout,
    samples: &'a [u8],
}

impl<'a> PixelView<'a> {
    /// `None` unless `samples` holds exactly `width` times `height` pixels of the layout.
    pub fn new(width: u32, height: u32, layout: Layout, samples: &'a [u8]) -> Option<Self> {
        let (width, height) = (width as usize, height as usize);
        let expected = width.checked_mul(height)?.checked_mul(layout.channels())?;
        (samples.len() == expected).then_some(Self {
            width,
            height,
            layout,
            samples,
        })
    }

    /// Pixels a row.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Number of pixels.
    const fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// The samples of one pixel inside the picture.
    fn pixel(&self, x: usize, y: usize) -> &'a [u8] {
        let channels = self.layout.channels();
        let start = (y * self.width + x) * channels;
        &self.samples[start..start + channels]
    }

    /// The samples of one row inside the picture.
    fn row(&self, y: usize) -> &'a [u8] {
        let length = self.width * self.layout.channels();
        &self.samples[y * length..(y + 1) * length]
    }
}

/// What the file says beside its pixels and the readers need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PixelMetadata<'a> {
    /// Text of the PNG chunk `Comment`, or of EXIF `UserComment` (ASCII) in WebP.
    pub comment: Option<&'a str>,
}

/// Every mark found in the pixels, strongest first.
///
/// `exact` says that the samples are losslessly the ones stored in the file (PNG, lossless WebP). Hidden data
/// and `NovelAI`'s signature are looked for only then; the `dwtDct` marks always. Nothing found means nothing.
pub fn read_pixels(view: PixelView<'_>, exact: bool, metadata: &PixelMetadata<'_>) -> Vec<Signal> {
    let mut signals = best_messages(&read_messages(&view));
    if exact {
        let hidden = stealth::read(&view);
        signals.extend(novelai::signal(
            &view,
            hidden.as_ref(),
            metadata,
            &novelai::PUBLIC_KEY,
        ));
        if let Some(hidden) = hidden.filter(|hidden| !hidden.is_novelai()) {
            signals.extend(hidden.signals());
        }
    }
    signals.sort_by_key(|signal| signal.class);
    signals
}

/// One signal a message, from the plane in which it reads best.
fn best_messages(readings: &[Reading]) -> Vec<Signal> {
    let mut best: Vec<&Reading> = Vec::new();
    for reading in readings.iter().filter(|reading| reading.accepted()) {
        match best.iter_mut().find(|each| each.message == reading.message) {
            Some(each) if each.wrong <= reading.wrong => {}
            Some(each) => *each = reading,
            None => best.push(reading),
        }
    }
    best.into_iter().map(message_signal).collect()
}

fn message_signal(reading: &Reading) -> Signal {
    let Message { name, length, .. } = *reading.message;
    let right = length - reading.wrong;
    Signal {
        source: reading.message.source,
        class: Class::Pixel,
        says: Says::Generated,
        tool: Some(reading.message.tool.to_owned()),
        version: None,
        places: vec!["pixels: invisible-watermark dwtDct".to_owned()],
        fields: vec![
            Field::new("Message", name),
            Field::new("Matching bits", &format!("{right} of {length}")),
        ],
        note: Some("pixel-mark-public"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;
    use proptest::prelude::*;

    #[test]
    fn a_view_holds_exactly_its_pixels() {
        let samples = [0; 24];
        assert!(PixelView::new(4, 2, Layout::Rgb, &samples).is_some());
        assert!(PixelView::new(3, 2, Layout::Rgba, &samples).is_some());
        assert!(PixelView::new(4, 2, Layout::Rgba, &samples).is_none());
        assert!(PixelView::new(u32::MAX, u32::MAX, Layout::Rgba, &samples).is_none());
        assert!(PixelView::new(0, 5, Layout::Rgb, &[]).is_some());
    }

    #[test]
    fn one_signal_a_message_from_its_best_plane() {
        let message = &MESSAGES[0];
        let reading = |plane, wrong| Reading {
            message,
            plane,
            wrong,
            z: 30.0,
        };
        let readings = [
            reading(Plane::EightBit, 3),
            reading(Plane::Float, 1),
            reading(Plane::FloatSwapped, 40),
        ];
        let signals = best_messages(&readings);
        assert_eq!(signals.len(), 1);
        assert_eq!(signals[0].source, Source::Diffusers);
        assert_eq!(signals[0].class, Class::Pixel);
        assert_eq!(
            signals[0].fields[1],
            Field::new("Matching bits", "47 of 48")
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Sizes at which blocks, columns or rows are incomplete, in both layouts.
        #[test]
        fn no_picture_makes_it_panic(
            width in 0u32..600,
            height in 0u32..600,
            rgba: bool,
            comment: String,
            noise: Vec<u8>,
        ) {
            let layout = if rgba { Layout::Rgba } else { Layout::Rgb };
            let count = width as usize * height as usize * layout.channels();
            let samples: Vec<u8> = (0..count)
                .map(|i| noise.get(i % (noise.len() + 1)).copied().unwrap_or(i as u8))
                .collect();
            let view = PixelView::new(width, height, layout, &samples).unwrap();
            let metadata = PixelMetadata { comment: Some(&comment) };
            prop_assert!(read_pixels(view, true, &metadata).is_empty());
        }
    }
}
