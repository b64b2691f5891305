//! Deterministic natural-like pictures for tests: value noise over many scales, with shapes.

/// A well-mixed 32-bit hash (the finaliser of `MurmurHash3`).
fn mix(mut value: u32) -> u32 {
    value = (value ^ (value >> 16)).wrapping_mul(0x85eb_ca6b);
    value = (value ^ (value >> 13)).wrapping_mul(0xc2b2_ae35);
    value ^ (value >> 16)
}

fn lattice(seed: u32, octave: u32, x: i32, y: i32) -> f32 {
    let key = mix(seed.wrapping_mul(0x9e37_79b9) ^ mix(octave ^ mix(x as u32 ^ mix(y as u32))));
    key as f32 / u32::MAX as f32 - 0.5
}

/// Luma of picture number `seed`: amplitude falls with frequency as in photographs, and a few discs
/// and bars give it edges.
pub(crate) fn picture(seed: u32, width: usize, height: usize) -> Vec<f32> {
    let long = width.max(height) as f32;
    let shapes: Vec<[f32; 5]> = (0..12)
        .map(|k| std::array::from_fn(|i| lattice(seed, 100 + i as u32, k, 7) + 0.5))
        .collect();
    let mut luma = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            // Unit coordinates, so that a seed gives the same picture at every size.
            let (u, v) = (x as f32 / long, y as f32 / long);
            let mut value = 128.0;
            for octave in 1..8u32 {
                let cells = (1 << octave) as f32 * 1.3;
                let (a, b) = (u * cells, v * cells);
                let (i, j) = (a.floor(), b.floor());
                let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
                let (fa, fb) = (smooth(a - i), smooth(b - j));
                let at = |dx: i32, dy: i32| lattice(seed, octave, i as i32 + dx, j as i32 + dy);
                let top = at(0, 0) + fa * (at(1, 0) - at(0, 0));
                let bottom = at(0, 1) + fa * (at(1, 1) - at(0, 1));
                value += 190.0 * 0.62f32.powi(octave as i32) * (top + fb * (bottom - top));
            }
            for [cx, cy, size, tone, kind] in &shapes {
                let (dx, dy) = (u - cx, v - cy);
                let radius = 0.02 + 0.08 * size;
                let inside = if *kind < 0.5 {
                    dx.hypot(dy) < radius
                } else {
                    dx.abs() < radius && dy.abs() < radius * 0.4
                };
                if inside {
                    value += 90.0 * (tone - 0.5);
                }
            }
            luma.push(value.clamp(0.0, 255.0));
        }
    }
    luma
}
