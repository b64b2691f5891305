//! Sixel graphics: DEC VT330/VT340 Programmer Reference Manual, chapter 14.

use colophon_diffusion::RgbImage;

use super::quantise::quantised;

/// Rows of pixels that one row of sixels holds.
const BAND: usize = 6;
/// The sixel with no dot; dots are added to it bit by bit, the uppermost lowest.
const BLANK: u8 = b'?';

/// The sequence that shows a picture at the cursor, with a line's end after it.
///
/// `1` for square pixels, `1` to leave what is not drawn; raster attributes with the size; the
/// palette in hundredths; then band by band one pass a colour (`$` returns to its start, `-` goes on
/// to the next).
pub fn encode(image: &RgbImage) -> Vec<u8> {
    let indexed = quantised(image);
    let (width, height) = (image.width as usize, image.height as usize);
    let mut out = format!("\x1bP0;1;0q\"1;1;{width};{height}").into_bytes();
    for (place, colour) in indexed.palette.iter().enumerate() {
        let [red, green, blue] = colour.map(|value| (u32::from(value) * 100 + 127) / 255);
        out.extend(format!("#{place};2;{red};{green};{blue}").bytes());
    }
    for band in indexed.pixels.chunks(width * BAND) {
        let mut used: Vec<u8> = band.to_vec();
        used.sort_unstable();
        used.dedup();
        for (number, place) in used.iter().enumerate() {
            if number > 0 {
                out.push(b'$');
            }
            out.extend(format!("#{place}").bytes());
            let dots = |x: usize| {
                let column = band.iter().skip(x).step_by(width);
                (0u8..).zip(column).fold(0, |dots, (row, pixel)| {
                    dots | (u8::from(pixel == place) << row)
                })
            };
            run_lengths(&mut out, (0..width).map(|x| BLANK + dots(x)));
        }
        out.push(b'-');
    }
    out.extend(b"\x1b\\\n");
    out
}

/// Writes sixels, four and more equal ones as `!COUNT SIXEL`.
fn run_lengths(out: &mut Vec<u8>, sixels: impl Iterator<Item = u8>) {
    let mut sixels = sixels.peekable();
    while let Some(sixel) = sixels.next() {
        let mut count = 1;
        while sixels.next_if_eq(&sixel).is_some() {
            count += 1;
        }
        if count <= 3 {
            out.extend(std::iter::repeat_n(sixel, count));
        } else {
            out.extend(format!("!{count}").bytes());
            out.push(sixel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: u32, height: u32, at: impl Fn(u32, u32) -> [u8; 3]) -> RgbImage {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        RgbImage {
            width,
            height,
            pixels: places.flat_map(|(x, y)| at(x, y)).collect(),
        }
    }

    #[test]
    fn golden_bytes() {
        let flag = image(5, 7, |_, y| if y < 6 { [255, 0, 0] } else { [0, 0, 255] });
        let expected = "\x1bP0;1;0q\"1;1;5;7#0;2;100;0;0#1;2;0;0;100#0!5~-#1!5@-\x1b\\\n";
        assert_eq!(String::from_utf8(encode(&flag)).unwrap(), expected);
    }

    /// Draws the sequence as a terminal does.
    fn drawn(sequence: &[u8], width: usize, height: usize) -> Vec<u8> {
        let text = std::str::from_utf8(sequence).unwrap();
        let body = text
            .strip_prefix(&format!("\x1bP0;1;0q\"1;1;{width};{height}"))
            .unwrap();
        let mut rest = body.strip_suffix("\x1b\\\n").unwrap();
        let mut palette = vec![[0u8; 3]; 256];
        let mut out = vec![0; width * height * 3];
        let (mut x, mut y, mut colour) = (0, 0, 0);
        let number = |rest: &mut &str| {
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            let (digits, after) = rest.split_at(end);
            *rest = after;
            digits.parse::<usize>().unwrap()
        };
        while let Some(c) = rest.chars().next() {
            rest = &rest[1..];
            let (mut count, mut sixel) = (1, c);
            match c {
                '#' => {
                    colour = number(&mut rest);
                    if let Some(after) = rest.strip_prefix(";2;") {
                        rest = after;
                        palette[colour] = [0; 3].map(|_: u8| {
                            let value = number(&mut rest);
                            rest = rest.strip_prefix(';').unwrap_or(rest);
                            (value * 255 / 100) as u8
                        });
                    }
                    continue;
                }
                '$' => {
                    x = 0;
                    continue;
                }
                '-' => {
                    (x, y) = (0, y + BAND);
                    continue;
                }
                '!' => {
                    count = number(&mut rest);
                    sixel = rest.chars().next().unwrap();
                    rest = &rest[1..];
                }
                _ => {}
            }
            for _ in 0..count {
                for row in 0..BAND {
                    if (sixel as u8 - BLANK) >> row & 1 == 1 {
                        let at = ((y + row) * width + x) * 3;
                        out[at..at + 3].copy_from_slice(&palette[colour]);
                    }
                }
                x += 1;
            }
        }
        out
    }

    #[test]
    fn what_is_drawn_is_the_picture() {
        let source = image(61, 40, |x, y| {
            [(x * 4) as u8, (y * 6) as u8, (x * y / 10) as u8]
        });
        let shown = drawn(&encode(&source), 61, 40);
        let worst = source
            .pixels
            .iter()
            .zip(&shown)
            .map(|(a, b)| a.abs_diff(*b));
        assert!(worst.max().unwrap() <= 28);
    }
}
