//! The autocorrelation of the whitened picture: where a periodic carrier shows its tile.
//!
//! Every vector from one tile to another is a peak, whatever affine map the picture went
//! through (Kutter, SPIE 3528, 1998; Deguillaume et al., Signal Processing 83, 2003). Whitening by
//! the neighbourhood in frequency is what makes the peaks stand out: it removes the picture's own
//! smooth autocorrelation, and clipping removes its textures.

use rustfft::num_complex::Complex32;

use crate::fft;
use crate::spectrum::Spectrum;

/// A displacement.
pub(crate) type Vector = (f64, f64);

/// Samples to the shortest period of the band: enough for a parabola through a peak.
const SAMPLING: f64 = 2.6;

/// Autocorrelation over one band of frequencies about the origin, in units of its own lower spread.
pub(crate) struct Autocorrelation {
    /// Pixels to a sample.
    pitch: f64,
    /// Samples held on each side of the origin.
    reach: i32,
    /// Row by row, `2 * reach + 1` each way.
    values: Vec<f32>,
}

impl Autocorrelation {
    /// Of the frequencies from `low` to `high` cycles a pixel, for displacements to `reach` pixels
    /// along each axis or as far as the spectrum tells.
    pub(crate) fn new(spectrum: &Spectrum, low: f64, high: f64, reach: f64) -> Self {
        let side = spectrum.side();
        let (low, high) = (low * side as f64, high * side as f64);
        // Frequencies beyond the band need no room.
        let samples = fft::fast_length((SAMPLING * high) as usize).min(side);
        let pitch = side as f64 / samples as f64;
        let edge = (high as usize).min(samples / 2 - 1);
        let mut band = vec![Complex32::default(); (edge + 1) * samples];
        // The axes carry the edges of the frame.
        for kx in 2..=edge {
            let received = spectrum.whitened_column(kx);
            let column = &mut band[kx * samples..][..samples];
            let bound = |radius: f64| (radius * radius - (kx * kx) as f64).max(0.0).sqrt();
            let inner = (bound(low).ceil() as usize).max(2);
            for ky in inner..=(bound(high) as usize).min(edge) {
                column[ky].re = received[ky];
                column[samples - ky].re = received[side - ky];
            }
        }
        let reach = ((reach / pitch).ceil() as i32).min(samples as i32 / 2 - 1);
        let values = fft::inverse_real_centre(band, samples, reach as usize);
        Self {
            pitch,
            reach,
            values,
        }
    }

    /// Pixels to a sample: the unit of all displacements here.
    pub(crate) fn pitch(&self) -> f64 {
        self.pitch
    }

    /// Restates all values as deviations from the median over the displacements from `shortest`
    /// to `longest`, in units of the distance from the median to the 16th percentile.
    pub(crate) fn standardise(&mut self, shortest: f64, longest: f64) {
        let reach = (longest as i32).min(self.reach);
        let mut sample: Vec<f32> = Vec::new();
        for y in (-reach..=reach).step_by(2) {
            for x in (0..=reach).step_by(2) {
                let length = f64::from(x * x + y * y).sqrt();
                if length >= shortest && length <= longest {
                    sample.push(self.at(x, y));
                }
            }
        }
        let half = sample.len() / 2;
        if half == 0 {
            return;
        }
        let middle = *sample.select_nth_unstable_by(half, f32::total_cmp).1;
        let sixteenth = sample.len() * 16 / 100;
        let low = *sample[..half]
            .select_nth_unstable_by(sixteenth, f32::total_cmp)
            .1;
        let scale = 1.0 / (middle - low).max(1e-9);
        for value in &mut self.values {
            *value = (*value - middle) * scale;
        }
    }

    /// At a whole displacement; 0, which is the median, beyond what is held.
    pub(crate) fn at(&self, x: i32, y: i32) -> f32 {
        let reach = self.reach;
        if x.abs() > reach || y.abs() > reach {
            return 0.0;
        }
        self.values[((y + reach) * (2 * reach + 1) + x + reach) as usize]
    }

    /// At any displacement, bilinear.
    pub(crate) fn between(&self, (x, y): Vector) -> f32 {
        let (x0, y0) = (x.floor(), y.floor());
        let (fx, fy) = ((x - x0) as f32, (y - y0) as f32);
        let (x0, y0) = (x0 as i32, y0 as i32);
        let upper = self.at(x0, y0) + fx * (self.at(x0 + 1, y0) - self.at(x0, y0));
        let lower = self.at(x0, y0 + 1) + fx * (self.at(x0 + 1, y0 + 1) - self.at(x0, y0 + 1));
        upper + fy * (lower - upper)
    }

    /// Local maxima among the displacements to the right from `shortest` to `longest`,
    /// highest first, at most `count`.
    pub(crate) fn peaks(&self, shortest: f64, longest: f64, count: usize) -> Vec<(Vector, f32)> {
        // The neighbours of a maximum must be held.
        let reach = (longest as i32).min(self.reach - 1);
        let mut found: Vec<(Vector, f32)> = Vec::new();
        for y in -reach..=reach {
            for x in 0..=reach {
                let value = self.at(x, y);
                let length = f64::from(x * x + y * y).sqrt();
                if value < 2.0 || length < shortest || length > longest || (x == 0 && y < 0) {
                    continue;
                }
                let around = [
                    (1, 0),
                    (-1, 0),
                    (0, 1),
                    (0, -1),
                    (1, 1),
                    (-1, 1),
                    (1, -1),
                    (-1, -1),
                ];
                if around
                    .iter()
                    .all(|&(dx, dy)| self.at(x + dx, y + dy) <= value)
                {
                    found.push((self.vertex(x, y), value));
                }
            }
        }
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found.truncate(count);
        found
    }

    /// Vertex of the parabolas through a maximum and its neighbours.
    fn vertex(&self, x: i32, y: i32) -> Vector {
        let top = self.at(x, y);
        (
            f64::from(x) + vertex(self.at(x - 1, y), top, self.at(x + 1, y)),
            f64::from(y) + vertex(self.at(x, y - 1), top, self.at(x, y + 1)),
        )
    }
}

/// Where the parabola through a maximum and its two neighbours has its vertex, -0.5 to 0.5.
pub(crate) fn vertex(before: f32, top: f32, after: f32) -> f64 {
    let curve = before - 2.0 * top + after;
    if curve < -1e-6 {
        f64::from((0.5 * (before - after) / curve).clamp(-0.5, 0.5))
    } else {
        0.0
    }
}
