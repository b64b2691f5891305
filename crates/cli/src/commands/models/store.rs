//! Models on disk: a folder each, with a file that tells where it came from and what is in it.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use colophon_imaging::write_atomic;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;
use crate::text::hex;

/// The file in a model's folder.
const MANIFEST: &str = "colophon-model.json";
/// Form of that file; another one is refused.
const FORMAT: u32 = 1;
/// Begins the names of folders of models that are not complete.
const PARTIAL: &str = ".partial-";
const MOST_MANIFEST: u64 = 16 << 20;

/// Licences that allow any lawful use, as hubs write them; what is not among them must be accepted.
const FREE: [&str; 14] = [
    "apache-2.0",
    "mit",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "cc0-1.0",
    "cc-by-4.0",
    "unlicense",
    "isc",
    "openrail",
    "openrail++",
    "creativeml-openrail-m",
    "bigscience-openrail-m",
    "bigcode-openrail-m",
];

/// Where a model came from and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulled {
    format: u32,
    /// Address of the hub.
    pub hub: String,
    /// The hub's name of the model.
    pub repository: String,
    /// The commit.
    pub revision: String,
    /// As the model's card tells it.
    pub license: Option<String>,
    /// Whether a licence that does not allow any use was accepted.
    pub accepted: bool,
    /// Every file that was pulled.
    pub files: Vec<PulledFile>,
}

/// A file as it was pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulledFile {
    /// Its place in the folder, with `/` between folders.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

impl Pulled {
    /// Of a listing whose files come later.
    pub fn new(
        hub: &str,
        repository: &str,
        revision: &str,
        license: Option<String>,
        accepted: bool,
    ) -> Self {
        Self {
            format: FORMAT,
            hub: hub.to_owned(),
            repository: repository.to_owned(),
            revision: revision.to_owned(),
            license,
            accepted,
            files: Vec::new(),
        }
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// The folder of all models.
pub struct Store {
    root: PathBuf,
}

impl Store {
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Folder of a complete model of this name.
    ///
    /// # Errors
    /// [`Failure::Request`] for what is no name.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        check_name(name)?;
        Ok(self.root.join(name))
    }

    /// Folder of one that is being pulled.
    ///
    /// # Errors
    /// As [`Store::folder`].
    pub fn partial(&self, name: &str) -> Result<PathBuf, Failure> {
        check_name(name)?;
        Ok(self.root.join(format!("{PARTIAL}{name}")))
    }

    /// Names of all complete models, those put there by hand among them, sorted.
    ///
    /// # Errors
    /// [`Failure::File`].
    pub fn complete(&self) -> Result<Vec<String>, Failure> {
        let mut names = self.names()?;
        names.retain(|name| check_name(name).is_ok() && self.root.join(name).is_dir());
        Ok(names)
    }

    /// Names of the complete pulled models, sorted, each with what is known of it.
    ///
    /// # Errors
    /// [`Failure::File`], and what is wrong with a model's file.
    pub fn list(&self) -> Result<Vec<(String, Pulled)>, Failure> {
        let mut found = Vec::new();
        for name in self.names()? {
            if !name.starts_with(PARTIAL) && self.root.join(&name).join(MANIFEST).is_file() {
                let pulled = read(&self.root.join(&name))?;
                found.push((name, pulled));
            }
        }
        Ok(found)
    }

    /// Names of models that broke off.
    ///
    /// # Errors
    /// [`Failure::File`].
    pub fn broken_off(&self) -> Result<Vec<String>, Failure> {
        let names = self.names()?;
        let rests = names.iter().filter_map(|name| name.strip_prefix(PARTIAL));
        Ok(rests.map(str::to_owned).collect())
    }

    fn names(&self) -> Result<Vec<String>, Failure> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Failure::file("list", &self.root))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Failure::file("list", &self.root))?;
            names.extend(entry.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }
}

/// Names become names of folders.
fn check_name(name: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(plain) {
        return Ok(());
    }
    Err(Failure::Request(format!(
        "{name:?} is no name of a model; use letters, digits, dots, hyphens and underscores"
    )))
}

/// What a model's folder tells of itself.
///
/// # Errors
/// [`Failure::File`]; [`Failure::Request`] where the file is damaged.
pub fn read(folder: &Path) -> Result<Pulled, Failure> {
    let path = folder.join(MANIFEST);
    let mut text = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(MOST_MANIFEST).read_to_end(&mut text))
        .map_err(Failure::file("read", &path))?;
    let damaged = |reason: String| {
        Failure::Request(format!(
            "{} is damaged ({reason}); pull the model again",
            path.display()
        ))
    };
    let pulled: Pulled =
        serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if pulled.format != FORMAT {
        return Err(damaged(format!("form {} is not known", pulled.format)));
    }
    Ok(pulled)
}

/// Whether a licence allows any lawful use, by its identifier in any case.
pub fn is_free(license: &str) -> bool {
    FREE.contains(&license.to_lowercase().as_str())
}

/// Whether a folder is one of a pulled model.
pub fn is_pulled(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// Writes what a model's folder tells of itself.
///
/// # Errors
/// [`Failure::Imaging`] from the disk.
pub fn write(folder: &Path, pulled: &Pulled) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(pulled).map_err(|error| Failure::Output(error.into()))?;
    write_atomic(&folder.join(MANIFEST), (text + "\n").as_bytes(), true)?;
    Ok(())
}

/// Length and SHA-256 of a file; `each` is told the bytes read and ends it with `false`, which gives `None`.
///
/// # Errors
/// [`Failure::File`].
pub fn hash(
    path: &Path,
    each: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<(u64, String)>, Failure> {
    let mut hasher = Sha256::new();
    let Some(bytes) = hash_into(path, &mut hasher, each)? else {
        return Ok(None);
    };
    Ok(Some((bytes, hex(&hasher.finalize()))))
}

/// Takes a file into a hash that is under way.
///
/// # Errors
/// [`Failure::File`].
pub fn hash_into(
    path: &Path,
    hasher: &mut Sha256,
    each: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<u64>, Failure> {
    let mut file = File::open(path).map_err(Failure::file("read", path))?;
    let mut piece = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut piece).map_err(Failure::file("read", path))?;
        if count == 0 {
            return Ok(Some(bytes));
        }
        hasher.update(&piece[..count]);
        bytes += count as u64;
        if !each(count as u64) {
            return Ok(None);
        }
    }
}
