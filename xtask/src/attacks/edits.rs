//! Parts of a picture replaced, and where that was.

use image::imageops;
use image::{Rgb, RgbImage};

use super::filters::blurred;
use super::geometry::restored;
use super::raster::{Random, map_samples};

/// What is put in the place of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// The same part of another picture.
    Pasted,
    /// Its own mean colour.
    Painted,
    /// Itself, blurred with a standard deviation of 12 pixels.
    Blurred,
    /// Another part of the same picture.
    Cloned,
}

impl Edit {
    /// All, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Pasted, Self::Painted, Self::Blurred, Self::Cloned];

    /// Name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pasted => "pasted",
            Self::Painted => "painted flat",
            Self::Blurred => "blurred",
            Self::Cloned => "cloned",
        }
    }

    /// The picture with the part under `mask` replaced; `other` is where pasting takes from.
    pub fn apply(self, picture: &RgbImage, mask: &Mask, other: &RgbImage) -> RgbImage {
        let (x, y, width, height) = mask.bounds;
        let part = |of: &RgbImage, x, y| imageops::crop_imm(of, x, y, width, height).to_image();
        let put = match self {
            Self::Pasted => part(&restored(other, picture), x, y),
            Self::Painted => RgbImage::from_pixel(width, height, mean(&part(picture, x, y))),
            Self::Blurred => blurred(&part(picture, x, y), 12.0),
            Self::Cloned => {
                // Half of the room that there is, in both directions.
                let (across, down) = (picture.width() - width + 1, picture.height() - height + 1);
                part(picture, (x + across / 2) % across, (y + down / 2) % down)
            }
        };
        let mut out = picture.clone();
        for (column, row, value) in put.enumerate_pixels() {
            if mask.picture.get_pixel(x + column, y + row).0[0] > 0 {
                out.put_pixel(x + column, y + row, *value);
            }
        }
        out
    }
}

/// Where a picture was edited, as a picture of its size: white there, black elsewhere.
#[derive(Debug, Clone)]
pub struct Mask {
    /// So that it can be scaled and turned along with the edited one.
    pub picture: RgbImage,
    /// Left, top, width and height of the smallest rectangle around the edit.
    bounds: (u32, u32, u32, u32),
}

impl Mask {
    /// A part with `share` of the area, 0 to 0.7, somewhere in the picture: a rectangle of the
    /// picture's shape or, in pictures with an odd number, an ellipse.
    pub fn somewhere(picture: &RgbImage, share: f64, number: u64) -> Self {
        let round = number % 2 == 1;
        let filled = if round {
            std::f64::consts::FRAC_PI_4
        } else {
            1.0
        };
        let side = |v: u32| (f64::from(v) * (share / filled).sqrt()) as u32;
        let (width, height) = (side(picture.width()), side(picture.height()));
        let mut random = Random::new(number, "edit");
        let x = random.below(picture.width() - width + 1);
        let y = random.below(picture.height() - height + 1);
        let from_middle = |at: u32, start: u32, side: u32| {
            (f64::from(at) + 0.5 - f64::from(start)) / f64::from(side) * 2.0 - 1.0
        };
        let covered = |column, row| {
            let (a, b) = (from_middle(column, x, width), from_middle(row, y, height));
            if round {
                a * a + b * b < 1.0
            } else {
                a.abs().max(b.abs()) < 1.0
            }
        };
        Self {
            picture: RgbImage::from_fn(picture.width(), picture.height(), |column, row| {
                Rgb([if covered(column, row) { 255 } else { 0 }; 3])
            }),
            bounds: (x, y, width, height),
        }
    }

    /// No part at all.
    pub fn nowhere(picture: &RgbImage) -> Self {
        Self {
            picture: map_samples(picture, |_| 0.0),
            bounds: (0, 0, 0, 0),
        }
    }
}

fn mean(picture: &RgbImage) -> Rgb<u8> {
    let count = u64::from(picture.width()) * u64::from(picture.height());
    let sum = |channel: usize| {
        picture
            .pixels()
            .map(|p| u64::from(p.0[channel]))
            .sum::<u64>()
    };
    Rgb([0, 1, 2].map(|channel| (sum(channel) / count.max(1)) as u8))
}
