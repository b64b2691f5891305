//! The embedder: how strong the mark is where, and the closed loop that settles it.

use crate::bound::correlation;
use crate::channel::jpeg_luma;
use crate::fold::{Alignment, Folded};
use crate::key::WatermarkKey;
use crate::lattice::{CONSTELLATIONS, Layout, TileCount};
use crate::mask::visibility_mask;
use crate::message::{MessageCode, Payload};
use crate::plane::Plane;
use crate::residual::{ANALYSIS_SIDE, weighted_residual};
use crate::tile_map::TileMap;
use crate::{MIN_SIDE, WatermarkError};

/// Samples across one rendered period of the carrier.
const TILE_SAMPLES: usize = 256;

/// Writes marks with one key.
#[derive(Debug, Clone)]
pub struct Embedder {
    layout: Layout,
    code: MessageCode,
}

/// A mark ready to be added to a picture.
#[derive(Debug, Clone)]
pub struct Mark {
    /// To be added to red, green and blue alike (or to gray), in grey levels of 0 to 255.
    pub delta: Plane,
    /// Peak signal-to-noise ratio of the marked picture before rounding, in dB.
    pub psnr: f64,
    /// Deflection (signal over noise of the received dimensions, in standard deviations) after
    /// JPEG at quality 50.
    pub margin: f64,
}

/// Limits that the closed loop keeps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmbedOptions {
    /// Lowest PSNR, in dB, that the marked picture may have.
    pub least_psnr: f64,
    /// PSNR, in dB, beyond which the mark is not weakened further.
    pub most_psnr: f64,
    /// Margin at which the mark is strong enough.
    pub enough_margin: f64,
    /// Margin below which the picture is refused.
    pub least_margin: f64,
}

impl EmbedOptions {
    /// For pictures that are looked at closely and handled gently.
    pub fn subtle() -> Self {
        Self {
            least_psnr: 44.0,
            most_psnr: 50.0,
            enough_margin: 36.0,
            ..Self::default()
        }
    }

    /// For pictures that will be cropped deeply or compressed hard.
    pub fn strong() -> Self {
        Self {
            most_psnr: 42.6,
            ..Self::default()
        }
    }
}

impl Default for EmbedOptions {
    /// At least 42.6 dB, up to 47 dB where the picture leaves room. The half decibel above 42 is
    /// for what JPEG decoders differ by when somebody else measures.
    fn default() -> Self {
        Self {
            least_psnr: 42.6,
            most_psnr: 47.0,
            enough_margin: 50.0,
            least_margin: 17.0,
        }
    }
}

/// A picture at the size at which the detector looks, with everything the loop needs.
struct Trial<'a> {
    layout: &'a Layout,
    signs: Vec<f32>,
    luma: Plane,
    basis: [[f64; 2]; 2],
    alignment: Alignment,
}

impl Embedder {
    /// An embedder for a key.
    pub fn new(key: &WatermarkKey) -> Self {
        Self {
            layout: Layout::new(key),
            code: MessageCode::new(),
        }
    }

    /// Makes the mark of `payload` for a picture's luminance.
    ///
    /// # Errors
    /// [`WatermarkError::TooSmall`] under [`MIN_SIDE`] pixels a side, [`WatermarkError::NoRoom`]
    /// if the mark would not read after JPEG 50 even at the lowest PSNR allowed.
    pub fn mark(
        &self,
        luma: &Plane,
        payload: Payload,
        options: &EmbedOptions,
    ) -> Result<Mark, WatermarkError> {
        let (width, height) = (luma.width(), luma.height());
        if width.min(height) < MIN_SIDE {
            return Err(WatermarkError::TooSmall { width, height });
        }
        let side = TileCount::for_picture(width, height).side(width, height);
        let (constellation, origin) = place(payload);
        let small = luma.shrunk_to(ANALYSIS_SIDE);
        let cycles = width as f64 / small.width() as f64 / side;
        let signs = self.layout.signs(&self.code.encode(payload));
        let tile = Tile {
            samples: self.layout.tile(&signs, constellation, TILE_SAMPLES),
            origin,
        };
        let mask = visibility_mask(&small);
        let mark = tile.rendered(&mask, small.width(), small.height(), cycles);
        let trial = Trial {
            layout: &self.layout,
            signs,
            luma: small,
            basis: [[cycles, 0.0], [0.0, cycles]],
            alignment: Alignment::issued(constellation, origin),
        };
        let (strength, margin) = trial.settle(&mark, options);
        if margin < options.least_margin {
            return Err(WatermarkError::NoRoom {
                margin,
                needed: options.least_margin,
            });
        }
        let mut delta = tile.rendered(&mask, width, height, 1.0 / side);
        let strength = strength.min(strength_for(&delta, options.least_psnr));
        delta.data_mut().iter_mut().for_each(|v| *v *= strength);
        Ok(Mark {
            psnr: psnr_of(mean_square(&delta)),
            delta,
            margin,
        })
    }
}

impl Trial<'_> {
    /// The weakest strength that reads well enough within the PSNR limits, and its margin.
    fn settle(&self, mark: &Plane, options: &EmbedOptions) -> (f32, f64) {
        let strongest = strength_for(mark, options.least_psnr);
        let weakest = strength_for(mark, options.most_psnr).min(strongest);
        let margin = self.margin(mark, strongest);
        if margin <= options.enough_margin {
            return (strongest, margin);
        }
        // The deflection grows about in proportion to the strength.
        let aim = strongest * (options.enough_margin / margin) as f32;
        let strength = aim.max(weakest);
        (strength, self.margin(mark, strength))
    }

    /// Deflection after a simulated JPEG of quality 50, read in the known pose.
    fn margin(&self, mark: &Plane, strength: f32) -> f64 {
        let mut plane = self.luma.clone();
        for (y, m) in plane.data_mut().iter_mut().zip(mark.data()) {
            *y += strength * m;
        }
        jpeg_luma(&mut plane);
        let residual = weighted_residual(&plane);
        let folded = Folded::new(&residual, &TileMap::affine(self.basis, (0.0, 0.0)));
        deflection(
            &folded.dimensions(self.layout, &self.alignment),
            &self.signs,
        )
    }
}

/// Signal over noise of the received dimensions, in standard deviations: unlike the correlation
/// it does not saturate.
fn deflection(dimensions: &[f32], signs: &[f32]) -> f64 {
    let count = dimensions.len() as f64;
    let cosine = (correlation(dimensions, signs) / count.sqrt()).clamp(-0.999, 0.999);
    count.sqrt() * cosine / (1.0 - cosine * cosine).sqrt()
}

/// One rendered period of the carrier and where it starts.
struct Tile {
    samples: Vec<f32>,
    /// In tiles.
    origin: (f64, f64),
}

impl Tile {
    /// The carrier times the mask at `width * height`; `cycles` tiles a pixel.
    fn rendered(&self, mask: &Plane, width: usize, height: usize, cycles: f64) -> Plane {
        let mut out = Plane::filled(width, height, 0.0);
        let side = TILE_SAMPLES as f64;
        let wrap = TILE_SAMPLES - 1;
        let (mx, my) = (
            mask.width() as f32 / width as f32,
            mask.height() as f32 / height as f32,
        );
        let same_size = mask.width() == width;
        for (y, row) in out.data_mut().chunks_exact_mut(width).enumerate() {
            let ty = (self.origin.1 + (y as f64 + 0.5) * cycles).rem_euclid(1.0) * side;
            let (y0, fy) = (ty as usize & wrap, ty.fract() as f32);
            let upper = &self.samples[y0 * TILE_SAMPLES..][..TILE_SAMPLES];
            let lower = &self.samples[((y0 + 1) & wrap) * TILE_SAMPLES..][..TILE_SAMPLES];
            for (x, value) in row.iter_mut().enumerate() {
                let tx = (self.origin.0 + (x as f64 + 0.5) * cycles).fract() * side;
                let (x0, fx) = (tx as usize & wrap, tx.fract() as f32);
                let x1 = (x0 + 1) & wrap;
                let a = upper[x0] + fx * (upper[x1] - upper[x0]);
                let b = lower[x0] + fx * (lower[x1] - lower[x0]);
                let strength = if same_size {
                    mask.data()[y * width + x]
                } else {
                    mask.bilinear((x as f32 + 0.5) * mx - 0.5, (y as f32 + 0.5) * my - 0.5)
                };
                *value = strength * (a + fy * (b - a));
            }
        }
        out
    }
}

/// Constellation and start of the tile, different for every id so that averaging pictures does not
/// lay the mark bare.
pub(crate) fn place(payload: Payload) -> (usize, (f64, f64)) {
    let mixed = payload.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let unit = |bits: u64| (bits & 0xFFFF) as f64 / 65536.0;
    let constellation = (mixed >> 28) as usize % CONSTELLATIONS;
    (constellation, (unit(mixed >> 48), unit(mixed >> 32)))
}

fn mean_square(plane: &Plane) -> f64 {
    plane
        .data()
        .iter()
        .map(|&v| f64::from(v) * f64::from(v))
        .sum::<f64>()
        / plane.data().len() as f64
}

/// Error power of rounding to whole grey levels.
const ROUNDING: f64 = 1.0 / 12.0;

fn psnr_of(mean_square: f64) -> f64 {
    10.0 * (255.0 * 255.0 / (mean_square + ROUNDING)).log10()
}

/// Factor that brings a plane to the given PSNR once rounded.
fn strength_for(plane: &Plane, psnr: f64) -> f32 {
    let allowed = 255.0 * 255.0 / 10f64.powf(psnr / 10.0) - ROUNDING;
    (allowed.max(0.0) / mean_square(plane).max(1e-12)).sqrt() as f32
}
