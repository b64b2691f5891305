//! From the input's pixels to an unsigned file: mark, metadata, encoding.

use colophon_fingerprint::{Fingerprint, Sketch, pdq};
use colophon_imaging::{
    ChromaSubsampling, EncodeOptions, Format, ImagingError, Limits, Picture, ProvenanceXmp, decode,
    encode,
};
use colophon_ledger::{Entry, Ledger};
use colophon_policy::Binding;
use colophon_watermark::{Detection, Detector, Embedder, Mark, Payload, Plane, WatermarkError};

use crate::binding::Examined;
use crate::issue::Statement;
use crate::lookup::comparison;
use crate::{Config, EmbedOptions, IssueOptions, LEAST_PSNR, ProvenanceError};

/// PSNR, in dB, that the mark leaves in a JPEG or WebP, so that mark and compression together can stay at
/// [`FILE_PSNR`]: JPEG at quality 100 with full chroma costs about 51 dB.
const LEAST_PSNR_UNDER_LOSS: f64 = 43.2;
/// PSNR, in dB, that a lossy file is raised to, by our decoder: others differ a little.
const FILE_PSNR: f64 = LEAST_PSNR + 0.5;
/// Qualities tried after the first until the file keeps [`FILE_PSNR`].
const QUALITIES: [u8; 4] = [95, 97, 99, 100];
/// WebP qualities tried for a picture that was lossy before; without loss after them.
const WEBP_QUALITIES: [f32; 3] = [90.0, 96.0, 100.0];
/// Largest deviation from the identity, per axis, of a pose that counts as unturned and unscaled.
const SAME_POSE: f64 = 0.003;

/// Reads and writes marks.
pub(crate) struct Marker {
    pub embedder: Embedder,
    pub detector: Detector,
    /// Strength of marks for which nothing else is asked.
    pub embed: EmbedOptions,
}

/// A picture with its mark, or with the reason why there is none.
pub(crate) struct Marked {
    pub picture: Picture,
    pub watermark_id: Option<u64>,
    /// The input carried the mark already.
    pub kept: bool,
    pub psnr: Option<f64>,
    pub margin: Option<f64>,
    pub unmarked_reason: Option<String>,
}

impl Marker {
    /// Marks a copy of `original`; keeps a mark of this home that it already carries.
    pub fn mark(
        &self,
        original: &Picture,
        asked: &IssueOptions,
        format: Format,
        ledger: &Ledger,
    ) -> Result<Marked, ProvenanceError> {
        let payload = match asked.payload {
            Some(id) => Payload(id),
            None => unused_id(ledger)?,
        };
        let luma = plane(original)?;
        let options = options_for(format, asked.embed.unwrap_or(self.embed));
        let (present, mark) = rayon::join(
            || self.detector.detect(&luma),
            || self.embedder.mark(&luma, payload, &options),
        );
        if let Some(present) = present.filter(|present| is_unturned(present, &luma)) {
            let id = present.payload.0;
            refuse_foreign(ledger, &present, &luma)?;
            return Ok(Marked {
                watermark_id: Some(id),
                kept: true,
                ..unmarked(original, None)
            });
        }
        drop(luma);
        let mark = match mark {
            Ok(mark) => mark,
            Err(error @ (WatermarkError::TooSmall { .. } | WatermarkError::NoRoom { .. })) => {
                let reason = error.to_string();
                if asked.allow_unmarked {
                    return Ok(unmarked(original, Some(reason)));
                }
                return Err(ProvenanceError::CannotMark { reason });
            }
            Err(other) => return Err(ProvenanceError::Internal(other.to_string())),
        };
        let (picture, psnr) = applied(&mark, original)?;
        Ok(Marked {
            picture,
            watermark_id: Some(payload.0),
            kept: false,
            psnr: finite(psnr),
            margin: Some(mark.margin),
            unmarked_reason: None,
        })
    }
}

/// A file with a mark and nothing else.
#[derive(Debug)]
pub struct MarkedFile {
    /// The encoded picture, with the input's own metadata.
    pub bytes: Vec<u8>,
    /// PSNR of the marked pixels against the input, dB.
    pub psnr_mark: f64,
    /// PSNR of the decoded file against the input, dB; `None` when nothing differs.
    pub psnr_file: Option<f64>,
    /// Margin of the mark after JPEG 50, standard deviations.
    pub margin: f64,
}

/// Marks and encodes as an issuer does, without manifest and record.
///
/// # Errors
/// [`ProvenanceError::CannotMark`], [`ProvenanceError::Animated`], [`ProvenanceError::Cmyk`],
/// [`ProvenanceError::Imaging`].
pub fn mark_only(
    original: &Picture,
    embedder: &Embedder,
    payload: Payload,
    embed: EmbedOptions,
    format: Format,
    config: &Config,
) -> Result<MarkedFile, ProvenanceError> {
    refuse_unfaithful(original)?;
    let mark = embedder
        .mark(&plane(original)?, payload, &options_for(format, embed))
        .map_err(|error| ProvenanceError::CannotMark {
            reason: error.to_string(),
        })?;
    let (picture, psnr_mark) = applied(&mark, original)?;
    let floor = config.jpeg_quality_floor.value;
    let encoded = encode_close(&picture, original, format, None, floor, &config.limits())?;
    Ok(MarkedFile {
        bytes: encoded.bytes,
        psnr_mark,
        psnr_file: encoded.psnr,
        margin: mark.margin,
    })
}

/// Refuses what could only be written back as less than it was.
pub(crate) fn refuse_unfaithful(picture: &Picture) -> Result<(), ProvenanceError> {
    match picture.frames_hint() {
        frames @ 2.. => Err(ProvenanceError::Animated { frames }),
        _ if picture.is_cmyk() => Err(ProvenanceError::Cmyk),
        _ => Ok(()),
    }
}

/// The limits of the mark, with room for the losses of the format.
fn options_for(format: Format, mut embed: EmbedOptions) -> EmbedOptions {
    if format != Format::Png {
        embed.least_psnr = embed.least_psnr.max(LEAST_PSNR_UNDER_LOSS);
        embed.most_psnr = embed.most_psnr.max(embed.least_psnr);
    }
    embed
}

/// A copy with the mark, and its PSNR.
fn applied(mark: &Mark, original: &Picture) -> Result<(Picture, f64), ProvenanceError> {
    let mut picture = original.clone();
    picture.add_luma_delta(mark.delta.data())?;
    let psnr = picture.psnr(original)?;
    if psnr < LEAST_PSNR {
        return Err(ProvenanceError::ReadBack {
            what: format!("the mark leaves only {psnr:.1} dB of {LEAST_PSNR} dB"),
        });
    }
    Ok((picture, psnr))
}

fn unmarked(original: &Picture, reason: Option<String>) -> Marked {
    Marked {
        picture: original.clone(),
        watermark_id: None,
        kept: false,
        psnr: None,
        margin: None,
        unmarked_reason: reason,
    }
}

/// A second mark on top of one in the same place would make both hard to read.
fn is_unturned(detection: &Detection, luma: &Plane) -> bool {
    let pose = detection.placement.pose(luma.width(), luma.height());
    let [[a, b], [c, d]] = pose.matrix;
    [a - 1.0, b, c, d - 1.0]
        .iter()
        .all(|off| off.abs() <= SAME_POSE)
}

/// Refuses a mark that the ledger knows as that of a picture that shows something else.
fn refuse_foreign(
    ledger: &Ledger,
    detection: &Detection,
    luma: &Plane,
) -> Result<(), ProvenanceError> {
    let id = detection.payload.0;
    let examined = Examined {
        luma,
        placement: Some(&detection.placement),
        hashes: None,
    };
    let entries = ledger.by_watermark_id(id)?;
    let different =
        |entry: &&Entry| comparison(entry, Some(examined)).binding == Binding::Different;
    match entries.iter().find(different) {
        Some(entry) => Err(ProvenanceError::ForeignMark {
            id,
            record: entry.index.0,
        }),
        None => Ok(()),
    }
}

fn unused_id(ledger: &Ledger) -> Result<Payload, ProvenanceError> {
    loop {
        let id = getrandom::u64().map_err(|error| ProvenanceError::Random(error.to_string()))?;
        if ledger.by_watermark_id(id)?.is_empty() {
            return Ok(Payload(id));
        }
    }
}

/// Writes the IPTC properties, after removing the input's own metadata if that is asked for.
pub(crate) fn set_metadata(picture: &mut Picture, statement: &Statement<'_>) {
    if !statement.keep_metadata {
        picture.strip_metadata();
    }
    let system = statement
        .generator
        .as_ref()
        .filter(|_| statement.source.is_ai());
    picture.set_provenance_xmp(&ProvenanceXmp {
        digital_source_type: statement.source.uri(),
        ai_system_used: system.map(|agent| agent.name.clone()),
        ai_system_version: system.and_then(|agent| agent.version.clone()),
        creator_tool: None,
    });
}

/// An encoded picture and what its decoded pixels are like.
pub(crate) struct Encoded {
    pub bytes: Vec<u8>,
    pub jpeg_quality: Option<u8>,
    pub psnr: Option<f64>,
    pub content: Content,
}

/// What a record keeps of the issued pixels.
#[derive(PartialEq)]
pub(crate) struct Content {
    pub width: u32,
    pub height: u32,
    /// `None` for a picture with too little structure for it to mean something.
    pub fingerprint: Option<Fingerprint>,
    pub sketch: Sketch,
}

impl Content {
    pub fn of(luma: &Plane) -> Result<Self, ProvenanceError> {
        let (width, height) = (luma.width(), luma.height());
        let fingerprint = pdq(luma.data(), width, height).ok();
        Ok(Self {
            width: width as u32,
            height: height as u32,
            fingerprint: fingerprint
                .filter(|(_, quality)| quality.is_reliable())
                .map(|(fingerprint, _)| fingerprint),
            sketch: Sketch::new(luma.data(), width, height)?,
        })
    }
}

/// Encodes, for lossy formats with rising quality until the file keeps [`FILE_PSNR`] against `original`.
pub(crate) fn encode_close(
    picture: &Picture,
    original: &Picture,
    format: Format,
    jpeg_quality: Option<u8>,
    quality_floor: u8,
    limits: &Limits,
) -> Result<Encoded, ProvenanceError> {
    let mut attempts = attempts(original, format, jpeg_quality, quality_floor)
        .into_iter()
        .peekable();
    loop {
        let Some(options) = attempts.next() else {
            return Err(ProvenanceError::Internal(
                "no way to encode was tried".to_owned(),
            ));
        };
        let bytes = encode(picture, &options)?;
        let decoded = decode(&bytes, limits)?;
        let psnr = seen_psnr(&decoded, original)?;
        if psnr >= FILE_PSNR || attempts.peek().is_none() {
            return Ok(Encoded {
                bytes,
                jpeg_quality: (format == Format::Jpeg).then_some(options.jpeg_quality),
                psnr: finite(psnr),
                content: Content::of(&plane(&decoded)?)?,
            });
        }
    }
}

fn attempts(
    original: &Picture,
    format: Format,
    jpeg_quality: Option<u8>,
    quality_floor: u8,
) -> Vec<EncodeOptions> {
    let base = EncodeOptions::new(format);
    match format {
        Format::Jpeg => {}
        Format::WebP if !original.is_lossless_source() => return lossy_webp_first(&base),
        _ => return vec![base],
    }
    let chroma = original.source_chroma().unwrap_or(ChromaSubsampling::S444);
    if let Some(jpeg_quality) = jpeg_quality {
        return vec![EncodeOptions {
            jpeg_quality,
            chroma,
            ..base
        }];
    }
    let first = original
        .source_jpeg_quality()
        .unwrap_or(0)
        .max(quality_floor);
    let higher = QUALITIES.into_iter().filter(|quality| *quality > first);
    // A camera's own halved chroma is kept only as long as it costs nothing.
    let mut tried = vec![EncodeOptions {
        jpeg_quality: first,
        chroma,
        ..base.clone()
    }];
    tried.extend(higher.map(|jpeg_quality| EncodeOptions {
        jpeg_quality,
        ..base.clone()
    }));
    if first == 100 && chroma != ChromaSubsampling::S444 {
        tried.push(EncodeOptions {
            jpeg_quality: 100,
            ..base
        });
    }
    tried
}

/// A picture that was lossy before is not blown up to a lossless file unless its quality needs it.
fn lossy_webp_first(base: &EncodeOptions) -> Vec<EncodeOptions> {
    let lossy = WEBP_QUALITIES.map(|quality| EncodeOptions {
        webp_quality: Some(quality),
        ..base.clone()
    });
    lossy.into_iter().chain([base.clone()]).collect()
}

/// PSNR over the samples or, when formats differ in depth or channels, over 8-bit RGB.
fn seen_psnr(a: &Picture, b: &Picture) -> Result<f64, ImagingError> {
    if let Ok(psnr) = a.psnr(b) {
        return Ok(psnr);
    }
    let rgb = |picture: &Picture| {
        let samples = colophon_imaging::Samples::U8(picture.to_rgb8());
        Picture::new(
            picture.width(),
            picture.height(),
            colophon_imaging::Channels::Rgb,
            samples,
        )
    };
    rgb(a)?.psnr(&rgb(b)?)
}

/// The luma of a picture as a plane.
pub(crate) fn plane(picture: &Picture) -> Result<Plane, ProvenanceError> {
    Plane::new(
        picture.width() as usize,
        picture.height() as usize,
        picture.luma(),
    )
    .map_err(|error| ProvenanceError::Internal(error.to_string()))
}

/// JSON has no infinity: no difference is `None`.
fn finite(psnr: f64) -> Option<f64> {
    psnr.is_finite().then_some(psnr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_leaves_room_for_jpeg() {
        let noise = |psnr: f64| 10f64.powf(-psnr / 10.0);
        let both = -10.0 * (noise(LEAST_PSNR_UNDER_LOSS) + noise(51.0)).log10();
        assert!(both >= FILE_PSNR);
        assert!(EmbedOptions::default().least_psnr >= LEAST_PSNR);
    }
}
