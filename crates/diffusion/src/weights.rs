//! Weights of networks: one safetensors or GGUF file, a folder of shards with its index, or bytes that
//! are part of the program.
//!
//! Files are read by ranges when a tensor is asked for, not mapped: each tensor is copied once, to
//! where the network runs, and a file that is cut while it is read is an error, not a signal.
//! Nothing of a file is trusted: header, ranges, shapes and values are checked.
//!
//! `F32`, `F16` and `BF16` are read as they are. `I8` is symmetric with one scale a row: value
//! `q * scale[row]`, where a row is an index of the first axis and the scales are the `F32` tensor
//! named like the weight with `.scale` after it. `F8_E4M3` is read with the one factor that ComfyUI
//! (`scale_weight`) or vLLM (`weight_scale`) put beside it, if there is one. GGUF's blocks stay as they
//! are where a network multiplies with them.

mod adapter;
mod decode;
mod gguf;
mod header;
mod index;
mod source;
mod tensor;

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use crate::device::Precision;
use crate::error::DiffusionError;
use crate::info::WeightFile;
use header::Entry;
use source::Source;

pub(crate) use adapter::Adapter;
pub use decode::{BlockType, StoredType};
pub use header::MAX_HEADER_BYTES;
pub(crate) use tensor::Matrix;

/// Ends the name of the tensor with the row scales of an `I8` tensor.
pub const SCALE_SUFFIX: &str = ".scale";

/// Tensors by name, wherever they lie.
#[derive(Debug)]
pub struct Weights {
    files: Vec<Source>,
    tensors: BTreeMap<String, Located>,
    /// Text and numbers that files tell of themselves.
    metadata: BTreeMap<String, gguf::Value>,
    /// What is added to weights when they are read, by their names.
    adapters: BTreeMap<String, Vec<Adapter>>,
}

/// A tensor and the number of its file.
#[derive(Clone, Debug)]
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
    /// Opens a `.safetensors` or `.gguf` file, an `.index.json`, or a folder that holds one of them.
    /// Only headers are read.
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
            metadata: BTreeMap::new(),
            adapters: BTreeMap::new(),
        }
    }

    /// Takes in all tensors of one more file.
    fn add(&mut self, source: Source) -> Result<(), DiffusionError> {
        let is_gguf = source.length() >= 4 && source.read(0, 4)? == gguf::MAGIC;
        let header = if is_gguf {
            let gguf::Gguf { header, metadata } = gguf::read(&source)?;
            self.metadata.extend(metadata);
            header
        } else {
            let (header, metadata) = header::read(&source)?;
            let texts = metadata.into_iter();
            self.metadata
                .extend(texts.map(|(key, text)| (key, gguf::Value::Text(text))));
            header
        };
        let file = self.files.len();
        for (name, entry) in header.tensors {
            let located = Located {
                file,
                base: header.base,
                entry,
            };
            if let Some(first) = self.tensors.get(&name) {
                // Where it is this file again, that is not in the list yet.
                let first = self.files.get(first.file).unwrap_or(&source);
                return Err(DiffusionError::TensorDuplicate {
                    first: first.name().to_owned(),
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

    /// Gives tensors the names that a network asks for; those that `name` answers `None` for are left out.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::TensorDuplicate`] where two would have one name.
    pub(crate) fn rename(
        &mut self,
        name: impl Fn(&str) -> Option<String>,
    ) -> Result<(), DiffusionError> {
        let mut renamed = BTreeMap::new();
        for (old, located) in std::mem::take(&mut self.tensors) {
            let Some(new) = name(&old) else { continue };
            let file = located.file;
            if renamed.insert(new.clone(), located).is_some() {
                let file = self.files[file].name().to_owned();
                return Err(DiffusionError::TensorDuplicate {
                    tensor: new,
                    first: file.clone(),
                    second: file,
                });
            }
        }
        self.tensors = renamed;
        Ok(())
    }

    /// Cuts a tensor along its first axis into several of the names and rows given.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::TensorMissing`]; [`DiffusionError::TensorShape`] where it has another number of rows;
    /// [`DiffusionError::TensorType`] where blocks go over the ends of rows.
    pub(crate) fn split_rows(
        &mut self,
        name: &str,
        parts: &[(String, usize)],
    ) -> Result<(), DiffusionError> {
        let whole = self.located(name)?.clone();
        let rows: usize = parts.iter().map(|(_, rows)| rows).sum();
        let found = &whole.entry.shape;
        if found.first() != Some(&rows) || rows == 0 {
            let mut expected = found.clone();
            expected.splice(..found.len().min(1), [rows]);
            return Err(DiffusionError::TensorShape {
                tensor: name.to_owned(),
                expected,
                found: found.clone(),
            });
        }
        if !whole.entry.has_whole_rows() {
            return Err(decode::not_readable(name, &whole.entry.stored));
        }
        let row = (whole.entry.end - whole.entry.start) / rows as u64;
        let mut start = whole.entry.start;
        for (part, rows) in parts {
            let mut located = whole.clone();
            located.entry.shape[0] = *rows;
            located.entry.start = start;
            start += row * *rows as u64;
            located.entry.end = start;
            self.tensors.insert(part.clone(), located);
        }
        self.tensors.remove(name);
        Ok(())
    }

    /// Gives a tensor several names in place of its own, as for a factor of a layer that was cut.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::TensorMissing`].
    pub(crate) fn share(
        &mut self,
        name: &str,
        names: impl Iterator<Item = String>,
    ) -> Result<(), DiffusionError> {
        let whole = self.located(name)?.clone();
        self.tensors.remove(name);
        self.tensors.extend(names.map(|name| (name, whole.clone())));
        Ok(())
    }

    /// The shape of a tensor that is there.
    pub(crate) fn shape(&self, name: &str) -> Result<&[usize], DiffusionError> {
        Ok(&self.located(name)?.entry.shape)
    }

    /// A text that a file tells of itself, such as GGUF's `general.architecture`.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key) {
            Some(gguf::Value::Text(text)) => Some(text),
            _ => None,
        }
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
        self.files.par_iter().map(Source::hash).collect()
    }

    /// The files without their hashes.
    pub(crate) fn unhashed_files(&self) -> Vec<WeightFile> {
        let plain = |source: &Source| WeightFile {
            name: source.name().to_owned(),
            bytes: source.length(),
            sha256: String::new(),
        };
        self.files.iter().map(plain).collect()
    }

    /// Bytes that all tensors take once they are loaded: blocks as they are, everything else in `precision`.
    pub(crate) fn resident_bytes(&self, precision: Precision) -> u64 {
        let bytes = |located: &Located| {
            let values: u64 = located
                .entry
                .shape
                .iter()
                .map(|axis| *axis as u64)
                .product();
            match &located.entry.stored {
                StoredType::Blocks(_) => located.entry.end - located.entry.start,
                _ => values.saturating_mul(precision.bytes()),
            }
        };
        self.tensors.values().map(bytes).sum()
    }

    /// Adds a change to the weight of a name.
    pub(crate) fn adapt(&mut self, name: &str, adapter: Adapter) {
        self.adapters
            .entry(name.to_owned())
            .or_default()
            .push(adapter);
    }

    /// The values of a tensor as `f32`, row-major, with what adapters add to it.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::TensorMissing`], [`DiffusionError::TensorShape`] where it has not the
    /// shape given, [`DiffusionError::TensorType`], [`DiffusionError::TensorNotFinite`],
    /// [`DiffusionError::Io`].
    pub fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, DiffusionError> {
        let mut values = self.stored_values(name, shape)?;
        for adapter in self.adapters.get(name).into_iter().flatten() {
            adapter.merge(name, shape, &mut values)?;
        }
        Ok(values)
    }

    fn stored_values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, DiffusionError> {
        let (stored, bytes) = self.bytes(name, shape)?;
        match stored {
            StoredType::I8 => {
                let rows = shape.first().copied().unwrap_or(1);
                let scales = self.plain_values(&format!("{name}{SCALE_SUFFIX}"), &[rows])?;
                Ok(decode::dequantise(&bytes, &scales))
            }
            StoredType::Blocks(kind) => tensor::unpack(name, *kind, &bytes, shape),
            StoredType::F8E4M3 => {
                let scale = self.factor(name)?;
                let mut values = decode::to_f32(name, stored, &bytes)?;
                for value in &mut values {
                    *value *= scale;
                }
                Ok(values)
            }
            _ => decode::to_f32(name, stored, &bytes),
        }
    }

    /// Scales, which cannot have scales of their own.
    fn plain_values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, DiffusionError> {
        let (stored, bytes) = self.bytes(name, shape)?;
        if !stored.is_plain() {
            return Err(decode::not_readable(name, stored));
        }
        decode::to_f32(name, stored, &bytes)
    }

    /// The factor beside an 8-bit floating-point tensor, 1 if there is none.
    fn factor(&self, name: &str) -> Result<f32, DiffusionError> {
        let Some(layer) = name.strip_suffix("weight") else {
            return Ok(1.0);
        };
        for beside in ["scale_weight", "weight_scale"] {
            let beside = format!("{layer}{beside}");
            if let Some(located) = self.tensors.get(&beside) {
                let shape = located.entry.shape.clone();
                if shape.iter().product::<usize>() != 1 {
                    return Err(DiffusionError::TensorShape {
                        tensor: beside,
                        expected: vec![1],
                        found: shape,
                    });
                }
                return Ok(self.plain_values(&beside, &shape)?[0]);
            }
        }
        Ok(1.0)
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
        if matches!(entry.stored, StoredType::Other(_)) {
            return Err(decode::not_readable(name, &entry.stored));
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
