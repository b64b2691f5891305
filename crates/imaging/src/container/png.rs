//! PNG chunks (W3C PNG third edition, 11).

use super::{Cursor, Survey, TextBudget, inflate};
use crate::{Density, DensityUnit, Format, ImagingError, Limits, PngChunk};

/// Keyword of the text chunk that holds XMP.
pub(crate) const XMP_KEYWORD: &[u8] = b"XML:com.adobe.xmp";

/// Chunks that describe colour, kept as they are.
const COLOUR: [&[u8; 4]; 8] = [
    b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi",
];

pub(super) fn survey(bytes: &[u8], limits: &Limits) -> Result<Survey, ImagingError> {
    let mut cursor = Cursor::new(bytes, 8, Format::Png);
    let mut budget = TextBudget::new(limits);
    let mut survey = Survey {
        frames: 1,
        lossless: true,
        ..Survey::default()
    };
    let (length, kind) = chunk_header(&mut cursor)?;
    if &kind != b"IHDR" || length != 13 {
        return Err(damaged("it does not begin with IHDR"));
    }
    let header = cursor.array::<13>()?;
    cursor.take(4)?;
    survey.width = be32(&header[0..4]);
    survey.height = be32(&header[4..8]);
    limits.check_size(survey.width, survey.height)?;

    loop {
        let (length, kind) = chunk_header(&mut cursor)?;
        // Held against the claim, not against what is there: a claimed gigabyte is refused as such.
        match &kind {
            b"tEXt" | b"zTXt" | b"iTXt" | b"eXIf" => limits.check_text(length.into())?,
            b"iCCP" => limits.check_icc(length.into())?,
            _ => {}
        }
        let data = cursor.take(length as usize)?;
        cursor.take(4)?;
        match &kind {
            b"IEND" => return Ok(survey),
            b"acTL" if data.len() == 8 => {
                survey.frames = be32(&data[0..4]).max(1);
                limits.check_frames(survey.frames)?;
            }
            b"iCCP" => survey.metadata.icc = profile(data, limits)?,
            b"eXIf" => {
                budget.spend(data.len() as u64)?;
                let exif = data.strip_prefix(super::EXIF_PREFIX).unwrap_or(data);
                survey.metadata.exif = Some(exif.to_vec());
            }
            b"pHYs" if data.len() == 9 => {
                survey.metadata.density = Some(Density {
                    x: be32(&data[0..4]),
                    y: be32(&data[4..8]),
                    unit: if data[8] == 1 {
                        DensityUnit::Metre
                    } else {
                        DensityUnit::AspectRatio
                    },
                });
            }
            b"tEXt" | b"zTXt" | b"iTXt" => text(kind, data, &mut budget, &mut survey)?,
            _ if COLOUR.contains(&&kind) => {
                budget.spend(data.len() as u64)?;
                survey.metadata.png_chunks.push(PngChunk {
                    kind,
                    data: data.to_vec(),
                });
            }
            _ => {}
        }
    }
}

fn chunk_header(cursor: &mut Cursor<'_>) -> Result<(u32, [u8; 4]), ImagingError> {
    let length = u32::from_be_bytes(cursor.array()?);
    let kind = cursor.array()?;
    if length > 0x7fff_ffff {
        return Err(damaged("a chunk claims more than 2 GiB"));
    }
    Ok((length, kind))
}

/// `iCCP`: name, zero, method 0, zlib stream. A damaged profile is left out, as viewers do.
fn profile(data: &[u8], limits: &Limits) -> Result<Option<Vec<u8>>, ImagingError> {
    let Some((_, [0, compressed @ ..])) = split_zero(data) else {
        return Ok(None);
    };
    let icc = inflate(compressed, limits.max_icc_bytes);
    if let Some(icc) = &icc {
        limits.check_icc(icc.len() as u64)?;
    }
    Ok(icc)
}

/// Inflates only to measure, keeps the chunk as it is; XMP goes to its own place.
fn text(
    kind: [u8; 4],
    data: &[u8],
    budget: &mut TextBudget<'_>,
    survey: &mut Survey,
) -> Result<(), ImagingError> {
    let Some((keyword, rest)) = split_zero(data) else {
        return Ok(());
    };
    let plain = match (&kind, rest) {
        (b"tEXt", text) => Some(text.to_vec()),
        (b"zTXt", [0, compressed @ ..]) => inflate(compressed, budget.left()),
        (b"iTXt", [compressed, 0, rest @ ..]) => split_zero(rest)
            .and_then(|(_language, rest)| split_zero(rest))
            .and_then(|(_translated, text)| match compressed {
                0 => Some(text.to_vec()),
                1 => inflate(text, budget.left()),
                _ => None,
            }),
        _ => None,
    };
    // Damaged text is left out, as viewers do.
    let Some(plain) = plain else { return Ok(()) };
    budget.spend(plain.len() as u64)?;
    if keyword == XMP_KEYWORD {
        // The first packet counts, as in the XMP toolkit.
        survey.metadata.xmp.get_or_insert(plain);
    } else {
        survey.metadata.png_chunks.push(PngChunk {
            kind,
            data: data.to_vec(),
        });
    }
    Ok(())
}

fn split_zero(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let zero = data.iter().position(|byte| *byte == 0)?;
    Some((&data[..zero], &data[zero + 1..]))
}

fn be32(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

fn damaged(reason: &str) -> ImagingError {
    ImagingError::decoding(Format::Png, reason)
}
