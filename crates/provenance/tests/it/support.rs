//! Synthetic pictures, homes in temporary folders, and the harm that is done to files.

use std::path::PathBuf;

use colophon_imaging::{
    Channels, ChromaSubsampling, EncodeOptions, Format, Limits, Picture, Samples, decode, encode,
};
use colophon_ledger::Entry;
use colophon_provenance::{
    Destination, DigitalSourceType, Home, IssueOptions, Issued, Issuer, ProvenanceError, Report,
    StampRequest, Verifier, VerifierOptions,
};
use tempfile::TempDir;

/// 2026-11-20T10:00:00Z.
pub const NOW: i64 = 1_795_168_800;

/// Entries that a new home begins with: one a key.
pub const KEY_EVENTS: u64 = 8;

/// A home in a temporary folder, with a folder for outputs beside it.
pub struct Place {
    folder: TempDir,
    pub home: Home,
    pub issuer: Issuer,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("out")).unwrap();
        let home = Home::new(folder.path().join("home"));
        let issuer = Issuer::open(&home, None, NOW).unwrap();
        Self {
            folder,
            home,
            issuer,
        }
    }

    /// The home with nobody writing to it any more.
    pub fn closed(self) -> (TempDir, Home) {
        (self.folder, self.home)
    }

    pub fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }

    /// Names in the folder for outputs.
    pub fn outputs(&self) -> Vec<String> {
        let entries = self.folder.path().join("out").read_dir().unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    pub fn stamp(&self, input: &[u8], name: &str) -> Result<Issued, ProvenanceError> {
        self.stamp_with(input, name, &request())
    }

    pub fn stamp_with(
        &self,
        input: &[u8],
        name: &str,
        request: &StampRequest,
    ) -> Result<Issued, ProvenanceError> {
        let destination = Destination {
            path: self.out(name),
            overwrite: false,
        };
        self.issuer.stamp(input, request, destination)
    }

    /// Stamps and reads the file.
    pub fn stamped(&self, input: &[u8], name: &str) -> (Issued, Vec<u8>) {
        let issued = self.stamp(input, name).unwrap();
        let bytes = std::fs::read(&issued.path).unwrap();
        (issued, bytes)
    }

    pub fn verifier(&self) -> Verifier {
        Verifier::open(Some(&self.home), VerifierOptions::default()).unwrap()
    }

    /// A verifier with the keys and nothing else of the home.
    pub fn without_ledger(&self) -> Verifier {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        std::fs::create_dir(home.keys()).unwrap();
        for key in self.home.keys().read_dir().unwrap() {
            let key = key.unwrap();
            std::fs::copy(key.path(), home.keys().join(key.file_name())).unwrap();
        }
        Verifier::open(Some(&home), VerifierOptions::default()).unwrap()
    }

    pub fn verify(&self, bytes: &[u8]) -> Report {
        self.verifier().verify(bytes, "picture")
    }

    /// Records of pictures: entries without the events of the keys.
    pub fn records(&self) -> u64 {
        let ledger = self.home.open_ledger_read_only().unwrap();
        ledger.stats().unwrap().entries - KEY_EVENTS
    }

    /// The record at this index of the newest shard, private part and all.
    pub fn record(&self, index: u64) -> Entry {
        let ledger = self.home.open_ledger_unlocked(None).unwrap();
        ledger.get(index).unwrap().unwrap().into_record().unwrap()
    }
}

pub fn request() -> StampRequest {
    StampRequest {
        generator: Some("Example Model".to_owned()),
        generator_version: Some("2.1".to_owned()),
        prompt: Some("a secret prompt".to_owned()),
        options: options(),
        ..StampRequest::new(DigitalSourceType::TrainedAlgorithmicMedia, NOW)
    }
}

pub fn options() -> IssueOptions {
    IssueOptions {
        title: Some("A synthetic scene".to_owned()),
        ..IssueOptions::new(NOW)
    }
}

/// The finaliser of `SplitMix64` over a position, as a number within -0.5..0.5.
fn noise(seed: u64, octave: u64, x: i64, y: i64) -> f32 {
    let mut z = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(octave << 48)
        .wrapping_add((x as u64) << 24)
        .wrapping_add(y as u64);
    for multiplier in [0xbf58_476d_1ce4_e5b9u64, 0x94d0_49bb_1331_11eb] {
        z = (z ^ (z >> 29)).wrapping_mul(multiplier);
    }
    ((z ^ (z >> 32)) & 0xffff_ffff) as f32 / u32::MAX as f32 - 0.5
}

/// A picture whose amplitude falls with frequency as in photographs, with tinted colours.
pub fn picture(seed: u64, width: u32, height: u32) -> Picture {
    let long = width.max(height) as f32;
    let mut samples = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let mut value = 128.0;
            for octave in 1..9u64 {
                let cells = 2f32.powi(octave as i32) * 1.3 / long;
                let (a, b) = (x as f32 * cells, y as f32 * cells);
                let (i, j) = (a.floor(), b.floor());
                let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
                let (fa, fb) = (smooth(a - i), smooth(b - j));
                let at = |dx: i64, dy: i64| noise(seed, octave, i as i64 + dx, j as i64 + dy);
                let top = at(0, 0) + fa * (at(1, 0) - at(0, 0));
                let bottom = at(0, 1) + fa * (at(1, 1) - at(0, 1));
                value += 170.0 * 0.64f32.powi(octave as i32) * (top + fb * (bottom - top));
            }
            value += 3.0 * noise(seed, 30, i64::from(x), i64::from(y));
            for tint in [1.06, 1.0, 0.9] {
                samples.push((value * tint).clamp(0.0, 255.0).round() as u8);
            }
        }
    }
    Picture::new(width, height, Channels::Rgb, Samples::U8(samples)).unwrap()
}

pub fn png(picture: &Picture) -> Vec<u8> {
    encode(picture, &EncodeOptions::new(Format::Png)).unwrap()
}

pub fn jpeg(picture: &Picture, quality: u8) -> Vec<u8> {
    let options = EncodeOptions {
        jpeg_quality: quality,
        chroma: ChromaSubsampling::S420,
        ..EncodeOptions::new(Format::Jpeg)
    };
    encode(picture, &options).unwrap()
}

pub fn scene(seed: u64) -> Vec<u8> {
    png(&picture(seed, 640, 480))
}

pub fn decoded(bytes: &[u8]) -> Picture {
    decode(bytes, &Limits::default()).unwrap()
}

/// The pixels alone.
pub fn stripped(bytes: &[u8]) -> Picture {
    let mut picture = decoded(bytes);
    picture.strip_metadata();
    picture
}

/// The middle of the picture with half of its area.
pub fn half(picture: &Picture) -> Picture {
    let side = |length: u32| (f64::from(length) * 0.5f64.sqrt()).round() as u32;
    let (width, height) = (side(picture.width()), side(picture.height()));
    let (x, y) = (
        (picture.width() - width) / 2,
        (picture.height() - height) / 2,
    );
    picture.crop(x, y, width, height).unwrap()
}

/// A third of the picture's size, each pixel the mean of nine.
pub fn third(picture: &Picture) -> Picture {
    let rgb = picture.to_rgb8();
    let stride = picture.width() as usize * 3;
    let (width, height) = (picture.width() / 3, picture.height() / 3);
    let mut samples = Vec::new();
    for y in 0..height as usize {
        for x in 0..width as usize {
            for channel in 0..3 {
                let at = |i: usize| rgb[(y * 3 + i / 3) * stride + (x * 3 + i % 3) * 3 + channel];
                let sum: u16 = (0..9).map(|i| u16::from(at(i))).sum();
                samples.push((sum / 9) as u8);
            }
        }
    }
    Picture::new(width, height, Channels::Rgb, Samples::U8(samples)).unwrap()
}

/// `target` with the difference of `marked` and `original` added: a transplanted mark.
pub fn transplanted(marked: &Picture, original: &Picture, target: &Picture) -> Picture {
    let (marked, original) = (marked.luma(), original.luma());
    let delta: Vec<f32> = marked.iter().zip(&original).map(|(a, b)| a - b).collect();
    let mut target = target.clone();
    target.add_luma_delta(&delta).unwrap();
    target
}

/// A chunk of a PNG file: its range with length and CRC.
pub fn png_chunk(bytes: &[u8], kind: [u8; 4]) -> std::ops::Range<usize> {
    let mut at = 8;
    loop {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let end = at + 12 + length;
        if bytes[at + 4..at + 8] == kind {
            return at..end;
        }
        at = end;
    }
}

pub fn rule(report: &Report) -> &str {
    &report.verdict.rule
}

pub fn was_not_checked(report: &Report, what: &str) -> bool {
    report.not_checked.iter().any(|entry| entry.what == what)
}

/// The folder of the one shard.
pub fn shard(home: &Home) -> PathBuf {
    let entries = home.ledger().read_dir().unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.find(|path| path.is_dir()).unwrap()
}
