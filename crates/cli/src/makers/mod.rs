//! Models for the service: the one in the program, those in the home, and those of servers that the home names.

mod backends;
mod making;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use colophon_diffusion::{OpenOptions, Pipeline};
use colophon_imaging::Limits;
use colophon_provenance::Home;
use colophon_server::{MakeFailure, Makes, Making, ModelEntry, ModelPlace, Order};

use crate::commands::models::Store;
use crate::failure::Failure;
use backends::Backends;
use making::refused;

/// The model in the program goes by this name beside its own.
const EMBEDDED: &str = "embedded";

/// Every model that can be asked for.
///
/// The model in the program stays in memory once it was asked for, and so does one model of the home: the last one.
pub struct Makers {
    store: Store,
    limits: Limits,
    backends: Backends,
    embedded: Mutex<Option<Arc<Pipeline>>>,
    local: Mutex<Option<(String, Arc<Pipeline>)>>,
}

impl Makers {
    /// Those of a home.
    ///
    /// # Errors
    /// [`Failure::Request`] for servers that are not named as they must be, [`Failure::Gateway`] for such that cannot be
    /// asked.
    pub fn new(home: &Home, limits: Limits) -> Result<Self, Failure> {
        Ok(Self {
            store: Store::new(home.models()),
            limits,
            backends: Backends::load(&home.root)?,
            embedded: Mutex::default(),
            local: Mutex::default(),
        })
    }

    fn embedded(&self) -> Result<Arc<Pipeline>, MakeFailure> {
        let mut kept = lock(&self.embedded);
        if let Some(pipeline) = &*kept {
            return Ok(Arc::clone(pipeline));
        }
        let pipeline = Pipeline::embedded().map_err(|error| refused(&error.into()))?;
        Ok(Arc::clone(kept.insert(Arc::new(pipeline))))
    }

    /// A model of the home. Whoever else asks for one waits meanwhile, so that no two are loaded at a time.
    fn local(&self, name: &str) -> Result<Arc<Pipeline>, MakeFailure> {
        let mut kept = lock(&self.local);
        if let Some((of, pipeline)) = &*kept
            && of == name
        {
            return Ok(Arc::clone(pipeline));
        }
        let folder = self.store.folder(name);
        let folder = folder.ok().filter(|folder| folder.is_dir());
        let folder = folder.ok_or_else(|| MakeFailure::NoModel(name.to_owned()))?;
        // The memory of the other one is free before this one is loaded, unless it is still at work.
        *kept = None;
        let opened = Pipeline::open(&folder, &OpenOptions::default());
        let pipeline = Arc::new(opened.map_err(|error| not_opened(name, &folder, &error.into()))?);
        *kept = Some((name.to_owned(), Arc::clone(&pipeline)));
        Ok(pipeline)
    }

    fn entries(&self) -> Result<Vec<ModelEntry>, Failure> {
        let pipeline = self
            .embedded()
            .map_err(|error| Failure::Request(error.to_string()))?;
        let info = pipeline.info();
        let sizes = info.sizes.iter();
        let mut entries = vec![ModelEntry {
            id: info.id.clone(),
            place: ModelPlace::Embedded,
            name: Some(info.name.clone()),
            license: Some(info.license.clone()),
            created: 0,
            sizes: sizes.map(|size| (size.width(), size.height())).collect(),
            edits: Some(false),
        }];
        for name in self.store.complete()? {
            let folder = self.store.folder(&name)?;
            entries.push(ModelEntry {
                license: crate::commands::models::license(&folder),
                created: changed(&folder),
                id: name,
                place: ModelPlace::Local,
                name: None,
                sizes: Vec::new(),
                edits: None,
            });
        }
        entries.extend(self.backends.models().map(|id| ModelEntry {
            id: id.to_owned(),
            place: ModelPlace::Remote,
            name: None,
            license: None,
            created: 0,
            sizes: Vec::new(),
            edits: Some(false),
        }));
        if let Some(default) = self.backends.default_model() {
            // The others keep their order.
            entries.sort_by_key(|entry| entry.id != default);
        }
        Ok(entries)
    }
}

impl Makes for Makers {
    fn models(&self) -> Result<Vec<ModelEntry>, MakeFailure> {
        self.entries()
            .map_err(|failure| MakeFailure::Failed(crate::printer::describe(&failure)))
    }

    fn prepare(&self, mut order: Order) -> Result<Box<dyn Making>, MakeFailure> {
        let name = order.model.take();
        let name = name.as_deref().or(self.backends.default_model());
        if let Some((client, name)) = name.and_then(|name| self.backends.find(name)) {
            return making::server(client, name, &order);
        }
        let embedded = self.embedded();
        let pipeline = match (name, embedded) {
            (None | Some(EMBEDDED), embedded) => embedded?,
            (Some(name), Ok(embedded)) if embedded.info().id == name => embedded,
            (Some(name), _) => self.local(name)?,
        };
        making::local(pipeline, order, &self.limits)
    }
}

/// Why a folder holds no model that can be asked, without telling where it is.
fn not_opened(name: &str, folder: &Path, failure: &Failure) -> MakeFailure {
    match refused(failure) {
        MakeFailure::NoRoom(reason) => MakeFailure::NoRoom(reason),
        other => {
            let folder = folder.display().to_string();
            let reason = other.to_string().replace(&folder, name);
            MakeFailure::Failed(format!("the model {name} cannot be opened: {reason}"))
        }
    }
}

/// When a folder changed last, Unix seconds; 0 where that is not known.
fn changed(folder: &Path) -> i64 {
    let changed = std::fs::metadata(folder).and_then(|about| about.modified());
    let since = changed
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs() as i64)
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
