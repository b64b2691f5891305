//! Several pictures shown in one.

use colophon_diffusion::RgbImage;
use colophon_imaging::Limits;

use crate::failure::Failure;

/// Between pictures and around them, pixels.
const GAP: u32 = 8;
/// What shows between them: lighter than most pictures, darker than paper.
const GAP_COLOUR: [u8; 3] = [232, 232, 232];

/// Columns and rows for `count` pictures: as square as it gets, wider before higher.
fn layout(count: u32) -> (u32, u32) {
    let columns = (1..=count).find(|side| side * side >= count).unwrap_or(1);
    (columns, count.div_ceil(columns))
}

/// Refuses a grid that would be larger than any picture may be.
///
/// # Errors
/// [`Failure::Request`].
pub fn check(count: u32, size: (u32, u32), limits: &Limits) -> Result<(), Failure> {
    let (columns, rows) = layout(count);
    let side =
        |cells: u32, length: u32| u64::from(cells) * u64::from(length + GAP) + u64::from(GAP);
    let (width, height) = (side(columns, size.0), side(rows, size.1));
    if width * height > limits.max_pixels || width.max(height) > u64::from(limits.max_side) {
        return Err(Failure::Request(format!(
            "a grid of {count} pictures would have {width} x {height} pixels, more than the {} allowed; choose a smaller --size or --count",
            limits.max_pixels
        )));
    }
    Ok(())
}

/// Puts the pictures side by side, in rows from the top; smaller ones in the middle of their cell.
pub fn arrange(pictures: &[RgbImage]) -> RgbImage {
    let (columns, rows) = layout(pictures.len() as u32);
    let largest = |side: fn(&RgbImage) -> u32| pictures.iter().map(side).max().unwrap_or(1);
    let (cell_width, cell_height) = (largest(|it| it.width), largest(|it| it.height));
    let width = columns * (cell_width + GAP) + GAP;
    let height = rows * (cell_height + GAP) + GAP;
    let mut pixels = GAP_COLOUR.repeat(width as usize * height as usize);
    for (number, picture) in (0u32..).zip(pictures) {
        let left = GAP + number % columns * (cell_width + GAP) + (cell_width - picture.width) / 2;
        let top = GAP + number / columns * (cell_height + GAP) + (cell_height - picture.height) / 2;
        let line = picture.width as usize * 3;
        for (y, row) in (0u32..).zip(picture.pixels.chunks_exact(line)) {
            let start = ((top + y) as usize * width as usize + left as usize) * 3;
            pixels[start..start + line].copy_from_slice(row);
        }
    }
    RgbImage {
        width,
        height,
        pixels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: u32, height: u32, value: u8) -> RgbImage {
        RgbImage {
            width,
            height,
            pixels: vec![value; (width * height * 3) as usize],
        }
    }

    #[test]
    fn grids_are_nearly_square() {
        for (count, expected) in [
            (2, (2, 1)),
            (3, (2, 2)),
            (4, (2, 2)),
            (5, (3, 2)),
            (7, (3, 3)),
            (64, (8, 8)),
        ] {
            assert_eq!(layout(count), expected, "{count}");
        }
    }

    #[test]
    fn every_picture_is_in_its_cell() {
        let pictures = [plain(10, 6, 1), plain(4, 6, 2), plain(10, 2, 3)];
        let grid = arrange(&pictures);
        assert_eq!((grid.width, grid.height), (2 * 18 + 8, 2 * 14 + 8));
        let at = |x: u32, y: u32| grid.pixels[((y * grid.width + x) * 3) as usize];
        assert_eq!((at(8, 8), at(17, 13), at(7, 8)), (1, 1, GAP_COLOUR[0]));
        // In the middle of its cell, which is 10 pixels wide.
        assert_eq!((at(29, 8), at(32, 8), at(33, 8)), (2, 2, GAP_COLOUR[0]));
        assert_eq!((at(8, 24), at(8, 23)), (3, GAP_COLOUR[0]));
    }

    #[test]
    fn a_grid_beyond_the_limits_is_refused() {
        let limits = Limits::default();
        assert!(check(64, (512, 512), &limits).is_ok());
        let refused = check(64, (2048, 2048), &limits).unwrap_err().to_string();
        assert!(refused.contains("--size"), "{refused}");
    }
}
