//! Photographs, as they are and as they are mistreated.

use anyhow::Result;
use colophon_watermark::{EmbedOptions, Embedder, Payload, WatermarkError, WatermarkKey};
use image::RgbImage;
use image::imageops::{FilterType, crop_imm, resize};

use crate::attacks::raster::Random;
use crate::attacks::{self, codec};
use crate::pictures;

/// Byte of the key that is not ours.
const ANOTHER: u8 = 99;

/// A random part of 512 to 1024 pixels a side, enlarged where the photograph is too small.
pub(super) fn part(photograph: &RgbImage, random: &mut Random) -> RgbImage {
    let (width, height) = (512 + random.below(513), 512 + random.below(513));
    let (across, down) = photograph.dimensions();
    if across < width || down < height {
        return resize(photograph, width, height, FilterType::CatmullRom);
    }
    let corner = (
        random.below(across - width + 1),
        random.below(down - height + 1),
    );
    crop_imm(photograph, corner.0, corner.1, width, height).to_image()
}

/// A part through one of the attacks of the robustness table.
pub(super) fn attacked(
    photograph: &RgbImage,
    random: &mut Random,
    number: u64,
) -> Result<RgbImage> {
    let part = part(photograph, random);
    let chosen = random.below(attacks::all().count() as u32) as usize;
    match attacks::all().nth(chosen) {
        Some(attack) => (attack.apply)(&part, number),
        None => Ok(part),
    }
}

/// A part through JPEG 5 to 20.
pub(super) fn jpeg_grid(photograph: &RgbImage, random: &mut Random, _: u64) -> Result<RgbImage> {
    codec::jpeg(&part(photograph, random), 5 + random.below(16) as u8)
}

/// A part with a mark that our key did not make, at times as strong as it gets; unmarked where there
/// is no room for one.
pub(super) fn marked_by_another(
    photograph: &RgbImage,
    random: &mut Random,
    _: u64,
) -> Result<RgbImage> {
    let part = part(photograph, random);
    let options = match random.below(2) {
        0 => EmbedOptions::default(),
        _ => EmbedOptions::strong(),
    };
    let embedder = Embedder::new(&WatermarkKey::new([ANOTHER; 32]));
    match embedder.mark(&pictures::luma(&part)?, Payload(random.bits()), &options) {
        Err(WatermarkError::NoRoom { .. } | WatermarkError::TooSmall { .. }) => Ok(part),
        mark => Ok(pictures::with_mark(&part, &mark?)),
    }
}
