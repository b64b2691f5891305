//! What happens to pictures: deterministic attacks for the robustness table.

use anyhow::Result;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use jpeg_encoder::SamplingFactor;

use crate::pictures;

/// One named thing that may happen to a picture.
pub struct Attack {
    /// Name in the table.
    pub name: &'static str,
    /// The transformation.
    pub apply: fn(&RgbImage) -> Result<RgbImage>,
}

/// The attacks of the table, in its order.
pub const ATTACKS: &[Attack] = &[
    attack("none", |p| Ok(p.clone())),
    attack("JPEG 70", |p| jpeg(p, 70)),
    attack("JPEG 50", |p| jpeg(p, 50)),
    attack("JPEG 30", |p| jpeg(p, 30)),
    attack("JPEG 10", |p| jpeg(p, 10)),
    attack("WebP 50", |p| webp(p, 50.0)),
    attack("resize 0.5x", |p| Ok(resized(p, 0.5))),
    attack("resize 0.3x + JPEG 70", |p| jpeg(&resized(p, 0.3), 70)),
    attack("resize 1.5x", |p| Ok(resized(p, 1.5))),
    attack("crop to 50 % area", |p| Ok(cropped(p, 0.5))),
    attack("crop to 50 % + JPEG 50", |p| jpeg(&cropped(p, 0.5), 50)),
    attack("crop to 25 % area", |p| Ok(cropped(p, 0.25))),
    attack("crop to 25 % + JPEG 50", |p| jpeg(&cropped(p, 0.25), 50)),
    attack("crop to 10 % area", |p| Ok(cropped(p, 0.1))),
    attack("rotate 5", |p| Ok(rotated(p, 5.0))),
    attack("rotate 5, cropped to fit, JPEG 50", |p| {
        jpeg(&cropped(&rotated(p, 5.0), 0.6), 50)
    }),
    attack("rotate 30", |p| Ok(rotated(p, 30.0))),
    attack("rotate 45", |p| Ok(rotated(p, 45.0))),
    attack("rotate 90", |p| Ok(imageops::rotate90(p))),
    attack("rotate 180", |p| Ok(imageops::rotate180(p))),
    attack("horizontal flip", |p| Ok(imageops::flip_horizontal(p))),
    attack("grayscale", |p| Ok(gray(p))),
    attack("brightness 1.5x", |p| Ok(mapped(p, |v| v * 1.5))),
    attack("contrast 0.5x", |p| {
        Ok(mapped(p, |v| (v - 128.0) * 0.5 + 128.0))
    }),
    attack("gamma 2", |p| {
        Ok(mapped(p, |v| 255.0 * (v / 255.0).powf(2.0)))
    }),
    attack("blur sd 2", |p| Ok(imageops::blur(p, 2.0))),
    attack("noise sd 10", |p| Ok(noisy(p, 10.0))),
    attack("0.6x on a busy page", |p| Ok(pasted(p))),
    attack("rotate 10 + 0.6x + crop 50 % + JPEG 50", |p| {
        jpeg(&cropped(&resized(&rotated(p, 10.0), 0.6), 0.5), 50)
    }),
    attack("aspect 1.2 : 1", |p| {
        Ok(imageops::resize(
            p,
            p.width() * 6 / 5,
            p.height(),
            FilterType::CatmullRom,
        ))
    }),
];

const fn attack(name: &'static str, apply: fn(&RgbImage) -> Result<RgbImage>) -> Attack {
    Attack { name, apply }
}

/// JPEG at a quality, 4:2:0, and back.
pub fn jpeg(picture: &RgbImage, quality: u8) -> Result<RgbImage> {
    let bytes = pictures::jpeg_bytes(picture, quality, SamplingFactor::F_2_2)?;
    Ok(image::load_from_memory_with_format(&bytes, image::ImageFormat::Jpeg)?.into_rgb8())
}

fn webp(picture: &RgbImage, quality: f32) -> Result<RgbImage> {
    let bytes = webp::Encoder::from_rgb(picture.as_raw(), picture.width(), picture.height())
        .encode(quality);
    Ok(image::load_from_memory_with_format(&bytes, image::ImageFormat::WebP)?.into_rgb8())
}

fn resized(picture: &RgbImage, factor: f64) -> RgbImage {
    let side = |v: u32| (f64::from(v) * factor).round() as u32;
    imageops::resize(
        picture,
        side(picture.width()),
        side(picture.height()),
        FilterType::CatmullRom,
    )
}

/// The part with the given share of the area, a little off the centre.
fn cropped(picture: &RgbImage, area: f64) -> RgbImage {
    let side = |v: u32| (f64::from(v) * area.sqrt()) as u32;
    let (w, h) = (side(picture.width()), side(picture.height()));
    let (x, y) = (
        (picture.width() - w) * 2 / 5,
        (picture.height() - h) * 3 / 5,
    );
    imageops::crop_imm(picture, x, y, w, h).to_image()
}

/// Rotation about the centre at the same size, black corners, bilinear.
fn rotated(picture: &RgbImage, degrees: f32) -> RgbImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (w, h) = (picture.width() as f32, picture.height() as f32);
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let (dx, dy) = (x as f32 - w / 2.0, y as f32 - h / 2.0);
        let (sx, sy) = (
            cos * dx + sin * dy + w / 2.0,
            -sin * dx + cos * dy + h / 2.0,
        );
        imageops::interpolate_bilinear(picture, sx, sy).unwrap_or(Rgb([0, 0, 0]))
    })
}

fn gray(picture: &RgbImage) -> RgbImage {
    let mut out = picture.clone();
    for pixel in out.pixels_mut() {
        let [r, g, b] = pixel.0.map(f32::from);
        pixel.0 = [(0.299 * r + 0.587 * g + 0.114 * b).round() as u8; 3];
    }
    out
}

fn mapped(picture: &RgbImage, map: fn(f32) -> f32) -> RgbImage {
    let mut out = picture.clone();
    for pixel in out.pixels_mut() {
        pixel.0 = pixel
            .0
            .map(|v| map(f32::from(v)).round().clamp(0.0, 255.0) as u8);
    }
    out
}

fn noisy(picture: &RgbImage, sd: f32) -> RgbImage {
    let mut out = picture.clone();
    let mut state = 0x1234_5678_9abc_def0_u64;
    for value in out.iter_mut() {
        // Sum of four uniform bytes: near enough to normal, sd 147.8.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let sum: u32 = (state >> 32).to_le_bytes()[..4]
            .iter()
            .map(|&b| u32::from(b))
            .sum();
        let deviate = (sum as f32 - 510.0) / 147.8;
        *value = (f32::from(*value) + sd * deviate).round().clamp(0.0, 255.0) as u8;
    }
    out
}

/// The picture at 0.6x on a page of text-like clutter, as in a screenshot.
fn pasted(picture: &RgbImage) -> RgbImage {
    let small = resized(picture, 0.6);
    let (w, h) = (small.width() * 3 / 2, small.height() * 3 / 2);
    let mut page = RgbImage::from_fn(w, h, |x, y| {
        let mut z = u64::from(x / 3 * 7919 + y / 5 * 104_729);
        z = (z ^ (z >> 7)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let ink = y % 18 < 11 && (z >> 40).is_multiple_of(4);
        Rgb(if ink { [40, 40, 44] } else { [246, 246, 240] })
    });
    imageops::overlay(&mut page, &small, i64::from(w / 5), i64::from(h / 6));
    page
}
