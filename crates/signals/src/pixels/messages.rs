//! Messages that programs embed with `dwtDct`, and when a picture counts as carrying one.
//!
//! Every block votes for one bit of the message. A clean picture votes too, by its colours, so votes are
//! compared with the picture's own mean and not with one half: flat pictures and colour casts then say nothing.
//!
//! The bound: take a picture and let the message be drawn at random, as most of these were. Whatever the picture
//! votes, the number of wrong bits is binomial, so [`Message::allowed_wrong`] bounds the chance of acceptance for
//! each (message, plane) by 1e-8, and their sum by 2e-8. For messages that are text, an eighth of the bits is the
//! limit besides, since letters share bits that a pattern of period eight could hit. [`MIN_Z`] demands that the
//! votes are clear, too.

use super::PixelView;
use super::blocks::{Blocks, Plane};
use crate::Source;

/// Least agreement of all votes with the message, in standard deviations of independent votes.
pub const MIN_Z: f64 = 8.0;

/// A message that programs embed, always the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// Its text, or its bits in hexadecimal.
    pub name: &'static str,
    /// Its bits, first bit highest, padded with zeros.
    bytes: &'static [u8],
    /// Number of bits.
    pub length: usize,
    /// Most wrong bits with which it is accepted.
    pub allowed_wrong: usize,
    /// In which planes it is written.
    pub planes: &'static [Plane],
    /// Whose.
    pub source: Source,
    /// The model or program.
    pub tool: &'static str,
}

const FLOATS: &[Plane] = &[Plane::Float, Plane::FloatSwapped, Plane::EightBit];
const BYTES: &[Plane] = &[Plane::EightBit];

const fn text(
    name: &'static str,
    allowed_wrong: usize,
    source: Source,
    tool: &'static str,
) -> Message {
    Message {
        name,
        bytes: name.as_bytes(),
        length: name.len() * 8,
        allowed_wrong,
        planes: BYTES,
        source,
        tool,
    }
}

/// Every message that is looked for. Where each is from: `docs/signals.md`.
pub static MESSAGES: [Message; 8] = [
    Message {
        name: "0xB3EC907BB19E",
        bytes: &[0xB3, 0xEC, 0x90, 0x7B, 0xB1, 0x9E],
        length: 48,
        allowed_wrong: 4,
        planes: FLOATS,
        source: Source::Diffusers,
        tool: "Stable Diffusion XL",
    },
    // Written as 48 bits; `bin()` drops the two leading zeros, so 46 are embedded.
    Message {
        name: "0x2AFE879CF52E",
        bytes: &[0xAB, 0xFA, 0x1E, 0x73, 0xD4, 0xB8],
        length: 46,
        allowed_wrong: 3,
        planes: &[Plane::Float, Plane::EightBit],
        source: Source::BlackForestLabs,
        tool: "FLUX",
    },
    text(
        "StableDiffusionV1",
        17,
        Source::StableDiffusion,
        "Stable Diffusion 1",
    ),
    text(
        "StableDiffusionV1-Inpainting",
        28,
        Source::StableDiffusion,
        "Stable Diffusion 1",
    ),
    text("SDV2", 1, Source::StableDiffusion, "Stable Diffusion 2"),
    text("InvokeAI", 8, Source::InvokeAi, "InvokeAI"),
    text("HumanSD", 6, Source::Other, "HumanSD"),
    text("Cremage", 6, Source::Other, "Cremage"),
];

impl Message {
    /// Bit `i`, below [`Self::length`].
    pub fn bit(&self, i: usize) -> bool {
        self.bytes[i / 8] >> (7 - i % 8) & 1 == 1
    }
}

/// How well a picture fits one message in one plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The message.
    pub message: &'static Message,
    /// The plane.
    pub plane: Plane,
    /// Bits of the message against which the picture votes.
    pub wrong: usize,
    /// Agreement of all votes with the message, in standard deviations of independent votes.
    pub z: f64,
}

impl Reading {
    /// Whether the picture counts as carrying the message.
    pub fn accepted(&self) -> bool {
        self.wrong <= self.message.allowed_wrong && self.z >= MIN_Z
    }
}

/// The fit of every message in every plane in which it is written; empty for pictures of fewer than 256 times
/// 256 pixels, which the package does not mark.
pub fn read_messages(view: &PixelView<'_>) -> Vec<Reading> {
    let Some(blocks) = Blocks::of(view) else {
        return Vec::new();
    };
    let mut readings = Vec::new();
    let mut ones = Vec::new();
    for message in &MESSAGES {
        for &plane in message.planes {
            let bits = blocks.bits(plane);
            count_ones(bits, message.length, &mut ones);
            readings.push(fit(message, plane, bits.len(), &ones));
        }
    }
    readings
}

/// Ones among the votes for each position.
fn count_ones(bits: &[u8], length: usize, ones: &mut Vec<u32>) {
    ones.clear();
    ones.resize(length, 0);
    for period in bits.chunks(length) {
        for (count, &bit) in ones.iter_mut().zip(period) {
            *count += u32::from(bit);
        }
    }
}

fn fit(message: &'static Message, plane: Plane, blocks: usize, ones: &[u32]) -> Reading {
    let (periods, rest) = (blocks / message.length, blocks % message.length);
    let votes = |i: usize| (periods + usize::from(i < rest)) as f64;
    let mean = f64::from(ones.iter().sum::<u32>()) / blocks as f64;
    let (mut wrong, mut agreement) = (0, 0.0);
    for (i, &ones) in ones.iter().enumerate() {
        let above = f64::from(ones) - votes(i) * mean;
        wrong += usize::from((above > 0.0) != message.bit(i));
        agreement += if message.bit(i) { above } else { -above };
    }
    let deviation = (blocks as f64 * mean * (1.0 - mean)).sqrt();
    Reading {
        message,
        plane,
        wrong,
        z: if deviation > 0.0 {
            agreement / deviation
        } else {
            0.0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(message: &Message) -> Vec<bool> {
        (0..message.length).map(|i| message.bit(i)).collect()
    }

    /// Chance that `length` fair coins differ from a message in `wrong` places at most.
    fn tail(length: usize, wrong: usize) -> f64 {
        let mut term = 0.5f64.powi(length as i32);
        let mut sum = term;
        for k in 0..wrong {
            term *= (length - k) as f64 / (k + 1) as f64;
            sum += term;
        }
        sum
    }

    #[test]
    fn the_messages_are_the_ones_that_programs_write() {
        let text = |message: &Message| {
            bits(message)
                .iter()
                .map(|&bit| if bit { '1' } else { '0' })
                .collect::<String>()
        };
        assert_eq!(
            text(&MESSAGES[0]),
            "101100111110110010010000011110111011000110011110"
        );
        // bin(0b001010101111111010000111100111001111010100101110)[2:]
        let literal = 0b0010_1010_1111_1110_1000_0111_1001_1100_1111_0101_0010_1110_u64;
        assert_eq!(text(&MESSAGES[1]), format!("{literal:b}"));
        assert_eq!(MESSAGES[1].name, format!("0x{literal:X}"));
        assert_eq!(text(&MESSAGES[4]), "01010011010001000101011000110010");
    }

    #[test]
    fn a_random_message_is_accepted_twice_in_a_hundred_million_pictures_at_most() {
        let mut sum = 0.0;
        for message in &MESSAGES {
            let chance = tail(message.length, message.allowed_wrong);
            assert!(chance <= 1e-8, "{}: {chance}", message.name);
            sum += chance * message.planes.len() as f64;
        }
        assert!(sum <= 2e-8, "{sum}");
    }

    /// Stripes and other repetitions in a clean picture give votes of a short period; the best of them must
    /// stay beyond what is accepted.
    #[test]
    fn no_short_period_passes_for_a_message() {
        for message in &MESSAGES {
            let bits = bits(message);
            for period in 1..=14 {
                let wrong: usize = (0..period)
                    .map(|phase| {
                        let votes = || bits.iter().skip(phase).step_by(period);
                        let ones = votes().filter(|&&bit| bit).count();
                        ones.min(votes().count() - ones)
                    })
                    .sum();
                assert!(
                    wrong > message.allowed_wrong,
                    "{} at period {period}: {wrong}",
                    message.name
                );
            }
        }
    }

    fn reading(index: usize, votes: impl Fn(usize, bool) -> bool) -> Reading {
        let message = &MESSAGES[index];
        let bits: Vec<u8> = (0..4096)
            .map(|block| u8::from(votes(block, message.bit(block % message.length))))
            .collect();
        let mut ones = Vec::new();
        count_ones(&bits, message.length, &mut ones);
        fit(message, Plane::Float, bits.len(), &ones)
    }

    #[test]
    fn votes_are_compared_with_the_pictures_own_mean() {
        // Nine rounds in ten vote ones whatever the message says; the tenth follows it.
        let cast = reading(0, |block, bit| block / 48 % 10 != 0 || bit);
        assert_eq!(cast.wrong, 0);
        assert!(cast.accepted());
    }

    #[test]
    fn constant_votes_are_no_message() {
        for index in 0..MESSAGES.len() {
            for constant in [false, true] {
                let flat = reading(index, |_, _| constant);
                assert!(!flat.accepted());
                assert_eq!(flat.z, 0.0);
            }
        }
    }

    #[test]
    fn every_bit_right_by_a_hair_is_not_enough() {
        // Each position leans its message's way by two votes of 128.
        let faint = reading(4, |block, bit| match block / 32 {
            0 | 1 => bit,
            round => round % 2 == 0,
        });
        assert_eq!(faint.wrong, 0);
        assert!(faint.z < MIN_Z, "{}", faint.z);
        assert!(!faint.accepted());
    }

    #[test]
    fn the_opposite_message_is_not_accepted() {
        assert!(reading(2, |_, bit| bit).accepted());
        let opposite = reading(2, |_, bit| !bit);
        assert_eq!(opposite.wrong, opposite.message.length);
        assert!(opposite.z < -MIN_Z);
    }
}
