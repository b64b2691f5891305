//! The folder of a witness: its key, the logs it knows, what it last saw of each, evidence of lies.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

use colophon_keys::{Passphrase, create_key_file, key_file_is_encrypted, open_key_file};
use colophon_tlog::{CosignerKey, Ed25519Cosigner, VerifierKey};
use sha2::{Digest as _, Sha256};

use crate::disk::{Disk, SystemDisk, replace};
use crate::error::WitnessError;
use crate::state::LogState;
use crate::witness::Witness;

const KEY_FILE: &str = "witness.key.pem";
const VERIFIER_KEY_FILE: &str = "witness.vkey";
const LOCK_FILE: &str = "lock";
const LOGS: &str = "logs";
const EVIDENCE: &str = "evidence";

/// A witness's folder. Naming one makes nothing.
///
/// ```text
/// witness.key.pem            private key, mode 0600
/// witness.vkey               public key, for the policies of those who trust this witness
/// logs/LOG.vkey              public key of a log that it knows
/// logs/LOG.state             the last checkpoint of it that was cosigned
/// logs/LOG.shards            public key of a ledger whose half-years it knows, each a log of its own
/// evidence/LOG-SIZE-ROOT.txt two signed checkpoints that contradict each other
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessFolder(PathBuf);

/// A log that a witness knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLog {
    /// Its key; the key's name is the log's origin line.
    pub key: VerifierKey,
    /// What was last cosigned; of a ledger in half-years `None`, because each has its own.
    pub state: Option<LogState>,
}

impl WitnessFolder {
    /// The witness in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the witness's key and its folder, all or nothing. `name` goes on every cosignature: a host name, with a
    /// path if need be, without the scheme.
    ///
    /// # Errors
    /// [`WitnessError::Exists`], [`WitnessError::Name`], [`WitnessError::Keys`], [`WitnessError::Io`].
    pub fn init(
        &self,
        name: &str,
        passphrase: Option<&Passphrase>,
    ) -> Result<CosignerKey, WitnessError> {
        let named = |source| WitnessError::Name {
            what: "the witness's name",
            source,
        };
        // A name that cannot be is told before anything is made.
        CosignerKey::new(name, &[0; 32]).map_err(named)?;
        let occupied = match fs::read_dir(&self.0) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        if occupied {
            return Err(WitnessError::Exists(self.0.clone()));
        }
        let parent = match self.0.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(WitnessError::io("make", parent))?;
        let mut staging = self.0.clone().into_os_string();
        staging.push(".partial");
        let staging = Self(staging.into());
        let made = staging.fill(name, passphrase);
        let placed = made.and_then(|key| {
            fs::rename(&staging.0, &self.0).map_err(WitnessError::io("make", &self.0))?;
            SystemDisk
                .sync_folder(parent)
                .map_err(WitnessError::io("write", parent))?;
            Ok(key)
        });
        if placed.is_err() {
            // What was begun is of no use to anybody; the first error is the one to tell.
            let _ = fs::remove_dir_all(&staging.0);
        }
        placed
    }

    fn fill(
        &self,
        name: &str,
        passphrase: Option<&Passphrase>,
    ) -> Result<CosignerKey, WitnessError> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        for folder in [self.0.clone(), self.0.join(LOGS), self.0.join(EVIDENCE)] {
            builder
                .create(&folder)
                .map_err(WitnessError::io("make", &folder))?;
        }
        let public = create_key_file(&self.0.join(KEY_FILE), passphrase)?;
        let key = CosignerKey::new(name, &public).map_err(|source| WitnessError::Name {
            what: "the witness's key",
            source,
        })?;
        self.put(VERIFIER_KEY_FILE, &format!("{key}\n"))?;
        Ok(key)
    }

    fn put(&self, name: &str, text: &str) -> Result<(), WitnessError> {
        let path = self.0.join(name);
        replace(&SystemDisk, &path, text.as_bytes()).map_err(WitnessError::io("write", &path))
    }

    /// The witness's public key, which others put into their policies.
    ///
    /// # Errors
    /// [`WitnessError::NoWitness`], [`WitnessError::Name`], [`WitnessError::Io`].
    pub fn key(&self) -> Result<CosignerKey, WitnessError> {
        let path = self.0.join(VERIFIER_KEY_FILE);
        let bytes = SystemDisk
            .read(&path)
            .map_err(WitnessError::io("read", &path))?
            .ok_or_else(|| WitnessError::NoWitness(self.0.clone()))?;
        let text = String::from_utf8_lossy(&bytes);
        text.trim().parse().map_err(|source| WitnessError::Name {
            what: "witness.vkey",
            source,
        })
    }

    /// Whether the private key asks for a passphrase.
    ///
    /// # Errors
    /// [`WitnessError::Keys`].
    pub fn is_encrypted(&self) -> Result<bool, WitnessError> {
        Ok(key_file_is_encrypted(&self.0.join(KEY_FILE))?)
    }

    /// Lets the witness cosign for a log; `false` when it knew it already. With `shards`, for every half-year of a
    /// ledger: the logs whose origin is the key's name, a slash and such as `2026h2`, signed by the same key; a ledger
    /// that changes its key is added with the new one too, for half-years not seen yet. May be done while the witness
    /// answers.
    ///
    /// # Errors
    /// [`WitnessError::OtherKey`], [`WitnessError::NoWitness`], [`WitnessError::Io`].
    pub fn add_log(&self, log: &VerifierKey, shards: bool) -> Result<bool, WitnessError> {
        self.key()?;
        let logs = Logs::of(&self.0);
        if shards {
            let mut keys = logs.keys_of_ledger(&SystemDisk, log.name())?;
            if keys.contains(log) {
                return Ok(false);
            }
            keys.push(log.clone());
            let lines: Vec<String> = keys.iter().map(ToString::to_string).collect();
            let text = lines.join("\n") + "\n";
            let path = logs.file(log.name(), "shards");
            replace(&SystemDisk, &path, text.as_bytes())
                .map_err(WitnessError::io("write", &path))?;
            return Ok(true);
        }
        match logs.key_of_log(&SystemDisk, log.name())? {
            Some(known) if known == *log => Ok(false),
            Some(_) => Err(WitnessError::OtherKey {
                origin: log.name().to_owned(),
            }),
            None => logs.register(&SystemDisk, log).map(|()| true),
        }
    }

    /// The logs that the witness knows, by origin, and what it last cosigned of each.
    ///
    /// # Errors
    /// [`WitnessError::Damaged`] and others.
    pub fn logs(&self) -> Result<Vec<KnownLog>, WitnessError> {
        let own = self.key()?;
        let logs = Logs::of(&self.0);
        let mut known = Vec::new();
        let folder = self.0.join(LOGS);
        for entry in fs::read_dir(&folder).map_err(WitnessError::io("read", &folder))? {
            let path = entry.map_err(WitnessError::io("read", &folder))?.path();
            let kind = path.extension().and_then(|kind| kind.to_str());
            if !matches!(kind, Some("vkey" | "shards")) {
                continue;
            }
            for key in read_keys(&SystemDisk, &path)? {
                let state = (kind == Some("vkey"))
                    .then(|| {
                        LogState::load(&SystemDisk, &logs.file(key.name(), "state"), &key, &own)
                    })
                    .transpose()?;
                known.push(KnownLog { key, state });
            }
        }
        known.sort_by(|a, b| a.key.name().cmp(b.key.name()));
        Ok(known)
    }

    /// Files with evidence of lies, in order of name.
    ///
    /// # Errors
    /// [`WitnessError::Io`].
    pub fn evidence(&self) -> Result<Vec<PathBuf>, WitnessError> {
        let folder = self.0.join(EVIDENCE);
        let entries = fs::read_dir(&folder).map_err(WitnessError::io("read", &folder))?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|kind| kind == "txt"))
            .collect();
        files.sort();
        Ok(files)
    }

    /// Opens the witness for answering; no other process can while this one lives.
    ///
    /// # Errors
    /// [`WitnessError::Locked`], [`WitnessError::Keys`], [`WitnessError::NoWitness`], [`WitnessError::Damaged`] when
    /// public and private key do not belong together.
    pub fn open(&self, passphrase: Option<&Passphrase>) -> Result<Witness, WitnessError> {
        let key = self.key()?;
        let path = self.0.join(LOCK_FILE);
        let lock = File::create(&path).map_err(WitnessError::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(WitnessError::Locked(self.0.clone())),
            Err(fs::TryLockError::Error(source)) => {
                return Err(WitnessError::io("lock", &path)(source));
            }
        }
        let seed = open_key_file(&self.0.join(KEY_FILE), passphrase)?;
        let signer =
            Ed25519Cosigner::from_seed(key.name(), &seed).map_err(|source| WitnessError::Name {
                what: "the witness's name",
                source,
            })?;
        Witness::new(
            self.0.clone(),
            Box::new(SystemDisk),
            signer,
            &key,
            Some(lock),
        )
    }
}

/// The files about logs below a witness's folder.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    logs: PathBuf,
    evidence: PathBuf,
}

impl Logs {
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            logs: folder.join(LOGS),
            evidence: folder.join(EVIDENCE),
        }
    }

    pub(crate) fn file(&self, origin: &str, kind: &str) -> PathBuf {
        self.logs.join(format!("{}.{kind}", file_name(origin)))
    }

    /// Where evidence about a checkpoint of this size and root goes.
    pub(crate) fn evidence(&self, origin: &str, size: u64, root: &str) -> PathBuf {
        let root: String = root.chars().take(16).collect();
        let name = format!("{}-{size}-{root}.txt", file_name(origin));
        self.evidence.join(name)
    }

    /// The key of a log that was named or seen before.
    pub(crate) fn key_of_log(
        &self,
        disk: &dyn Disk,
        origin: &str,
    ) -> Result<Option<VerifierKey>, WitnessError> {
        Ok(self.keys_for(disk, origin, "vkey")?.into_iter().next())
    }

    /// The keys of a ledger in half-years.
    pub(crate) fn keys_of_ledger(
        &self,
        disk: &dyn Disk,
        origin: &str,
    ) -> Result<Vec<VerifierKey>, WitnessError> {
        self.keys_for(disk, origin, "shards")
    }

    fn keys_for(
        &self,
        disk: &dyn Disk,
        origin: &str,
        kind: &str,
    ) -> Result<Vec<VerifierKey>, WitnessError> {
        let path = self.file(origin, kind);
        let keys = read_keys(disk, &path)?;
        if keys.iter().all(|key| key.name() == origin) {
            return Ok(keys);
        }
        Err(WitnessError::Damaged {
            path,
            what: "names another log than it is for".to_owned(),
        })
    }

    /// Enters a log of which nothing was cosigned; one that is known already stays as it is. The key is written last:
    /// where it stands, its state does too.
    pub(crate) fn register(&self, disk: &dyn Disk, log: &VerifierKey) -> Result<(), WitnessError> {
        // The witness itself and `add-log` may do this at one moment.
        let lock = self.logs.join(LOCK_FILE);
        let _held = disk.lock(&lock).map_err(WitnessError::io("lock", &lock))?;
        if self.key_of_log(disk, log.name())?.is_some() {
            return Ok(());
        }
        for (kind, text) in [("state", LogState::nothing()), ("vkey", format!("{log}\n"))] {
            let path = self.file(log.name(), kind);
            replace(disk, &path, text.as_bytes()).map_err(WitnessError::io("write", &path))?;
        }
        Ok(())
    }
}

/// The keys in a file, one a line; none where there is no file.
fn read_keys(disk: &dyn Disk, path: &Path) -> Result<Vec<VerifierKey>, WitnessError> {
    let bytes = disk.read(path).map_err(WitnessError::io("read", path))?;
    let text = String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
    let damaged = |what: String| WitnessError::Damaged {
        path: path.to_owned(),
        what,
    };
    let keys: Result<Vec<VerifierKey>, _> = text.lines().map(str::parse).collect();
    let keys = keys.map_err(|error| damaged(format!("is no verifier key: {error}")))?;
    if bytes.is_some() && keys.is_empty() {
        return Err(damaged("is empty".to_owned()));
    }
    Ok(keys)
}

/// A file's name that people recognise and that no two origins share.
fn file_name(origin: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let readable: String = origin
        .chars()
        .take(60)
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    let digest = Sha256::digest(origin);
    let (number, _) = digest.split_at(8);
    let number = number
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{}-{number:016x}", readable.trim_start_matches('.'))
}
