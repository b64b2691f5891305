//! Bundles of a home.
//!
//! ```text
//! policies/current          hash of the published bundle in force, one line
//! policies/previous         the one before it
//! policies/bundles/HASH/    every bundle that was published, with bundle.note
//! ```
//!
//! Without `current`, files of a bundle that lie in the folder itself are in force as they are, unsigned; a
//! `verdicts.toml` alone is the shipped bundle with that table; an empty folder is the shipped bundle.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use colophon_tlog::{NoteError, NoteSigner, VerifierKey};
use serde::Serialize;
use thiserror::Error;

use crate::access::SCHEMA;
use crate::bundle::{check_note, sign};
use crate::files::NOTE_FILE;
use crate::problem::{Problem, Problems};
use crate::table::VERDICTS;
use crate::{Bundle, CaseOutcome, Files, PolicyHash};

/// Where the bundle in force comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The program.
    Shipped,
    /// The program, with the verdict table of the home.
    ShippedWithTable,
    /// Files in the home's folder, as they are.
    Folder,
    /// Published.
    Published,
}

/// A folder of bundles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

/// Files of the bundle in force.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The files.
    pub files: Files,
    /// Where they come from.
    pub origin: Origin,
    /// Names of the keys that signed them.
    pub signers: Vec<String>,
}

/// A bundle that was put in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The bundle.
    pub hash: PolicyHash,
    /// The one in force before.
    pub before: PolicyHash,
    /// Where it lies.
    pub folder: PathBuf,
    /// The signed listing.
    pub note: String,
}

/// Why a bundle was not put in force. The one before stays.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// It does not load.
    #[error("the bundle cannot be published: {}", .0.brief())]
    Problems(Problems),
    /// Its own tests fail.
    #[error(
        "{count} of the bundle's tests fail, the first at {first}; run `colophon policy test` and mend rules or tests"
    )]
    Tests {
        /// How many.
        count: usize,
        /// Where the first stands.
        first: String,
    },
    /// The key cannot sign.
    #[error(transparent)]
    Sign(#[from] NoteError),
    /// A file cannot be written.
    #[error("cannot {action} {path}; check its permissions and the disk: {source}", path = .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl From<Problems> for PublishError {
    fn from(problems: Problems) -> Self {
        Self::Problems(problems)
    }
}

impl Store {
    /// The bundles in a home's `policies` folder, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The files in force. A published bundle must be the one that its name and its note tell; where keys are
    /// given, signed by one of them.
    ///
    /// # Errors
    /// [`Problems`] that say what does not fit. Nothing else takes its place.
    pub fn in_force(&self, keys: &[VerifierKey]) -> Result<InForce, Problems> {
        if let Some(hash) = self.pointer("current")? {
            self.refuse_loose()?;
            return self.published(hash, keys);
        }
        let has = |name: &str| self.folder.join(name).symlink_metadata().is_ok();
        let entries = fs::read_dir(&self.folder);
        let names = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name());
        let policies = names
            .into_iter()
            .any(|name| name.to_string_lossy().ends_with(".cedar"));
        let (files, origin) = if has(SCHEMA) || policies {
            (Files::read(&self.folder)?, Origin::Folder)
        } else if has(VERDICTS) {
            let path = self.folder.join(VERDICTS);
            let table = fs::read(&path).map_err(|error| unreadable(VERDICTS, &error))?;
            // Its tests are about the table that ships.
            (
                Files::shipped().without("tests/").with(VERDICTS, table),
                Origin::ShippedWithTable,
            )
        } else {
            (Files::shipped(), Origin::Shipped)
        };
        Ok(InForce {
            files,
            origin,
            signers: Vec::new(),
        })
    }

    /// A published bundle by its hash, in force or not.
    ///
    /// # Errors
    /// [`Problems`]: there is none, or its files are not those that were published.
    pub fn published(&self, hash: PolicyHash, keys: &[VerifierKey]) -> Result<InForce, Problems> {
        let folder = self.bundle_folder(hash);
        let files = Files::read(&folder)?;
        if files.hash() != hash {
            return Err(Problem::of_file(
                "",
                format!(
                    "the files in {} are not those that were published",
                    folder.display()
                ),
            )
            .with_help("put them back from a backup, or publish a bundle anew")
            .into());
        }
        let note =
            fs::read(folder.join(NOTE_FILE)).map_err(|error| unreadable(NOTE_FILE, &error))?;
        let signers = check_note(&files, &note, keys)?;
        Ok(InForce {
            files,
            origin: Origin::Published,
            signers,
        })
    }

    /// The signed note on a published bundle; `None` for one that was not published here.
    pub fn note(&self, hash: PolicyHash) -> Option<Vec<u8>> {
        fs::read(self.bundle_folder(hash).join(NOTE_FILE)).ok()
    }

    /// Hash of the published bundle before the one in force.
    ///
    /// # Errors
    /// [`Problems`]: the file that tells it cannot be read.
    pub fn previous(&self) -> Result<Option<PolicyHash>, Problems> {
        self.pointer("previous")
    }

    /// Checks, tests and signs a bundle and puts it in force, with one rename at the end: before it the old bundle is
    /// in force, after it the new one. `record` is called in between, with everything durable, and may refuse.
    ///
    /// # Errors
    /// [`PublishError`], or what `record` returns. The old bundle stays in force.
    pub fn publish<E: From<PublishError>>(
        &self,
        files: Files,
        signer: &dyn NoteSigner,
        record: impl FnOnce(&Published) -> Result<(), E>,
    ) -> Result<Published, E> {
        let published = self.stage(files, signer)?;
        record(&published)?;
        let before = self.pointer("current").map_err(PublishError::from)?;
        if let Some(before) = before.filter(|before| *before != published.hash) {
            self.set_pointer("previous", before)?;
        }
        self.set_pointer("current", published.hash)?;
        Ok(published)
    }

    fn stage(&self, files: Files, signer: &dyn NoteSigner) -> Result<Published, PublishError> {
        let bundle = Bundle::load(files)?;
        let outcomes = bundle.test().map_err(Problems::from)?;
        let failed: Vec<&CaseOutcome> = outcomes
            .iter()
            .filter(|outcome| !outcome.passed())
            .collect();
        if let Some(first) = failed.first() {
            return Err(PublishError::Tests {
                count: failed.len(),
                first: first.place.to_string(),
            });
        }
        // An unreadable bundle in force can be replaced: that is how it is mended.
        let before = self
            .in_force(&[])
            .map_or(Files::shipped().hash(), |old| old.files.hash());
        if self.pointer("current")?.is_none() {
            self.refuse_loose()?;
        }
        let hash = bundle.hash();
        let note = sign(bundle.files(), signer)?;
        let folder = self.bundle_folder(hash);
        let staged = self.folder.join(format!(".new-{hash}"));
        remove(&staged)?;
        write_all(&staged, bundle.files(), &note)?;
        // The same bundle published again is the same files under a new signature.
        remove(&folder)?;
        fs::rename(&staged, &folder).map_err(failed_to("rename", &staged))?;
        sync_folder(&self.folder.join("bundles"))?;
        Ok(Published {
            hash,
            before,
            folder,
            note,
        })
    }

    fn bundle_folder(&self, hash: PolicyHash) -> PathBuf {
        self.folder.join("bundles").join(hash.to_string())
    }

    /// Files of a bundle beside published ones would mislead: they are not in force.
    fn refuse_loose(&self) -> Result<(), Problems> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Ok(());
        };
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        let loose = |name: &String| {
            name == SCHEMA
                || name == VERDICTS
                || name.rsplit_once('.').is_some_and(|(_, end)| end == "cedar")
        };
        match names.into_iter().find(loose) {
            None => Ok(()),
            Some(name) => Err(Problem::of_file(&name, "lies beside published bundles, where it is not in force")
                .with_help("move it into a folder with the rest of a bundle and publish that: `colophon policy publish DIR`")
                .into()),
        }
    }

    fn pointer(&self, name: &str) -> Result<Option<PolicyHash>, Problems> {
        match fs::read_to_string(self.folder.join(name)) {
            Ok(text) => text.trim_end().parse().map(Some).map_err(|()| {
                Problem::of_file(name, "does not name a bundle")
                    .with_help("it holds the 64 hexadecimal digits of a folder in `bundles`; publish a bundle anew")
                    .into()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(name, &error).into()),
        }
    }

    fn set_pointer(&self, name: &str, hash: PolicyHash) -> Result<(), PublishError> {
        let path = self.folder.join(name);
        let staged = self.folder.join(format!(".{name}.new"));
        write(&staged, format!("{hash}\n").as_bytes())?;
        fs::rename(&staged, &path).map_err(failed_to("rename", &staged))?;
        sync_folder(&self.folder)
    }
}

fn unreadable(file: &str, error: &io::Error) -> Problem {
    Problem::of_file(file, format!("cannot be read: {error}"))
        .with_help("check that it exists and its permissions")
}

fn failed_to(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PublishError {
    let path = path.to_path_buf();
    move |source| PublishError::Io {
        action,
        path,
        source,
    }
}

fn remove(folder: &Path) -> Result<(), PublishError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed_to("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

fn write_all(folder: &Path, files: &Files, note: &str) -> Result<(), PublishError> {
    let bundles = folder.parent().unwrap_or(folder).join("bundles");
    for place in [&bundles, &folder.join("lexicon"), &folder.join("tests")] {
        fs::create_dir_all(place).map_err(failed_to("make", place))?;
    }
    for (path, bytes) in files.iter() {
        write(&folder.join(path), bytes)?;
    }
    write(&folder.join(NOTE_FILE), note.as_bytes())?;
    for place in [&folder.join("lexicon"), &folder.join("tests"), folder] {
        sync_folder(place)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), PublishError> {
    let mut file = File::create(path).map_err(failed_to("write", path))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed_to("write", path))
}

fn sync_folder(path: &Path) -> Result<(), PublishError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(failed_to("write", path))
}
