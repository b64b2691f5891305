//! Header of a GGUF file, versions 1 to 3 (ggml's `docs/gguf.md`): counts, metadata, tensors, then aligned data.
//!
//! Of the metadata only what decides about tensors is kept: single values, and the original shapes that ComfyUI-GGUF
//! writes where it had to reshape a tensor.

use std::collections::BTreeMap;

use super::decode::{BlockType, StoredType};
use super::header::{Entry, Header, values_of};
use super::source::{Reader, Source};
use crate::error::DiffusionError;

pub(super) const MAGIC: &[u8; 4] = b"GGUF";

const MOST_TENSORS: u64 = 1 << 20;
const MOST_PAIRS: u64 = 1 << 16;
const MOST_NAME: u64 = 1 << 16;
const MOST_AXES: u32 = 8;
/// Longest text value that is kept; longer ones, such as chat templates, are passed over.
const MOST_TEXT: u64 = 1 << 10;
/// Most arrays within arrays.
const MOST_DEPTH: u32 = 8;
const ORIGINAL_SHAPE: &str = "comfy.gguf.orig_shape.";

/// Numbers of the kinds of values that have no fixed length.
const TEXT: u32 = 8;
const ARRAY: u32 = 9;

/// A value of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text(String),
    Shape(Vec<usize>),
    /// Known to be there, but not kept.
    Other,
}

/// What the header says.
#[derive(Debug)]
pub(super) struct Gguf {
    pub(super) header: Header,
    pub(super) metadata: BTreeMap<String, Value>,
}

pub(super) fn read(source: &Source) -> Result<Gguf, DiffusionError> {
    let mut parser = Parser::new(source)?;
    let tensors = parser.count("tensors", MOST_TENSORS)?;
    let pairs = parser.count("metadata values", MOST_PAIRS)?;
    let mut metadata = BTreeMap::new();
    for _ in 0..pairs {
        let key = parser.text(MOST_NAME)?;
        let kind = parser.u32()?;
        let keep = key.starts_with(ORIGINAL_SHAPE);
        let value = parser.value(kind, keep)?;
        metadata.insert(key, value);
    }
    let mut entries = Vec::new();
    for _ in 0..tensors {
        entries.push(parser.tensor(&metadata)?);
    }
    let alignment = match metadata.get("general.alignment") {
        Some(Value::Number(bytes)) if *bytes >= 1.0 && *bytes <= f64::from(1 << 20) => {
            *bytes as u64
        }
        Some(_) => return Err(source.invalid("its alignment is impossible")),
        None => 32,
    };
    let base = parser.reader.position().next_multiple_of(alignment);
    check_ranges(source, base, &entries)?;
    Ok(Gguf {
        header: Header {
            base,
            tensors: entries,
        },
        metadata,
    })
}

/// Every tensor within the file, none over another.
fn check_ranges(
    source: &Source,
    base: u64,
    tensors: &[(String, Entry)],
) -> Result<(), DiffusionError> {
    let mut ranges: Vec<(u64, u64, &str)> = tensors
        .iter()
        .map(|(name, entry)| (entry.start, entry.end, name.as_str()))
        .collect();
    ranges.sort_unstable();
    let mut covered = 0;
    for (start, end, name) in ranges {
        if start < covered {
            return Err(source.invalid(format!(
                "{name} starts at byte {start}, within the tensor before it"
            )));
        }
        covered = end;
    }
    match base.checked_add(covered) {
        Some(end) if end <= source.length() => Ok(()),
        end => Err(source.truncated(end.unwrap_or(u64::MAX))),
    }
}

struct Parser<'a> {
    source: &'a Source,
    reader: Reader<'a>,
    /// Lengths and counts have 32 bits.
    short: bool,
}

impl<'a> Parser<'a> {
    fn new(source: &'a Source) -> Result<Self, DiffusionError> {
        let mut reader = source.reader(MAGIC.len() as u64);
        let version = u32::from_le_bytes(reader.array()?);
        if !(1..=3).contains(&version) {
            return Err(source.invalid(format!("GGUF version {version} is not known")));
        }
        Ok(Self {
            source,
            reader,
            short: version == 1,
        })
    }

    fn u32(&mut self) -> Result<u32, DiffusionError> {
        Ok(u32::from_le_bytes(self.reader.array()?))
    }

    fn u64(&mut self) -> Result<u64, DiffusionError> {
        Ok(u64::from_le_bytes(self.reader.array()?))
    }

    fn length(&mut self) -> Result<u64, DiffusionError> {
        if self.short {
            Ok(u64::from(self.u32()?))
        } else {
            self.u64()
        }
    }

    fn count(&mut self, what: &str, most: u64) -> Result<u64, DiffusionError> {
        let count = self.length()?;
        if count > most {
            return Err(self
                .source
                .invalid(format!("it announces {count} {what}, more than {most}")));
        }
        Ok(count)
    }

    fn text(&mut self, most: u64) -> Result<String, DiffusionError> {
        let length = self.length()?;
        if length > most {
            return Err(self
                .source
                .invalid(format!("a name of {length} bytes is longer than {most}")));
        }
        let bytes = self.reader.take(length as usize)?;
        String::from_utf8(bytes).map_err(|_| self.source.invalid("a name is not UTF-8"))
    }

    /// Bytes of a value of fixed length; `None` for text, arrays and what is not known.
    fn width(kind: u32) -> Option<u64> {
        match kind {
            0 | 1 | 7 => Some(1),
            2 | 3 => Some(2),
            4..=6 => Some(4),
            10..=12 => Some(8),
            _ => None,
        }
    }

    fn value(&mut self, kind: u32, keep_array: bool) -> Result<Value, DiffusionError> {
        match kind {
            TEXT => {
                let length = self.length()?;
                if length > MOST_TEXT {
                    self.reader.skip(length)?;
                    return Ok(Value::Other);
                }
                let bytes = self.reader.take(length as usize)?;
                Ok(String::from_utf8(bytes).map_or(Value::Other, Value::Text))
            }
            ARRAY => {
                let kind = self.u32()?;
                let count = self.length()?;
                if keep_array && count <= u64::from(MOST_AXES) && Self::width(kind).is_some() {
                    let mut axes = Vec::new();
                    for _ in 0..count {
                        axes.push(self.number(kind)? as usize);
                    }
                    return Ok(Value::Shape(axes));
                }
                self.pass_over(kind, count, MOST_DEPTH)?;
                Ok(Value::Other)
            }
            _ => Ok(Value::Number(self.number(kind)?)),
        }
    }

    /// Passes over the values of an array.
    fn pass_over(&mut self, kind: u32, count: u64, depth: u32) -> Result<(), DiffusionError> {
        match (kind, Self::width(kind)) {
            (_, Some(width)) => self.reader.skip(count.saturating_mul(width)),
            (TEXT, _) => {
                for _ in 0..count {
                    let length = self.length()?;
                    self.reader.skip(length)?;
                }
                Ok(())
            }
            (ARRAY, _) if depth > 0 => {
                for _ in 0..count {
                    let (kind, count) = (self.u32()?, self.length()?);
                    self.pass_over(kind, count, depth - 1)?;
                }
                Ok(())
            }
            _ => Err(self.source.invalid(format!("an array of type {kind}"))),
        }
    }

    fn number(&mut self, kind: u32) -> Result<f64, DiffusionError> {
        Ok(match kind {
            0 | 7 => f64::from(self.reader.array::<1>()?[0]),
            1 => f64::from(i8::from_le_bytes(self.reader.array()?)),
            2 => f64::from(u16::from_le_bytes(self.reader.array()?)),
            3 => f64::from(i16::from_le_bytes(self.reader.array()?)),
            4 => f64::from(self.u32()?),
            5 => f64::from(i32::from_le_bytes(self.reader.array()?)),
            6 => f64::from(f32::from_le_bytes(self.reader.array()?)),
            10 => self.u64()? as f64,
            11 => i64::from_le_bytes(self.reader.array()?) as f64,
            12 => f64::from_le_bytes(self.reader.array()?),
            _ => return Err(self.source.invalid(format!("a value of type {kind}"))),
        })
    }

    fn tensor(
        &mut self,
        metadata: &BTreeMap<String, Value>,
    ) -> Result<(String, Entry), DiffusionError> {
        let name = self.text(MOST_NAME)?;
        let axes = self.u32()?;
        if axes > MOST_AXES {
            return Err(self.source.invalid(format!("{name} has {axes} axes")));
        }
        let mut shape = Vec::new();
        for _ in 0..axes {
            shape.push(self.length()? as usize);
        }
        // The file tells the fastest axis first.
        shape.reverse();
        let stored = StoredType::of_gguf(self.u32()?);
        let start = self.u64()?;
        let impossible = || {
            self.source
                .invalid(format!("{name} has the impossible shape {shape:?}"))
        };
        let values = values_of(&shape).ok_or_else(impossible)?;
        let row = shape.last().copied().unwrap_or(1) as u64;
        let length = match &stored {
            StoredType::Blocks(kind) if !row.is_multiple_of(BlockType::values(*kind)) => None,
            _ => stored.length(values),
        };
        // Of a type that is not known the length is not known either; it is refused when asked for.
        let length = match (&stored, length) {
            (StoredType::Other(_), _) => 0,
            (_, Some(length)) => length,
            (_, None) => return Err(impossible()),
        };
        let end = start.checked_add(length).ok_or_else(impossible)?;
        if let Some(Value::Shape(original)) = metadata.get(&format!("{ORIGINAL_SHAPE}{name}")) {
            if values_of(original) != Some(values) {
                return Err(self
                    .source
                    .invalid(format!("{name} cannot have had the shape {original:?}")));
            }
            shape.clone_from(original);
        }
        Ok((
            name,
            Entry {
                stored,
                shape,
                start,
                end,
            },
        ))
    }
}
