//! Pictures that others are made from: as a whole, or where a mask says.

use serde::{Deserialize, Serialize};

use crate::error::DiffusionError;
use crate::family::LatentLayout;
use crate::image::{FloatImage, RgbImage};
use crate::request::Size;
use crate::schedule::Schedule;

/// A picture to start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourcePicture {
    /// The picture; of the size of what is made.
    pub image: RgbImage,
    /// How much of it is drawn anew, above 0 to 1: the share of the steps that are done. At 1 nothing of it is left
    /// but where a mask keeps it.
    pub strength: f32,
    /// Where it is drawn anew; everywhere if `None`.
    pub mask: Option<PaintMask>,
}

/// Where a picture is drawn anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaintMask {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height` values from the top left: 255 is drawn anew, 0 is kept to the pixel, between them both are
    /// mixed.
    pub values: Vec<u8>,
}

impl SourcePicture {
    /// # Errors
    ///
    /// [`DiffusionError::Source`] where sizes or numbers cannot be.
    pub(crate) fn check(&self, size: Size) -> Result<(), DiffusionError> {
        let refuse = |reason: String| Err(DiffusionError::Source(reason));
        let of = |width: u32, height: u32| format!("{width}x{height}");
        let wanted = (size.width(), size.height());
        let found = (self.image.width, self.image.height);
        if found != wanted || self.image.pixels.len() as u64 != 3 * size.pixels() {
            return refuse(format!(
                "is {}, and the picture to be made {size}",
                of(found.0, found.1)
            ));
        }
        if !(self.strength > 0.0 && self.strength <= 1.0) {
            return refuse(format!(
                "cannot count with the strength {}; give one above 0 to 1",
                self.strength
            ));
        }
        let Some(mask) = &self.mask else {
            return Ok(());
        };
        if (mask.width, mask.height) != wanted || mask.values.len() as u64 != size.pixels() {
            return refuse(format!(
                "has a mask of {}, and is {size}",
                of(mask.width, mask.height)
            ));
        }
        if mask.values.iter().all(|value| *value == 0) {
            return refuse(
                "has a mask that keeps all of it; make white what is to be drawn anew".to_owned(),
            );
        }
        Ok(())
    }

    /// The step of a schedule that is done first.
    pub(crate) fn first_step(&self, steps: usize) -> usize {
        let left = steps as f64 * (1.0 - f64::from(self.strength));
        // A strength that was written with few digits must not lose a step to rounding.
        ((left + 1e-4) as usize).min(steps.saturating_sub(1))
    }

    pub(crate) fn float_image(&self) -> FloatImage {
        FloatImage {
            width: self.image.width,
            height: self.image.height,
            pixels: self
                .image
                .pixels
                .iter()
                .map(|value| f32::from(*value) / 255.0)
                .collect(),
        }
    }

    /// Puts the pixels that are kept over what was made.
    pub(crate) fn keep(&self, made: &mut RgbImage) {
        let Some(mask) = &self.mask else { return };
        let pixels = made
            .pixels
            .chunks_exact_mut(3)
            .zip(self.image.pixels.chunks_exact(3));
        for ((new, old), share) in pixels.zip(&mask.values) {
            let share = u32::from(*share);
            for (new, old) in new.iter_mut().zip(old) {
                let mixed = u32::from(*new) * share + u32::from(*old) * (255 - share);
                *new = ((mixed + 127) / 255) as u8;
            }
        }
    }
}

/// What of a source counts while sampling.
pub(crate) struct Guide {
    /// Its latents in the sampler's scale.
    pub(crate) latents: Vec<f32>,
    /// 1 where a latent is drawn anew, 0 where it is kept; in the order of the latents.
    mask: Option<Vec<f32>>,
}

impl Guide {
    pub(crate) fn new(
        source: &SourcePicture,
        latents: Vec<f32>,
        layout: Option<&LatentLayout>,
        size: Size,
    ) -> Result<Self, DiffusionError> {
        let mask = match (&source.mask, layout) {
            (None, _) => None,
            (Some(mask), Some(layout)) => Some(layout.of_cells(size, |cell| mask.touches(cell))),
            (Some(_), None) => {
                return Err(DiffusionError::Source(
                    "has a mask, which this model cannot follow".to_owned(),
                ));
            }
        };
        Ok(Self { latents, mask })
    }

    /// The state at a level of the schedule: the source under so much noise.
    pub(crate) fn at(&self, schedule: &Schedule, point: usize, noise: &[f32]) -> Vec<f32> {
        let point = &schedule.points()[point];
        let mix = |(x, noise): (&f32, &f32)| {
            (point.alpha * f64::from(*x) + point.sigma * f64::from(*noise)) as f32
        };
        self.latents.iter().zip(noise).map(mix).collect()
    }

    /// Puts the source back where it is kept, at the level that the state has reached.
    pub(crate) fn keep(&self, state: &mut [f32], schedule: &Schedule, point: usize, noise: &[f32]) {
        let Some(mask) = &self.mask else { return };
        // A finished picture has it without noise, also where a solver ends at a little of that.
        let source = if point == schedule.steps() {
            self.latents.clone()
        } else {
            self.at(schedule, point, noise)
        };
        for ((value, source), mask) in state.iter_mut().zip(source).zip(mask) {
            *value = *value * mask + source * (1.0 - mask);
        }
    }
}

/// A rectangle of pixels: left, top, width, height.
pub(crate) type Cell = (usize, usize, usize, usize);

impl PaintMask {
    /// Whether any pixel of the cell is drawn anew.
    fn touches(&self, (left, top, width, height): Cell) -> f32 {
        let row = |y: usize| &self.values[y * self.width as usize + left..][..width];
        let touched = (top..top + height).any(|y| row(y).iter().any(|value| *value > 0));
        if touched { 1.0 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(strength: f32, mask: Option<Vec<u8>>) -> SourcePicture {
        let image = RgbImage {
            width: 2,
            height: 1,
            pixels: vec![10, 20, 30, 40, 50, 60],
        };
        let mask = mask.map(|values| PaintMask {
            width: 2,
            height: 1,
            values,
        });
        SourcePicture {
            image,
            strength,
            mask,
        }
    }

    #[test]
    fn the_strength_is_the_share_of_steps_that_are_done() {
        for (steps, strength, first) in [
            (50, 0.6, 20),
            (4, 1.0, 0),
            (3, 0.6, 1),
            (10, 0.3, 7),
            (1, 0.5, 0),
            (8, 0.01, 7),
        ] {
            assert_eq!(
                source(strength, None).first_step(steps),
                first,
                "{steps} {strength}"
            );
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let size = Size::new(2, 1).unwrap();
        source(0.5, Some(vec![0, 255])).check(size).unwrap();
        for (source, part) in [
            (source(0.0, None), "strength 0"),
            (source(1.5, None), "strength 1.5"),
            (source(f32::NAN, None), "NaN"),
            (source(0.5, Some(vec![0, 0])), "keeps all"),
            (source(0.5, Some(vec![9])), "mask"),
        ] {
            let error = source.check(size).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = source(0.5, None)
            .check(Size::new(4, 4).unwrap())
            .unwrap_err();
        assert!(error.to_string().contains("2x1"), "{error}");
    }

    #[test]
    fn kept_pixels_are_kept_to_the_last_bit() {
        let mut made = RgbImage {
            width: 2,
            height: 1,
            pixels: vec![200; 6],
        };
        source(1.0, Some(vec![0, 255])).keep(&mut made);
        assert_eq!(made.pixels, [10, 20, 30, 200, 200, 200]);
        source(1.0, Some(vec![255, 51])).keep(&mut made);
        assert_eq!(made.pixels, [10, 20, 30, 72, 80, 88]);
    }
}
