//! A picture in few colours: median cut (Heckbert, SIGGRAPH 1982).

use std::collections::BTreeMap;

use colophon_diffusion::RgbImage;

/// Bits of each channel that colours are told apart by before the cut.
const BITS: u32 = 5;

/// A palette, and for every pixel its place in it.
pub struct Indexed {
    pub palette: Vec<[u8; 3]>,
    pub pixels: Vec<u8>,
}

/// A colour in the picture, and how often it is there.
type Counted = ([u8; 3], u32);

/// The picture in at most 256 colours.
pub fn quantised(image: &RgbImage) -> Indexed {
    let mut counts: BTreeMap<[u8; 3], u32> = BTreeMap::new();
    for pixel in colours(image) {
        *counts.entry(key(pixel)).or_default() += 1;
    }
    let mut boxes = vec![counts.into_iter().collect::<Vec<Counted>>()];
    while boxes.len() < 256 {
        let widest = (0..boxes.len())
            .filter(|&at| boxes[at].len() > 1)
            .max_by_key(|&at| {
                let weight: u32 = boxes[at].iter().map(|(_, count)| count).sum();
                u64::from(spread(&boxes[at]).1) * u64::from(weight)
            });
        let Some(at) = widest else { break };
        let upper = cut(&mut boxes[at]);
        boxes.push(upper);
    }
    let mut places: BTreeMap<[u8; 3], u8> = BTreeMap::new();
    for (place, members) in (0u8..=255).zip(&boxes) {
        places.extend(members.iter().map(|(colour, _)| (*colour, place)));
    }
    let mut sums = vec![([0u64; 3], 0u64); boxes.len()];
    let pixels: Vec<u8> = colours(image)
        .map(|pixel| {
            let place = places.get(&key(pixel)).copied().unwrap_or_default();
            let (sum, count) = &mut sums[usize::from(place)];
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += u64::from(value);
            }
            *count += 1;
            place
        })
        .collect();
    let mean = |(sum, count): ([u64; 3], u64)| sum.map(|sum| (sum / count.max(1)) as u8);
    Indexed {
        palette: sums.into_iter().map(mean).collect(),
        pixels,
    }
}

fn colours(image: &RgbImage) -> impl Iterator<Item = [u8; 3]> {
    image.pixels.chunks_exact(3).map(|it| [it[0], it[1], it[2]])
}

fn key(colour: [u8; 3]) -> [u8; 3] {
    colour.map(|value| value >> (8 - BITS))
}

/// The channel in which the colours differ most, and by how much.
fn spread(members: &[Counted]) -> (usize, u8) {
    let range = |channel: usize| {
        let values = members.iter().map(|(colour, _)| colour[channel]);
        let (low, high) = values.fold((u8::MAX, 0), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        high.saturating_sub(low)
    };
    (0..3)
        .map(|channel| (channel, range(channel)))
        .max_by_key(|(_, range)| *range)
        .unwrap_or_default()
}

/// Takes the upper half of the pixels out, at least one colour, leaving at least one.
fn cut(members: &mut Vec<Counted>) -> Vec<Counted> {
    let (channel, _) = spread(members);
    members.sort_unstable_by_key(|(colour, _)| colour[channel]);
    let half = members
        .iter()
        .map(|(_, count)| u64::from(*count))
        .sum::<u64>()
        / 2;
    let mut seen = 0;
    let middle = members.iter().position(|(_, count)| {
        seen += u64::from(*count);
        seen >= half
    });
    let at = middle.map_or(1, |at| at + 1).clamp(1, members.len() - 1);
    members.split_off(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(pixels: &[[u8; 3]]) -> RgbImage {
        RgbImage {
            width: pixels.len() as u32,
            height: 1,
            pixels: pixels.concat(),
        }
    }

    #[test]
    fn few_colours_stay_as_they_are() {
        let colours = [[255, 0, 0], [0, 128, 255], [0, 0, 0], [255, 255, 255]];
        let indexed = quantised(&image(&[colours, colours].concat()));
        assert_eq!(indexed.palette.len(), 4);
        let shown = indexed
            .pixels
            .iter()
            .map(|place| indexed.palette[usize::from(*place)]);
        assert!(shown.eq([colours, colours].concat()));
    }

    #[test]
    fn many_colours_come_out_close() {
        let many: Vec<[u8; 3]> = (0..=255u8)
            .flat_map(|i| (0..16u8).map(move |j| [i, j * 16, 255 - i]))
            .collect();
        let indexed = quantised(&image(&many));
        assert_eq!(indexed.palette.len(), 256);
        for (pixel, place) in many.iter().zip(&indexed.pixels) {
            let shown = indexed.palette[usize::from(*place)];
            for (a, b) in pixel.iter().zip(shown) {
                assert!(a.abs_diff(b) <= 24, "{pixel:?} {shown:?}");
            }
        }
    }
}
