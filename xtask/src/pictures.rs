//! Reading the pictures of a folder, luminance, adding a mark.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use colophon_watermark::{Mark, Plane};
use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// Every JPEG, PNG and WebP file of a folder, in order of names.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_picture = |path: &PathBuf| {
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        ["jpg", "jpeg", "png", "webp"].contains(&extension.to_ascii_lowercase().as_str())
    };
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(is_picture)
        .collect();
    files.sort();
    if files.is_empty() {
        bail!("no JPEG, PNG or WebP pictures in {}", folder.display());
    }
    Ok(files)
}

/// Decodes one file.
pub fn open(path: &Path) -> Result<RgbImage> {
    let picture = image::open(path).with_context(|| format!("cannot decode {}", path.display()))?;
    Ok(picture.into_rgb8())
}

/// Rec. 601 luminance.
pub fn luma(picture: &RgbImage) -> Result<Plane> {
    let value =
        |[r, g, b]: [u8; 3]| 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
    let data = picture.pixels().map(|pixel| value(pixel.0)).collect();
    Ok(Plane::new(
        picture.width() as usize,
        picture.height() as usize,
        data,
    )?)
}

/// The picture with a mark added.
pub fn with_mark(picture: &RgbImage, mark: &Mark) -> RgbImage {
    with_delta(picture, mark.delta.data())
}

/// The picture with a change of luminance added to all channels alike, rounded to eight bits.
pub fn with_delta(picture: &RgbImage, delta: &[f32]) -> RgbImage {
    let mut out = picture.clone();
    for (pixel, delta) in out.pixels_mut().zip(delta) {
        pixel.0 = pixel
            .0
            .map(|v| (f32::from(v) + delta).round().clamp(0.0, 255.0) as u8);
    }
    out
}

/// The picture as a JPEG file.
pub fn jpeg_bytes(picture: &RgbImage, quality: u8, chroma: SamplingFactor) -> Result<Vec<u8>> {
    let (width, height) = (
        u16::try_from(picture.width())?,
        u16::try_from(picture.height())?,
    );
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(chroma);
    encoder.encode(picture.as_raw(), width, height, ColorType::Rgb)?;
    Ok(bytes)
}
