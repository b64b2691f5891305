//! Which files a path stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Weights;
use super::header::MAX_HEADER_BYTES;
use super::source::Source;
use crate::error::DiffusionError;

const INDEX_SUFFIX: &str = ".index.json";
const FILE_SUFFIXES: [&str; 2] = [".safetensors", ".gguf"];

/// Of an index only the map is of use.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

pub(super) fn open(path: &Path) -> Result<Weights, DiffusionError> {
    if !path.is_dir() {
        let is_index = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("json"));
        return if is_index {
            sharded(path)
        } else {
            single(path)
        };
    }
    let (indices, files) = list(path)?;
    match (indices.as_slice(), files.as_slice()) {
        ([index], _) => sharded(index),
        ([], [file]) => single(file),
        ([], []) => Err(invalid(
            path,
            "the folder holds no safetensors or GGUF file",
        )),
        ([], _) => Err(invalid(
            path,
            "the folder holds several weight files and no index; name one",
        )),
        _ => Err(invalid(path, "the folder holds several indices; name one")),
    }
}

fn single(path: &Path) -> Result<Weights, DiffusionError> {
    let mut weights = Weights::empty();
    weights.add(Source::file(path)?)?;
    Ok(weights)
}

/// Indices and weight files of a folder, by name.
fn list(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DiffusionError> {
    let refused = |error| DiffusionError::io("listing the weights", folder, &error);
    let mut indices = Vec::new();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().to_lowercase());
        let ends = |suffix| name.as_ref().is_some_and(|name| name.ends_with(suffix));
        if ends(INDEX_SUFFIX) {
            indices.push(path);
        } else if FILE_SUFFIXES.into_iter().any(ends) {
            files.push(path);
        }
    }
    indices.sort();
    files.sort();
    Ok((indices, files))
}

fn sharded(index: &Path) -> Result<Weights, DiffusionError> {
    let map = read(index)?.weight_map;
    let folder = index.parent().unwrap_or(Path::new(""));
    let files: BTreeSet<&String> = map.values().collect();
    let mut weights = Weights::empty();
    for file in files {
        // An index that came from elsewhere must not reach out of its folder.
        let plain = Path::new(file)
            .file_name()
            .is_some_and(|name| name == file.as_str());
        if !plain || file.contains('\\') {
            return Err(invalid(index, &format!("{file:?} is no plain file name")));
        }
        weights.add(Source::file(&folder.join(file))?)?;
    }
    for (tensor, file) in &map {
        let located = weights.located(tensor)?;
        if weights.files[located.file].name() != file {
            return Err(invalid(index, &format!("{tensor} is not in {file}")));
        }
    }
    Ok(weights)
}

fn read(path: &Path) -> Result<Index, DiffusionError> {
    let refused = |error| DiffusionError::io("reading the index", path, &error);
    let file = std::fs::File::open(path).map_err(refused)?;
    let mut text = Vec::new();
    file.take(MAX_HEADER_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(refused)?;
    if text.len() as u64 > MAX_HEADER_BYTES {
        return Err(DiffusionError::WeightsHeaderTooLong {
            file: name(path),
            found: text.len() as u64,
            allowed: MAX_HEADER_BYTES,
        });
    }
    serde_json::from_slice(&text).map_err(|error| invalid(path, &error.to_string()))
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn invalid(path: &Path, reason: &str) -> DiffusionError {
    DiffusionError::WeightsInvalid {
        file: name(path),
        reason: reason.to_owned(),
    }
}
