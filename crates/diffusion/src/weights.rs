//! Weights of networks: one safetensors file, a folder of shards with its index, or bytes that are
//! part of the program.
//!
//! Files are read by ranges when a tensor is asked for, not mapped: each tensor is copied once, to
//! where the network runs, and a file that is cut while it is read is an error, not a signal.
//! Nothing of a file is trusted: header, ranges, shapes and values are checked.
//!
//! `F32`, `F16` and `BF16` are read as they are. `I8` is symmetric with one scale a row: value
//! `q * scale[row]`, where a row is an index of the first axis and the scales are the `F32` tensor
//! named like the weight with `.scale` after it.

mod decode;
mod header;
mod index;
mod source;
mod tensor;

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::DiffusionError;
use crate::info::WeightFile;
use header::Entry;
use source::Source;

pub use decode::StoredType;
pub use header::MAX_HEADER_BYTES;

/// Ends the name of the tensor with the row scales of an `I8` tensor.
pub const SCALE_SUFFIX: &str = ".scale";

/// Tensors by name, wherever they lie.
#[derive(Debug)]
pub struct Weights {
    files: Vec<Source>,
    tensors: BTreeMap<String, Located>,
}

/// A tensor and the number of its file.
#[derive(Debug)]
struct Located {
    file: usize,
    /// Offset of the file's first tensor byte.
    base: u64,
    entry: Entry,
}

/// What a file says of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorInfo<'a> {
    /// Its name.
    pub name: &'a str,
    /// How its values are stored.
    pub stored: &'a StoredType,
    /// Length of each axis.
    pub shape: &'a [usize],
}

impl Weights {
    /// Opens a `.safetensors` file, an `.index.json`, or a folder that holds either. Only headers
    /// are read.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::Io`], and what is wrong with the files: cut short, no header, a header
    /// that contradicts itself, a tensor in two files, a file or tensor of the index that is
    /// missing.
    pub fn open(path: &Path) -> Result<Self, DiffusionError> {
        index::open(path)
    }

    /// Weights that are part of the program; `name` stands for the file in messages and records.
    ///
    /// # Errors
    ///
    /// As [`Weights::open`].
    pub fn embedded(name: &str, bytes: &'static [u8]) -> Result<Self, DiffusionError> {
        let mut weights = Self::empty();
        weights.add(Source::memory(name, bytes))?;
        Ok(weights)
    }

    fn empty() -> Self {
        Self {
            files: Vec::new(),
            tensors: BTreeMap::new(),
        }
    }

    /// Takes in all tensors of one more file.
    fn add(&mut self, source: Source) -> Result<(), DiffusionError> {
        let header = header::read(&source)?;
        let file = self.files.len();
        for (name, entry) in header.tensors {
            let located = Located {
                file,
                base: header.base,
                entry,
            };
            if let Some(first) = self.tensors.get(&name) {
                return Err(DiffusionError::TensorDuplicate {
                    first: self.files[first.file].name().to_owned(),
                    second: source.name().to_owned(),
                    tensor: name,
                });
            }
            self.tensors.insert(name, located);
        }
        self.files.push(source);
        Ok(())
    }

    /// All tensors by name, scales of `I8` tensors included.
    pub fn tensors(&self) -> impl Iterator<Item = TensorInfo<'_>> {
        self.tensors.iter().map(|(name, located)| TensorInfo {
            name,
            stored: &located.entry.stored,
            shape: &located.entry.shape,
        })
    }

    /// Whether a tensor is there.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Number of weights, without the scales of `I8` tensors.
    pub fn parameters(&self) -> u64 {
        let counted = self.tensors().filter(|tensor| !self.is_scale(tensor.name));
        counted
            .map(|tensor| tensor.shape.iter().map(|n| *n as u64).product::<u64>())
            .sum()
    }

    fn is_scale(&self, name: &str) -> bool {
        let of = name
            .strip_suffix(SCALE_SUFFIX)
            .and_then(|n| self.tensors.get(n));
        of.is_some_and(|located| located.entry.stored == StoredType::I8)
    }

    /// Reads every file from end to end for its SHA-256.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::Io`].
    pub fn files(&self) -> Result<Vec<WeightFile>, DiffusionError> {
        self.files.iter().map(Source::hash).collect()
    }

    /// The values of a tensor as `f32`, row-major.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::TensorMissing`], [`DiffusionError::TensorShape`] where it has not the
    /// shape given, [`DiffusionError::TensorType`], [`DiffusionError::TensorNotFinite`],
    /// [`DiffusionError::Io`].
    pub fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, DiffusionError> {
        let (stored, bytes) = self.bytes(name, shape)?;
        if *stored != StoredType::I8 {
            return decode::to_f32(name, stored, &bytes);
        }
        let rows = shape.first().copied().unwrap_or(1);
        let scales = self.read(&format!("{name}{SCALE_SUFFIX}"), &[rows])?;
        Ok(decode::dequantise(&bytes, &scales))
    }

    /// The stored bytes of a tensor and what they are.
    fn bytes(&self, name: &str, shape: &[usize]) -> Result<(&StoredType, Vec<u8>), DiffusionError> {
        let located = self.located(name)?;
        let entry = &located.entry;
        if entry.shape != shape {
            return Err(DiffusionError::TensorShape {
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                found: entry.shape.clone(),
            });
        }
        if let StoredType::Other(found) = &entry.stored {
            return Err(DiffusionError::TensorType {
                tensor: name.to_owned(),
                found: found.clone(),
                allowed: decode::READABLE,
            });
        }
        let length = (entry.end - entry.start) as usize;
        let bytes = self.files[located.file].read(located.base + entry.start, length)?;
        Ok((&entry.stored, bytes))
    }

    fn located(&self, name: &str) -> Result<&Located, DiffusionError> {
        self.tensors
            .get(name)
            .ok_or_else(|| DiffusionError::TensorMissing {
                tensor: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests;
