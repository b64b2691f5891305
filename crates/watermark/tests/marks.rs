//! Marks through the public interface: written, distorted, read.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use colophon_watermark::{
    Detector, EmbedOptions, Embedder, IssuedIds, Payload, Plane, Source, WatermarkError,
    WatermarkKey,
};

const ID: Payload = Payload(0x0123_4567_89ab_cdef);

/// A picture with the statistics of a photograph: noise over all scales, shaded shapes, flat parts.
fn picture(width: usize, height: usize, seed: u32) -> Plane {
    let hash = |x: usize, y: usize, level: u32| {
        let mut h = (x as u32).wrapping_mul(0x9E37_79B1)
            ^ (y as u32).wrapping_mul(0x85EB_CA77)
            ^ level.wrapping_mul(0xC2B2_AE3D)
            ^ seed;
        h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
        h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
        ((h ^ (h >> 15)) & 0xFFFF) as f32 / 32768.0 - 1.0
    };
    let value = |x: usize, y: usize| {
        let mut sum = 128.0;
        for level in 0..8u32 {
            let cell = 1usize << level;
            let (cx, cy) = (x / cell, y / cell);
            let (fx, fy) = (
                (x % cell) as f32 / cell as f32,
                (y % cell) as f32 / cell as f32,
            );
            let mix = |a: f32, b: f32, t: f32| a + (b - a) * t * t * (3.0 - 2.0 * t);
            let top = mix(hash(cx, cy, level), hash(cx + 1, cy, level), fx);
            let bottom = mix(hash(cx, cy + 1, level), hash(cx + 1, cy + 1, level), fx);
            sum += mix(top, bottom, fy) * 1.2 * cell as f32 / (1.0 + cell as f32 / 24.0);
        }
        let inside = (x as f32 - width as f32 * 0.6).hypot(y as f32 - height as f32 * 0.4)
            < height as f32 * 0.25;
        (if inside { 0.6 * sum + 70.0 } else { sum })
            .clamp(0.0, 255.0)
            .round()
    };
    let data = (0..width * height)
        .map(|i| value(i % width, i / width))
        .collect();
    Plane::new(width, height, data).unwrap()
}

fn marked(picture: &Plane, key: &WatermarkKey) -> Plane {
    let mark = Embedder::new(key)
        .mark(picture, ID, &EmbedOptions::default())
        .unwrap();
    let sum = picture.data().iter().zip(mark.delta.data());
    let data = sum
        .map(|(y, d)| (y + d).round().clamp(0.0, 255.0))
        .collect();
    Plane::new(picture.width(), picture.height(), data).unwrap()
}

/// Samples a picture of the given size through a map from its pixels to the source's.
fn sampled(
    source: &Plane,
    width: usize,
    height: usize,
    map: impl Fn(f64, f64) -> (f64, f64),
) -> Plane {
    let at = |x: f64, y: f64| -> f32 {
        if x < 0.0 || y < 0.0 || x > (source.width() - 1) as f64 || y > (source.height() - 1) as f64
        {
            return 0.0;
        }
        let (x0, y0) = (x as usize, y as usize);
        let (fx, fy) = ((x - x0 as f64) as f32, (y - y0 as f64) as f32);
        let (x1, y1) = (
            (x0 + 1).min(source.width() - 1),
            (y0 + 1).min(source.height() - 1),
        );
        let pixel = |x: usize, y: usize| source.data()[y * source.width() + x];
        let top = pixel(x0, y0) * (1.0 - fx) + pixel(x1, y0) * fx;
        let bottom = pixel(x0, y1) * (1.0 - fx) + pixel(x1, y1) * fx;
        top * (1.0 - fy) + bottom * fy
    };
    let data = (0..width * height)
        .map(|i| {
            let (x, y) = map((i % width) as f64, (i / width) as f64);
            at(x, y).round()
        })
        .collect();
    Plane::new(width, height, data).unwrap()
}

fn rotated(source: &Plane, degrees: f64) -> Plane {
    let (w, h) = (source.width() as f64, source.height() as f64);
    let (sin, cos) = degrees.to_radians().sin_cos();
    sampled(source, source.width(), source.height(), |x, y| {
        let (dx, dy) = (x - w / 2.0, y - h / 2.0);
        (
            cos * dx + sin * dy + w / 2.0,
            -sin * dx + cos * dy + h / 2.0,
        )
    })
}

#[test]
fn a_mark_reads_back_exactly_and_keeps_the_promised_quality() {
    let key = WatermarkKey::new([1; 32]);
    let source = picture(720, 540, 1);
    let out = marked(&source, &key);
    let found = Detector::new([&key]).detect(&out).expect("the mark reads");
    assert_eq!(found.payload, ID);
    assert!(found.log10_false_positive < -20.0);
    assert_eq!(found.source, Source::Blind);
    let pose = found.placement.pose(720, 540);
    assert!((pose.scale() - 1.0).abs() < 2e-3 && pose.rotation_degrees().abs() < 0.05);
    let error: f64 = source
        .data()
        .iter()
        .zip(out.data())
        .map(|(a, b)| f64::from(a - b).powi(2))
        .sum();
    let psnr = 10.0 * (255.0 * 255.0 * source.data().len() as f64 / error).log10();
    assert!(psnr >= 42.0, "{psnr}");
}

#[test]
fn pose_is_found_and_told() {
    let key = WatermarkKey::new([2; 32]);
    let detector = Detector::new([&key]);
    let out = marked(&picture(720, 540, 2), &key);
    let (w, h) = (out.width(), out.height());
    let mirrored = sampled(&out, w, h, |x, y| ((w - 1) as f64 - x, y));
    let turned = sampled(&out, h, w, |x, y| (y, (h - 1) as f64 - x));
    let half = sampled(&out, w / 2, h / 2, |x, y| (2.0 * x + 0.5, 2.0 * y + 0.5));
    let cropped = sampled(&out, w * 7 / 10, h * 7 / 10, |x, y| (x + 101.0, y + 33.0));
    let cases = [
        ("mirrored", mirrored, 0.0, 1.0, true),
        ("quarter turn", turned, 90.0, 1.0, false),
        ("half size", half, 0.0, 0.5, false),
        ("cropped", cropped, 0.0, 1.0, false),
        ("5 degrees", rotated(&out, 5.0), 5.0, 1.0, false),
        ("33 degrees", rotated(&out, 33.0), 33.0, 1.0, false),
        ("upside down", rotated(&out, -179.0), -179.0, 1.0, false),
    ];
    for (name, plane, rotation, scale, flipped) in cases {
        let found = detector
            .detect(&plane)
            .unwrap_or_else(|| panic!("{name}: no mark"));
        assert_eq!(found.payload, ID, "{name}");
        let pose = found.placement.pose(w, h);
        assert_eq!(pose.flipped(), flipped, "{name}");
        assert!(
            (pose.scale() / scale - 1.0).abs() < 0.005,
            "{name}: {}",
            pose.scale()
        );
        let turn = (pose.rotation_degrees() - rotation + 180.0).rem_euclid(360.0) - 180.0;
        assert!(turn.abs() < 0.2, "{name}: {}", pose.rotation_degrees());
    }
}

#[test]
fn other_maps_than_similarities_are_found() {
    let key = WatermarkKey::new([2; 32]);
    let detector = Detector::new([&key]);
    let out = marked(&picture(900, 720, 5), &key);
    let (w, h) = (900, 720);
    let perspective = sampled(&out, w, h, |x, y| {
        let q = 1.0 + 0.08 * x / w as f64 - 0.04 * y / h as f64;
        (x * 1.02 / q, (y + 0.03 * x) / q)
    });
    let mut negative = out.clone().into_data();
    for value in &mut negative {
        *value = 255.0 - *value;
    }
    let cases = [
        (
            "narrow",
            sampled(&out, w * 3 / 4, h, |x, y| (x * 4.0 / 3.0, y)),
        ),
        ("sheared", sampled(&out, w, h, |x, y| (x - 0.1 * y, y))),
        ("perspective", perspective),
        ("negative", Plane::new(w, h, negative).unwrap()),
    ];
    for (name, plane) in cases {
        let found = detector.detect(&plane);
        assert_eq!(found.map(|found| found.payload), Some(ID), "{name}");
    }
}

/// Under noise that hides the mark from a blind reading the right one of many issued ids is still
/// found, and no other id in its stead.
#[test]
fn a_mark_too_weak_to_read_is_matched_with_an_issued_id() {
    let key = WatermarkKey::new([6; 32]);
    let detector = Detector::new([&key]);
    let out = marked(&picture(720, 540, 6), &key);
    let others = |count: u64| (0..count).map(|i| Payload(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let issued = IssuedIds::new(others(50_000).chain([ID]));
    let foreign = IssuedIds::new(others(50_000));
    let mut matched = 0;
    for step in 0..24u32 {
        let strength = 20.0 + 6.0 * step as f32;
        let mut state = 77u32;
        let noisy = out.data().iter().map(|v| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            v + strength * ((state >> 8) as f32 / 8_388_608.0 - 1.0)
        });
        let noisy = Plane::new(720, 540, noisy.collect()).unwrap();
        if detector.detect(&noisy).is_some() {
            continue;
        }
        assert_eq!(detector.detect_among(&noisy, &foreign), None);
        if let Some(found) = detector.detect_among(&noisy, &issued) {
            assert_eq!((found.payload, found.source), (ID, Source::Issued(50_001)));
            matched += 1;
        }
    }
    assert!(matched > 0, "no strength of noise showed the difference");
}

#[test]
fn no_mark_no_id() {
    let (key, other) = (WatermarkKey::new([3; 32]), WatermarkKey::new([4; 32]));
    let source = picture(640, 480, 3);
    let detector = Detector::new([&key]);
    assert_eq!(detector.detect(&source), None);
    assert_eq!(
        detector.detect(&marked(&source, &other)),
        None,
        "another key's mark"
    );
    // Periodic pictures are what a lattice detector might fall for.
    let weave = |x: usize, y: usize| {
        if (x / 8 + y / 8).is_multiple_of(2) {
            40.0
        } else {
            200.0
        }
    };
    let data = (0..512 * 512).map(|i| weave(i % 512, i / 512)).collect();
    assert_eq!(detector.detect(&Plane::new(512, 512, data).unwrap()), None);
}

#[test]
fn the_right_key_of_several_is_named() {
    let keys = [WatermarkKey::new([5; 32]), WatermarkKey::new([6; 32])];
    let out = marked(&picture(640, 480, 4), &keys[1]);
    let found = Detector::new(&keys).detect(&out).expect("the mark reads");
    assert_eq!((found.payload, found.key_index), (ID, 1));
}

#[test]
fn pictures_that_cannot_carry_a_mark_are_refused() {
    let embedder = Embedder::new(&WatermarkKey::new([7; 32]));
    let options = EmbedOptions::default();
    let small = embedder
        .mark(&picture(120, 400, 5), ID, &options)
        .unwrap_err();
    assert_eq!(
        small,
        WatermarkError::TooSmall {
            width: 120,
            height: 400
        }
    );
    // Full-range noise leaves nothing of a mark that is 42 dB below it.
    let noise = (0..200 * 200u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 13 & 0xFF) as f32);
    let noise = Plane::new(
        200,
        200,
        noise.map(|v| if v < 128.0 { 0.0 } else { 255.0 }).collect(),
    );
    assert!(matches!(
        embedder.mark(&noise.unwrap(), ID, &options),
        Err(WatermarkError::NoRoom { .. })
    ));
}

#[test]
fn correlations_without_a_mark_stay_under_the_bound() {
    let detector = Detector::new([&WatermarkKey::new([8; 32])]);
    let trials = 20_000;
    for seed in 10..13 {
        let picture = picture(512, 384, seed);
        let counts = detector
            .null_statistics(&picture, trials, u64::from(seed))
            .reached;
        let all = counts[0] as f64;
        assert!(
            all > trials as f64,
            "half of the trials of several candidates are positive"
        );
        for (i, &count) in counts.iter().enumerate().skip(2) {
            let z = i as f64 / 2.0;
            let bound = 2.0 * all * (-z * z / 2.0).exp();
            assert!(
                count as f64 <= bound + 4.0 * bound.sqrt() + 4.0,
                "z {z}: {count} of {bound}"
            );
        }
    }
}

#[test]
fn tiny_and_thin_planes_are_examined_without_trouble() {
    let detector = Detector::new([&WatermarkKey::new([9; 32])]);
    for (width, height) in [(1, 1), (2, 3), (1, 5000), (5000, 2), (63, 65), (1025, 1)] {
        let data = (0..width * height).map(|i| (i * 37 % 256) as f32).collect();
        let plane = Plane::new(width, height, data).unwrap();
        assert_eq!(detector.detect(&plane), None, "{width} x {height}");
    }
}
