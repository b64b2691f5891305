//! The embedder: how strong the mark is where.

use crate::key::WatermarkKey;
use crate::lattice::{CONSTELLATIONS, Layout, TileCount};
use crate::mask::{lower_ceiling, visibility_mask};
use crate::message::{MessageCode, Payload};
use crate::plane::Plane;
use crate::residual::ANALYSIS_SIDE;
use crate::tile::{TILE_SAMPLES, Tile};
use crate::trial::{Prediction, Trial};
use crate::{MIN_SIDE, WatermarkError};

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
    /// Least deflection (signal over noise of the received dimensions, in standard deviations)
    /// predicted over the simulated attacks; about 13.5 are needed to read the mark.
    pub margin: f64,
}

/// Limits that the closed loop keeps: a strength profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmbedOptions {
    /// Lowest PSNR, in dB, that the marked picture may have.
    pub least_psnr: f64,
    /// PSNR, in dB, beyond which the mark is not weakened further.
    pub most_psnr: f64,
    /// Greatest root mean square of the mark in flat places, in grey levels; exceeded only by a
    /// picture that could otherwise carry no mark.
    pub most_flat: f64,
    /// Predicted margin at which the mark is strong enough.
    pub enough_margin: f64,
    /// Deflection of the whole picture after JPEG 50 below which the picture is refused.
    pub least_margin: f64,
}

impl EmbedOptions {
    /// For pictures that are looked at closely and handled gently.
    pub fn subtle() -> Self {
        Self {
            least_psnr: 45.0,
            most_psnr: 51.0,
            most_flat: 0.42,
            enough_margin: 18.0,
            ..Self::default()
        }
    }

    /// For pictures that will be cropped deeply or compressed hard.
    pub fn strong() -> Self {
        Self {
            most_psnr: 43.0,
            most_flat: 1.2,
            enough_margin: 60.0,
            ..Self::default()
        }
    }
}

impl Default for EmbedOptions {
    /// Down to 42.6 dB where a picture is hard, up to 48 dB where it is easy. The half decibel above
    /// 42 is for what JPEG decoders differ by when somebody else measures.
    fn default() -> Self {
        Self {
            least_psnr: 42.6,
            most_psnr: 48.0,
            most_flat: 0.5,
            enough_margin: 22.0,
            least_margin: 17.0,
        }
    }
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
        let signs = self.layout.signs(&self.code.encode(payload));
        let tile = Tile {
            samples: self.layout.tile(&signs, constellation, TILE_SAMPLES),
            origin,
            cycles: 1.0 / side,
        };
        let small = luma.shrunk_to(ANALYSIS_SIDE);
        let shrink = width as f64 / small.width() as f64;
        let mut mask = visibility_mask(&small);
        lower_ceiling(&mut mask, options.most_flat, allowed(options.least_psnr));
        let unit = tile.rendered(&mask, 1.0, (small.width(), small.height()), shrink);
        let trial = Trial {
            layout: &self.layout,
            signs: &signs,
            luma: &small,
            mark: &unit,
            constellation,
            cycles: tile.cycles * shrink,
            origin: tile.origin_at(shrink),
            shrink,
        };
        let found = settled(&trial, options)?;
        let mut delta = tile.rendered(&mask, found.strength, (width, height), 1.0);
        let excess = strength_for(mean_square(&delta), options.least_psnr);
        if excess < 1.0 {
            delta.data_mut().iter_mut().for_each(|v| *v *= excess);
        }
        Ok(Mark {
            psnr: psnr_of(mean_square(&delta)),
            delta,
            margin: found.worst,
        })
    }
}

/// The loop within what is hardly seen, and beyond it for a picture that must show more to carry
/// anything.
fn settled(trial: &Trial<'_>, options: &EmbedOptions) -> Result<Prediction, WatermarkError> {
    let power = mean_square(trial.mark);
    let strongest = strength_for(power, options.least_psnr);
    let weakest = strength_for(power, options.most_psnr);
    let unseen = strongest.min(options.most_flat as f32);
    let found = trial.settle(weakest, unseen, options.enough_margin);
    if survival(trial, &found, options) >= options.least_margin {
        return Ok(found);
    }
    let found = trial.settle(unseen, strongest, options.least_margin);
    let margin = survival(trial, &found, options);
    if margin >= options.least_margin {
        Ok(found)
    } else {
        Err(WatermarkError::NoRoom {
            margin,
            needed: options.least_margin,
        })
    }
}

/// Deflection of the whole picture after JPEG 50, or after something worse if that is enough.
fn survival(trial: &Trial<'_>, found: &Prediction, options: &EmbedOptions) -> f64 {
    if found.whole >= options.least_margin {
        found.whole
    } else {
        trial.recompressed(found.strength)
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

/// Mean square of the mark at which the rounded picture has the given PSNR.
fn allowed(psnr: f64) -> f64 {
    (255.0 * 255.0 / 10f64.powf(psnr / 10.0) - ROUNDING).max(0.0)
}

/// Factor that brings a plane of the given mean square to the given PSNR once rounded.
fn strength_for(mean_square: f64, psnr: f64) -> f32 {
    (allowed(psnr) / mean_square.max(1e-12)).sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grain of three grey levels, fine and coarse, over the right part of a mid-grey plane.
    fn picture(side: usize, flat: usize) -> Plane {
        let mut state = 1u32;
        let mut grain = Plane::filled(side, side, 0.0);
        for value in grain.data_mut() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *value = 60.0 * ((state >> 8) as f32 / 16_777_216.0 - 0.5);
        }
        let mut out = grain.box_blurred(2);
        for (i, (value, grain)) in out.data_mut().iter_mut().zip(grain.data()).enumerate() {
            *value = if i % side < flat {
                128.0
            } else {
                128.0 + *value + 0.1 * grain
            };
        }
        out
    }

    fn mark(luma: &Plane, options: &EmbedOptions) -> Result<Mark, WatermarkError> {
        Embedder::new(&WatermarkKey::new([4; 32])).mark(luma, Payload(77), options)
    }

    fn rms_of_columns(plane: &Plane, columns: std::ops::Range<usize>) -> f64 {
        let power: f64 = plane
            .rows()
            .flat_map(|row| &row[columns.clone()])
            .map(|v| f64::from(*v).powi(2))
            .sum();
        (power / (columns.len() * plane.height()) as f64).sqrt()
    }

    #[test]
    fn flat_places_stay_under_their_limit_and_busy_ones_get_more() {
        let options = EmbedOptions {
            least_psnr: 36.0,
            enough_margin: 1e6,
            ..EmbedOptions::default()
        };
        let mark = mark(&picture(448, 200), &options).unwrap();
        let flat = rms_of_columns(&mark.delta, 0..180);
        let share = flat / options.most_flat;
        assert!((0.9..1.05).contains(&share), "{share}");
        assert!(rms_of_columns(&mark.delta, 220..448) > 1.5 * flat);
    }

    #[test]
    fn an_easy_picture_gets_no_more_than_enough() {
        let luma = picture(448, 0);
        let enough = |margin| EmbedOptions {
            enough_margin: margin,
            ..EmbedOptions::default()
        };
        let full = mark(&luma, &enough(1e6)).unwrap();
        let wanted = 0.7 * full.margin;
        let less = mark(&luma, &enough(wanted)).unwrap();
        assert!(less.psnr > full.psnr + 1.0);
        assert!(
            (0.85..1.15).contains(&(less.margin / wanted)),
            "{}",
            less.margin
        );
    }

    #[test]
    fn the_psnr_stays_within_the_limits() {
        let luma = picture(448, 0);
        for options in [
            EmbedOptions::subtle(),
            EmbedOptions::default(),
            EmbedOptions::strong(),
        ] {
            let psnr = mark(&luma, &options).unwrap().psnr;
            assert!(psnr > options.least_psnr - 0.01 && psnr < options.most_psnr + 0.3);
        }
    }

    #[test]
    fn the_profiles_differ_in_margin() {
        let luma = picture(448, 0);
        let margin = |options| mark(&luma, &options).unwrap().margin;
        let (subtle, standard) = (
            margin(EmbedOptions::subtle()),
            margin(EmbedOptions::default()),
        );
        assert!(subtle < 0.9 * standard);
        assert!(standard < 0.95 * margin(EmbedOptions::strong()));
    }
}
