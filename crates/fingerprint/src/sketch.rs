//! A thumbnail of the issued picture, small enough to keep with every record.

use crate::resample::{Map, sample_cells};
use crate::{FingerprintError, check_plane};

/// Long side of a sketch, pixels.
pub const SKETCH_SIDE: usize = 64;

/// Stored form, version 1: version byte, sketch width and height (one byte each), original width and
/// height (32-bit big-endian each), then the pixels row by row.
const VERSION: u8 = 1;
const HEADER: usize = 11;

/// An 8-bit luma picture of the issued picture, long side [`SKETCH_SIDE`] pixels, each pixel the mean
/// of the area that it covers, with the original's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) original_width: u32,
    pub(crate) original_height: u32,
    pub(crate) pixels: Vec<u8>,
}

impl Sketch {
    /// Sketches a luma plane (row-major, 0..=255).
    ///
    /// # Errors
    /// [`FingerprintError::PlaneSize`]; [`FingerprintError::TooSmall`] for an empty plane.
    pub fn new(luma: &[f32], width: usize, height: usize) -> Result<Self, FingerprintError> {
        check_plane(luma, width, height, 1)?;
        let long = width.max(height) as f64;
        let short_of =
            |side: usize| ((side as f64 * SKETCH_SIDE as f64 / long).round() as usize).max(1);
        let (sketch_width, sketch_height) = (short_of(width), short_of(height));
        let map = Map {
            matrix: [
                [width as f64 / sketch_width as f64, 0.0],
                [0.0, height as f64 / sketch_height as f64],
            ],
            origin: [0.0, 0.0],
        };
        let cells = sample_cells(luma, width, height, &map, sketch_width, sketch_height);
        Ok(Self {
            width: sketch_width,
            height: sketch_height,
            original_width: width as u32,
            original_height: height as u32,
            pixels: cells
                .values
                .iter()
                .map(|value| value.round() as u8)
                .collect(),
        })
    }

    /// Size of the picture that was sketched, pixels (width, height).
    pub fn original_size(&self) -> (u32, u32) {
        (self.original_width, self.original_height)
    }

    /// The stored form; at most 4,107 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.width as u8, self.height as u8];
        bytes.extend(self.original_width.to_be_bytes());
        bytes.extend(self.original_height.to_be_bytes());
        bytes.extend(&self.pixels);
        bytes
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// [`FingerprintError::MalformedSketch`] for another version, impossible sizes, or missing or
    /// surplus bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FingerprintError> {
        let malformed = FingerprintError::MalformedSketch;
        let (header, pixels) = bytes
            .split_at_checked(HEADER)
            .ok_or(malformed("too short"))?;
        if header[0] != VERSION {
            return Err(malformed("unknown version"));
        }
        let (width, height) = (usize::from(header[1]), usize::from(header[2]));
        if width.max(height) != SKETCH_SIDE || width.min(height) == 0 {
            return Err(malformed("impossible size"));
        }
        if pixels.len() != width * height {
            return Err(malformed("wrong number of pixels"));
        }
        let number = |at: usize| {
            u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (original_width, original_height) = (number(3), number(7));
        if original_width == 0 || original_height == 0 {
            return Err(malformed("empty original"));
        }
        Ok(Self {
            width,
            height,
            original_width,
            original_height,
            pixels: pixels.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::synthetic;

    #[test]
    fn pixels_are_area_means() {
        // 128 x 64 in blocks of 2 x 2: the sketch holds the block means.
        let luma: Vec<f32> = (0..128 * 64)
            .map(|i| ((i % 128) / 2 + (i / 128) / 2 * 3) as f32)
            .collect();
        let sketch = Sketch::new(&luma, 128, 64).unwrap();
        assert_eq!((sketch.width, sketch.height), (64, 32));
        for (i, &pixel) in sketch.pixels.iter().enumerate() {
            assert_eq!(usize::from(pixel), i % 64 + (i / 64) * 3);
        }
    }

    #[test]
    fn every_shape_has_a_sketch() {
        for (width, height) in [(1, 1), (1, 5000), (3, 2), (640, 480), (100, 7)] {
            let luma = vec![200.0; width * height];
            let sketch = Sketch::new(&luma, width, height).unwrap();
            assert_eq!(sketch.width.max(sketch.height), SKETCH_SIDE);
            assert!(
                sketch.pixels.iter().all(|&pixel| pixel == 200),
                "{width} x {height}"
            );
            assert_eq!(Sketch::from_bytes(&sketch.to_bytes()), Ok(sketch));
        }
        assert!(Sketch::new(&[], 0, 0).is_err());
        assert!(Sketch::new(&[1.0; 5], 2, 3).is_err());
    }

    #[test]
    fn stored_form_is_stable() {
        let sketch = Sketch::new(&synthetic::picture(1, 320, 200), 320, 200).unwrap();
        let bytes = sketch.to_bytes();
        assert_eq!(bytes[..HEADER], [1, 64, 40, 0, 0, 1, 64, 0, 0, 0, 200]);
        assert_eq!(bytes.len(), HEADER + 64 * 40);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = Sketch::new(&[9.0; 100], 10, 10).unwrap().to_bytes();
        for (damage, at) in [(2, 0), (65, 1), (0, 1), (63, 2)] {
            let mut damaged = bytes.clone();
            damaged[at] = damage;
            assert!(Sketch::from_bytes(&damaged).is_err());
        }
        for cut in 0..bytes.len() {
            assert!(Sketch::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(Sketch::from_bytes(&[bytes, vec![0]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Sketch::from_bytes(&bytes);
        }
    }
}
