//! Header of a safetensors file: eight bytes of length, little-endian, then JSON, then the data.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

use super::decode::StoredType;
use super::source::Source;
use crate::error::DiffusionError;

/// Most bytes of a header that are read; the format's own library has the same limit.
pub const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Bytes of the length in front.
const PREFIX: u64 = 8;

/// One tensor as the header tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stored: StoredType,
    pub(super) shape: Vec<usize>,
    /// First byte, from the end of the header.
    pub(super) start: u64,
    /// The byte after the last.
    pub(super) end: u64,
}

impl Entry {
    /// Whether no block has values of two rows, so that rows can be cut and multiplied with.
    pub(super) fn has_whole_rows(&self) -> bool {
        let row: usize = self.shape.iter().skip(1).product();
        match self.stored {
            StoredType::Blocks(kind) => (row as u64).is_multiple_of(kind.values()),
            _ => true,
        }
    }
}

/// Number of values of a shape; `None` where its axes that are not 0 multiply to more than can be counted.
pub(super) fn values_of(shape: &[usize]) -> Option<u64> {
    let product = |all: u64, axis: &usize| all.checked_mul(*axis as u64);
    let most = shape
        .iter()
        .filter(|axis| **axis > 0)
        .try_fold(1, product)?;
    Some(if shape.contains(&0) { 0 } else { most })
}

#[derive(Debug)]
pub(super) struct Header {
    /// Offset of the first byte after the header.
    pub(super) base: u64,
    pub(super) tensors: Vec<(String, Entry)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// The header's members in their order, so that a name that comes twice is seen, and what it says of the whole.
struct Members(Vec<(String, Raw)>, BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                let mut metadata = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        // Texts by name or nothing, as the format demands.
                        let texts: Option<BTreeMap<String, String>> = map.next_value()?;
                        metadata.extend(texts.into_iter().flatten());
                    } else {
                        members.push((name, map.next_value()?));
                    }
                }
                Ok(Members(members, metadata))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// Reads and checks the header of a file; with it come the texts of its `__metadata__`.
pub(super) fn read(source: &Source) -> Result<(Header, BTreeMap<String, String>), DiffusionError> {
    if source.length() < PREFIX {
        return Err(source.truncated(PREFIX));
    }
    let mut prefix = [0; PREFIX as usize];
    prefix.copy_from_slice(&source.read(0, PREFIX as usize)?);
    let length = u64::from_le_bytes(prefix);
    if length > MAX_HEADER_BYTES {
        return Err(DiffusionError::WeightsHeaderTooLong {
            file: source.name().to_owned(),
            found: length,
            allowed: MAX_HEADER_BYTES,
        });
    }
    let base = PREFIX + length;
    if base > source.length() {
        return Err(source.truncated(base));
    }
    let json = source.read(PREFIX, length as usize)?;
    let Members(members, metadata) =
        serde_json::from_slice(&json).map_err(|error| source.invalid(error.to_string()))?;
    let mut tensors = Vec::with_capacity(members.len());
    for (name, raw) in members {
        let entry = check(raw).map_err(|reason| source.invalid(format!("{name} {reason}")))?;
        tensors.push((name, entry));
    }
    check_names(source, &tensors)?;
    check_ranges(source, base, &tensors)?;
    Ok((Header { base, tensors }, metadata))
}

/// Length of the data against shape and type.
fn check(raw: Raw) -> Result<Entry, String> {
    let [start, end] = raw.data_offsets;
    let stored = StoredType::new(&raw.dtype);
    let Some(length) = end.checked_sub(start) else {
        return Err(format!("ends at {end}, before its start at {start}"));
    };
    let Some(values) = values_of(&raw.shape) else {
        return Err(format!("has the impossible shape {:?}", raw.shape));
    };
    let is_known = !matches!(stored, StoredType::Other(_));
    if is_known && stored.length(values) != Some(length) {
        return Err(format!(
            "has {length} bytes, not those of shape {:?} in {}",
            raw.shape, raw.dtype
        ));
    }
    Ok(Entry {
        stored,
        shape: raw.shape,
        start,
        end,
    })
}

fn check_names(source: &Source, tensors: &[(String, Entry)]) -> Result<(), DiffusionError> {
    let mut names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(DiffusionError::TensorDuplicate {
            tensor: pair[0].to_owned(),
            first: source.name().to_owned(),
            second: source.name().to_owned(),
        }),
        None => Ok(()),
    }
}

/// The data must be covered without gaps and overlaps, as the format demands.
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
        if start != covered {
            let reason = format!("{name} starts at byte {start}, not at {covered}");
            return Err(source.invalid(reason));
        }
        covered = end;
    }
    let expected = base.checked_add(covered);
    match expected {
        Some(expected) if expected == source.length() => Ok(()),
        Some(expected) if expected < source.length() => {
            let surplus = source.length() - expected;
            Err(source.invalid(format!("{surplus} bytes follow the last tensor")))
        }
        _ => Err(source.truncated(expected.unwrap_or(u64::MAX))),
    }
}
