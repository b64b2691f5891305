//! Unmarked pictures that look most like marked ones: periodic, busy, square.

mod drawn;
mod periodic;
mod photographic;

use anyhow::{Result, bail};
use colophon_watermark::TileCount;
use image::{Rgb, RgbImage};

use crate::attacks::raster::{Random, sample};

/// A kind of pictures.
pub struct Class {
    /// Name in the table.
    pub name: &'static str,
    source: Source,
}

enum Source {
    /// Drawn on a canvas of a size in pixels.
    Drawn(fn(&mut Random, (u32, u32)) -> RgbImage),
    /// Made of a photograph, the random numbers and the picture's number.
    Photograph(fn(&RgbImage, &mut Random, u64) -> Result<RgbImage>),
}

/// All classes, in the order of the table.
pub const CLASSES: [Class; 20] = [
    drawn("brick walls", drawn::bricks),
    drawn("woven fabric", drawn::weave),
    drawn("square tiles", drawn::squares),
    drawn("hexagons", drawn::hexagons),
    drawn("checkerboards, graph paper", drawn::graph_paper),
    drawn("text pages", drawn::text),
    drawn("user interfaces", drawn::interface),
    drawn("line art", drawn::line_art),
    drawn("halftone screens", periodic::halftone),
    drawn("ordered dither", periodic::dither),
    drawn("moire of two gratings", periodic::moire),
    drawn("sums of waves", periodic::waves),
    drawn("seamless tile, our counts", periodic::seamless),
    drawn("noise tile, our counts", periodic::noise),
    drawn("noise tile, any side", periodic::noise_anywhere),
    drawn("random harmonics of our band", periodic::harmonics),
    photograph("photographs", |p, random, _| {
        Ok(photographic::part(p, random))
    }),
    photograph("attacked photographs", photographic::attacked),
    photograph("photographs, strong JPEG grid", photographic::jpeg_grid),
    photograph(
        "photographs marked by another key",
        photographic::marked_by_another,
    ),
];

const fn drawn(name: &'static str, draw: fn(&mut Random, (u32, u32)) -> RgbImage) -> Class {
    Class {
        name,
        source: Source::Drawn(draw),
    }
}

const fn photograph(
    name: &'static str,
    make: fn(&RgbImage, &mut Random, u64) -> Result<RgbImage>,
) -> Class {
    Class {
        name,
        source: Source::Photograph(make),
    }
}

impl Class {
    /// The `number`-th picture of the class, 512 to 1024 pixels on each side but for attacked ones.
    pub fn picture(&self, number: u64, photographs: &[RgbImage]) -> Result<RgbImage> {
        let mut random = Random::new(number, self.name);
        match self.source {
            Source::Drawn(draw) => {
                let size = (512 + random.below(513), 512 + random.below(513));
                let picture = draw(&mut random, size);
                // As drawn, or with the grain of a camera.
                Ok(if random.below(2) == 0 {
                    picture
                } else {
                    grainy(&picture, random.between(0.5, 4.0) as f32, &mut random)
                })
            }
            Source::Photograph(make) => {
                if photographs.is_empty() {
                    bail!("no photographs");
                }
                let chosen = &photographs[number as usize % photographs.len()];
                make(chosen, &mut random, number)
            }
        }
    }
}

fn grainy(picture: &RgbImage, sd: f32, random: &mut Random) -> RgbImage {
    let mut out = picture.clone();
    for pixel in out.pixels_mut() {
        let grain = sd * random.normal();
        pixel.0 = pixel.0.map(|v| sample(f32::from(v) + grain));
    }
    out
}

/// A grey picture from a function of the pixel.
fn grey(size: (u32, u32), mut value: impl FnMut(f64, f64) -> f64) -> RgbImage {
    RgbImage::from_fn(size.0, size.1, |x, y| {
        Rgb([sample(value(f64::from(x), f64::from(y)) as f32); 3])
    })
}

/// The side of the mark's tile in a picture of this size: its own, or that of another count.
fn our_side(random: &mut Random, size: (u32, u32)) -> f64 {
    let (width, height) = (size.0 as usize, size.1 as usize);
    let of = match random.below(4) {
        // Counts of pictures of 181 to 8192 pixels.
        0 => {
            let side = 181.0 * random.between(0.0, 5.5).exp2();
            TileCount::for_picture(side as usize, side as usize)
        }
        _ => TileCount::for_picture(width, height),
    };
    of.side(width, height)
}

/// A period in pixels: of the mark's tile, near it, a fraction of it, or any.
fn period(random: &mut Random, size: (u32, u32)) -> f64 {
    let side = our_side(random, size);
    match random.below(4) {
        0 => side,
        1 => side * random.between(0.97, 1.03),
        2 => side / f64::from(2 + random.below(7)),
        _ => random.between(8.0, 250.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::tests::scene;

    fn detail(picture: &RgbImage) -> f64 {
        let values: Vec<f64> = picture.pixels().map(|p| f64::from(p.0[1])).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64
    }

    #[test]
    fn pictures_follow_from_class_and_number_and_show_something() {
        let photographs = [crate::attacks::geometry::scaled(&scene(1), 3.0)];
        for class in &CLASSES {
            let picture = |number| class.picture(number, &photographs).unwrap();
            let one = picture(3);
            assert_eq!(one, picture(3), "{}", class.name);
            assert_ne!(one, picture(4), "{}", class.name);
            assert!(detail(&one) > 4.0, "{}", class.name);
        }
    }

    #[test]
    fn photographs_are_needed_for_their_classes() {
        let made = CLASSES.iter().map(|class| class.picture(0, &[]).is_ok());
        assert_eq!(made.filter(|made| *made).count(), 16);
    }
}
