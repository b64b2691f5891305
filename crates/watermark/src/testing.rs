//! Noise for tests.

/// Deterministic standard normal deviates (Box and Muller over a splitmix generator).
pub(crate) fn normal_deviates(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0xD129_0A5C_6E4F_3B27);
    let mut uniform = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count)
        .map(|_| {
            let (a, b) = (uniform().max(1e-12), uniform());
            ((-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
        })
        .collect()
}
