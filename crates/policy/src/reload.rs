//! Bundles that change while they are in use.

use std::sync::{Arc, RwLock};

use crate::{Bundle, Files, PolicyHash, Problems};

/// Where a reloader reads from.
type Source = Box<dyn Fn() -> Result<Files, Problems> + Send + Sync>;

/// Holds the bundle in force. Whoever takes it keeps one whole bundle for as long as it is held; a bundle that does
/// not load never replaces one that did.
pub struct Reloader {
    source: Source,
    current: RwLock<Arc<Bundle>>,
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader")
            .field("current", &self.current().hash())
            .finish_non_exhaustive()
    }
}

/// What came of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// The files are those of the bundle in force.
    Same,
    /// Another bundle is in force.
    Swapped {
        /// The one before.
        old: PolicyHash,
        /// The one now.
        new: PolicyHash,
    },
}

impl Reloader {
    /// Loads for the first time from `source`, which reads the files anew at each call.
    ///
    /// # Errors
    /// [`Problems`]: without a first bundle there is nothing to hold on to.
    pub fn new(
        source: impl Fn() -> Result<Files, Problems> + Send + Sync + 'static,
    ) -> Result<Self, Problems> {
        let bundle = Bundle::load(source()?)?;
        Ok(Self {
            source: Box::new(source),
            current: RwLock::new(Arc::new(bundle)),
        })
    }

    /// The bundle in force.
    pub fn current(&self) -> Arc<Bundle> {
        // A lock that a panic left behind guards a whole bundle all the same: it is only ever replaced.
        Arc::clone(
            &self
                .current
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    /// Reads again, and puts what was read in force if it loads.
    ///
    /// # Errors
    /// [`Problems`]: the bundle before stays in force.
    pub fn reload(&self) -> Result<Reloaded, Problems> {
        let files = (self.source)()?;
        let old = self.current().hash();
        if files.hash() == old {
            return Ok(Reloaded::Same);
        }
        let bundle = Arc::new(Bundle::load(files)?);
        let new = bundle.hash();
        *self
            .current
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = bundle;
        Ok(Reloaded::Swapped { old, new })
    }
}
