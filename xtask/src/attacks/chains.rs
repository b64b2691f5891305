//! What happens on the way: services, screens and several attacks in a row.

use anyhow::Result;
use image::RgbImage;
use image::imageops;

use super::codec::{jpeg, webp};
use super::filters::{blurred, moire, noisy};
use super::geometry::{
    at_most, cropped, cut_to_aspect, grid_shifted, perspective, rotated, scaled,
};
use super::overlay::telephone_screen;
use super::tone::{brightness, gamma};

/// Saved at 85, four pixels cut off, saved at 60: two block grids that do not coincide.
pub fn jpeg_twice(picture: &RgbImage) -> Result<RgbImage> {
    jpeg(&grid_shifted(&jpeg(picture, 85)?, 4), 60)
}

/// `WhatsApp`: at most 1600 pixels, JPEG 70.
pub fn whatsapp(picture: &RgbImage) -> Result<RgbImage> {
    jpeg(&at_most(picture, 1600), 70)
}

/// Sent on a second time, by someone who cut a little off.
pub fn whatsapp_twice(picture: &RgbImage) -> Result<RgbImage> {
    whatsapp(&grid_shifted(&whatsapp(picture)?, 3))
}

/// X (Twitter): at most 1200 pixels, JPEG 85.
pub fn twitter(picture: &RgbImage) -> Result<RgbImage> {
    jpeg(&at_most(picture, 1200), 85)
}

/// Instagram: cut to 4 : 5, at most 1080 pixels, JPEG 75.
pub fn instagram(picture: &RgbImage) -> Result<RgbImage> {
    jpeg(&at_most(&cut_to_aspect(picture, 4, 5), 1080), 75)
}

/// A messenger's preview: at most 960 pixels, JPEG 65.
pub fn messenger(picture: &RgbImage) -> Result<RgbImage> {
    jpeg(&at_most(picture, 960), 65)
}

/// A screenshot, saved as JPEG 70.
pub fn screenshot_jpeg(picture: &RgbImage, number: u64) -> Result<RgbImage> {
    jpeg(&telephone_screen(picture, number), 70)
}

/// A screenshot, cut to half its area about the picture, at 0.7x, JPEG 80.
pub fn screenshot_cut(picture: &RgbImage, number: u64) -> Result<RgbImage> {
    let screen = telephone_screen(picture, number);
    let upper = imageops::crop_imm(&screen, 40, 180, 1000, 1040).to_image();
    jpeg(&scaled(&upper, 0.7), 80)
}

/// Turned by 10 degrees, at 0.8x, cut to half the area, JPEG 50.
pub fn turned_cut_jpeg(picture: &RgbImage, number: u64) -> Result<RgbImage> {
    jpeg(
        &cropped(&scaled(&rotated(picture, 10.0), 0.8), 0.5, number),
        50,
    )
}

/// Mirrored, cut to half the area, WebP 50.
pub fn mirrored_cut_webp(picture: &RgbImage, number: u64) -> Result<RgbImage> {
    webp(
        &cropped(&imageops::flip_horizontal(picture), 0.5, number),
        50.0,
    )
}

/// Perspective of 5 %, noise of 0.02, JPEG 50.
pub fn perspective_noise_jpeg(picture: &RgbImage, number: u64) -> Result<RgbImage> {
    jpeg(
        &noisy(&perspective(picture, 0.05, number), 0.02, number),
        50,
    )
}

/// A photograph of a screen: perspective of 4 %, moire, the camera's curve, lens, noise and file.
pub fn photographed_screen(picture: &RgbImage, number: u64) -> Result<RgbImage> {
    let seen = moire(&perspective(picture, 0.04, number), 0.10);
    jpeg(&noisy(&blurred(&gamma(&seen, 1.2), 0.8), 0.015, number), 80)
}

/// Cut to half the area, half as bright, JPEG 40 (the combination of the Omni Seal benchmark).
pub fn cut_dark_jpeg(picture: &RgbImage, number: u64) -> Result<RgbImage> {
    jpeg(&brightness(&cropped(picture, 0.5, number), 0.5), 40)
}

/// Turned by 7 degrees, cut to 60 % of the area, at 0.6x, JPEG 50.
pub fn turned_small_jpeg(picture: &RgbImage, number: u64) -> Result<RgbImage> {
    jpeg(
        &scaled(&cropped(&rotated(picture, 7.0), 0.6, number), 0.6),
        50,
    )
}
