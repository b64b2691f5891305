//! JPEG marker segments (ITU-T T.81, B) with the application segments of JFIF, Exif, XMP, ICC,
//! Photoshop and Adobe.

use super::{Cursor, Survey, TextBudget};
use crate::{ChromaSubsampling, Density, DensityUnit, Format, ImagingError, Limits};

/// Before EXIF in APP1.
pub(crate) const EXIF_PREFIX: &[u8] = b"Exif\0\0";
/// Before XMP in APP1.
pub(crate) const XMP_PREFIX: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// Before the image resources in APP13.
pub(crate) const PHOTOSHOP_PREFIX: &[u8] = b"Photoshop 3.0\0";
/// Before sequence number, count and a part of the profile in APP2 (ICC.1:2022, B.4).
const ICC_PREFIX: &[u8] = b"ICC_PROFILE\0";

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP13: u8 = 0xed;
const COM: u8 = 0xfe;

pub(super) fn survey(bytes: &[u8], limits: &Limits) -> Result<Survey, ImagingError> {
    let mut cursor = Cursor::new(bytes, 2, Format::Jpeg);
    let mut walk = Walk {
        limits,
        budget: TextBudget::new(limits),
        survey: Survey {
            frames: 1,
            ..Survey::default()
        },
        icc: Vec::new(),
        icc_bytes: 0,
        sequential: true,
        components: 0,
    };
    let mut scans = 0;
    loop {
        let marker = next_marker(&mut cursor)?;
        match marker {
            EOI if scans > 0 => return Ok(walk.finish()),
            EOI | SOI => return Err(damaged("it ends before its pixels begin")),
            // Restart and TEM markers stand alone.
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let payload = segment(&mut cursor)?;
        if marker == SOS {
            scans += 1;
            limits.check_scans(scans)?;
            walk.scan(payload);
            skip_scan(&mut cursor)?;
        } else {
            walk.segment(marker, payload)?;
        }
    }
}

/// The first luma quantisation table, in zigzag order.
pub(crate) fn first_quantisation_table(bytes: &[u8]) -> Option<[u16; 64]> {
    let mut cursor = Cursor::new(bytes, 2, Format::Jpeg);
    loop {
        let marker = next_marker(&mut cursor).ok()?;
        if marker == SOS || marker == EOI {
            return None;
        }
        let payload = segment(&mut cursor).ok()?;
        if marker != DQT {
            continue;
        }
        let (precision_and_id, rest) = payload.split_first()?;
        let mut table = [0; 64];
        if precision_and_id >> 4 == 0 {
            for (entry, value) in table.iter_mut().zip(rest.get(..64)?) {
                *entry = u16::from(*value);
            }
        } else {
            for (entry, pair) in table.iter_mut().zip(rest.get(..128)?.chunks_exact(2)) {
                *entry = u16::from_be_bytes([pair[0], pair[1]]);
            }
        }
        return Some(table);
    }
}

fn next_marker(cursor: &mut Cursor<'_>) -> Result<u8, ImagingError> {
    if cursor.u8()? != 0xff {
        return Err(damaged("a marker is missing"));
    }
    loop {
        match cursor.u8()? {
            0xff => {}
            0x00 => return Err(damaged("a marker is missing")),
            marker => return Ok(marker),
        }
    }
}

fn segment<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], ImagingError> {
    let length = usize::from(u16::from_be_bytes(cursor.array()?));
    let length = length
        .checked_sub(2)
        .ok_or_else(|| damaged("a segment has no length"))?;
    cursor.take(length)
}

/// Skips entropy-coded data up to the next marker that is no restart.
fn skip_scan(cursor: &mut Cursor<'_>) -> Result<(), ImagingError> {
    let rest = &cursor.bytes[cursor.at..];
    let end = rest
        .windows(2)
        .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff | 0xd0..=0xd7))
        .ok_or_else(|| cursor.truncated())?;
    cursor.at += end;
    Ok(())
}

struct Walk<'a> {
    limits: &'a Limits,
    budget: TextBudget<'a>,
    survey: Survey,
    /// Parts of the ICC profile: sequence number, count, bytes.
    icc: Vec<(u8, u8, &'a [u8])>,
    icc_bytes: u64,
    sequential: bool,
    components: u8,
}

impl<'a> Walk<'a> {
    fn segment(&mut self, marker: u8, payload: &'a [u8]) -> Result<(), ImagingError> {
        match marker {
            0xc0..=0xc2 => {
                self.sequential = marker != 0xc2;
                return self.frame(payload);
            }
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Err(ImagingError::Unsupported {
                    found: "a lossless, hierarchical or arithmetic-coded JPEG",
                    advice: "save it as a baseline or progressive JPEG first",
                });
            }
            APP0 => self.jfif(payload),
            APP1 => {
                if let Some(exif) = payload.strip_prefix(EXIF_PREFIX) {
                    self.budget.spend(exif.len() as u64)?;
                    let kept = &mut self.survey.metadata.exif;
                    kept.get_or_insert_with(|| exif.to_vec());
                } else if let Some(xmp) = payload.strip_prefix(XMP_PREFIX) {
                    self.budget.spend(xmp.len() as u64)?;
                    let kept = &mut self.survey.metadata.xmp;
                    kept.get_or_insert_with(|| xmp.to_vec());
                }
            }
            APP2 => {
                if let Some([sequence, count, part @ ..]) = payload.strip_prefix(ICC_PREFIX) {
                    self.icc_bytes += part.len() as u64 + 1;
                    self.limits.check_icc(self.icc_bytes)?;
                    self.icc.push((*sequence, *count, part));
                }
            }
            APP13 => {
                if let Some(resources) = payload.strip_prefix(PHOTOSHOP_PREFIX) {
                    self.budget.spend(resources.len() as u64)?;
                    // Long resources continue in the next segment.
                    let kept = &mut self.survey.metadata.iptc;
                    kept.get_or_insert_default().extend_from_slice(resources);
                }
            }
            COM => {
                self.budget.spend(payload.len() as u64)?;
                self.survey.metadata.comments.push(payload.to_vec());
            }
            _ => {}
        }
        Ok(())
    }

    /// SOF0, SOF1, SOF2: precision, height, width, then three bytes a component.
    fn frame(&mut self, payload: &[u8]) -> Result<(), ImagingError> {
        let [precision, h1, h0, w1, w0, count, components @ ..] = payload else {
            return Err(damaged("its frame header is short"));
        };
        if self.survey.width != 0 {
            return Err(damaged("it has two frame headers"));
        }
        self.survey.height = u16::from_be_bytes([*h1, *h0]).into();
        self.survey.width = u16::from_be_bytes([*w1, *w0]).into();
        self.limits
            .check_size(self.survey.width, self.survey.height)?;
        if *precision != 8 {
            return Err(ImagingError::Unsupported {
                found: "a 12-bit JPEG",
                advice: "export it as 16-bit PNG or 8-bit JPEG first",
            });
        }
        if self.survey.width == 0 || self.survey.height == 0 {
            return Err(damaged("it has no pixels"));
        }
        if components.len() != usize::from(*count) * 3 || !matches!(count, 1 | 3 | 4) {
            return Err(damaged("it has an odd number of colour components"));
        }
        self.components = *count;
        self.survey.cmyk = *count == 4;
        if *count == 3 {
            let halved = components[1] == 0x22 && components[4] == 0x11 && components[7] == 0x11;
            // Everything between the two is kept best by the finer one.
            self.survey.chroma = Some(if halved {
                ChromaSubsampling::S420
            } else {
                ChromaSubsampling::S444
            });
        }
        Ok(())
    }

    /// SOS: the first byte counts the components of the scan.
    fn scan(&mut self, payload: &[u8]) {
        let count = payload.first().copied().unwrap_or(0);
        self.survey.split_scans |= self.sequential && count < self.components;
    }

    /// JFIF 1.02: identifier, version, units, Xdensity, Ydensity, thumbnail.
    fn jfif(&mut self, payload: &[u8]) {
        if let Some([_, _, unit, x1, x0, y1, y0, ..]) = payload.strip_prefix(b"JFIF\0") {
            self.survey.metadata.density = Some(Density {
                x: u16::from_be_bytes([*x1, *x0]).into(),
                y: u16::from_be_bytes([*y1, *y0]).into(),
                unit: match unit {
                    1 => DensityUnit::Inch,
                    2 => DensityUnit::Centimetre,
                    _ => DensityUnit::AspectRatio,
                },
            });
        }
    }

    /// Joins the profile; with parts missing there is none.
    fn finish(mut self) -> Survey {
        self.icc.sort_by_key(|(sequence, ..)| *sequence);
        let whole = self
            .icc
            .iter()
            .enumerate()
            .all(|(i, (sequence, count, _))| {
                usize::from(*sequence) == i + 1 && usize::from(*count) == self.icc.len()
            });
        if whole && !self.icc.is_empty() {
            let parts = self.icc.iter().map(|(.., part)| *part);
            self.survey.metadata.icc = Some(parts.collect::<Vec<_>>().concat());
        }
        self.survey
    }
}

fn damaged(reason: &str) -> ImagingError {
    ImagingError::decoding(Format::Jpeg, reason)
}
