//! Pictures as they leave a decoder, and as they leave this crate.

use serde::{Deserialize, Serialize};

use crate::error::DiffusionError;
use crate::request::{Seed, Size};
use crate::sampler::SamplerKind;

/// A picture of 8-bit sRGB: rows from the top, pixels from the left, red, green, blue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RgbImage {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `3 * width * height` values.
    pub pixels: Vec<u8>,
}

/// A picture before rounding: sRGB values, 0 is black and 1 is white, in the order of
/// [`RgbImage`]. What lies outside 0 to 1 is clipped.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatImage {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `3 * width * height` values.
    pub pixels: Vec<f32>,
}

impl FloatImage {
    /// Rounds to 8 bits, to the nearest, halves up.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::ModelShape`] where the values are not those of a picture of `size`;
    /// [`DiffusionError::NotFinite`] where a value is no number.
    pub fn quantise(&self, size: Size) -> Result<RgbImage, DiffusionError> {
        let expected = [size.height() as usize, size.width() as usize, 3];
        let found = [self.height as usize, self.width as usize, 3];
        if found != expected || self.pixels.len() != expected.iter().product::<usize>() {
            return Err(DiffusionError::ModelShape {
                what: "pixels",
                expected: expected.to_vec(),
                found: if found == expected {
                    vec![self.pixels.len()]
                } else {
                    found.to_vec()
                },
            });
        }
        if self.pixels.iter().any(|value| !value.is_finite()) {
            return Err(DiffusionError::NotFinite {
                what: "pixels".to_owned(),
            });
        }
        let round = |value: &f32| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        Ok(RgbImage {
            width: self.width,
            height: self.height,
            pixels: self.pixels.iter().map(round).collect(),
        })
    }
}

/// A finished picture and all that is needed to make it again with the same model and prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The picture.
    pub image: RgbImage,
    /// Its own seed: that of the request plus its place in the batch.
    pub seed: Seed,
    /// Steps done.
    pub steps: u32,
    /// Guidance used.
    pub guidance: f32,
    /// Solver used.
    pub sampler: SamplerKind,
    /// Its size.
    pub size: Size,
    /// What the model understood of the prompt, for people; `None` where a model cannot tell.
    pub described: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: u32, height: u32, pixels: &[f32]) -> FloatImage {
        FloatImage {
            width,
            height,
            pixels: pixels.to_vec(),
        }
    }

    #[test]
    fn values_are_rounded_and_clipped() {
        let size = Size::new(1, 2).unwrap();
        let values = [-3.0, 0.0, 0.5 / 255.0, 1.49 / 255.0, 1.0, 7.0];
        let rounded = image(1, 2, &values).quantise(size).unwrap();
        assert_eq!(rounded.pixels, [0, 0, 1, 1, 255, 255]);
    }

    #[test]
    fn no_picture_is_made_of_what_is_no_number() {
        let size = Size::new(1, 1).unwrap();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = image(1, 1, &[0.5, bad, 0.5]).quantise(size).unwrap_err();
            assert!(matches!(error, DiffusionError::NotFinite { .. }), "{error}");
        }
    }

    #[test]
    fn another_size_is_refused() {
        let size = Size::new(1, 1).unwrap();
        for bad in [image(2, 1, &[0.0; 6]), image(1, 1, &[0.0; 4])] {
            let error = bad.quantise(size).unwrap_err();
            assert!(
                matches!(error, DiffusionError::ModelShape { .. }),
                "{error}"
            );
        }
    }
}
