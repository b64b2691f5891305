//! Power spectrum of the examined picture and its whitening.

use crate::fft;
use crate::plane::Plane;

/// Radius, in bins, of the neighbourhood that the spectrum is compared with.
const WHITEN_RADIUS: usize = 7;
/// Power relative to the neighbourhood is cut here: a single strong peak is texture, not a lattice.
const CEILING: f32 = 10.0;
/// The mean of the logarithm of an exponentially distributed power is this much below the
/// logarithm of its mean.
const EULER_GAMMA: f32 = 0.577_215_7;

/// Log power of a plane, zero-padded to a square, over the half plane of non-negative `kx`.
pub(crate) struct Spectrum {
    side: usize,
    /// `kx * side + ky`, natural logarithm of the power.
    log_power: Plane,
    /// Power over the mean power around it, less 1, clipped: about 0 on average without a mark.
    whitened: Plane,
    /// The same spread over the width of a wave's peak, in standard deviations.
    excess: Plane,
}

impl Spectrum {
    pub(crate) fn of(plane: &Plane) -> Self {
        let side = padded_side(plane.width().max(plane.height()));
        let mut padded = vec![0.0f32; side * plane.height()];
        for (row, target) in plane.rows().zip(padded.chunks_exact_mut(side)) {
            target[..row.len()].copy_from_slice(row);
        }
        let columns = fft::forward_real(&mut padded, side);
        let mut log_power = Plane::filled(side, side / 2 + 1, 0.0);
        for (target, value) in log_power.data_mut().iter_mut().zip(&columns) {
            *target = fast_ln(value.norm_sqr() + 1e-6);
        }
        let mean = log_power.box_blurred(WHITEN_RADIUS);
        let mut whitened = log_power.clone();
        for (value, mean) in whitened.data_mut().iter_mut().zip(mean.data()) {
            *value = (*value - mean - EULER_GAMMA).exp().min(CEILING) - 1.0;
        }
        let excess = peak_matched(&whitened);
        Self {
            side,
            log_power,
            whitened,
            excess,
        }
    }

    /// Bins along one axis of the full spectrum: a frequency of 1 cycle a pixel.
    pub(crate) fn side(&self) -> usize {
        self.side
    }

    /// Index of the integer bin (`kx`, `ky`); the spectrum of a real plane is symmetric.
    fn index(&self, kx: i32, ky: i32) -> usize {
        let side = self.side as i32;
        let (kx, ky) = if kx < 0 { (-kx, -ky) } else { (kx, ky) };
        let kx = kx.min(side / 2);
        // Callers stay within one period of the spectrum: no division needed.
        let ky = if ky < 0 { ky + side } else { ky };
        let ky = if ky >= side { ky - side } else { ky };
        (kx * side + ky) as usize
    }

    /// Whitened power at a horizontal frequency, by vertical frequency: from 0 up, then from the
    /// most negative.
    pub(crate) fn whitened_column(&self, kx: usize) -> &[f32] {
        &self.whitened.data()[kx * self.side..][..self.side]
    }

    /// Whitened power about a position in bins, in standard deviations over the spectrum.
    pub(crate) fn excess(&self, kx: f32, ky: f32) -> f32 {
        // Positions are far inside 23 bits; rounding by an addition is several times faster.
        const ROUND: f32 = 12_582_912.0;
        let (x, y) = ((kx + ROUND) - ROUND, (ky + ROUND) - ROUND);
        self.excess.data()[self.index(x as i32, y as i32)]
    }

    /// The strongest whitened bin within `reach` bins of a position: its sub-bin place and height.
    pub(crate) fn peak_near(&self, kx: f64, ky: f64, reach: i32) -> (f64, f64, f32) {
        let (cx, cy) = (kx.round() as i32, ky.round() as i32);
        let data = self.log_power.data();
        let power = |x: i32, y: i32| data[self.index(x, y)];
        let mut best = (cx, cy, f32::NEG_INFINITY);
        for x in cx - reach..=cx + reach {
            for y in cy - reach..=cy + reach {
                let value = power(x, y);
                if value > best.2 {
                    best = (x, y, value);
                }
            }
        }
        let (x, y, top) = best;
        // Vertex of the parabola through three log powers (a Gaussian main lobe).
        let vertex = |before: f32, after: f32| {
            let curve = before - 2.0 * top + after;
            if curve < -1e-3 {
                f64::from((0.5 * (before - after) / curve).clamp(-0.5, 0.5))
            } else {
                0.0
            }
        };
        let dx = vertex(power(x - 1, y), power(x + 1, y));
        let dy = vertex(power(x, y - 1), power(x, y + 1));
        let height = self.whitened.data()[self.index(x, y)];
        (f64::from(x) + dx, f64::from(y) + dy, height)
    }
}

/// Binomial means over three by three, the width of a peak, in standard deviations.
fn peak_matched(whitened: &Plane) -> Plane {
    let (width, height) = (whitened.width(), whitened.height());
    let mut rows = whitened.clone();
    for (out, row) in rows.data_mut().chunks_exact_mut(width).zip(whitened.rows()) {
        for (i, value) in out.iter_mut().enumerate().take(width - 1).skip(1) {
            *value = row[i - 1] + 2.0 * row[i] + row[i + 1];
        }
    }
    let mut out = rows.clone();
    for y in 1..height - 1 {
        let (above, rest) = rows.data()[(y - 1) * width..].split_at(width);
        let (here, below) = rest.split_at(width);
        let line = &mut out.data_mut()[y * width..][..width];
        for (((value, a), h), b) in line.iter_mut().zip(above).zip(here).zip(below) {
            *value = a + 2.0 * h + b;
        }
    }
    let count = out.data().len() as f32;
    let mean = out.data().iter().sum::<f32>() / count;
    let power = out
        .data()
        .iter()
        .map(|v| (v - mean) * (v - mean))
        .sum::<f32>()
        / count;
    let scale = 1.0 / power.sqrt().max(1e-9);
    out.data_mut()
        .iter_mut()
        .for_each(|v| *v = (*v - mean) * scale);
    out
}

/// At least one and a half times the plane, so that a wave between two bins loses little, and
/// a power of two or three times one, so that the transform is fast.
fn padded_side(longest: usize) -> usize {
    let wanted = (longest * 3 / 2).max(256);
    let power = wanted.next_power_of_two();
    if wanted <= power / 4 * 3 {
        power / 4 * 3
    } else {
        power
    }
}

/// Natural logarithm to about 1e-4, several times faster than the library's.
fn fast_ln(value: f32) -> f32 {
    let bits = value.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let m = f32::from_bits(bits & 0x007F_FFFF | 0x3F80_0000);
    // Series of the area hyperbolic tangent around sqrt(2).
    let t = (m - std::f32::consts::SQRT_2) / (m + std::f32::consts::SQRT_2);
    let s = t * t;
    exponent as f32 * std::f32::consts::LN_2
        + 0.5 * std::f32::consts::LN_2
        + 2.0 * t * (1.0 + s * (1.0 / 3.0 + s * (0.2 + s / 7.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_ln_is_close() {
        for i in 1..2000 {
            let x = i as f32 * 0.37;
            assert!((fast_ln(x) - x.ln()).abs() < 2e-4, "{x}");
        }
    }

    #[test]
    fn a_wave_is_found_between_bins() {
        let (w, h) = (200, 180);
        let (fx, fy) = (0.1013, -0.0621);
        let data = (0..w * h)
            .map(|i| {
                (std::f64::consts::TAU * (fx * (i % w) as f64 + fy * (i / w) as f64)).cos() as f32
            })
            .collect();
        let spectrum = Spectrum::of(&Plane::new(w, h, data).unwrap());
        let side = spectrum.side() as f64;
        let (kx, ky, _) = spectrum.peak_near(fx * side + 1.0, fy * side - 1.0, 2);
        assert!(
            (kx - fx * side).abs() < 0.1 && (ky - fy * side).abs() < 0.1,
            "{kx} {ky}"
        );
    }
}
