//! GIF blocks (`GIF89a` specification, 18 to 27).

use super::{Cursor, Survey};
use crate::{Format, ImagingError, Limits};

pub(super) fn survey(bytes: &[u8], limits: &Limits) -> Result<Survey, ImagingError> {
    let mut cursor = Cursor::new(bytes, 6, Format::Gif);
    let [w0, w1, h0, h1, flags, _, _] = cursor.array()?;
    let mut survey = Survey {
        width: u16::from_le_bytes([w0, w1]).into(),
        height: u16::from_le_bytes([h0, h1]).into(),
        lossless: true,
        ..Survey::default()
    };
    limits.check_size(survey.width, survey.height)?;
    colour_table(&mut cursor, flags)?;
    loop {
        // Many programs leave the trailer out; viewers do not mind after a whole frame.
        if cursor.is_at_end() && survey.frames > 0 {
            return Ok(survey);
        }
        match cursor.u8()? {
            0x2c => {
                let [_, _, _, _, w0, w1, h0, h1, flags] = cursor.array()?;
                limits.check_size(
                    u16::from_le_bytes([w0, w1]).into(),
                    u16::from_le_bytes([h0, h1]).into(),
                )?;
                colour_table(&mut cursor, flags)?;
                cursor.take(1)?;
                sub_blocks(&mut cursor)?;
                survey.frames += 1;
                limits.check_frames(survey.frames)?;
            }
            0x21 => {
                cursor.take(1)?;
                sub_blocks(&mut cursor)?;
            }
            0x3b if survey.frames > 0 => return Ok(survey),
            0x3b => return Err(damaged("it holds no picture")),
            _ => return Err(damaged("a block is of no known kind")),
        }
    }
}

fn colour_table(cursor: &mut Cursor<'_>, flags: u8) -> Result<(), ImagingError> {
    if flags & 0x80 != 0 {
        cursor.take(3 << ((flags & 7) + 1))?;
    }
    Ok(())
}

fn sub_blocks(cursor: &mut Cursor<'_>) -> Result<(), ImagingError> {
    loop {
        let length = cursor.u8()?;
        if length == 0 {
            return Ok(());
        }
        cursor.take(length.into())?;
    }
}

fn damaged(reason: &str) -> ImagingError {
    ImagingError::decoding(Format::Gif, reason)
}
