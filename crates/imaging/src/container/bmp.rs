//! BMP headers (`BITMAPCOREHEADER`, `BITMAPINFOHEADER` and its successors).

use super::{Cursor, Survey};
use crate::{Density, DensityUnit, Format, ImagingError, Limits};

pub(super) fn survey(bytes: &[u8], limits: &Limits) -> Result<Survey, ImagingError> {
    let mut cursor = Cursor::new(bytes, 14, Format::Bmp);
    let header_size = u32::from_le_bytes(cursor.array()?);
    let (width, height) = if header_size == 12 {
        let width = u16::from_le_bytes(cursor.array()?);
        let height = u16::from_le_bytes(cursor.array()?);
        (u32::from(width), u32::from(height))
    } else {
        let width = i32::from_le_bytes(cursor.array()?);
        // A negative height means that the rows run from top to bottom.
        let height = i32::from_le_bytes(cursor.array()?);
        let width = u32::try_from(width)
            .map_err(|_| ImagingError::decoding(Format::Bmp, "its width is negative"))?;
        (width, height.unsigned_abs())
    };
    limits.check_size(width, height)?;
    let mut survey = Survey {
        width,
        height,
        frames: 1,
        lossless: true,
        ..Survey::default()
    };
    if header_size >= 40 {
        cursor.take(12)?;
        let x = u32::from_le_bytes(cursor.array()?);
        let y = u32::from_le_bytes(cursor.array()?);
        if x > 0 && y > 0 {
            let unit = DensityUnit::Metre;
            survey.metadata.density = Some(Density { x, y, unit });
        }
    }
    Ok(survey)
}
