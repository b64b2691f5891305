//! A simulated channel for the closed loop: baseline JPEG on luminance.

use crate::plane::Plane;

/// Luminance quantisation table of ITU-T T.81, Annex K.1, row by row.
const QUANT: [u8; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];

/// The table scaled to a quality of 1 to 99, as the Independent JPEG Group's encoder does it.
fn steps(quality: u32) -> [f32; 64] {
    let percent = if quality < 50 {
        5000 / quality.max(1)
    } else {
        200 - 2 * quality.min(99)
    };
    QUANT.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as f32)
}

/// Quantises every 8x8 block as a JPEG of the given quality would; a ragged edge is left as it is.
pub(crate) fn jpeg_luma(plane: &mut Plane, quality: u32) {
    let basis = cosine_basis();
    let steps = steps(quality);
    let (width, height) = (plane.width(), plane.height());
    let data = plane.data_mut();
    for by in (0..height / 8 * 8).step_by(8) {
        for bx in (0..width / 8 * 8).step_by(8) {
            let mut block = [[0.0f32; 8]; 8];
            for (y, row) in block.iter_mut().enumerate() {
                let start = (by + y) * width + bx;
                for (value, pixel) in row.iter_mut().zip(&data[start..start + 8]) {
                    *value = pixel.clamp(0.0, 255.0).round() - 128.0;
                }
            }
            let mut coefficients = turned(&basis, &turned(&basis, &block));
            for (value, step) in coefficients.as_flattened_mut().iter_mut().zip(&steps) {
                *value = (*value / step).round() * step;
            }
            let back = turned_back(&basis, &turned_back(&basis, &coefficients));
            for (y, row) in back.iter().enumerate() {
                let start = (by + y) * width + bx;
                for (value, pixel) in row.iter().zip(&mut data[start..start + 8]) {
                    *pixel = (value + 128.0).round().clamp(0.0, 255.0);
                }
            }
        }
    }
}

type Block = [[f32; 8]; 8];

/// Orthonormal DCT-II basis: `basis[k][n]`.
fn cosine_basis() -> Block {
    let mut basis = [[0.0; 8]; 8];
    for (k, row) in basis.iter_mut().enumerate() {
        let norm = if k == 0 { 0.125f64.sqrt() } else { 0.5 };
        for (n, value) in row.iter_mut().enumerate() {
            let angle = std::f64::consts::PI * (2 * n + 1) as f64 * k as f64 / 16.0;
            *value = (norm * angle.cos()) as f32;
        }
    }
    basis
}

/// The transpose of `basis * block`: applied twice it transforms rows and columns.
fn turned(basis: &Block, block: &Block) -> Block {
    let mut out = [[0.0f32; 8]; 8];
    for k in 0..8 {
        let mut line = [0.0f32; 8];
        for n in 0..8 {
            for c in 0..8 {
                line[c] += basis[k][n] * block[n][c];
            }
        }
        for c in 0..8 {
            out[c][k] = line[c];
        }
    }
    out
}

/// The transpose of `basis' * block`: applied twice it is the inverse of [`turned`] applied twice.
fn turned_back(basis: &Block, block: &Block) -> Block {
    let mut out = [[0.0f32; 8]; 8];
    for n in 0..8 {
        let mut line = [0.0f32; 8];
        for k in 0..8 {
            for c in 0..8 {
                line[c] += basis[k][n] * block[k][c];
            }
        }
        for c in 0..8 {
            out[c][n] = line[c];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_inverts() {
        let basis = cosine_basis();
        let mut block = [[0.0f32; 8]; 8];
        for (i, value) in block.as_flattened_mut().iter_mut().enumerate() {
            *value = ((i * 37) % 101) as f32;
        }
        let back = turned_back(
            &basis,
            &turned_back(&basis, &turned(&basis, &turned(&basis, &block))),
        );
        for (a, b) in block.as_flattened().iter().zip(back.as_flattened()) {
            assert!((a - b).abs() < 1e-3);
        }
    }

    #[test]
    fn steps_follow_the_quality() {
        assert_eq!(steps(50)[0], 16.0);
        assert_eq!(steps(25)[0], 32.0);
        assert_eq!(steps(75)[0], 8.0);
        assert_eq!(steps(1)[63], 255.0);
    }

    #[test]
    fn fine_texture_is_lost_and_coarse_kept() {
        let wave = |period: f32| {
            let data = (0..64 * 64)
                .map(|i| 128.0 + 3.5 * (std::f32::consts::TAU * (i % 64) as f32 / period).sin());
            Plane::new(64, 64, data.collect()).unwrap()
        };
        let power = |p: &Plane| p.data().iter().map(|v| (v - 128.0).powi(2)).sum::<f32>();
        for (period, low, high) in [(2.3, 0.0, 0.2), (16.0, 0.5, 1.7)] {
            let mut plane = wave(period);
            let before = power(&plane);
            jpeg_luma(&mut plane, 50);
            let kept = power(&plane) / before;
            assert!((low..=high).contains(&kept), "period {period}: {kept}");
        }
    }
}
