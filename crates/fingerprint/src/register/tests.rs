//! Registration of crops, turns, edits and other pictures.

use super::*;
use crate::synthetic::picture;

const WIDTH: usize = 480;
const HEIGHT: usize = 360;
const UPRIGHT: [[f64; 2]; 2] = [[1.0, 0.0], [0.0, 1.0]];

fn rotation(degrees: f64, scale: f64) -> [[f64; 2]; 2] {
    let (sin, cos) = degrees.to_radians().sin_cos();
    [[scale * cos, -scale * sin], [scale * sin, scale * cos]]
}

/// The picture under `pose` about its centre, on a canvas of the given size; black where it ends.
fn posed(luma: &[f32], pose: [[f64; 2]; 2], width: usize, height: usize) -> Vec<f32> {
    let [[a, b], [c, d]] = pose;
    let determinant = a * d - b * c;
    let inverse = [
        [d / determinant, -b / determinant],
        [-c / determinant, a / determinant],
    ];
    let corner = [-(width as f64) / 2.0, -(height as f64) / 2.0];
    let origin = [
        WIDTH as f64 / 2.0 + inverse[0][0] * corner[0] + inverse[0][1] * corner[1],
        HEIGHT as f64 / 2.0 + inverse[1][0] * corner[0] + inverse[1][1] * corner[1],
    ];
    sample_cells(
        luma,
        WIDTH,
        HEIGHT,
        &Map {
            matrix: inverse,
            origin,
        },
        width,
        height,
    )
    .values
}

fn cropped(luma: &[f32], x: usize, y: usize, width: usize, height: usize) -> Vec<f32> {
    (y..y + height)
        .flat_map(|row| luma[row * WIDTH + x..row * WIDTH + x + width].to_vec())
        .collect()
}

/// A disc on a slope of tones: flat art, in which everything fits at many shifts.
#[test]
fn a_crop_of_flat_art_is_not_called_another_picture() {
    let drawn: Vec<f32> = (0..WIDTH * HEIGHT)
        .map(|i| {
            let (x, y) = ((i % WIDTH) as f32, (i / WIDTH) as f32);
            let disc = (x - 300.0).hypot(y - 150.0) < 30.0;
            if disc { 255.0 } else { 190.0 - 0.3 * y }
        })
        .collect();
    let sketch = Sketch::new(&drawn, WIDTH, HEIGHT).unwrap();
    for (x, y, width, height) in [
        (0, 0, WIDTH, HEIGHT),
        (70, 50, 340, 255),
        (150, 20, 250, 250),
    ] {
        let rest = noisy(&cropped(&drawn, x, y, width, height), 3.0);
        let found = register(&sketch, &rest, width, height, UPRIGHT).unwrap();
        assert_ne!(found.decision, Decision::Different, "{x},{y}: {found:?}");
    }
}

fn noisy(luma: &[f32], amplitude: f32) -> Vec<f32> {
    let noise = picture(999, 7, 1)[0];
    luma.iter()
        .enumerate()
        .map(|(i, value)| {
            let hash = (i as u32 ^ noise as u32).wrapping_mul(0x9e37_79b9);
            let hash = (hash ^ (hash >> 15)).wrapping_mul(0x85eb_ca6b);
            value + amplitude * ((hash >> 8) as f32 / (1 << 24) as f32 - 0.5)
        })
        .collect()
}

fn blurred(luma: &[f32]) -> Vec<f32> {
    // Shrunk to an eighth and enlarged again.
    let small = Map {
        matrix: [[8.0, 0.0], [0.0, 8.0]],
        origin: [0.0; 2],
    };
    let small = sample_cells(luma, WIDTH, HEIGHT, &small, WIDTH / 8, HEIGHT / 8).values;
    let large = Map {
        matrix: [[0.125, 0.0], [0.0, 0.125]],
        origin: [0.0; 2],
    };
    sample_cells(&small, WIDTH / 8, HEIGHT / 8, &large, WIDTH, HEIGHT).values
}

type Variant = (&'static str, Vec<f32>, usize, usize, [[f64; 2]; 2]);

/// What happens to pictures on their way, each with the pose that a detector would report.
fn variants(luma: &[f32]) -> Vec<Variant> {
    let whole = |name, data| (name, data, WIDTH, HEIGHT, UPRIGHT);
    let flip = [[-1.0, 0.0], [0.0, 1.0]];
    vec![
        whole("as issued", luma.to_vec()),
        whole("noise", noisy(luma, 120.0)),
        whole("blur", blurred(luma)),
        whole("dark", luma.iter().map(|v| v * 0.5).collect()),
        whole(
            "gamma",
            luma.iter().map(|v| 255.0 * (v / 255.0).powf(1.8)).collect(),
        ),
        whole(
            "bright, clipped",
            luma.iter().map(|v| (v * 1.5 + 20.0).min(255.0)).collect(),
        ),
        (
            "half of the area",
            cropped(luma, 90, 13, 340, 254),
            340,
            254,
            UPRIGHT,
        ),
        (
            "a quarter of the area",
            cropped(luma, 31, 155, 240, 180),
            240,
            180,
            UPRIGHT,
        ),
        (
            "turned by 5",
            posed(luma, rotation(5.0, 1.0), WIDTH, HEIGHT),
            WIDTH,
            HEIGHT,
            rotation(5.0, 1.0),
        ),
        (
            "turned by 90",
            posed(luma, rotation(90.0, 1.0), HEIGHT, WIDTH),
            HEIGHT,
            WIDTH,
            rotation(90.0, 1.0),
        ),
        (
            "flipped",
            posed(luma, flip, WIDTH, HEIGHT),
            WIDTH,
            HEIGHT,
            flip,
        ),
        (
            "half size",
            posed(luma, rotation(0.0, 0.5), 240, 180),
            240,
            180,
            rotation(0.0, 0.5),
        ),
        ("framed", posed(luma, UPRIGHT, 700, 500), 700, 500, UPRIGHT),
        (
            "all at once",
            posed(&noisy(luma, 60.0), rotation(-12.0, 0.8), 260, 220),
            260,
            220,
            rotation(-12.0, 0.8),
        ),
    ]
}

#[test]
fn the_same_picture_is_recognised_after_every_change() {
    for seed in 0..6 {
        let luma = picture(seed, WIDTH, HEIGHT);
        let sketch = Sketch::new(&luma, WIDTH, HEIGHT).unwrap();
        for (name, data, width, height, pose) in variants(&luma) {
            let found = register(&sketch, &data, width, height, pose).unwrap();
            assert_eq!(found.decision, Decision::Same, "{seed} {name}: {found:?}");
            assert!(found.overlap > 0.9, "{seed} {name}: {found:?}");
        }
    }
}

#[test]
fn another_picture_is_never_taken_for_the_same() {
    let pictures: Vec<Vec<f32>> = (0..6).map(|seed| picture(seed, WIDTH, HEIGHT)).collect();
    let sketches: Vec<Sketch> = pictures
        .iter()
        .map(|luma| Sketch::new(luma, WIDTH, HEIGHT).unwrap())
        .collect();
    let (mut different, mut all) = (0, 0);
    for (other, luma) in pictures.iter().enumerate() {
        for (name, data, width, height, pose) in variants(luma) {
            for (issued, sketch) in sketches
                .iter()
                .enumerate()
                .filter(|(issued, _)| *issued != other)
            {
                let found = register(sketch, &data, width, height, pose).unwrap();
                assert_ne!(
                    found.decision,
                    Decision::Same,
                    "{issued} {other} {name}: {found:?}"
                );
                all += 1;
                different += u32::from(found.decision == Decision::Different);
            }
        }
    }
    // Most are told apart outright, not merely left open.
    assert!(different * 10 > all * 8, "{different} of {all}");
}

#[test]
fn the_wrong_pose_does_not_match() {
    let luma = picture(3, WIDTH, HEIGHT);
    let sketch = Sketch::new(&luma, WIDTH, HEIGHT).unwrap();
    let found = register(&sketch, &luma, WIDTH, HEIGHT, [[-1.0, 0.0], [0.0, 1.0]]).unwrap();
    assert_ne!(found.decision, Decision::Same, "{found:?}");
}

#[test]
fn little_structure_is_never_decided() {
    let luma = picture(4, WIDTH, HEIGHT);
    let sketch = Sketch::new(&luma, WIDTH, HEIGHT).unwrap();
    let flat = vec![130.0; WIDTH * HEIGHT];
    let flat_sketch = Sketch::new(&flat, WIDTH, HEIGHT).unwrap();
    let faint = noisy(&flat, 2.0);
    let tiny = cropped(&picture(5, WIDTH, HEIGHT), 200, 100, 60, 60);
    for (sketch, data, width, height) in [
        (&sketch, &flat, WIDTH, HEIGHT),
        (&sketch, &faint, WIDTH, HEIGHT),
        (&flat_sketch, &luma, WIDTH, HEIGHT),
        (&flat_sketch, &flat, WIDTH, HEIGHT),
        (&sketch, &tiny, 60, 60),
    ] {
        let found = register(sketch, data, width, height, UPRIGHT).unwrap();
        assert_eq!(found.decision, Decision::Undecided, "{found:?}");
    }
}

#[test]
fn a_negative_of_the_picture_is_not_called_different() {
    let luma = picture(2, WIDTH, HEIGHT);
    let sketch = Sketch::new(&luma, WIDTH, HEIGHT).unwrap();
    let negative: Vec<f32> = luma.iter().map(|v| 255.0 - v).collect();
    let found = register(&sketch, &negative, WIDTH, HEIGHT, UPRIGHT).unwrap();
    assert_eq!(found.decision, Decision::Undecided);
    assert!(found.score < -0.9, "{found:?}");
}

#[test]
fn unusable_input_is_refused_and_hostile_sizes_are_bounded() {
    let luma = picture(1, WIDTH, HEIGHT);
    let sketch = Sketch::new(&luma, WIDTH, HEIGHT).unwrap();
    for pose in [
        [[0.0; 2]; 2],
        [[1.0, 1.0], [1.0, 1.0]],
        [[f64::NAN, 0.0], [0.0, 1.0]],
        [[1e9, 0.0], [0.0, 1.0]],
    ] {
        assert_eq!(
            register(&sketch, &luma, WIDTH, HEIGHT, pose),
            Err(FingerprintError::UnusablePose)
        );
    }
    assert!(register(&sketch, &luma, WIDTH, HEIGHT + 1, UPRIGHT).is_err());
    // Shown at a sixty-fourth, the issued picture would be a speck in this one.
    let found = register(&sketch, &luma, WIDTH, HEIGHT, rotation(0.0, 1.0 / 63.0)).unwrap();
    assert_eq!(found, Registration::NOT_COMPARABLE);
    for (width, height) in [(1, 1), (1, 300), (300, 2)] {
        let thin = vec![50.0; width * height];
        let thin_sketch = Sketch::new(&thin, width, height).unwrap();
        assert_eq!(
            register(&thin_sketch, &luma, WIDTH, HEIGHT, UPRIGHT)
                .unwrap()
                .decision,
            Decision::Undecided
        );
        assert_eq!(
            register(&sketch, &thin, width, height, UPRIGHT)
                .unwrap()
                .decision,
            Decision::Undecided
        );
    }
}
