//! Layers put over each other.

use super::decoder::{CHANNELS, Layer, SIDE};
use super::scene::{Placed, Scene};
use crate::image::FloatImage;
use crate::request::Size;

/// Alpha below this is noise of the decoder, and as far below one it is opaque.
const ALPHA_NOISE: f32 = 0.12;
/// Share of a layer's side along its edges where nothing was ever drawn: objects take nine tenths.
const MARGIN: f32 = 0.03;
/// Share of a background's side that is cut off at each edge: the decoder's convolutions saw nothing beyond.
const EDGE: f32 = 0.02;
/// Alpha from which a pixel belongs to the object, when its feet are looked for.
const SOLID: f32 = 0.5;
/// How dark the shadow on the ground is.
const SHADOW: f32 = 0.3;

/// A premultiplied RGBA picture, rows of pixels.
struct Pixels {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

/// The picture: `layers` are the background's and the objects', in the scene's order.
pub(super) fn compose(scene: &Scene, layers: &[Layer], size: Size) -> FloatImage {
    let (width, height) = (size.width() as usize, size.height() as usize);
    let mut picture = match layers.first() {
        Some(layer) => background(layer, scene.background.mirrored, width, height),
        None => vec![0.0; 3 * width * height],
    };
    for (object, layer) in scene.objects.iter().zip(layers.iter().skip(1)) {
        let spot = Spot::new(object, width, height);
        let mut pixels = resized(layer, object.drawn.mirrored, spot.side, spot.side);
        clean(&mut pixels);
        let top = if scene.grounded {
            let drop = 0.95 * spot.side as f32 - lowest(&pixels) as f32;
            spot.top + drop
        } else {
            spot.top
        };
        let at = (spot.left.round() as isize, top.round() as isize);
        if scene.grounded {
            shadow(&mut picture, width, height, &pixels, at);
        }
        over(&mut picture, width, height, &pixels, at);
    }
    FloatImage {
        width: size.width(),
        height: size.height(),
        pixels: picture,
    }
}

/// An object's square in pixels.
struct Spot {
    left: f32,
    top: f32,
    side: usize,
}

impl Spot {
    fn new(object: &Placed, width: usize, height: usize) -> Self {
        let unit = width.min(height) as f32;
        let side = (object.side * unit).round().max(8.0);
        // Positions spread over the longer side, sizes go by the shorter one.
        Self {
            left: object.x * width as f32 - side / 2.0,
            top: object.y * height as f32 - side / 2.0,
            side: side as usize,
        }
    }
}

/// Fills the picture; of a square layer the middle is taken, in high pictures as in wide ones.
fn background(layer: &Layer, mirrored: bool, width: usize, height: usize) -> Vec<f32> {
    let shown = width.max(height);
    let edge = (EDGE * shown as f32).ceil() as usize;
    let side = shown + 2 * edge;
    let square = resized(layer, mirrored, side, side);
    // The lower part of the middle: that is where the ground is.
    let (left, top) = (edge + (shown - width) / 2, edge + (shown - height) * 2 / 3);
    let mut picture = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        let row = ((top + y) * side + left) * CHANNELS;
        for pixel in square.values[row..row + width * CHANNELS].chunks_exact(CHANNELS) {
            picture.extend(&pixel[..3]);
        }
    }
    picture
}

/// A layer at another size, by a windowed cubic that averages when it shrinks.
fn resized(layer: &Layer, mirrored: bool, width: usize, height: usize) -> Pixels {
    let columns = taps(SIDE, width);
    let rows = taps(SIDE, height);
    let mut values = vec![0.0; width * height * CHANNELS];
    for channel in 0..CHANNELS {
        let plane = &layer.0[channel * SIDE * SIDE..][..SIDE * SIDE];
        // Rows first: one line of the output at a time needs few lines of the input.
        let mut line = vec![0.0; SIDE];
        for (y, (first, weights)) in rows.iter().enumerate() {
            line.fill(0.0);
            for (i, weight) in weights.iter().enumerate() {
                let source = &plane[(first + i) * SIDE..][..SIDE];
                for (sum, value) in line.iter_mut().zip(source) {
                    *sum += weight * value;
                }
            }
            if mirrored {
                line.reverse();
            }
            for (x, (first, weights)) in columns.iter().enumerate() {
                let sum: f32 = weights
                    .iter()
                    .zip(&line[*first..])
                    .map(|(w, v)| w * v)
                    .sum();
                values[(y * width + x) * CHANNELS + channel] = sum;
            }
        }
    }
    Pixels {
        width,
        height,
        values,
    }
}

/// For each output sample: first input sample and the weights from there on.
fn taps(input: usize, output: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = input as f32 / output as f32;
    let reach = scale.max(1.0);
    let radius = 2.0 * reach;
    (0..output)
        .map(|i| {
            let centre = (i as f32 + 0.5) * scale - 0.5;
            let first = (centre - radius).ceil().max(0.0) as usize;
            let last = ((centre + radius).floor() as usize).min(input - 1);
            let weight = |k: usize| cubic((k as f32 - centre) / reach);
            let mut weights: Vec<f32> = (first..=last).map(weight).collect();
            let sum: f32 = weights.iter().sum();
            for weight in &mut weights {
                *weight /= sum;
            }
            (first, weights)
        })
        .collect()
}

/// Mitchell's and Netravali's cubic with B = C = 1/3 (SIGGRAPH 1988): sharp with little ringing.
fn cubic(x: f32) -> f32 {
    let x = x.abs();
    if x < 1.0 {
        (7.0 * x * x * x - 12.0 * x * x + 16.0 / 3.0) / 6.0
    } else if x < 2.0 {
        (-7.0 / 3.0 * x * x * x + 12.0 * x * x - 20.0 * x + 32.0 / 3.0) / 6.0
    } else {
        0.0
    }
}

/// Alpha without the decoder's noise, colours scaled with it; nothing along the edges.
fn clean(pixels: &mut Pixels) {
    let (width, height) = (pixels.width, pixels.height);
    let margin = |i: usize, side: usize| {
        let edge = (MARGIN * side as f32) as usize;
        i < edge || i >= side - edge
    };
    for (i, pixel) in pixels.values.chunks_exact_mut(CHANNELS).enumerate() {
        if margin(i % width, width) || margin(i / width, height) {
            pixel.fill(0.0);
            continue;
        }
        let alpha = ((pixel[3] - ALPHA_NOISE) / (1.0 - 2.0 * ALPHA_NOISE)).clamp(0.0, 1.0);
        let factor = alpha / pixel[3].max(ALPHA_NOISE);
        for value in &mut pixel[..3] {
            *value = (*value * factor).clamp(0.0, alpha);
        }
        pixel[3] = alpha;
    }
}

/// The row below the object's lowest solid pixel.
fn lowest(pixels: &Pixels) -> usize {
    let row = pixels.width * CHANNELS;
    let solid = |line: &[f32]| line.chunks_exact(CHANNELS).any(|pixel| pixel[3] > SOLID);
    let last = pixels.values.chunks_exact(row).rposition(solid);
    last.map_or(pixels.height, |row| row + 1)
}

/// Draws `pixels` with their top left corner at `at`; what lies outside is cut off.
fn over(picture: &mut [f32], width: usize, height: usize, pixels: &Pixels, at: (isize, isize)) {
    let inside = |start: isize, offset: usize, end: usize| {
        let place = start.checked_add_unsigned(offset)?;
        usize::try_from(place).ok().filter(|place| *place < end)
    };
    let lines = pixels.values.chunks_exact(pixels.width * CHANNELS);
    for (y, line) in lines.enumerate() {
        let Some(row) = inside(at.1, y, height) else {
            continue;
        };
        for (x, pixel) in line.chunks_exact(CHANNELS).enumerate() {
            let Some(column) = inside(at.0, x, width) else {
                continue;
            };
            let below = &mut picture[(row * width + column) * 3..][..3];
            for (below, value) in below.iter_mut().zip(pixel) {
                *below = value + *below * (1.0 - pixel[3]);
            }
        }
    }
}

/// A soft ellipse under the object's feet.
fn shadow(picture: &mut [f32], width: usize, height: usize, pixels: &Pixels, at: (isize, isize)) {
    let foot = lowest(pixels);
    // As wide as what stands on the lowest tenth.
    let lines = pixels.height / 10;
    let row = pixels.width * CHANNELS;
    let standing = &pixels.values[foot.saturating_sub(lines) * row..foot * row];
    let columns = standing.chunks_exact(CHANNELS).enumerate();
    let solid = columns
        .filter(|(_, pixel)| pixel[3] > SOLID)
        .map(|(i, _)| i % pixels.width);
    let (left, right) = solid.fold((usize::MAX, 0), |(l, r), x| (l.min(x), r.max(x)));
    if left >= right {
        return;
    }
    let centre_x = at.0 as f32 + (left + right) as f32 / 2.0;
    let centre_y = at.1 as f32 + foot as f32 - 0.008 * pixels.height as f32;
    let radius_x = (right - left) as f32 * 0.62;
    let radius_y = (radius_x * 0.16).max(0.025 * pixels.height as f32);
    for y in 0..height {
        let dy = (y as f32 - centre_y) / radius_y;
        if dy.abs() > 1.0 {
            continue;
        }
        for x in 0..width {
            let dx = (x as f32 - centre_x) / radius_x;
            let inside = (1.0 - dx * dx - dy * dy).max(0.0);
            let factor = 1.0 - SHADOW * inside.sqrt().min(1.0);
            for value in &mut picture[(y * width + x) * 3..][..3] {
                *value *= factor;
            }
        }
    }
}
