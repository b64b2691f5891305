//! Estimating the quality setting of a JPEG file.

use crate::container::first_quantisation_table;

/// Table K.1 of ITU-T T.81, in zigzag order.
const STANDARD_LUMA: [u16; 64] = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, //
    26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51, //
    56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, //
    95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
];

/// The quality, 1..=100, on the scale of the Independent JPEG Group, whose scaled table lies
/// nearest to the file's first quantisation table. Exact for files of libjpeg and its kin, a fair
/// estimate for others; `None` if the file has no table.
#[must_use]
pub fn estimate_jpeg_quality(bytes: &[u8]) -> Option<u8> {
    let table = first_quantisation_table(bytes)?;
    (1..=100_u8).rev().min_by_key(|quality| {
        scaled(*quality)
            .zip(table)
            .map(|(ours, theirs)| u32::from(ours.abs_diff(theirs)))
            .sum::<u32>()
    })
}

/// The scaling of libjpeg's `jpeg_set_quality`.
fn scaled(quality: u8) -> impl Iterator<Item = u16> {
    let quality = u16::from(quality);
    let percent = if quality < 50 {
        5000 / quality
    } else {
        200 - 2 * quality
    };
    STANDARD_LUMA.iter().map(move |entry| {
        ((u32::from(*entry) * u32::from(percent) + 50) / 100).clamp(1, 255) as u16
    })
}
