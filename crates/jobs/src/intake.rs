//! Taking pictures in and making a job of them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use colophon_accounts::Tenant;
use colophon_archive::{Bounds, Found, label, read_tar, read_zip};
use colophon_batch::is_wanted;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::input::{INDEX, Input, LINES, PACK, Source};
use crate::state::{Description, VERSION};
use crate::store::{self, Shared};
use crate::{Job, JobId, JobsError, Kind, Limits, State};

/// Longest name or address, bytes.
const MOST_NAME: usize = 4096;
/// Entries of an archive for each input that a job takes: folders and files that are passed over count as well.
const ENTRIES_PER_INPUT: usize = 4;

/// What is to be done with the pictures.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whose job it is.
    pub tenant: Tenant,
    /// Name of the key or person that sends it.
    pub by: Option<String>,
    /// What it checks.
    pub kind: Kind,
    /// Code of the language of its reports.
    pub language: String,
    /// The one endpoint to tell of its end; `None` for all of the tenant's.
    pub webhook: Option<String>,
}

/// A job that is being sent. Dropped before [`Intake::commit`], nothing is left of it.
#[derive(Debug)]
pub struct Intake {
    shared: Arc<Shared>,
    plan: Plan,
    id: JobId,
    folder: PathBuf,
    pack: BufWriter<File>,
    lines: BufWriter<File>,
    index: BufWriter<File>,
    line_at: u64,
    bytes: u64,
    inputs: u64,
    passed: u64,
    /// Which input holds some bytes first.
    firsts: HashMap<[u8; 32], u64>,
    committed: bool,
}

impl Intake {
    pub(crate) fn begin(shared: Arc<Shared>, plan: Plan) -> Result<Self, JobsError> {
        shared.check_room(&plan.tenant)?;
        let id = JobId::draw()?;
        let tenant = shared.root.join(plan.tenant.as_str());
        store::make_folder(&tenant)?;
        let folder = tenant.join(format!("{}{id}", store::UNFINISHED));
        store::make_folder(&folder)?;
        let file = |name: &str| {
            let path = folder.join(name);
            let file = File::create_new(&path).map_err(JobsError::io("write", &path))?;
            Ok::<_, JobsError>(BufWriter::with_capacity(1 << 16, file))
        };
        Ok(Self {
            pack: file(PACK)?,
            lines: file(LINES)?,
            index: file(INDEX)?,
            shared,
            plan,
            id,
            folder,
            line_at: 0,
            bytes: 0,
            inputs: 0,
            passed: 0,
            firsts: HashMap::new(),
            committed: false,
        })
    }

    /// The bounds that hold.
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// A file beside the job's own, for an archive until it is unpacked; gone with the intake or its commit.
    pub fn spool(&self) -> PathBuf {
        self.folder.join("upload")
    }

    /// Takes a picture. Equal bytes are stored once.
    ///
    /// # Errors
    /// [`JobsError`]: the bounds of a job, the disk.
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), JobsError> {
        let limit = self.shared.limits.input_bytes;
        if bytes.len() as u64 > limit {
            let message = format!("it is larger than the {limit} bytes allowed for one picture");
            return self.trouble(name, "limit", &message);
        }
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let source = match self.firsts.get(&digest) {
            Some(first) => Source::SameAs(*first),
            None => self.store(digest, bytes)?,
        };
        self.add(&Input {
            name: name.to_owned(),
            source,
            extra: None,
        })
    }

    fn store(&mut self, digest: [u8; 32], bytes: &[u8]) -> Result<Source, JobsError> {
        let length = bytes.len() as u64;
        let limits = self.shared.limits;
        if self.bytes + length > limits.job_bytes {
            return Err(JobsError::TooManyBytes(limits.job_bytes));
        }
        if !self.shared.reserve(length) {
            return Err(JobsError::Full);
        }
        let offset = self.bytes;
        self.bytes += length;
        self.pack
            .write_all(bytes)
            .map_err(JobsError::io("write", &self.folder.join(PACK)))?;
        self.firsts.insert(digest, self.inputs);
        Ok(Source::Stored { offset, length })
    }

    /// Takes an address, with what its list says of it.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn url(&mut self, url: &str, extra: Option<Map<String, Value>>) -> Result<(), JobsError> {
        self.add(&Input {
            name: url.to_owned(),
            source: Source::Url,
            extra,
        })
    }

    /// Takes something that cannot be checked, so that its row says why.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn trouble(&mut self, name: &str, kind: &str, message: &str) -> Result<(), JobsError> {
        self.add(&Input {
            name: name.to_owned(),
            source: Source::Trouble {
                kind: kind.to_owned(),
                message: message.to_owned(),
            },
            extra: None,
        })
    }

    /// Takes every picture of a ZIP.
    ///
    /// # Errors
    /// As [`Self::file`], and [`JobsError::Archive`].
    pub fn zip(&mut self, from: impl Read + Seek) -> Result<(), JobsError> {
        read_zip(from, self.bounds(), &is_wanted, |found| self.found(found))
    }

    /// Takes every picture of a TAR.
    ///
    /// # Errors
    /// As [`Self::zip`].
    pub fn tar(&mut self, from: impl Read) -> Result<(), JobsError> {
        read_tar(from, self.bounds(), &is_wanted, |found| self.found(found))
    }

    fn bounds(&self) -> Bounds {
        let limits = self.shared.limits;
        Bounds {
            entries: limits.inputs.saturating_mul(ENTRIES_PER_INPUT),
            entry_bytes: limits.input_bytes,
            total_bytes: limits.job_bytes,
        }
    }

    fn found(&mut self, found: Found) -> Result<(), JobsError> {
        match found {
            Found::File { name, bytes } => self.file(&name, &bytes),
            Found::Trouble { name, why } => {
                let kind = match why {
                    colophon_archive::Unreadable::TooLarge(_) => "limit",
                    colophon_archive::Unreadable::Damaged => "picture",
                    _ => "unsupported",
                };
                self.trouble(&name, kind, &why.to_string())
            }
            Found::Passed => {
                self.passed += 1;
                Ok(())
            }
        }
    }

    fn add(&mut self, input: &Input) -> Result<(), JobsError> {
        if self.inputs >= self.shared.limits.inputs as u64 {
            return Err(JobsError::TooManyInputs(self.shared.limits.inputs));
        }
        if input.name.len() > MOST_NAME {
            return Err(JobsError::LongName(MOST_NAME));
        }
        let path = self.folder.join(LINES);
        let mut line = serde_json::to_vec(input)
            .map_err(|error| JobsError::io("write", &path)(error.into()))?;
        line.push(b'\n');
        self.lines
            .write_all(&line)
            .and_then(|()| self.index.write_all(&self.line_at.to_be_bytes()))
            .map_err(JobsError::io("write", &path))?;
        self.line_at += line.len() as u64;
        self.inputs += 1;
        Ok(())
    }

    /// Makes it a job: from here on it survives a crash. Its pictures wait for their turn.
    ///
    /// # Errors
    /// [`JobsError::Empty`]; as [`Self::file`].
    pub fn commit(mut self, now: i64) -> Result<Arc<Job>, JobsError> {
        if self.inputs == 0 {
            return Err(JobsError::Empty);
        }
        for (file, name) in [
            (&mut self.pack, PACK),
            (&mut self.lines, LINES),
            (&mut self.index, INDEX),
        ] {
            file.flush()
                .and_then(|()| file.get_ref().sync_all())
                .map_err(JobsError::io("write", &self.folder.join(name)))?;
        }
        // Only there for an archive.
        let _ = fs::remove_file(self.spool());
        let description = Description {
            colophon_job: VERSION,
            id: self.id,
            tenant: self.plan.tenant.clone(),
            by: self.plan.by.clone(),
            kind: self.plan.kind,
            language: self.plan.language.clone(),
            webhook: self.plan.webhook.clone(),
            inputs: self.inputs,
            passed: self.passed,
            bytes: self.bytes,
            created: now,
            state: State::Queued,
            started: None,
            ended: None,
            interruptions: 0,
            failure: None,
            counts: None,
            told: false,
        };
        store::write_description(&self.folder, &description)?;
        let job = self.shared.admit(&self.folder, description)?;
        // What it holds is the job's from now on.
        self.committed = true;
        Ok(job)
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if !self.committed {
            self.shared.release(self.bytes);
            // The next start sweeps what could not be removed.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A name given by a stranger as one for people; a number if nothing is left of it.
pub(crate) fn named(name: &str, number: u64) -> String {
    let clean = label(name.as_bytes());
    if clean.is_empty() {
        format!("picture {}", number + 1)
    } else {
        clean
    }
}

impl Intake {
    /// Takes a picture under a name that a stranger gave.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn upload(&mut self, name: &str, bytes: &[u8]) -> Result<(), JobsError> {
        let name = named(name, self.inputs);
        self.file(&name, bytes)
    }

    /// How many inputs it has.
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    /// Its folder, until it is a job.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
