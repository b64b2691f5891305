//! Every job of a home.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use colophon_accounts::Tenant;
use colophon_imaging::write_atomic;

use crate::board::Board;
use crate::intake::{Intake, Plan};
use crate::state::{Description, VERSION};
use crate::turn::{self, Turn};
use crate::{Job, JobId, JobsError, Kind, Limits, State};

/// What the folder of a job that is being sent begins with.
pub(crate) const UNFINISHED: &str = ".new-";
/// What the folder of a job that is being removed begins with.
const REMOVED: &str = ".gone-";
const DESCRIPTION: &str = "job.json";
/// Largest description read, bytes.
const MOST_DESCRIPTION: u64 = 1 << 20;

/// Every job of a home. Clones are the same store.
#[derive(Debug, Clone)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub root: PathBuf,
    pub limits: Limits,
    all: Mutex<All>,
    files: Mutex<Board>,
    urls: Mutex<Board>,
    /// Bytes of inputs of open jobs.
    stored: AtomicU64,
    /// Locked as long as the store lives.
    _lock: File,
}

#[derive(Debug, Default)]
struct All {
    jobs: HashMap<JobId, Arc<Job>>,
    /// By age.
    of: HashMap<Tenant, BTreeSet<(i64, JobId)>>,
    open: HashMap<Tenant, usize>,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Jobs that have not ended.
    pub open: usize,
    /// All jobs.
    pub kept: usize,
    /// Bytes of inputs.
    pub stored_bytes: u64,
}

impl Store {
    /// Opens the jobs in a folder, which is made if it is missing. Jobs that had begun are interrupted until
    /// [`Self::resume`]. What was being sent or removed when the last process ended is swept away; folders of jobs that
    /// cannot be read are left as they are and named.
    ///
    /// # Errors
    /// [`JobsError::InUse`], [`JobsError::Io`].
    pub fn open(root: &Path, limits: Limits) -> Result<(Self, Vec<PathBuf>), JobsError> {
        make_folder(root)?;
        let shared = Arc::new(Shared {
            root: root.to_path_buf(),
            limits,
            all: Mutex::default(),
            files: Mutex::default(),
            urls: Mutex::default(),
            stored: AtomicU64::new(0),
            _lock: lock(root)?,
        });
        let mut damaged = Vec::new();
        for tenant in folders(root)? {
            for folder in folders(&tenant)? {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                if name.starts_with(UNFINISHED) || name.starts_with(REMOVED) {
                    fs::remove_dir_all(&folder).map_err(JobsError::io("remove", &folder))?;
                    continue;
                }
                match read_description(&folder) {
                    Ok(description) => shared.enter(&folder, description),
                    Err(_) => damaged.push(folder),
                }
            }
        }
        Ok((Self(shared), damaged))
    }

    /// The bounds that hold.
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// Begins to take a job in.
    ///
    /// # Errors
    /// [`JobsError::TooManyOpen`], [`JobsError::TooManyKept`], [`JobsError::Io`].
    pub fn intake(&self, plan: Plan) -> Result<Intake, JobsError> {
        Intake::begin(Arc::clone(&self.0), plan)
    }

    /// A tenant's job.
    ///
    /// # Errors
    /// [`JobsError::Unknown`], also for another tenant's.
    pub fn get(&self, tenant: &Tenant, id: JobId) -> Result<Arc<Job>, JobsError> {
        let all = self.0.lock();
        let job = all.jobs.get(&id).filter(|job| job.tenant() == tenant);
        job.cloned().ok_or(JobsError::Unknown)
    }

    /// A tenant's jobs, newest first, those before `before` (a time of sending and an id), at most `most`.
    pub fn list(
        &self,
        tenant: &Tenant,
        before: Option<(i64, JobId)>,
        most: usize,
    ) -> Vec<Arc<Job>> {
        let all = self.0.lock();
        let Some(of) = all.of.get(tenant) else {
            return Vec::new();
        };
        let newest_first: Box<dyn Iterator<Item = &(i64, JobId)>> = match before {
            Some(before) => Box::new(of.range(..before).rev()),
            None => Box::new(of.iter().rev()),
        };
        newest_first
            .filter_map(|(_, id)| all.jobs.get(id).cloned())
            .take(most)
            .collect()
    }

    /// How much there is.
    pub fn held(&self) -> Held {
        let all = self.0.lock();
        Held {
            open: all.open.values().sum(),
            kept: all.jobs.len(),
            stored_bytes: self.0.stored.load(Ordering::Relaxed),
        }
    }

    /// The next picture of that kind.
    pub fn next(&self, kind: Kind) -> Option<Turn> {
        let (job, number) = self.0.board(kind).next()?;
        Some(Turn::new(Arc::clone(&self.0), job, number))
    }

    /// Jobs that were interrupted, oldest first.
    pub fn interrupted(&self) -> Vec<Arc<Job>> {
        let mut jobs: Vec<Arc<Job>> = self.with_state(|state| state == State::Interrupted);
        jobs.sort_by_key(|job| job.created());
        jobs
    }

    /// Goes on with a job that was interrupted: reads how far it was. Blocks on the disk. One whose rows cannot be read
    /// fails and says so. Returns whether it has ended with that.
    ///
    /// # Errors
    /// [`JobsError`] when nothing can be written; it stays interrupted.
    pub fn resume(&self, job: &Arc<Job>, now: i64) -> Result<bool, JobsError> {
        let ended = {
            let mut rows = job.lock_rows();
            if job.state() != State::Interrupted {
                return Ok(false);
            }
            match job.open_rows() {
                Ok(kept) => {
                    job.lock().skip_finished(&kept, job.inputs);
                    job.change(|about| {
                        about.state = State::Running;
                        about.interruptions += 1;
                    })?;
                    let all = kept.len() == job.inputs;
                    *rows = Some(kept);
                    if all {
                        turn::finish(job, rows.as_mut(), now)?;
                        *rows = None;
                    }
                    all
                }
                Err(error) => {
                    job.change(|about| {
                        about.state = State::Failed;
                        about.ended = Some(now);
                        about.failure = Some(format!("its rows were lost: {error}"));
                    })?;
                    job.drop_inputs();
                    true
                }
            }
        };
        if ended {
            self.0.closed(job);
        } else {
            self.0.list(job);
        }
        Ok(ended)
    }

    /// Jobs that are done or failed and whose end nobody was told of.
    pub fn untold(&self) -> Vec<Arc<Job>> {
        self.with_state(|state| matches!(state, State::Done | State::Failed))
            .into_iter()
            .filter(|job| !job.lock().description.told)
            .collect()
    }

    /// Notes that whoever waits for a job's end is told.
    ///
    /// # Errors
    /// [`JobsError::Write`].
    pub fn told(&self, job: &Job) -> Result<(), JobsError> {
        let _rows = job.lock_rows();
        job.change(|about| about.told = true)
    }

    /// Calls a job off. Rows that it has stay; pictures in hand are finished for nothing.
    ///
    /// # Errors
    /// [`JobsError::State`] if it has ended.
    pub fn cancel(&self, job: &Job, now: i64) -> Result<(), JobsError> {
        if turn::end(job, State::Cancelled, None, now)? {
            self.0.closed(job);
            return Ok(());
        }
        Err(JobsError::State(job.state()))
    }

    /// Removes a job that has ended, with its rows.
    ///
    /// # Errors
    /// [`JobsError::State`] if it has not ended.
    pub fn remove(&self, job: &Job) -> Result<(), JobsError> {
        let _rows = job.lock_rows();
        let state = job.state();
        if !state.has_ended() {
            return Err(JobsError::State(state));
        }
        let gone = job.folder.with_file_name(format!("{REMOVED}{}", job.id()));
        match fs::rename(&job.folder, &gone) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(JobsError::io("remove", &job.folder)(error));
            }
            _ => {}
        }
        self.0.forget(job);
        // The next start sweeps what could not be removed.
        let _ = fs::remove_dir_all(&gone);
        Ok(())
    }

    /// Removes jobs whose time is over; says how many.
    ///
    /// # Errors
    /// As [`Self::remove`], for the first that cannot be removed.
    pub fn sweep(&self, now: i64) -> Result<usize, JobsError> {
        let retention = self.0.limits.retention;
        let over: Vec<Arc<Job>> = self
            .with_state(State::has_ended)
            .into_iter()
            .filter(|job| {
                let ended = job.lock().description.ended;
                ended.is_some_and(|ended| ended.saturating_add(retention) <= now)
            })
            .collect();
        for job in &over {
            self.remove(job)?;
        }
        Ok(over.len())
    }

    fn with_state(&self, wanted: impl Fn(State) -> bool) -> Vec<Arc<Job>> {
        let all = self.0.lock();
        let jobs = all.jobs.values().filter(|job| wanted(job.state()));
        jobs.cloned().collect()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn board(&self, kind: Kind) -> MutexGuard<'_, Board> {
        let board = match kind {
            Kind::Files => &self.files,
            Kind::Urls => &self.urls,
        };
        board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for one more job of a tenant.
    pub fn check_room(&self, tenant: &Tenant) -> Result<(), JobsError> {
        let all = self.lock();
        let limits = &self.limits;
        let own = all.open.get(tenant).copied().unwrap_or_default();
        if own >= limits.open_per_tenant {
            return Err(JobsError::TooManyOpen(limits.open_per_tenant));
        }
        if all.open.values().sum::<usize>() >= limits.open {
            return Err(JobsError::TooManyOpen(limits.open));
        }
        if all.jobs.len() >= limits.kept {
            return Err(JobsError::TooManyKept(limits.kept));
        }
        Ok(())
    }

    /// Takes room for bytes of inputs, if there is any.
    pub fn reserve(&self, bytes: u64) -> bool {
        let most = self.limits.stored_bytes;
        let more = |now: u64| now.checked_add(bytes).filter(|sum| *sum <= most);
        self.stored
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .is_ok()
    }

    /// Gives room back.
    pub fn release(&self, bytes: u64) {
        self.stored.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Makes a job of a folder that was sent whole.
    pub fn admit(
        self: &Arc<Self>,
        folder: &Path,
        description: Description,
    ) -> Result<Arc<Job>, JobsError> {
        // Others may have come meanwhile.
        self.check_room(&description.tenant)?;
        let tenant = self.root.join(description.tenant.as_str());
        let named = tenant.join(description.id.to_string());
        fs::rename(folder, &named).map_err(JobsError::io("rename", folder))?;
        sync_folder(&tenant)?;
        let job = Arc::new(Job::new(&named, description));
        self.remember(&job);
        self.list(&job);
        Ok(job)
    }

    /// Enters a job of an earlier process.
    fn enter(self: &Arc<Self>, folder: &Path, description: Description) {
        let bytes = description.bytes;
        let job = Arc::new(Job::new(folder, description));
        let state = job.state();
        if !state.has_ended() {
            self.stored.fetch_add(bytes, Ordering::AcqRel);
        }
        self.remember(&job);
        if state == State::Queued {
            self.list(&job);
        }
    }

    fn remember(&self, job: &Arc<Job>) {
        let tenant = job.tenant().clone();
        let mut all = self.lock();
        if !job.state().has_ended() {
            *all.open.entry(tenant.clone()).or_default() += 1;
        }
        let by_age = all.of.entry(tenant).or_default();
        by_age.insert((job.created(), job.id()));
        all.jobs.insert(job.id(), Arc::clone(job));
    }

    fn forget(&self, job: &Job) {
        let mut all = self.lock();
        all.jobs.remove(&job.id());
        if let Some(by_age) = all.of.get_mut(job.tenant()) {
            by_age.remove(&(job.created(), job.id()));
        }
    }

    /// A job has ended: its room is free.
    pub fn closed(&self, job: &Job) {
        let bytes = job.lock().description.bytes;
        self.release(bytes);
        let mut all = self.lock();
        if let Some(open) = all.open.get_mut(job.tenant()) {
            *open = open.saturating_sub(1);
        }
    }

    /// Puts a job on the board if it has pictures to hand out and is not there.
    pub fn list(&self, job: &Arc<Job>) {
        let mut board = self.board(job.kind());
        if job.list() {
            board.push(Arc::clone(job));
        }
    }
}

/// A folder that only the owner looks into.
pub(crate) fn make_folder(path: &Path) -> Result<(), JobsError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(JobsError::io("make", path))
}

fn sync_folder(path: &Path) -> Result<(), JobsError> {
    #[cfg(unix)]
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(JobsError::io("write", path))?;
    Ok(())
}

fn lock(root: &Path) -> Result<File, JobsError> {
    let path = root.join(".lock");
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(JobsError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JobsError::InUse(root.to_path_buf())),
        // Some network file systems know no locks.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(JobsError::io("lock", &path)(error)),
    }
}

fn folders(of: &Path) -> Result<Vec<PathBuf>, JobsError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(of).map_err(JobsError::io("list", of))? {
        let entry = entry.map_err(JobsError::io("list", of))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

pub(crate) fn write_description(folder: &Path, description: &Description) -> Result<(), JobsError> {
    let path = folder.join(DESCRIPTION);
    let json = serde_json::to_vec(description)
        .map_err(|error| JobsError::io("write", &path)(error.into()))?;
    Ok(write_atomic(&path, &json, true)?)
}

fn read_description(folder: &Path) -> Result<Description, JobsError> {
    let path = folder.join(DESCRIPTION);
    let file = File::open(&path).map_err(JobsError::io("read", &path))?;
    let mut json = Vec::new();
    file.take(MOST_DESCRIPTION)
        .read_to_end(&mut json)
        .map_err(JobsError::io("read", &path))?;
    let damaged = || JobsError::Damaged(path.clone());
    let description: Description = serde_json::from_slice(&json).map_err(|_| damaged())?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let tenant = folder
        .parent()
        .and_then(Path::file_name)
        .unwrap_or_default();
    let fits = description.colophon_job == VERSION
        && description.id.to_string() == name
        && description.tenant.as_str() == tenant.to_string_lossy();
    if fits {
        Ok(description)
    } else {
        Err(damaged())
    }
}
