//! The settings of the service, out of the file, the environment and the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use colophon_provenance::{Config, Home};
use colophon_server::{Layers, ServeSettings, VARIABLES};

use crate::failure::Failure;

/// Reads them. Files that they name are found relative to the home.
///
/// # Errors
/// [`Failure::Provenance`] for the file, [`Failure::Settings`] for what it or another layer says.
pub fn read(home: &Home, flags: &BTreeMap<String, String>) -> Result<ServeSettings, Failure> {
    let config = Config::load(Some(home))?;
    let layers = Layers {
        file: &config.serve,
        variables: variables(),
        flags: flags.clone(),
    };
    Ok(ServeSettings::read(&layers)?)
}

/// The environment, as far as it is about the service.
fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            // A value that is no text is refused with its name by whoever reads it.
            name.starts_with(VARIABLES)
                .then(|| (name, value.to_string_lossy().into_owned()))
        })
        .collect()
}

/// Where a file that a setting names is.
pub fn file(home: &Home, path: &Path) -> PathBuf {
    home.root.join(path)
}
