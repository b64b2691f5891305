//! Making one key: into a new folder, or beside those of an old one.

use ed25519_dalek::SigningKey;
use pkcs8::der::pem::{self, LineEnding};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::name::Name;
use zeroize::Zeroizing;

use crate::certificate::{self, Names, Place};
use crate::facts::{KeyState, Location, StoredFacts, StoredKey};
use crate::handle::{FileKey, parse_software};
use crate::store::{hex, symmetric_key_id};
use crate::{Algorithm, KeyHandle, KeysError, Passphrase, PublicKey, Role, note, sealed};

/// Takes new files; nothing counts before its owner commits.
pub(crate) trait Sink {
    /// Writes one new file.
    fn write(&mut self, name: &str, bytes: &[u8], private: bool) -> Result<(), KeysError>;
    /// Whether a file of this name is there already.
    fn has(&self, name: &str) -> bool;
}

/// A signing key that is not yet entered in the facts.
pub(crate) struct NewKey {
    pub handle: Box<dyn KeyHandle>,
    pub location: Location,
}

/// Makes keys and writes their files.
pub(crate) struct Maker<'a> {
    pub sink: &'a mut dyn Sink,
    pub facts: &'a mut StoredFacts,
    pub passphrase: Option<&'a Passphrase>,
    pub now: i64,
}

impl Maker<'_> {
    /// A new signing key in a file.
    pub fn signing_key(&mut self, role: Role, algorithm: Algorithm) -> Result<NewKey, KeysError> {
        let der = new_pkcs8(algorithm)?;
        let key = parse_software(&der)
            .ok_or_else(|| KeysError::encode("a private key", "it does not read back"))?;
        let handle = FileKey::new(role, key)?;
        let name = self.free_name(role.private_file(), &handle.key_id().to_string());
        let text = sealed::seal(sealed::PKCS8, &der, self.passphrase)?;
        self.write(&name, text.as_bytes(), true)?;
        Ok(NewKey {
            handle: Box::new(handle),
            location: Location::File { name: Some(name) },
        })
    }

    /// A certificate for a key, written beside it. Returns its file's name.
    pub fn certify(
        &mut self,
        place: Place,
        names: Names,
        key: &dyn KeyHandle,
        issuer: &dyn KeyHandle,
    ) -> Result<(String, Certificate), KeysError> {
        let certificate = certificate::issue(place, names, key.public_key(), issuer, self.now)?;
        let plain = key.role().public_file().unwrap_or_default();
        let name = self.free_name(plain, &key.key_id().to_string());
        let pem = certificate::to_pem(&certificate)?;
        self.write(&name, pem.as_bytes(), false)?;
        Ok((name, certificate))
    }

    /// Enters a certified key as the one in use.
    pub fn enter_certified(
        &mut self,
        key: &NewKey,
        certificate: String,
        chain: Vec<String>,
        anchor: Option<String>,
    ) {
        let entry = StoredKey {
            chain_files: chain,
            anchor_file: anchor,
            ..self.entry(key, certificate)
        };
        self.facts.add_active(entry, self.now);
    }

    /// Enters a note key as the one in use, under a name made from its public part.
    pub fn enter_note_key(
        &mut self,
        key: &NewKey,
        name: impl FnOnce(&PublicKey) -> String,
    ) -> Result<String, KeysError> {
        let public = key.handle.public_key();
        let raw: [u8; 32] = public.raw().try_into().map_err(|_| KeysError::BadOption {
            field: "algorithm",
            reason: "notes are signed with Ed25519 alone".to_owned(),
        })?;
        let name = name(public);
        let plain = key.handle.role().public_file().unwrap_or_default();
        let file = self.free_name(plain, &public.id().to_string());
        let text = format!("{}\n", note::verifier_key(&name, &raw));
        self.write(&file, text.as_bytes(), false)?;
        let entry = self.entry(key, file);
        self.facts.add_active(entry, self.now);
        Ok(name)
    }

    /// Enters a key that is known by its public part alone.
    pub fn enter_bare_key(&mut self, key: &NewKey) -> Result<(), KeysError> {
        let plain = key.handle.role().public_file().unwrap_or_default();
        let file = self.public_key_file(plain, key.handle.public_key())?;
        let entry = self.entry(key, file);
        self.facts.add_active(entry, self.now);
        Ok(())
    }

    /// Writes a public key as PEM. Returns its file's name.
    pub fn public_key_file(&mut self, plain: &str, key: &PublicKey) -> Result<String, KeysError> {
        let file = self.free_name(plain, &key.id().to_string());
        let text = pem::encode_string("PUBLIC KEY", LineEnding::LF, key.der())
            .map_err(|error| KeysError::encode("a public key", error))?;
        self.write(&file, text.as_bytes(), false)?;
        Ok(file)
    }

    /// Makes and enters a symmetric key.
    pub fn symmetric_key(&mut self, role: Role) -> Result<(), KeysError> {
        let key = random_key()?;
        let id = symmetric_key_id(role, &key);
        let name = self.free_name(role.private_file(), &id);
        let text = sealed::seal(sealed::labels(role), &*key, self.passphrase)?;
        self.write(&name, text.as_bytes(), true)?;
        let entry = StoredKey {
            role,
            id,
            algorithm: None,
            state: KeyState::Active,
            created_at: self.now,
            activated_at: Some(self.now),
            retired_at: None,
            revoked: None,
            location: Location::File { name: Some(name) },
            public_file: None,
            chain_files: Vec::new(),
            anchor_file: None,
        };
        self.facts.add_active(entry, self.now);
        Ok(())
    }

    /// The roles that the first version did not have, where they are missing.
    pub fn later_roles(&mut self, ledger_name: &str) -> Result<(), KeysError> {
        if self.facts.active(Role::Storage).is_none() {
            self.symmetric_key(Role::Storage)?;
        }
        if self.facts.active(Role::Policy).is_none() {
            let key = self.signing_key(Role::Policy, Algorithm::Ed25519)?;
            self.enter_note_key(&key, |_| format!("{ledger_name}{}", note::POLICY_SUFFIX))?;
        }
        if self.facts.active(Role::Receipt).is_none() {
            let key = self.signing_key(Role::Receipt, Algorithm::Ed25519)?;
            self.enter_bare_key(&key)?;
        }
        Ok(())
    }

    pub fn write(&mut self, name: &str, bytes: &[u8], private: bool) -> Result<(), KeysError> {
        self.facts
            .files
            .insert(name.to_owned(), hex(&Sha256::digest(bytes)));
        self.sink.write(name, bytes, private)
    }

    /// `plain` while that is free, else with the start of the key's id and, where that is taken as
    /// well (another certificate of the same key), a number.
    pub fn free_name(&self, plain: &str, id: &str) -> String {
        let (stem, rest) = plain.split_once('.').unwrap_or((plain, "pem"));
        let short = id.get(..16).unwrap_or(id);
        let numbered = (2..).map(|number| format!("{stem}-{short}-{number}.{rest}"));
        [plain.to_owned(), format!("{stem}-{short}.{rest}")]
            .into_iter()
            .chain(numbered)
            .find(|name| !self.sink.has(name) && !self.facts.files.contains_key(name))
            .unwrap_or_default()
    }

    pub fn entry(&self, key: &NewKey, public_file: String) -> StoredKey {
        StoredKey {
            role: key.handle.role(),
            id: key.handle.key_id().to_string(),
            algorithm: Some(key.handle.algorithm()),
            state: KeyState::Active,
            created_at: self.now,
            activated_at: Some(self.now),
            retired_at: None,
            revoked: None,
            location: key.location.clone(),
            public_file: Some(public_file),
            chain_files: Vec::new(),
            anchor_file: None,
        }
    }
}

/// Subject and issuer of a certificate under `issuer`; of its own for a root.
pub(crate) fn names(subject: Name, issuer: Option<&Certificate>) -> Names {
    let issuer = issuer.map_or_else(
        || subject.clone(),
        |issuer| issuer.tbs_certificate().subject().clone(),
    );
    Names { subject, issuer }
}

fn new_pkcs8(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    match algorithm {
        Algorithm::Ed25519 => sealed::signing_key_der(&SigningKey::from_bytes(&*random_key()?)),
        Algorithm::Es256 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map(|document| Zeroizing::new(document.as_ref().to_vec()))
                .map_err(|error| KeysError::Random(error.to_string()))
        }
    }
}

fn random_key() -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| KeysError::Random(error.to_string()))?;
    Ok(bytes)
}
