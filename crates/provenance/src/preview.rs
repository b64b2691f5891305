//! A look at a picture while a model makes it: small, labelled, and only where the policies let it out unmarked.

use colophon_imaging::{
    Channels, EncodeOptions, Format, ImagingError, Picture, ProvenanceXmp, Samples, encode,
};

use crate::origin::source_of;
use crate::{GenerationFacts, IssueOptions, Issuer, Prompt, ProvenanceError};

/// Longest side of a preview, pixels.
pub const PREVIEW_SIDE: u32 = 256;

/// What stands in previews, in letters of 5 by 7 dots; the highest bit of the five is the left one.
const LABEL: [[u8; 7]; 7] = [
    [0x1e, 0x11, 0x11, 0x1e, 0x10, 0x10, 0x10], // P
    [0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11], // R
    [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f], // E
    [0x11, 0x11, 0x11, 0x11, 0x11, 0x0a, 0x04], // V
    [0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e], // I
    [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f], // E
    [0x11, 0x11, 0x11, 0x15, 0x15, 0x1b, 0x11], // W
];
/// Dots from one letter to the next, and the whole label with a dot around it.
const PITCH: u32 = 6;
const LABEL_WIDTH: u32 = LABEL.len() as u32 * PITCH + 1;
const LABEL_HEIGHT: u32 = 9;

impl Issuer {
    /// Whether the policies let the caller look at a picture of these facts while it is made. A preview carries neither
    /// mark nor manifest nor record, so that they are asked as for a picture of its size that may go out without a mark.
    /// The answer is not kept: nothing is issued by it.
    pub fn may_preview(
        &self,
        facts: &GenerationFacts,
        prompt: &Prompt,
        from_picture: bool,
        options: &IssueOptions,
    ) -> bool {
        let (width, height) = shrunk(facts.width, facts.height);
        let facts = GenerationFacts {
            width,
            height,
            ..facts.clone()
        };
        let options = IssueOptions {
            allow_unmarked: true,
            ..options.clone()
        };
        let source = source_of(from_picture);
        self.gate.generate(&facts, prompt, source, &options).is_ok()
    }
}

/// A preview as a file: no side longer than [`PREVIEW_SIDE`], a band with the word PREVIEW across it, and the source
/// type and the model in its XMP. `rgb` holds `3 * width * height` values of the picture under way.
///
/// # Errors
/// [`ProvenanceError::Imaging`] for pixels that are none, or a format that cannot be written.
pub fn preview_file(
    (width, height): (u32, u32),
    rgb: &[u8],
    facts: &GenerationFacts,
    from_picture: bool,
    format: Format,
) -> Result<Vec<u8>, ProvenanceError> {
    let expected = 3 * u64::from(width) * u64::from(height);
    if expected == 0 || expected != rgb.len() as u64 {
        let reason = "a preview needs the pixels of a picture".to_owned();
        return Err(ImagingError::Parameter(reason).into());
    }
    let (small_width, small_height) = shrunk(width, height);
    let mut pixels = shrink(rgb, (width, height), (small_width, small_height));
    label(&mut pixels, small_width, small_height);
    let samples = Samples::U8(pixels);
    let mut picture = Picture::new(small_width, small_height, Channels::Rgb, samples)?;
    picture.set_provenance_xmp(&ProvenanceXmp {
        digital_source_type: source_of(from_picture).uri(),
        ai_system_used: Some(facts.model.name.clone()),
        ai_system_version: facts.model.version.clone(),
        creator_tool: Some("Colophon, preview of a picture that is not issued".to_owned()),
    });
    Ok(encode(&picture, &EncodeOptions::new(format))?)
}

/// The size with its shape kept and no side above [`PREVIEW_SIDE`]; small ones stay.
fn shrunk(width: u32, height: u32) -> (u32, u32) {
    let longest = u64::from(width.max(height).max(1));
    let most = u64::from(PREVIEW_SIDE).min(longest);
    let side = |length: u32| ((u64::from(length) * most / longest) as u32).max(1);
    (side(width), side(height))
}

/// Each pixel is the mean of those that it stands for.
fn shrink(rgb: &[u8], (width, height): (u32, u32), (to_width, to_height): (u32, u32)) -> Vec<u8> {
    let span = |at: u32, from: u32, to: u32| {
        let edge = |at: u32| (u64::from(at) * u64::from(from) / u64::from(to)) as usize;
        edge(at)..edge(at + 1).max(edge(at) + 1)
    };
    let mut pixels = Vec::with_capacity(3 * to_width as usize * to_height as usize);
    for y in 0..to_height {
        for x in 0..to_width {
            let mut sums = [0_u64; 3];
            let (rows, columns) = (span(y, height, to_height), span(x, width, to_width));
            let count = (rows.len() * columns.len()) as u64;
            for row in rows {
                let line = &rgb[3 * (row * width as usize + columns.start)..];
                for pixel in line.chunks_exact(3).take(columns.len()) {
                    for (sum, value) in sums.iter_mut().zip(pixel) {
                        *sum += u64::from(*value);
                    }
                }
            }
            pixels.extend(sums.map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    pixels
}

/// Lays a dark band with the label across the middle, as large as it fits.
fn label(pixels: &mut [u8], width: u32, height: u32) {
    let scale = (width / LABEL_WIDTH).min(height / LABEL_HEIGHT).max(1);
    let left = width.saturating_sub(LABEL_WIDTH * scale) / 2;
    let top = height.saturating_sub(LABEL_HEIGHT * scale) / 2;
    let band = top..(top + LABEL_HEIGHT * scale).min(height);
    for y in band {
        for x in 0..width {
            let lit = x >= left && is_lit((x - left) / scale, (y - top) / scale);
            let at = 3 * (y as usize * width as usize + x as usize);
            for value in &mut pixels[at..at + 3] {
                *value = if lit { 255 } else { *value / 4 };
            }
        }
    }
}

/// Whether a dot of the label is lit, counted from the corner of the space around it.
fn is_lit(x: u32, y: u32) -> bool {
    let (Some(x), Some(y)) = (x.checked_sub(1), y.checked_sub(1)) else {
        return false;
    };
    let letter = LABEL.get((x / PITCH) as usize);
    let row = letter.and_then(|letter| letter.get(y as usize));
    row.is_some_and(|row| (row << (x % PITCH)) & 0x10 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, ModelFacts};
    use colophon_imaging::{Limits, decode};

    fn facts() -> GenerationFacts {
        GenerationFacts {
            backend: Backend::Embedded,
            model: ModelFacts {
                id: "m".to_owned(),
                name: "A model".to_owned(),
                version: None,
                weights: Vec::new(),
                license: None,
                training_licenses: Vec::new(),
                built_in: false,
            },
            width: 1024,
            height: 512,
            seeds: vec![1],
            steps: None,
            sampler: None,
            guidance: None,
        }
    }

    #[test]
    fn a_preview_is_small_and_says_what_it_is() {
        let rgb = [200, 100, 50].repeat(1024 * 512);
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            let file = preview_file((1024, 512), &rgb, &facts(), false, format).unwrap();
            let picture = decode(&file, &Limits::default()).unwrap();
            assert_eq!((picture.width(), picture.height()), (256, 128));
            assert_eq!(picture.source_format(), format);
            let xmp = String::from_utf8(picture.metadata.xmp.clone().unwrap()).unwrap();
            for part in ["trainedAlgorithmicMedia", "A model", "not issued"] {
                assert!(xmp.contains(part), "{part}: {xmp}");
            }
            // The band is dark, its letters are white, and there is picture beside it.
            let pixels = picture.to_rgb8();
            let near = |wanted: u8| pixels.iter().filter(|it| it.abs_diff(wanted) < 12).count();
            assert!(near(255) > 1_000 && near(200) > 5_000 && near(50) > 5_000);
        }
    }

    #[test]
    fn shrinking_takes_the_mean_of_what_each_pixel_stands_for() {
        let rgb: Vec<u8> = (0..16).flat_map(|value| [value * 10; 3]).collect();
        let small = shrink(&rgb, (4, 4), (2, 2));
        assert_eq!(small, [[25_u8; 3], [45; 3], [105; 3], [125; 3]].concat());
        assert_eq!(shrink(&rgb, (4, 4), (4, 4)), rgb);
    }

    #[test]
    fn any_size_has_a_preview() {
        for (width, height) in [(1, 1), (1, 5_000), (7, 3), (257, 256)] {
            let rgb = vec![9; 3 * width as usize * height as usize];
            let file = preview_file((width, height), &rgb, &facts(), true, Format::Png).unwrap();
            let picture = decode(&file, &Limits::default()).unwrap();
            assert!(picture.width().max(picture.height()) <= PREVIEW_SIDE);
        }
        assert!(preview_file((2, 2), &[0; 3], &facts(), false, Format::Png).is_err());
    }
}
