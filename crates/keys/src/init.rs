//! What `keys init` writes.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::certificate::{self, Place, Subject};
use crate::files::{
    CLAIM_CERTIFICATE_FILE, FACTS_FILE, ISSUING_CERTIFICATE_FILE, ROOT_CERTIFICATE_FILE, Role,
    StagedFolder, VERIFIER_KEY_FILE,
};
use crate::store::{FACTS_VERSION, StoredFacts, hex, watermark_key_id};
use crate::{KeysError, Passphrase, note, sealed};

/// What `init` puts into the certificates and files.
#[derive(Debug)]
pub struct InitOptions {
    /// Subject organisation (O), 1 to 64 characters: the name a C2PA reader shows as the issuer.
    pub organisation: String,
    /// Subject common name (CN) of the claim signer, 1 to 56 characters.
    pub common_name: String,
    /// Country (C), two capital letters; `ZZ` leaves it open.
    pub country: String,
    /// Note key name and log origin; made from the key when `None`.
    pub ledger_name: Option<String>,
    /// Encrypts every private file when given.
    pub passphrase: Option<Passphrase>,
    /// The present, Unix seconds.
    pub now: i64,
}

impl InitOptions {
    /// A local chain that says so in its names, unencrypted.
    pub fn local(now: i64) -> Self {
        Self {
            organisation: "Colophon local issuer".to_owned(),
            common_name: "Colophon claim signer".to_owned(),
            country: "ZZ".to_owned(),
            ledger_name: None,
            passphrase: None,
            now,
        }
    }

    fn subject<'a>(&'a self, common_name: &'a str) -> Subject<'a> {
        Subject {
            country: &self.country,
            organisation: &self.organisation,
            common_name,
        }
    }

    /// Checks the names against X.520's upper bounds, with room for what the authorities' names
    /// add to the common name.
    fn check(&self) -> Result<(), KeysError> {
        if self.country.len() != 2 || !self.country.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(KeysError::BadOption {
                field: "country",
                reason:
                    "must be two capital letters of ISO 3166, such as `DE`; `ZZ` leaves it open"
                        .to_owned(),
            });
        }
        for (field, text, longest) in [
            ("organisation", &self.organisation, 64),
            ("common name", &self.common_name, 56),
        ] {
            if text.trim().is_empty()
                || text.chars().count() > longest
                || text.chars().any(char::is_control)
            {
                let reason =
                    format!("must be 1 to {longest} characters without control characters");
                return Err(KeysError::BadOption { field, reason });
            }
        }
        self.ledger_name.as_deref().map_or(Ok(()), note::check_name)
    }
}

/// The keys of the four signing roles, while they are made.
struct SigningKeys {
    root: SigningKey,
    issuing: SigningKey,
    signer: SigningKey,
    ledger: SigningKey,
}

/// Writes files and notes their digests.
struct Writer<'a> {
    staged: &'a StagedFolder,
    digests: BTreeMap<String, String>,
}

impl Writer<'_> {
    fn write(&mut self, name: &str, bytes: &[u8], private: bool) -> Result<(), KeysError> {
        self.digests
            .insert(name.to_owned(), hex(&Sha256::digest(bytes)));
        self.staged.write(name, bytes, private)
    }
}

/// Makes every key and certificate and writes all files into the staged folder.
pub(crate) fn write_all(
    staged: &StagedFolder,
    options: &InitOptions,
) -> Result<StoredFacts, KeysError> {
    options.check()?;
    let keys = SigningKeys {
        root: new_key()?,
        issuing: new_key()?,
        signer: new_key()?,
        ledger: new_key()?,
    };
    let watermark = random_key()?;
    let mut writer = Writer {
        staged,
        digests: BTreeMap::new(),
    };
    write_private(&mut writer, &keys, &watermark, options.passphrase.as_ref())?;
    write_certificates(&mut writer, &keys, options)?;

    let public = keys.ledger.verifying_key().to_bytes();
    let ledger_name = options
        .ledger_name
        .clone()
        .unwrap_or_else(|| format!("colophon.local/{}", hex(&public[..8])));
    let verifier_key = format!("{}\n", note::verifier_key(&ledger_name, &public));
    writer.write(VERIFIER_KEY_FILE, verifier_key.as_bytes(), false)?;

    let facts = StoredFacts {
        version: FACTS_VERSION,
        created_at: options.now,
        watermark_key_id: watermark_key_id(&watermark),
        files: writer.digests,
    };
    let mut json = serde_json::to_vec_pretty(&facts)
        .map_err(|error| KeysError::encode("the facts file", error))?;
    json.push(b'\n');
    staged.write(FACTS_FILE, &json, false)?;
    Ok(facts)
}

fn write_private(
    writer: &mut Writer<'_>,
    keys: &SigningKeys,
    watermark: &[u8; 32],
    passphrase: Option<&Passphrase>,
) -> Result<(), KeysError> {
    for (role, key) in [
        (Role::RootAuthority, &keys.root),
        (Role::IssuingAuthority, &keys.issuing),
        (Role::ClaimSigner, &keys.signer),
        (Role::Ledger, &keys.ledger),
    ] {
        let der = sealed::signing_key_der(key)?;
        let text = sealed::seal(sealed::PKCS8, &der, passphrase)?;
        writer.write(role.private_file(), text.as_bytes(), true)?;
    }
    let text = sealed::seal(sealed::WATERMARK, watermark, passphrase)?;
    writer.write(Role::Watermark.private_file(), text.as_bytes(), true)
}

fn write_certificates(
    writer: &mut Writer<'_>,
    keys: &SigningKeys,
    options: &InitOptions,
) -> Result<(), KeysError> {
    let root_name = format!("{} root", options.common_name);
    let issuing_name = format!("{} issuing", options.common_name);
    let (root, issuing) = (options.subject(&root_name), options.subject(&issuing_name));
    let leaf = options.subject(&options.common_name);
    for (file, place, subject, issuer, key, issuer_key) in [
        (
            ROOT_CERTIFICATE_FILE,
            Place::Root,
            &root,
            &root,
            &keys.root,
            &keys.root,
        ),
        (
            ISSUING_CERTIFICATE_FILE,
            Place::Issuing,
            &issuing,
            &root,
            &keys.issuing,
            &keys.root,
        ),
        (
            CLAIM_CERTIFICATE_FILE,
            Place::Leaf,
            &leaf,
            &issuing,
            &keys.signer,
            &keys.issuing,
        ),
    ] {
        let certificate = certificate::issue(
            place,
            subject,
            issuer,
            &key.verifying_key(),
            issuer_key,
            options.now,
        )?;
        writer.write(file, certificate::to_pem(&certificate)?.as_bytes(), false)?;
    }
    Ok(())
}

fn new_key() -> Result<SigningKey, KeysError> {
    Ok(SigningKey::from_bytes(&*random_key()?))
}

fn random_key() -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| KeysError::Random(error.to_string()))?;
    Ok(bytes)
}
