//! The folder that holds keys, ledger and settings.

use std::path::{Path, PathBuf};

use colophon_keys::{KeyStore, KeysError, Passphrase};
use colophon_ledger::{Ledger, LedgerOptions, NoteSigner, ReadOptions, StorageKey, VerifierKey};

use crate::ProvenanceError;
use crate::config::Config;
use crate::signing::LedgerNoteSigner;
use crate::witnesses::WayToWitnesses;

/// A home: `keys/ ledger/ models/ policies/ trust/ config.toml witness-policy`. Naming one makes nothing.
#[derive(Debug, Clone)]
pub struct Home {
    /// The folder.
    pub root: PathBuf,
    pub(crate) way_to_witnesses: Option<WayToWitnesses>,
}

/// How a new home's keys are made. What is `None` comes from the settings, then from defaults
/// that call the chain local.
#[derive(Debug)]
pub struct InitOptions {
    /// Organisation in the certificates: the name that readers show as the issuer.
    pub organisation: Option<String>,
    /// Common name in the certificates.
    pub common_name: Option<String>,
    /// Country, two capital letters.
    pub country: Option<String>,
    /// Name of the ledger's key, which is the log's origin.
    pub ledger_origin: Option<String>,
    /// Encrypts the private keys when given.
    pub passphrase: Option<Passphrase>,
    /// The present, Unix seconds.
    pub now: i64,
}

impl InitOptions {
    /// All from the settings, keys not encrypted.
    pub fn new(now: i64) -> Self {
        Self {
            organisation: None,
            common_name: None,
            country: None,
            ledger_origin: None,
            passphrase: None,
            now,
        }
    }
}

impl Home {
    /// The home at this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            way_to_witnesses: None,
        }
    }

    /// The same home with a way to reach the witnesses of its ledger.
    #[must_use]
    pub fn with_way_to_witnesses(self, way: WayToWitnesses) -> Self {
        Self {
            way_to_witnesses: Some(way),
            ..self
        }
    }

    /// The folder named, else that of `COLOPHON_HOME`, else `colophon` in the XDG data folder
    /// (`XDG_DATA_HOME`, or `.local/share` in `HOME`; XDG Base Directory Specification 0.8).
    ///
    /// # Errors
    /// [`ProvenanceError::NoHome`] when none of them is set.
    pub fn resolve(explicit: Option<&Path>) -> Result<Self, ProvenanceError> {
        Self::resolve_from(explicit, |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        })
    }

    fn resolve_from(
        explicit: Option<&Path>,
        variable: impl Fn(&str) -> Option<PathBuf>,
    ) -> Result<Self, ProvenanceError> {
        // The specification has relative paths ignored.
        let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
        let data =
            || absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
        explicit
            .map(Path::to_owned)
            .or_else(|| variable("COLOPHON_HOME"))
            .or_else(|| Some(data()?.join("colophon")))
            .map(Self::new)
            .ok_or(ProvenanceError::NoHome)
    }

    /// Folder of the keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Folder of the ledger.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// Folder of models.
    pub fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// Folder of trust lists and revocations.
    pub fn trust(&self) -> PathBuf {
        self.root.join("trust")
    }

    /// Folder of the policies: see [`colophon_policy::Store`].
    pub fn policies(&self) -> PathBuf {
        self.root.join("policies")
    }

    /// File of the settings.
    pub fn config_file(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// Whether keys were made here, or something stands in their place.
    pub fn has_keys(&self) -> bool {
        self.keys()
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Makes keys and an empty ledger. Existing ones are never replaced.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`] when keys exist, cannot be written or the names cannot stand in
    /// certificates; [`ProvenanceError::Config`], [`ProvenanceError::Ledger`].
    pub fn init(&self, options: InitOptions) -> Result<(), ProvenanceError> {
        let config = Config::load(Some(self))?;
        let mut keys = self.make_keys(options, &config)?;
        let ledger = self.open_ledger(&keys)?;
        crate::key_events::enter(&mut keys, &ledger).map(drop)
    }

    /// The keys, made first where there are none; `true` when they were made by this call.
    pub(crate) fn keys_or_init(
        &self,
        config: &Config,
        passphrase: Option<Passphrase>,
        now: i64,
    ) -> Result<(KeyStore, bool), ProvenanceError> {
        if self.has_keys() {
            let keys = KeyStore::open_to_write(&self.keys(), passphrase, now)?;
            return Ok((keys, false));
        }
        if passphrase.is_none() {
            return match self.make_keys(InitOptions::new(now), config) {
                // Another process was faster.
                Err(ProvenanceError::Keys(KeysError::AlreadyExists(_))) => {
                    Ok((KeyStore::open_to_write(&self.keys(), None, now)?, false))
                }
                made => Ok((made?, true)),
            };
        }
        let options = InitOptions {
            passphrase,
            ..InitOptions::new(now)
        };
        Ok((self.make_keys(options, config)?, true))
    }

    fn make_keys(
        &self,
        options: InitOptions,
        config: &Config,
    ) -> Result<KeyStore, ProvenanceError> {
        let mut folder = std::fs::DirBuilder::new();
        folder.recursive(true);
        // Prompts lie in the ledger. The base directory specification asks for this mode as well.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder
            .create(&self.root)
            .map_err(|source| ProvenanceError::Io {
                action: "make the home folder",
                path: self.root.clone(),
                source,
            })?;
        let or = |given: Option<String>, set: &str| given.unwrap_or_else(|| set.to_owned());
        let options = colophon_keys::InitOptions {
            organisation: or(options.organisation, &config.organisation.value),
            common_name: or(options.common_name, &config.common_name.value),
            country: or(options.country, &config.country.value),
            ledger_name: options
                .ledger_origin
                .or_else(|| config.ledger_origin.value.clone()),
            passphrase: options.passphrase,
            now: options.now,
        };
        Ok(KeyStore::init(&self.keys(), options)?)
    }

    /// The ledger for writing, made when there is none.
    pub(crate) fn open_ledger(&self, keys: &KeyStore) -> Result<Ledger, ProvenanceError> {
        let signer = LedgerNoteSigner::new(keys.ledger_signer()?)?;
        let origin = signer.name().to_owned();
        let options = LedgerOptions {
            former_keys: former_keys(keys)?,
            storage_key: Some(storage_key(keys)?),
            witnessing: self.witnessing()?,
            ..LedgerOptions::default()
        };
        let ledger = Ledger::open_with(&self.ledger(), &origin, Box::new(signer), options)?;
        Ok(ledger)
    }

    /// The ledger's key as a signer of notes, such as the statement on an export.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`] when the key cannot be opened.
    pub fn note_signer(
        &self,
        keys: &KeyStore,
    ) -> Result<Box<dyn NoteSigner + Send>, ProvenanceError> {
        Ok(Box::new(LedgerNoteSigner::new(keys.ledger_signer()?)?))
    }

    /// The ledger for reading, with the keys from this home.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`] without a readable verifier key, [`ProvenanceError::Ledger`].
    pub fn open_ledger_read_only(&self) -> Result<Ledger, ProvenanceError> {
        self.read_ledger(&KeyStore::open(&self.keys(), None)?)
    }

    /// As [`Self::open_ledger_read_only`], with what these keys open: without the passphrase of an
    /// encrypted folder private parts stay locked.
    ///
    /// # Errors
    /// As [`Self::open_ledger_read_only`].
    pub fn read_ledger(&self, keys: &KeyStore) -> Result<Ledger, ProvenanceError> {
        let key = crate::signing::verifier_key(&keys.ledger_verifier_key()?)?;
        let options = ReadOptions {
            former_keys: former_keys(keys)?,
            storage_key: storage_key(keys).ok(),
        };
        Ok(Ledger::open_read_only_with(&self.ledger(), key, options)?)
    }
}

/// The storage key, with former ones that the ledger may still need because their replacement was interrupted.
pub(crate) fn storage_key(keys: &KeyStore) -> Result<StorageKey, KeysError> {
    let former = keys.former_storage_keys().into_iter();
    let former: Vec<[u8; 32]> = former
        .map(|(_, key)| key.map(|key| *key))
        .collect::<Result<_, _>>()?;
    Ok(StorageKey::new(*keys.storage_key()?).with_former(former))
}

pub(crate) fn former_keys(keys: &KeyStore) -> Result<Vec<VerifierKey>, ProvenanceError> {
    let texts = keys.former_ledger_verifier_keys();
    texts
        .iter()
        .map(|text| crate::signing::verifier_key(text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(explicit: Option<&str>, set: &[(&str, &str)]) -> Option<PathBuf> {
        let variable = |name: &str| {
            let found = set.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| PathBuf::from(value))
        };
        Home::resolve_from(explicit.map(Path::new), variable)
            .ok()
            .map(|home| home.root)
    }

    #[test]
    fn the_nearest_naming_of_the_home_wins() {
        let all = [
            ("COLOPHON_HOME", "/c"),
            ("XDG_DATA_HOME", "/x"),
            ("HOME", "/h"),
        ];
        assert_eq!(resolved(Some("rel"), &all), Some("rel".into()));
        assert_eq!(resolved(None, &all), Some("/c".into()));
        assert_eq!(resolved(None, &all[1..]), Some("/x/colophon".into()));
        assert_eq!(
            resolved(None, &all[2..]),
            Some("/h/.local/share/colophon".into())
        );
        let relative = [("XDG_DATA_HOME", "x"), ("HOME", "/h")];
        assert_eq!(
            resolved(None, &relative),
            Some("/h/.local/share/colophon".into())
        );
        assert_eq!(resolved(None, &[]), None);
    }
}
