//! Flat art: what the model that ships makes by default, drawn by formulas.

/// A picture of 8-bit RGB, rows from the top.
pub struct Flat {
    pub name: String,
    pub side: u32,
    pub rgb: Vec<u8>,
}

type Colour = [f64; 3];

/// Something that covers a part of the picture, 0..=1 at a place in units of the side.
type Shape = Box<dyn Fn(f64, f64) -> f64>;

/// What is behind the shapes, at a place in units of the side.
type Ground = Box<dyn Fn(f64, f64) -> Colour>;

/// Softened over about a pixel, as a renderer or a decoder of latents does.
fn covered(distance: f64, side: f64) -> f64 {
    (0.5 - distance * side).clamp(0.0, 1.0)
}

fn disc(x: f64, y: f64, radius: f64, side: f64) -> Shape {
    Box::new(move |u, v| covered((u - x).hypot(v - y) - radius, side))
}

fn block(x: f64, y: f64, half: f64, side: f64) -> Shape {
    Box::new(move |u, v| covered((u - x).abs().max((v - y).abs()) - half, side))
}

fn mixed(a: Colour, b: Colour, share: f64) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
}

fn drawn(
    name: String,
    side: u32,
    background: &dyn Fn(f64, f64) -> Colour,
    shapes: &[(Shape, Colour)],
) -> Flat {
    let mut rgb = Vec::with_capacity((side * side * 3) as usize);
    for row in 0..side {
        for column in 0..side {
            let at = |position: u32| (f64::from(position) + 0.5) / f64::from(side);
            let (u, v) = (at(column), at(row));
            let mut colour = background(u, v);
            for (shape, paint) in shapes {
                colour = mixed(colour, *paint, shape(u, v));
            }
            rgb.extend(colour.map(|value| value.clamp(0.0, 255.0).round() as u8));
        }
    }
    Flat { name, side, rgb }
}

const RED: Colour = [214.0, 48.0, 49.0];
const GREEN: Colour = [46.0, 164.0, 79.0];
const YELLOW: Colour = [255.0, 205.0, 40.0];
const WHITE: Colour = [255.0; 3];
const BLACK: Colour = [0.0; 3];

fn night(u: f64, v: f64) -> Colour {
    let sky = mixed([8.0, 10.0, 38.0], [28.0, 34.0, 88.0], v);
    // Stars on a lattice, shifted by row.
    let (i, j) = ((u * 9.0).floor(), (v * 9.0).floor());
    let off = |k: f64| ((i * 12.9898 + j * 78.233 + k).sin() * 43_758.545).rem_euclid(1.0);
    let (x, y) = ((i + off(1.0)) / 9.0, (j + off(2.0)) / 9.0);
    mixed(sky, WHITE, covered((u - x).hypot(v - y) - 0.0025, 512.0))
}

/// Discs and boxes before each background, `side` pixels a side.
pub fn pictures(side: u32) -> Vec<Flat> {
    let scale = f64::from(side);
    let plain = |colour: Colour| Box::new(move |_: f64, _: f64| colour) as Ground;
    let backgrounds: Vec<(&str, Ground)> = vec![
        ("blue", plain([70.0, 130.0, 220.0])),
        ("gray", plain([128.0; 3])),
        ("pale", plain([246.0, 240.0, 226.0])),
        ("white", plain(WHITE)),
        ("black", plain(BLACK)),
        (
            "gradient",
            Box::new(|_, v| mixed([255.0, 160.0, 90.0], [90.0, 60.0, 160.0], v)),
        ),
        (
            "slope",
            Box::new(|u, v| {
                mixed(
                    [120.0, 200.0, 250.0],
                    [230.0, 245.0, 255.0],
                    f64::midpoint(u, v),
                )
            }),
        ),
        ("night", Box::new(night)),
        (
            "grass",
            Box::new(|_, v| {
                if v < 0.6 {
                    [150.0, 205.0, 250.0]
                } else {
                    [96.0, 176.0, 72.0]
                }
            }),
        ),
    ];
    let scenes = ["disc", "two", "small"];
    let shapes = |scene: &str| -> Vec<(Shape, Colour)> {
        match scene {
            "disc" => vec![(disc(0.5, 0.5, 0.28, scale), RED)],
            "two" => vec![
                (disc(0.3, 0.55, 0.16, scale), GREEN),
                (block(0.72, 0.5, 0.15, scale), YELLOW),
            ],
            _ => vec![(disc(0.62, 0.4, 0.07, scale), WHITE)],
        }
    };
    let mut pictures = Vec::new();
    for (ground, background) in &backgrounds {
        for scene in scenes {
            let name = format!("{scene} on {ground}");
            pictures.push(drawn(name, side, background, &shapes(scene)));
        }
    }
    pictures
}
