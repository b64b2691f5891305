//! WebP chunks (RFC 9649, 2).

use super::{Cursor, Survey, TextBudget};
use crate::{ChromaSubsampling, Format, ImagingError, Limits};

pub(super) fn survey(bytes: &[u8], limits: &Limits) -> Result<Survey, ImagingError> {
    let mut cursor = Cursor::new(bytes, 4, Format::WebP);
    let claimed = u32::from_le_bytes(cursor.array()?) as usize;
    cursor.take(4)?;
    let end = claimed
        .checked_add(8)
        .filter(|end| *end <= bytes.len())
        .ok_or_else(|| cursor.truncated())?;
    let mut cursor = Cursor::new(&bytes[..end], 12, Format::WebP);
    let mut budget = TextBudget::new(limits);
    let mut survey = Survey::default();
    while !cursor.is_at_end() {
        let kind = cursor.array::<4>()?;
        let length = u32::from_le_bytes(cursor.array()?);
        match &kind {
            b"EXIF" | b"XMP " => limits.check_text(length.into())?,
            b"ICCP" => limits.check_icc(length.into())?,
            _ => {}
        }
        let data = cursor.take(length as usize)?;
        if length % 2 == 1 && !cursor.is_at_end() {
            cursor.take(1)?;
        }
        match &kind {
            b"VP8X" => {
                let [_, _, _, _, w0, w1, w2, h0, h1, h2] = *data else {
                    return Err(damaged("its extended header is short"));
                };
                let width = u32::from_le_bytes([w0, w1, w2, 0]) + 1;
                let height = u32::from_le_bytes([h0, h1, h2, 0]) + 1;
                limits.check_size(width, height)?;
                (survey.width, survey.height) = (width, height);
            }
            b"VP8 " | b"VP8L" => bitstream(kind, data, limits, &mut survey)?,
            b"ANMF" => {
                survey.frames += 1;
                limits.check_frames(survey.frames)?;
                if survey.frames == 1 {
                    frame(data, limits, &mut survey)?;
                }
            }
            b"ICCP" => survey.metadata.icc = Some(data.to_vec()),
            b"EXIF" => {
                budget.spend(data.len() as u64)?;
                let exif = data.strip_prefix(super::EXIF_PREFIX).unwrap_or(data);
                survey.metadata.exif = Some(exif.to_vec());
            }
            b"XMP " => {
                budget.spend(data.len() as u64)?;
                survey.metadata.xmp = Some(data.to_vec());
            }
            _ => {}
        }
    }
    if survey.frames == 0 {
        return Err(damaged("it holds no picture"));
    }
    Ok(survey)
}

/// The first animation frame: 16 bytes of header, an optional ALPH chunk, then the bitstream.
fn frame(data: &[u8], limits: &Limits, survey: &mut Survey) -> Result<(), ImagingError> {
    let mut cursor = Cursor::new(data, 16, Format::WebP);
    while !cursor.is_at_end() {
        let kind = cursor.array::<4>()?;
        let length = u32::from_le_bytes(cursor.array()?) as usize;
        let data = cursor.take(length)?;
        if length % 2 == 1 && !cursor.is_at_end() {
            cursor.take(1)?;
        }
        if matches!(&kind, b"VP8 " | b"VP8L") {
            let frames = survey.frames;
            bitstream(kind, data, limits, survey)?;
            survey.frames = frames;
            return Ok(());
        }
    }
    Err(damaged("its first frame holds no picture"))
}

/// Reads the size from the bitstream itself, which the decoder will believe.
fn bitstream(
    kind: [u8; 4],
    data: &[u8],
    limits: &Limits,
    survey: &mut Survey,
) -> Result<(), ImagingError> {
    survey.lossless = &kind == b"VP8L";
    let (width, height) = match (survey.lossless, data) {
        // RFC 9649, 3.4: signature, 14 bits width - 1, 14 bits height - 1.
        (true, [0x2f, a, b, c, d, ..]) => {
            let bits = u32::from_le_bytes([*a, *b, *c, *d]);
            ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)
        }
        // RFC 6386, 9.1: frame tag, start code, 14 bits width, 14 bits height.
        (false, [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..]) => (
            u32::from(u16::from_le_bytes([*w0, *w1]) & 0x3fff),
            u32::from(u16::from_le_bytes([*h0, *h1]) & 0x3fff),
        ),
        _ => return Err(damaged("its bitstream has no header")),
    };
    limits.check_size(width, height)?;
    survey.frames = 1;
    if survey.width == 0 {
        (survey.width, survey.height) = (width, height);
    }
    if !survey.lossless {
        survey.chroma = Some(ChromaSubsampling::S420);
    }
    Ok(())
}

fn damaged(reason: &str) -> ImagingError {
    ImagingError::decoding(Format::WebP, reason)
}
