//! Data in the least significant bits: "stealth" metadata.
//!
//! Bits stand column by column, top to bottom, the first bit of a byte highest: one a pixel in alpha, or three in
//! red, green and blue. A magic of 15 letters, a 32-bit big-endian length in bits, the data: text, or text in gzip.
//! Written by `NovelAI` and by extensions of web user interfaces.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::{Layout, PixelView};
use crate::dialect;
use crate::entry::{Collected, Origin};
use crate::{Class, Field, Limits, Says, Signal, Source};

/// Longest text read, bytes, before and after gzip.
const MAX_BYTES: usize = 1 << 20;
const MAGIC_LENGTH: usize = 15;
const MAGICS: [&str; 4] = [
    "stealth_pnginfo",
    "stealth_pngcomp",
    "stealth_rgbinfo",
    "stealth_rgbcomp",
];

/// Hidden data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hidden {
    magic: &'static str,
    /// `None` when it is longer than the picture or the limit, not gzip, or not UTF-8.
    text: Option<String>,
    json: Option<Value>,
}

/// The hidden data of a picture; a few bytes are read where there is none.
pub(super) fn read(view: &PixelView<'_>) -> Option<Hidden> {
    let channels: &[&[usize]] = match view.layout {
        Layout::Rgb => &[&[0, 1, 2]],
        Layout::Rgba => &[&[3], &[0, 1, 2]],
    };
    channels
        .iter()
        .find_map(|channels| read_in(view, channels, &MAGICS))
}

fn read_in(view: &PixelView<'_>, channels: &[usize], magics: &[&'static str]) -> Option<Hidden> {
    let bits = Bits { view, channels };
    let mut candidates = magics.iter().filter(|magic| {
        let in_alpha = magic.starts_with("stealth_png");
        in_alpha == (channels.len() == 1)
            && magic
                .bytes()
                .enumerate()
                .all(|(i, byte)| bits.byte(i) == Some(byte))
    });
    let magic: &'static str = candidates.next()?;
    let text = bits.payload().and_then(|bytes| {
        let bytes = if magic.ends_with("comp") {
            inflate(&bytes)?
        } else {
            bytes
        };
        String::from_utf8(bytes).ok()
    });
    let json = text
        .as_ref()
        .and_then(|text| serde_json::from_str(text).ok());
    Some(Hidden { magic, text, json })
}

fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut reader = GzDecoder::new(bytes).take(MAX_BYTES as u64 + 1);
    reader.read_to_end(&mut out).ok()?;
    (out.len() <= MAX_BYTES).then_some(out)
}

/// The least significant bits of some channels in the order of stealth data.
struct Bits<'a> {
    view: &'a PixelView<'a>,
    channels: &'a [usize],
}

impl Bits<'_> {
    /// Whole bytes in the picture.
    fn bytes(&self) -> usize {
        self.view.pixels() * self.channels.len() / 8
    }

    fn byte(&self, index: usize) -> Option<u8> {
        if index >= self.bytes() {
            return None;
        }
        let bits = index * 8..index * 8 + 8;
        Some(bits.fold(0, |byte, bit| {
            let (pixel, channel) = (bit / self.channels.len(), bit % self.channels.len());
            let (x, y) = (pixel / self.view.height, pixel % self.view.height);
            let sample = self.view.pixel(x, y)[self.channels[channel]];
            byte << 1 | sample & 1
        }))
    }

    fn payload(&self) -> Option<Vec<u8>> {
        let length: Option<Vec<u8>> = (0..4).map(|i| self.byte(MAGIC_LENGTH + i)).collect();
        let bits = u32::from_be_bytes(length?.try_into().ok()?);
        let count = bits as usize / 8;
        let start = MAGIC_LENGTH + 4;
        if count > MAX_BYTES || start + count > self.bytes() {
            return None;
        }
        (start..start + count).map(|i| self.byte(i)).collect()
    }
}

impl Hidden {
    /// Where it stands, for people.
    pub(super) fn place(&self) -> String {
        let channels = if self.magic.starts_with("stealth_png") {
            "alpha"
        } else {
            "red, green and blue"
        };
        format!("pixels: lowest bits of {channels} (`{}`)", self.magic)
    }

    /// One of the texts of a JSON object.
    pub(super) fn text_under(&self, key: &str) -> Option<&str> {
        self.json.as_ref()?.get(key)?.as_str()
    }

    /// Whether `NovelAI` is named as its writer.
    pub(super) fn is_novelai(&self) -> bool {
        let software = self.text_under("Software");
        software.is_some_and(|name| name.starts_with("NovelAI"))
    }

    /// What it tells, understood as the same text would be in PNG text; `NovelAI`'s is told by [`super::novelai`].
    pub(super) fn signals(&self) -> Vec<Signal> {
        let unknown = |fields, note| Signal {
            source: Source::Other,
            class: Class::Declared,
            says: Says::Unstated,
            tool: None,
            version: None,
            places: vec![self.place()],
            fields,
            note: Some(note),
        };
        let Some(text) = &self.text else {
            return vec![unknown(Vec::new(), "stealth-unreadable")];
        };
        let limits = Limits::default();
        let mut all = Collected::new(&limits);
        let named = self.json.as_ref().and_then(Value::as_object);
        for (key, value) in named.into_iter().flatten() {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            all.entry(Origin::PngText, key, value, self.place());
        }
        if named.is_none() {
            all.entry(Origin::PngText, "parameters", text.clone(), self.place());
        }
        let mut signals = dialect::read(&all).signals;
        for signal in &mut signals {
            signal.note = signal.note.or(Some("stealth-data"));
        }
        if signals.is_empty() {
            signals.push(unknown(vec![Field::personal("Text", text)], "stealth-data"));
        }
        signals
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Magic, length and data, the length in bits.
    pub(in super::super) fn framed(magic: &str, length: usize, data: &[u8]) -> Vec<u8> {
        let length = (length * 8) as u32;
        [magic.as_bytes(), &length.to_be_bytes(), data].concat()
    }

    /// Writes bits into pixels the other way round than they are read: pixel after pixel, not bit after bit.
    pub(in super::super) fn hide(
        samples: &mut [u8],
        (width, height): (usize, usize),
        channels: usize,
        carriers: &[usize],
        bytes: &[u8],
    ) {
        let mut bits = bytes
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1));
        for x in 0..width {
            for y in 0..height {
                for carrier in carriers {
                    let Some(bit) = bits.next() else { return };
                    let sample = &mut samples[(y * width + x) * channels + carrier];
                    *sample = *sample & 0xfe | bit;
                }
            }
        }
        assert!(bits.next().is_none(), "the picture is too small");
    }

    const PARAMETERS: &str = "a fox, in snow\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, \
                              Seed: 5, Size: 64x64, Model: v1-5, Lora hashes: \"x: 1, Seed: 9\", Version: v1.6.0";

    fn hidden(magic: &str, data: &[u8], length: usize) -> Option<Hidden> {
        let (channels, carriers, layout): (_, &[usize], _) = if magic.contains("png") {
            (4, &[3], Layout::Rgba)
        } else {
            (3, &[0, 1, 2], Layout::Rgb)
        };
        let mut samples = vec![200; 97 * 61 * channels];
        hide(
            &mut samples,
            (97, 61),
            channels,
            carriers,
            &framed(magic, length, data),
        );
        read(&PixelView::new(97, 61, layout, &samples).unwrap())
    }

    #[test]
    fn every_variant_is_read() {
        for magic in MAGICS {
            let data = if magic.ends_with("comp") {
                gzip(PARAMETERS.as_bytes())
            } else {
                PARAMETERS.as_bytes().to_vec()
            };
            let hidden = hidden(magic, &data, data.len()).unwrap();
            assert_eq!(hidden.magic, magic);
            assert_eq!(hidden.text.as_deref(), Some(PARAMETERS));
            let signals = hidden.signals();
            assert_eq!(signals.len(), 1);
            let told = |name: &str| {
                let mut fields = signals[0].fields.iter();
                fields.find(|field| field.name == name).cloned()
            };
            assert_eq!(signals[0].source, Source::WebUi);
            assert_eq!(signals[0].says, Says::Generated);
            assert_eq!(signals[0].places, [hidden.place()]);
            assert_eq!(
                told("Prompt"),
                Some(Field::personal("Prompt", "a fox, in snow"))
            );
            assert_eq!(told("Steps"), Some(Field::new("Steps", "20")));
        }
    }

    #[test]
    fn other_writers_are_told_as_far_as_known() {
        let told = |text: &str| {
            let hidden = hidden("stealth_rgbinfo", text.as_bytes(), text.len()).unwrap();
            hidden.signals().remove(0)
        };
        let text = format!("{{\"parameters\": {}}}", Value::from(PARAMETERS));
        assert_eq!(told(&text).source, Source::WebUi);
        let text = r#"{"prompt": {"1": {"class_type": "KSampler", "inputs": {"seed": 1}}}}"#;
        assert_eq!(told(text).source, Source::ComfyUi);
        let signal = told("hello");
        assert_eq!(
            (signal.source, signal.says),
            (Source::Other, Says::Unstated)
        );
        assert_eq!(signal.fields, [Field::personal("Text", "hello")]);
    }

    #[test]
    fn what_cannot_be_read_is_told_as_unreadable() {
        let bomb = gzip(&vec![b' '; MAX_BYTES + 1]);
        for (data, length) in [
            (b"too long for the picture".as_slice(), 1_000),
            (b"too long for anybody", u32::MAX as usize / 8),
            (b"no gzip", 7),
            (&bomb, bomb.len()),
        ] {
            let hidden = hidden("stealth_rgbcomp", data, length).unwrap();
            assert_eq!(hidden.text, None);
            assert_eq!(hidden.signals()[0].note, Some("stealth-unreadable"));
        }
        let largest = gzip(&vec![b' '; MAX_BYTES]);
        let hidden = hidden("stealth_rgbcomp", &largest, largest.len()).unwrap();
        assert_eq!(hidden.text.map(|text| text.len()), Some(MAX_BYTES));
    }

    #[test]
    fn a_magic_in_the_wrong_channels_is_none() {
        let mut samples = vec![200; 97 * 61 * 3];
        let bytes = framed("stealth_pnginfo", 5, b"hello");
        hide(&mut samples, (97, 61), 3, &[0, 1, 2], &bytes);
        assert_eq!(
            read(&PixelView::new(97, 61, Layout::Rgb, &samples).unwrap()),
            None
        );
    }

    proptest! {
        #[test]
        fn any_data_after_a_magic_is_survived(
            which in 0usize..4,
            length in 0usize..3_000,
            data in proptest::collection::vec(any::<u8>(), 0..600),
        ) {
            let hidden = hidden(MAGICS[which], &data, length);
            prop_assert!(hidden.is_some_and(|hidden| !hidden.signals().is_empty()));
        }
    }
}
