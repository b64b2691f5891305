//! Making, opening and describing the key folder.

use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use zeroize::Zeroizing;

use crate::certificate;
use crate::facts::{FACTS_VERSION, KeyState, Location, StoredFacts, StoredKey, read_facts};
use crate::files::{self, FACTS_FILE, StagedFolder};
use crate::handle::{Checked, FileKey, parse_software};
use crate::init::{self, InitOptions};
use crate::note::{self, NoteKey};
use crate::sealed::{self, OpenError};
use crate::{Algorithm, ClaimSigner, KeyHandle, KeysError, Passphrase, PublicKey, Role};
use crate::{pkcs11, remote};

/// Domain of the watermark key's public id.
const WATERMARK_ID_DOMAIN: &[u8] = b"io.colophon.watermark-key.1\n";
/// Domain of the storage key's public id.
const STORAGE_ID_DOMAIN: &[u8] = b"io.colophon.storage-key.1\n";

/// A symmetric key of former times: its id, and itself or why it cannot be read.
pub type FormerKey = (String, Result<Zeroizing<[u8; 32]>, KeysError>);

/// An opened key folder. Private keys are read, and decrypted, when a role is asked for.
pub struct KeyStore {
    pub(crate) dir: PathBuf,
    pub(crate) passphrase: Option<Passphrase>,
    pub(crate) facts: StoredFacts,
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl KeyStore {
    /// Makes all keys in `dir`, which must be absent or empty, and opens them. Either the whole
    /// folder appears or nothing does.
    ///
    /// # Errors
    /// [`KeysError::AlreadyExists`] when `dir` holds anything; [`KeysError::BadOption`];
    /// [`KeysError::Io`]; [`KeysError::Random`].
    pub fn init(dir: &Path, options: InitOptions) -> Result<Self, KeysError> {
        let mut staged = StagedFolder::create(dir)?;
        let facts = init::write_all(&mut staged, &options)?;
        staged.commit()?;
        Ok(Self {
            dir: dir.to_owned(),
            passphrase: options.passphrase,
            facts,
        })
    }

    /// Opens the keys in `dir`. No private key is read yet: a missing or wrong passphrase shows
    /// when a role is asked for.
    ///
    /// # Errors
    /// [`KeysError::NoKeys`], [`KeysError::Missing`] or [`KeysError::Corrupt`] for the facts file.
    pub fn open(dir: &Path, passphrase: Option<Passphrase>) -> Result<Self, KeysError> {
        let facts = read_facts(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            passphrase,
            facts,
        })
    }

    /// Opens the keys in `dir` for a program that writes with them. A folder that an earlier
    /// version made gets the keys of the roles it lacks, in one step; nothing else changes.
    ///
    /// # Errors
    /// As [`Self::open`]; [`KeysError::PassphraseNeeded`] and [`KeysError::WrongPassphrase`] when
    /// keys are to be made in an encrypted folder; [`KeysError::Io`], [`KeysError::Random`].
    pub fn open_to_write(
        dir: &Path,
        passphrase: Option<Passphrase>,
        now: i64,
    ) -> Result<Self, KeysError> {
        let mut store = Self::open(dir, passphrase)?;
        if store.facts.version < FACTS_VERSION {
            store.facts = store.upgrade(now)?;
        }
        Ok(store)
    }

    /// The watermark keys of former times, newest first, with their ids: what they marked is read
    /// with them. A damaged one is named and does not keep the others from reading.
    pub fn former_watermark_keys(&self) -> Vec<FormerKey> {
        self.former_symmetric_keys(Role::Watermark)
    }

    /// The storage keys of former times that were not destroyed, newest first, with their ids: a ledger is being wrapped
    /// anew, or that was interrupted.
    pub fn former_storage_keys(&self) -> Vec<FormerKey> {
        self.former_symmetric_keys(Role::Storage)
    }

    fn former_symmetric_keys(&self, role: Role) -> Vec<FormerKey> {
        let former = self.facts.keys.iter().rev();
        former
            .filter(|key| key.role == role && key.state != KeyState::Active)
            .filter(|key| role != Role::Storage || key.private_file().is_some())
            .map(|key| (key.id.clone(), self.symmetric_key(key)))
            .collect()
    }

    /// The id of the watermark key in use, as records name it.
    ///
    /// # Errors
    /// [`KeysError::NoActiveKey`].
    pub fn watermark_key_id(&self) -> Result<&str, KeysError> {
        Ok(&self.active(Role::Watermark)?.id)
    }

    /// The claim signer with its chain.
    ///
    /// # Errors
    /// [`KeysError::PassphraseNeeded`], [`KeysError::WrongPassphrase`], [`KeysError::Missing`],
    /// [`KeysError::Corrupt`]; [`KeysError::Mismatch`] when key and certificate differ.
    pub fn claim_signer(&self) -> Result<ClaimSigner, KeysError> {
        let entry = self.active(Role::ClaimSigner)?;
        let handle = self.handle(entry)?;
        let mut chain = self.certificate_of(entry)?.1;
        for file in &entry.chain_files {
            for certificate in read_certificates(&self.dir, file)? {
                chain += &certificate::to_pem(&certificate)?;
            }
        }
        Ok(ClaimSigner::new(handle, chain))
    }

    /// The ledger's note key.
    ///
    /// # Errors
    /// As [`Self::claim_signer`].
    pub fn ledger_signer(&self) -> Result<NoteKey, KeysError> {
        self.note_key(Role::Ledger)
    }

    /// The note key that signs policy bundles and lists of public keys.
    ///
    /// # Errors
    /// As [`Self::claim_signer`]; [`KeysError::NotMade`] in a folder of an earlier version that was
    /// not yet opened with [`Self::open_to_write`].
    pub fn policy_signer(&self) -> Result<NoteKey, KeysError> {
        self.note_key(Role::Policy)
    }

    /// The key that signs COSE receipts.
    ///
    /// # Errors
    /// As [`Self::policy_signer`].
    pub fn receipt_signer(&self) -> Result<Box<dyn KeyHandle>, KeysError> {
        self.handle(self.active(Role::Receipt)?)
    }

    fn note_key(&self, role: Role) -> Result<NoteKey, KeysError> {
        let entry = self.active(role)?;
        let (name, _, _) = self.verifier_key(role)?;
        let handle = self.handle(entry)?;
        NoteKey::new(name, handle).ok_or_else(|| self.mismatch(entry))
    }

    /// The watermark key in use.
    ///
    /// # Errors
    /// As [`Self::claim_signer`]; [`KeysError::Mismatch`] also when the key is not the one made by
    /// `init` (its id differs), since a wrong key would silently find no marks.
    pub fn watermark_key(&self) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        self.symmetric_key(self.active(Role::Watermark)?)
    }

    /// The storage key in use, which wraps the data keys of private record parts.
    ///
    /// # Errors
    /// As [`Self::watermark_key`]; [`KeysError::NotMade`] in a folder of an earlier version that
    /// was not yet opened with [`Self::open_to_write`].
    pub fn storage_key(&self) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        self.symmetric_key(self.active(Role::Storage)?)
    }

    pub(crate) fn symmetric_key(
        &self,
        entry: &StoredKey,
    ) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        let secret = self.secret(entry)?;
        let path = self.private_path(entry)?;
        let key: [u8; 32] =
            secret
                .as_slice()
                .try_into()
                .map_err(|_| KeysError::SymmetricKeyLength {
                    path: path.clone(),
                    bytes: secret.len(),
                })?;
        let key = Zeroizing::new(key);
        if symmetric_key_id(entry.role, &key) != entry.id {
            return Err(KeysError::Mismatch {
                path,
                public: self.dir.join(FACTS_FILE),
            });
        }
        Ok(key)
    }

    /// The root authority's certificate as PEM: the anchor a reader must be given. Needs no
    /// passphrase.
    ///
    /// # Errors
    /// [`KeysError::Missing`], [`KeysError::Corrupt`].
    pub fn root_certificate_pem(&self) -> Result<String, KeysError> {
        Ok(self.certificate_of(self.active(Role::RootAuthority)?)?.1)
    }

    /// The certificates of all root authorities that were not revoked, PEM, the one in use first:
    /// what former ones stand for stays good. Needs no passphrase.
    ///
    /// # Errors
    /// As [`Self::root_certificate_pem`].
    pub fn root_certificates_pem(&self) -> Result<String, KeysError> {
        let mut text = match self.active(Role::RootAuthority) {
            Ok(_) => self.root_certificate_pem()?,
            Err(_) => String::new(),
        };
        let former = self.facts.keys.iter().rev();
        for key in
            former.filter(|key| key.role == Role::RootAuthority && key.state == KeyState::Retired)
        {
            text += &self.certificate_of(key)?.1;
        }
        if text.is_empty() {
            // Says which key is missing.
            return self.root_certificate_pem();
        }
        Ok(text)
    }

    /// The anchors under which the claim signer's own chain is good, PEM: the root authorities, or
    /// the root of a chain that was imported.
    ///
    /// # Errors
    /// As [`Self::root_certificate_pem`].
    pub fn own_anchors_pem(&self) -> Result<String, KeysError> {
        let Some(file) = &self.active(Role::ClaimSigner)?.anchor_file else {
            return self.root_certificates_pem();
        };
        certificate::to_pem(&read_certificate(&self.dir, file)?)
    }

    /// Whether the claim signer's chain is the local one, on no public list.
    pub fn has_local_chain(&self) -> bool {
        self.active(Role::ClaimSigner)
            .is_ok_and(|entry| entry.anchor_file.is_none())
    }

    /// The ledger's verifier key text (C2SP signed-note). Needs no passphrase.
    ///
    /// # Errors
    /// [`KeysError::Missing`], [`KeysError::Corrupt`].
    pub fn ledger_verifier_key(&self) -> Result<String, KeysError> {
        self.verifier_key(Role::Ledger)
            .map(|(name, _, public_key)| note::verifier_key(&name, &public_key))
    }

    /// The policy key's verifier key text. Needs no passphrase.
    ///
    /// # Errors
    /// As [`Self::ledger_verifier_key`]; [`KeysError::NotMade`].
    pub fn policy_verifier_key(&self) -> Result<String, KeysError> {
        self.verifier_key(Role::Policy)
            .map(|(name, _, public_key)| note::verifier_key(&name, &public_key))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn facts(&self) -> &StoredFacts {
        &self.facts
    }

    /// The key of a role that is in use.
    pub(crate) fn active(&self, role: Role) -> Result<&StoredKey, KeysError> {
        let role_name = role.name();
        self.facts.active(role).ok_or_else(|| {
            if self.facts.keys.iter().any(|key| key.role == role) {
                return KeysError::NoActiveKey { role: role_name };
            }
            KeysError::NotMade {
                dir: self.dir.clone(),
                role: role_name,
            }
        })
    }

    /// The role's key in use, or the one that was last: what is public of it stays of use.
    pub(crate) fn newest(&self, role: Role) -> Result<&StoredKey, KeysError> {
        self.active(role).or_else(|error| {
            let mut all = self.facts.keys.iter().rev();
            all.find(|key| key.role == role && key.activated_at.is_some())
                .ok_or(error)
        })
    }

    /// The role's key in use, if it is a file of an Ed25519 or P-256 key.
    pub(crate) fn signing_key(&self, role: Role) -> Result<Box<dyn KeyHandle>, KeysError> {
        self.handle(self.active(role)?)
    }

    /// A handle on a key, once it is shown to belong to its public part.
    pub(crate) fn handle(&self, entry: &StoredKey) -> Result<Box<dyn KeyHandle>, KeysError> {
        let handle: Box<dyn KeyHandle> = match &entry.location {
            Location::File { .. } => {
                let der = self.secret(entry)?;
                let key = parse_software(&der).ok_or_else(|| KeysError::Corrupt {
                    path: self.private_path(entry).unwrap_or_default(),
                    what: "it does not hold an Ed25519 or P-256 key in PKCS#8".to_owned(),
                })?;
                Box::new(FileKey::new(entry.role, key)?)
            }
            Location::Pkcs11(place) => Box::new(Checked(pkcs11::open(entry.role, place)?)),
            Location::Remote(place) => Box::new(Checked(remote::open(entry.role, place)?)),
        };
        if self.public_key_of(entry)? != *handle.public_key() {
            return Err(self.mismatch(entry));
        }
        Ok(handle)
    }

    fn private_path(&self, entry: &StoredKey) -> Result<PathBuf, KeysError> {
        let name = entry.private_file().ok_or_else(|| KeysError::NotInAFile {
            role: entry.role.name(),
            id: entry.id.clone(),
        })?;
        Ok(self.dir.join(name))
    }

    pub(crate) fn secret(&self, entry: &StoredKey) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let path = self.private_path(entry)?;
        let text = Zeroizing::new(files::read(&path)?);
        let name = path.file_name().and_then(|name| name.to_str());
        let unchanged =
            name.and_then(|name| self.facts.files.get(name)) == Some(&hex(&Sha256::digest(&*text)));
        let explain = |error| sealed::explain(error, &path, unchanged);
        let labels = sealed::labels(entry.role);
        let secret = sealed::open(labels, &text, self.passphrase.as_ref()).map_err(explain)?;
        // One wrong passphrase in 256 leaves padding that looks right; the content then does not.
        let plausible = if entry.role.is_symmetric() {
            secret.len() == 32
        } else {
            parse_software(&secret).is_some()
        };
        if !plausible && sealed::is_encrypted(labels, &text) {
            return Err(explain(OpenError::DoesNotDecrypt));
        }
        Ok(secret)
    }

    /// Whether the file of the role's key in use is encrypted; `false` also when it cannot be read.
    pub(crate) fn is_encrypted(&self, role: Role) -> bool {
        self.active(role)
            .and_then(|entry| is_file_encrypted(&self.dir, entry))
            .unwrap_or(false)
    }

    /// The public part that stands beside a signing key.
    pub(crate) fn public_key_of(&self, entry: &StoredKey) -> Result<PublicKey, KeysError> {
        let file = entry.public_file.as_deref().unwrap_or_default();
        let path = self.dir.join(file);
        let corrupt = |what: &str| KeysError::Corrupt {
            path: path.clone(),
            what: what.to_owned(),
        };
        if Path::new(file).extension().is_some_and(|end| end == "vkey") {
            let (_, _, raw) = read_verifier_key(&self.dir, file)?;
            return PublicKey::from_raw(Algorithm::Ed25519, &raw);
        }
        if file.ends_with(".pub.pem") {
            let bytes = files::read(&path)?;
            let (_, der) =
                pkcs8::der::pem::decode_vec(&bytes).map_err(|error| corrupt(&error.to_string()))?;
            return PublicKey::from_der(&der)
                .ok_or_else(|| corrupt("it does not hold an Ed25519 or P-256 public key"));
        }
        certificate::public_key(&read_certificate(&self.dir, file)?)
            .ok_or_else(|| corrupt("its key is neither Ed25519 nor P-256"))
    }

    /// A key's certificate, and its PEM text.
    pub(crate) fn certificate_of(
        &self,
        entry: &StoredKey,
    ) -> Result<(Certificate, String), KeysError> {
        let file = entry.public_file.as_deref().unwrap_or_default();
        let certificate = read_certificate(&self.dir, file)?;
        let pem = certificate::to_pem(&certificate)?;
        Ok((certificate, pem))
    }

    pub(crate) fn verifier_key(&self, role: Role) -> Result<(String, u32, [u8; 32]), KeysError> {
        let entry = self.newest(role)?;
        read_verifier_key(&self.dir, entry.public_file.as_deref().unwrap_or_default())
    }

    pub(crate) fn mismatch(&self, entry: &StoredKey) -> KeysError {
        KeysError::Mismatch {
            path: self.private_path(entry).unwrap_or_default(),
            public: self
                .dir
                .join(entry.public_file.as_deref().unwrap_or_default()),
        }
    }
}

/// The public id of a symmetric key: 16 hex digits of SHA-256 over its role's domain and itself.
pub(crate) fn symmetric_key_id(role: Role, key: &[u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update(if role == Role::Storage {
            STORAGE_ID_DOMAIN
        } else {
            WATERMARK_ID_DOMAIN
        })
        .chain_update(key)
        .finalize();
    hex(&digest[..8])
}

/// Every certificate in a PEM file.
pub(crate) fn read_certificates(dir: &Path, file: &str) -> Result<Vec<Certificate>, KeysError> {
    let path = dir.join(file);
    let bytes = files::read(&path)?;
    Certificate::load_pem_chain(&bytes).map_err(|error| KeysError::Corrupt {
        path,
        what: error.to_string(),
    })
}

pub(crate) fn read_certificate(dir: &Path, file: &str) -> Result<Certificate, KeysError> {
    use pkcs8::der::DecodePem as _;
    let path = dir.join(file);
    let bytes = files::read(&path)?;
    Certificate::from_pem(&bytes).map_err(|error| KeysError::Corrupt {
        path,
        what: error.to_string(),
    })
}

pub(crate) fn read_verifier_key(
    dir: &Path,
    file: &str,
) -> Result<(String, u32, [u8; 32]), KeysError> {
    let path = dir.join(file);
    let bytes = files::read(&path)?;
    std::str::from_utf8(&bytes)
        .ok()
        .and_then(note::parse_verifier_key)
        .ok_or_else(|| KeysError::Corrupt {
            path,
            what: "not a verifier key".to_owned(),
        })
}

pub(crate) fn is_file_encrypted(dir: &Path, entry: &StoredKey) -> Result<bool, KeysError> {
    let Some(name) = entry.private_file() else {
        return Ok(true);
    };
    let text = Zeroizing::new(files::read(&dir.join(name))?);
    Ok(sealed::is_encrypted(sealed::labels(entry.role), &text))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |text, byte| {
            text + &format!("{byte:02x}")
        })
}
