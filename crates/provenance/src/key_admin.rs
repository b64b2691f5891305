//! Keys changed as a whole: folder, ledger and list of revoked certificates together.

use colophon_keys::{KeyStore, KeySummary, NewPlace, Passphrase, Role};
use colophon_ledger::{Ledger, Note, Rewrapped};
use colophon_manifest::{CertificateName, RevokedCertificate};

use crate::signing::LedgerNoteSigner;
use crate::trust::Revocations;
use crate::{Home, ProvenanceError, key_events, trust_events};

/// First line of a list of public keys.
const LIST_HEAD: &str = "io.colophon.public-keys/1";

/// The keys of a home, opened to change them.
pub struct KeyAdmin<'a> {
    home: &'a Home,
    keys: KeyStore,
    now: i64,
}

impl std::fmt::Debug for KeyAdmin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyAdmin")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

/// What a change came to.
#[derive(Debug, Default)]
pub struct KeyChange {
    /// Events that the ledger took.
    pub entered: usize,
    /// Why the ledger took none. They wait in the key folder, and the next writing opening enters
    /// them.
    pub waiting: Option<String>,
    /// What was wrapped anew, when the storage key was replaced.
    pub rewrapped: Option<Rewrapped>,
    /// Whether a replacement of before was finished, and no other key made.
    pub resumed: bool,
}

impl<'a> KeyAdmin<'a> {
    /// Opens the keys of a home that has some.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`], as [`KeyStore::open_to_write`].
    pub fn open(
        home: &'a Home,
        passphrase: Option<Passphrase>,
        now: i64,
    ) -> Result<Self, ProvenanceError> {
        let keys = KeyStore::open_to_write(&home.keys(), passphrase, now)?;
        Ok(Self { home, keys, now })
    }

    /// The keys, for reading.
    pub fn keys(&self) -> &KeyStore {
        &self.keys
    }

    /// Puts a new key in the place of the one in use, see [`KeyStore::rotate`]. For the ledger's key
    /// the open shard is sealed first, with the key that opened it.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`]; [`ProvenanceError::Ledger`] when the shard cannot be sealed.
    pub fn rotate(&mut self, role: Role, place: &NewPlace) -> Result<KeyChange, ProvenanceError> {
        if role == Role::Storage {
            return self.replace_storage_key(place);
        }
        if role == Role::Ledger && self.keys.ledger_signer().is_ok() {
            self.seal()?;
        }
        self.keys.rotate(role, place, self.now)?;
        Ok(self.enter_events())
    }

    /// Puts a new storage key in the place of the one in use: makes it, wraps every key in the ledger with it, and
    /// destroys the former one. Until the last step both are in the key folder and open the ledger together, so that
    /// nothing is lost wherever it stops; the next call then finishes it instead of making another key.
    fn replace_storage_key(&mut self, place: &NewPlace) -> Result<KeyChange, ProvenanceError> {
        let interrupted = !self.keys.former_storage_keys().is_empty();
        if !interrupted {
            self.keys.rotate(Role::Storage, place, self.now)?;
        }
        let rewrapped = self.ledger()?.rewrap()?;
        self.keys.destroy_former_storage_keys()?;
        let mut change = self.enter_events();
        change.rewrapped = Some(rewrapped);
        change.resumed = interrupted;
        Ok(change)
    }

    /// Makes a claim signer's key that waits for its certificate, see [`KeyStore::prepare_signer`].
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`].
    pub fn prepare_signer(&mut self, place: &NewPlace) -> Result<KeyChange, ProvenanceError> {
        self.keys.prepare_signer(place, self.now)?;
        Ok(self.enter_events())
    }

    /// Installs a certificate, see [`KeyStore::import_certificate`].
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`].
    pub fn import_certificate(
        &mut self,
        chain: &[u8],
        root: Option<&[u8]>,
    ) -> Result<(KeySummary, KeyChange), ProvenanceError> {
        let key = self.keys.import_certificate(chain, root, self.now)?;
        Ok((key, self.enter_events()))
    }

    /// Revokes a key from a time on (Unix seconds), see [`KeyStore::revoke`]. A certificate of it
    /// goes onto this home's list of revoked ones, which every check uses: what it signed before
    /// that time stays good where a trusted time-stamp shows it, all else is doubted.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`]; what keeps the list from being written.
    pub fn revoke(
        &mut self,
        name: &str,
        reason: &str,
        from: i64,
    ) -> Result<(KeySummary, KeyChange), ProvenanceError> {
        // Its last act; without it the shard could not be closed any more. A ledger that cannot be
        // opened keeps no key from being revoked.
        let is_ledger = |key: &KeySummary| {
            key.role == Role::Ledger && (name == Role::Ledger.id() || key.id.starts_with(name))
        };
        if self.keys.list().iter().any(is_ledger) && self.keys.ledger_signer().is_ok() {
            let _ = self.seal();
        }
        let key = self.keys.revoke(name, reason, from, self.now)?;
        if let Some(pem) = &key.certificate {
            let entry = RevokedCertificate {
                certificate: CertificateName::of_file(pem.as_bytes())?,
                from,
                reason: Some(reason.to_owned()),
            };
            let events = trust_events::of_revocations(self.home, std::slice::from_ref(&entry))?;
            let waiting = trust_events::wait(self.home, self.now, &events)?;
            let added = Revocations::load(Some(self.home))?.add(self.home, vec![entry]);
            waiting.settle(added)?;
        }
        Ok((key, self.enter_events()))
    }

    /// All keys of all times as a note (C2SP signed-note), signed with the policy key: a line that
    /// says what it is, the time, and one line of JSON a key.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`]; [`ProvenanceError::Note`] when the key does not sign.
    pub fn public_list(&self) -> Result<String, ProvenanceError> {
        let mut text = format!("{LIST_HEAD}\n{}\n", crate::rfc3339(self.now));
        for key in self.keys.list() {
            let line = key.to_json()?;
            text.push_str(&line);
            text.push('\n');
        }
        let signer = LedgerNoteSigner::new(self.keys.policy_signer()?)?;
        let note = Note::sign(&text, &signer).map_err(ProvenanceError::Note)?;
        Ok(note.to_string())
    }

    /// Seals the open shard with the ledger's key in use.
    fn seal(&mut self) -> Result<(), ProvenanceError> {
        let ledger = self.ledger()?;
        key_events::enter(&mut self.keys, &ledger)?;
        ledger.seal(self.now)?;
        Ok(())
    }

    fn ledger(&self) -> Result<Ledger, ProvenanceError> {
        self.home.open_ledger(&self.keys)
    }

    fn enter_events(&mut self) -> KeyChange {
        let entered = self.ledger().and_then(|ledger| {
            let of_keys = key_events::enter(&mut self.keys, &ledger)?;
            Ok(of_keys + trust_events::enter(self.home, &ledger)?)
        });
        match entered {
            Ok(entered) => KeyChange {
                entered,
                ..KeyChange::default()
            },
            Err(error) => KeyChange {
                waiting: Some(error.to_string()),
                ..KeyChange::default()
            },
        }
    }
}
