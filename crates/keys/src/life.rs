//! The life of keys: made, in use, retired, revoked.

use std::fs;

use crate::certificate::Place as InChain;
use crate::change::{Change, NewFiles};
use crate::facts::{KeyState, Location, RemoteKey, Revocation, StoredFacts, StoredKey, TokenKey};
use crate::handle::Checked;
use crate::making::{Maker, NewKey, names};
use crate::store::{read_certificate, read_verifier_key};
use crate::{
    Algorithm, KeyEvent, KeyEventKind, KeyHandle, KeyStore, KeysError, Role, pkcs11, remote,
};

/// Where a new key is to live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewPlace {
    /// In a file of the key folder.
    File(Algorithm),
    /// In a token; made there when it has no key with the label.
    Token(TokenKey, Algorithm),
    /// Behind a remote signer, which has it already.
    Remote(RemoteKey),
}

/// The reasons of RFC 5280, section 5.3.1, that make sense here.
pub const REVOCATION_REASONS: [&str; 5] = [
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "superseded",
    "cessationOfOperation",
];

impl KeyStore {
    /// Makes a new key for a role and retires the one in use, in one step. The private file of a
    /// retired signing key is destroyed; symmetric keys are kept for reading. A new authority
    /// certifies the keys that are made after it.
    ///
    /// # Errors
    /// [`KeysError::CannotChange`] for a place or algorithm that does not fit the role;
    /// [`KeysError::Token`], [`KeysError::Remote`]; what opening the issuer's key says;
    /// [`KeysError::Io`], [`KeysError::Random`]. Nothing changes then.
    pub fn rotate(&mut self, role: Role, place: &NewPlace, now: i64) -> Result<(), KeysError> {
        self.check_passphrase()?;
        let mut change = Change::begin(&self.dir)?;
        let former = change.facts.active(role).cloned();
        let (mut sink, facts) = change.parts();
        if let Some(former) = &former {
            retire(facts, &former.id, now);
        }
        self.make(&mut sink, facts, role, place, former.as_ref(), now)?;
        // A key that was prepared for this role waits no longer.
        self.facts = change.commit()?;
        self.destroy(former.as_ref());
        Ok(())
    }

    fn make(
        &self,
        sink: &mut NewFiles<'_>,
        facts: &mut StoredFacts,
        role: Role,
        place: &NewPlace,
        former: Option<&StoredKey>,
        now: i64,
    ) -> Result<(), KeysError> {
        let mut maker = self.maker(sink, facts, now);
        if role.is_symmetric() {
            if *place != NewPlace::File(Algorithm::Ed25519) {
                return Err(cannot(
                    role,
                    "put elsewhere",
                    "it is needed for reading, so it lives in a file",
                ));
            }
            return maker.symmetric_key(role);
        }
        let key = new_key(&mut maker, role, place)?;
        match role {
            Role::Ledger | Role::Policy => {
                if key.handle.algorithm() != Algorithm::Ed25519 {
                    return Err(cannot(
                        role,
                        "of ES256",
                        "notes are signed with Ed25519 alone",
                    ));
                }
                // The name stays: it is the log's origin, and readers know the key by it.
                let file = self.latest(role, former)?.public_file.clone();
                let (name, _, _) = read_verifier_key(&self.dir, &file.unwrap_or_default())?;
                maker.enter_note_key(&key, |_| name).map(drop)
            }
            Role::Receipt => maker.enter_bare_key(&key),
            _ => self.certified(&mut maker, role, &key, former),
        }
    }

    /// Certifies a key of the chain under the authority in use.
    fn certified(
        &self,
        maker: &mut Maker<'_>,
        role: Role,
        key: &NewKey,
        former: Option<&StoredKey>,
    ) -> Result<(), KeysError> {
        let file = self.latest(role, former)?.certificate_file()?;
        let subject = read_certificate(&self.dir, file)?
            .tbs_certificate()
            .subject()
            .clone();
        let (place, above) = match role {
            Role::RootAuthority => {
                let names = names(subject, None);
                let (file, _) = maker.certify(InChain::Root, names, &*key.handle, &*key.handle)?;
                maker.enter_certified(key, file, Vec::new(), None);
                return Ok(());
            }
            Role::IssuingAuthority => (InChain::Issuing, Role::RootAuthority),
            _ => (InChain::Leaf, Role::IssuingAuthority),
        };
        let issuer = self.active(above)?;
        let handle = self.handle(issuer)?;
        let issuer_file = issuer.certificate_file()?.to_owned();
        let certificate = read_certificate(&self.dir, &issuer_file)?;
        let (file, _) = maker.certify(
            place,
            names(subject, Some(&certificate)),
            &*key.handle,
            &*handle,
        )?;
        let (chain, anchor) = match place {
            InChain::Leaf => (vec![issuer_file], None),
            _ => (Vec::new(), Some(issuer_file)),
        };
        maker.enter_certified(key, file, chain, anchor);
        Ok(())
    }

    /// Makes a claim signer's key that waits for a certificate of another authority; the key in use
    /// stays in use. See [`Self::certificate_request`].
    ///
    /// # Errors
    /// As [`Self::rotate`]; [`KeysError::CannotChange`] when one is waiting already.
    pub fn prepare_signer(&mut self, place: &NewPlace, now: i64) -> Result<(), KeysError> {
        self.check_passphrase()?;
        let mut change = Change::begin(&self.dir)?;
        if change.facts.waiting().is_some() {
            return Err(cannot(
                Role::ClaimSigner,
                "prepared",
                "one waits for its certificate already: import that, or revoke the key",
            ));
        }
        let (mut sink, facts) = change.parts();
        let mut maker = self.maker(&mut sink, facts, now);
        let key = new_key(&mut maker, Role::ClaimSigner, place)?;
        let file = maker.public_key_file("signer.pub.pem", key.handle.public_key())?;
        let mut entry = maker.entry(&key, file);
        entry.state = KeyState::Created;
        entry.activated_at = None;
        facts.tell(KeyEventKind::Created, &entry, now);
        facts.keys.push(entry);
        self.facts = change.commit()?;
        Ok(())
    }

    /// Revokes a key, named by its role (the one in use) or by the start of its id. A signing key
    /// is destroyed. Returns the key's facts as they then are.
    ///
    /// # Errors
    /// [`KeysError::NoSuchKey`]; [`KeysError::BadOption`] for an unknown reason;
    /// [`KeysError::CannotChange`] for a key that is revoked from an earlier time already.
    pub fn revoke(
        &mut self,
        name: &str,
        reason: &str,
        from: i64,
        now: i64,
    ) -> Result<KeySummary, KeysError> {
        if !REVOCATION_REASONS.contains(&reason) {
            return Err(KeysError::BadOption {
                field: "reason",
                reason: format!("must be one of {}", REVOCATION_REASONS.join(", ")),
            });
        }
        let mut change = Change::begin(&self.dir)?;
        let at = find(&change.facts, name)?;
        let (_, facts) = change.parts();
        let role = facts.keys[at].role;
        if let Some(known) = &facts.keys[at].revoked
            && known.from <= from
        {
            return Err(cannot(
                role,
                "revoked again",
                "it is revoked from that time or an earlier one on",
            ));
        }
        let before = facts.keys[at].clone();
        forget_file(facts, at);
        let key = &mut facts.keys[at];
        key.state = KeyState::Revoked;
        key.retired_at = key.retired_at.or(Some(now));
        key.revoked = Some(Revocation {
            at: now,
            from,
            reason: reason.to_owned(),
        });
        let key = key.clone();
        facts.tell(KeyEventKind::Revoked, &key, now);
        self.facts = change.commit()?;
        self.destroy(Some(&before));
        Ok(self.summary(&key))
    }

    /// Destroys the private files of the storage keys of former times: nothing is wrapped with them any more. Tells how
    /// many there were.
    ///
    /// # Errors
    /// [`KeysError::Io`].
    pub fn destroy_former_storage_keys(&mut self) -> Result<usize, KeysError> {
        let mut change = Change::begin(&self.dir)?;
        let mut gone = Vec::new();
        let facts = &mut change.facts;
        let former = facts.keys.iter_mut();
        for key in former.filter(|it| it.role == Role::Storage && it.state != KeyState::Active) {
            if let Location::File { name } = &mut key.location
                && let Some(name) = name.take()
            {
                facts.files.remove(&name);
                gone.push(name);
            }
        }
        if gone.is_empty() {
            return Ok(0);
        }
        self.facts = change.commit()?;
        for name in &gone {
            let path = self.dir.join(name);
            fs::remove_file(&path).map_err(|source| KeysError::Io {
                action: "remove",
                path,
                source,
            })?;
        }
        crate::files::sync_folder(&self.dir).map_err(|source| KeysError::Io {
            action: "sync",
            path: self.dir.clone(),
            source,
        })?;
        Ok(gone.len())
    }

    /// Events that the ledger has yet to take, oldest first.
    pub fn pending_events(&self) -> &[KeyEvent] {
        &self.facts.events
    }

    /// Hands every event that the ledger has yet to take over to `each`, oldest first, and forgets them when all are
    /// taken; tells how many. The folder is locked meanwhile, so that of several processes one hands over.
    ///
    /// # Errors
    /// Those of `each`, and [`KeysError::Io`]; the events then stay, and some may be handed over twice.
    pub fn hand_over_events<E: From<KeysError>>(
        &mut self,
        mut each: impl FnMut(&Self, &KeyEvent) -> Result<(), E>,
    ) -> Result<usize, E> {
        if self.facts.events.is_empty() {
            return Ok(0);
        }
        let mut change = Change::begin(&self.dir)?;
        let waiting = std::mem::take(&mut change.facts.events);
        for event in &waiting {
            each(self, event)?;
        }
        self.facts = if waiting.is_empty() {
            // Another process was faster.
            change.facts.clone()
        } else {
            change.commit()?
        };
        Ok(waiting.len())
    }

    pub(crate) fn maker<'a>(
        &'a self,
        sink: &'a mut NewFiles<'_>,
        facts: &'a mut StoredFacts,
        now: i64,
    ) -> Maker<'a> {
        let encrypted = self.is_encrypted(Role::Watermark);
        Maker {
            sink,
            facts,
            passphrase: self.passphrase.as_ref().filter(|_| encrypted),
            now,
        }
    }

    /// Shows that the passphrase opens the files there are, before new ones are made with it.
    pub(crate) fn check_passphrase(&self) -> Result<(), KeysError> {
        self.watermark_key().map(drop)
    }

    fn latest<'a>(
        &'a self,
        role: Role,
        former: Option<&'a StoredKey>,
    ) -> Result<&'a StoredKey, KeysError> {
        let known = || {
            let mut all = self.facts.keys.iter().rev();
            all.find(|key| key.role == role && key.activated_at.is_some())
        };
        former
            .or_else(known)
            .ok_or(KeysError::NoActiveKey { role: role.name() })
    }

    /// Removes the private file of a key that is no longer used; `keys.json` no longer names it.
    pub(crate) fn destroy(&self, key: Option<&StoredKey>) {
        let Some(key) = key.filter(|key| !key.role.is_symmetric()) else {
            return;
        };
        if let Some(file) = key.private_file() {
            // What stays behind is a key that nothing uses any more; `check` names such files.
            let _ = fs::remove_file(self.dir.join(file));
        }
    }
}

/// A key of any time, as may be shown.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct KeySummary {
    /// Its role.
    pub role: Role,
    /// Its id: 64 hex digits, 16 for symmetric keys.
    pub id: String,
    /// Its algorithm; `None` for symmetric keys.
    pub algorithm: Option<Algorithm>,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made, Unix seconds.
    pub created_at: i64,
    /// When it came into use.
    pub activated_at: Option<i64>,
    /// When it went out of use.
    pub retired_at: Option<i64>,
    /// Why and from when on it is not to be trusted.
    pub revoked: Option<Revocation>,
    /// Where the private part lives: `file`, `destroyed`, `pkcs11` or `remote`.
    pub place: &'static str,
    /// C2SP verifier key, of note keys.
    pub verifier_key: Option<String>,
    /// Certificate, PEM, of keys of the chain.
    pub certificate: Option<String>,
    /// SHA-256 of the certificate's DER, hex.
    pub certificate_sha256: Option<String>,
    /// Last second of the certificate, Unix time.
    pub not_after: Option<i64>,
    /// Public key, PEM, of keys with neither of both.
    pub public_key: Option<String>,
}

impl KeySummary {
    /// One line of JSON.
    ///
    /// # Errors
    /// [`KeysError::Encode`], which does not happen.
    pub fn to_json(&self) -> Result<String, KeysError> {
        serde_json::to_string(self).map_err(|error| KeysError::encode("the list of keys", error))
    }
}

impl KeyStore {
    /// The keys of all times, in the order of making. Needs no passphrase.
    pub fn list(&self) -> Vec<KeySummary> {
        self.facts
            .keys
            .iter()
            .map(|key| self.summary(key))
            .collect()
    }

    /// The public half (`SubjectPublicKeyInfo`, DER) of the key with this id; `None` for symmetric
    /// keys, and for one whose public file is lost.
    pub fn public_key_der(&self, id: &str) -> Option<Vec<u8>> {
        let key = self.facts.keys.iter().find(|key| key.id == id)?;
        key.public_file.as_ref()?;
        Some(self.public_key_of(key).ok()?.der().to_vec())
    }

    /// The verifier keys that the ledger had before the present one, newest first.
    pub fn former_ledger_verifier_keys(&self) -> Vec<String> {
        let newest = self.newest(Role::Ledger).map(|key| key.id.as_str());
        let newest = newest.unwrap_or_default();
        let former = self.facts.keys.iter().rev();
        former
            .filter(|key| key.role == Role::Ledger && key.id != newest)
            .filter_map(|key| self.summary(key).verifier_key)
            .collect()
    }

    pub(crate) fn summary(&self, key: &StoredKey) -> KeySummary {
        let file = key.public_file.as_deref();
        let kind = |end: &str| file.filter(|file| file.ends_with(end));
        let text = |file: &str| {
            let bytes = crate::files::read(&self.dir.join(file)).ok()?;
            Some(String::from_utf8(bytes).ok()?.trim_end().to_owned())
        };
        let certificate = kind(".cert.pem").and_then(|file| read_certificate(&self.dir, file).ok());
        KeySummary {
            role: key.role,
            id: key.id.clone(),
            algorithm: key.algorithm,
            state: key.state,
            created_at: key.created_at,
            activated_at: key.activated_at,
            retired_at: key.retired_at,
            revoked: key.revoked.clone(),
            place: match &key.location {
                Location::File { name: Some(_) } => "file",
                Location::File { name: None } => "destroyed",
                Location::Pkcs11(_) => "pkcs11",
                Location::Remote(_) => "remote",
            },
            verifier_key: kind(".vkey").and_then(text),
            certificate: certificate
                .as_ref()
                .and_then(|certificate| crate::certificate::to_pem(certificate).ok()),
            certificate_sha256: certificate
                .as_ref()
                .and_then(crate::certificate::fingerprint)
                .map(|digest| crate::store::hex(&digest)),
            not_after: certificate
                .as_ref()
                .map(|certificate| crate::certificate::validity(certificate).1),
            public_key: kind(".pub.pem").and_then(text),
        }
    }
}

fn new_key(maker: &mut Maker<'_>, role: Role, place: &NewPlace) -> Result<NewKey, KeysError> {
    let (handle, location): (Box<dyn KeyHandle>, _) = match place {
        NewPlace::File(algorithm) => return maker.signing_key(role, *algorithm),
        NewPlace::Token(place, algorithm) => {
            let handle = pkcs11::open_or_make(role, place, *algorithm)?;
            (Box::new(Checked(handle)), Location::Pkcs11(place.clone()))
        }
        NewPlace::Remote(place) => {
            let handle = remote::open(role, place)?;
            (Box::new(Checked(handle)), Location::Remote(place.clone()))
        }
    };
    let id = handle.key_id().to_string();
    if maker.facts.keys.iter().any(|key| key.id == id) {
        return Err(cannot(
            role,
            "taken into use",
            "it serves or served already, and one key serves one role once: use another label",
        ));
    }
    Ok(NewKey { handle, location })
}

/// Retires the key with this id, if it is in use.
pub(crate) fn retire(facts: &mut StoredFacts, id: &str, now: i64) {
    let is_it = |key: &StoredKey| key.id == id && key.state == KeyState::Active;
    let Some(at) = facts.keys.iter().position(is_it) else {
        return;
    };
    forget_file(facts, at);
    let key = &mut facts.keys[at];
    key.state = KeyState::Retired;
    key.retired_at = Some(now);
    let key = key.clone();
    facts.tell(KeyEventKind::Retired, &key, now);
}

/// Lets the facts of a signing key no longer name its private file.
fn forget_file(facts: &mut StoredFacts, at: usize) {
    let key = &mut facts.keys[at];
    if key.role.is_symmetric() {
        return;
    }
    if let Location::File { name } = &mut key.location
        && let Some(name) = name.take()
    {
        facts.files.remove(&name);
    }
}

/// The place in the list of the key that goes by a name.
fn find(facts: &StoredFacts, name: &str) -> Result<usize, KeysError> {
    let by_role = facts
        .keys
        .iter()
        .position(|key| key.state == KeyState::Active && key.role.id() == name);
    if let Some(at) = by_role {
        return Ok(at);
    }
    let digits = name.len() >= 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut found = (0..facts.keys.len())
        .filter(|at| digits && facts.keys[*at].id.starts_with(&name.to_ascii_lowercase()));
    match (found.next(), found.count()) {
        (Some(at), 0) => Ok(at),
        (first, more) => Err(KeysError::NoSuchKey {
            name: name.to_owned(),
            count: usize::from(first.is_some()) + more,
        }),
    }
}

pub(crate) fn cannot(role: Role, action: &'static str, reason: &str) -> KeysError {
    KeysError::CannotChange {
        role: role.name(),
        action,
        reason: reason.to_owned(),
    }
}
