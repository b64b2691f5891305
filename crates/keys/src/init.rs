//! What `keys init` writes.

use crate::certificate::{Place, Subject};
use crate::facts::StoredFacts;
use crate::files::{FACTS_FILE, StagedFolder};
use crate::making::{Maker, Sink, names};
use crate::store::hex;
use crate::{Algorithm, KeysError, Passphrase, Role, note};

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

impl Sink for StagedFolder {
    fn write(&mut self, name: &str, bytes: &[u8], private: bool) -> Result<(), KeysError> {
        StagedFolder::write(self, name, bytes, private)
    }

    fn has(&self, _name: &str) -> bool {
        false
    }
}

/// Makes every key and certificate and writes all files into the staged folder.
pub(crate) fn write_all(
    staged: &mut StagedFolder,
    options: &InitOptions,
) -> Result<StoredFacts, KeysError> {
    options.check()?;
    let mut facts = StoredFacts::new(options.now);
    let mut maker = Maker {
        sink: staged,
        facts: &mut facts,
        passphrase: options.passphrase.as_ref(),
        now: options.now,
    };
    let root = maker.signing_key(Role::RootAuthority, Algorithm::Ed25519)?;
    let root_name = format!("{} root", options.common_name);
    let subject = options.subject(&root_name).to_name()?;
    let (root_file, root_certificate) = maker.certify(
        Place::Root,
        names(subject, None),
        &*root.handle,
        &*root.handle,
    )?;
    maker.enter_certified(&root, root_file.clone(), Vec::new(), None);

    let issuing = maker.signing_key(Role::IssuingAuthority, Algorithm::Ed25519)?;
    let issuing_name = format!("{} issuing", options.common_name);
    let subject = options.subject(&issuing_name).to_name()?;
    let (issuing_file, issuing_certificate) = maker.certify(
        Place::Issuing,
        names(subject, Some(&root_certificate)),
        &*issuing.handle,
        &*root.handle,
    )?;
    maker.enter_certified(&issuing, issuing_file.clone(), Vec::new(), Some(root_file));

    let signer = maker.signing_key(Role::ClaimSigner, Algorithm::Ed25519)?;
    let subject = options.subject(&options.common_name).to_name()?;
    let (signer_file, _) = maker.certify(
        Place::Leaf,
        names(subject, Some(&issuing_certificate)),
        &*signer.handle,
        &*issuing.handle,
    )?;
    maker.enter_certified(&signer, signer_file, vec![issuing_file], None);

    let ledger = maker.signing_key(Role::Ledger, Algorithm::Ed25519)?;
    let ledger_name = maker.enter_note_key(&ledger, |public| {
        options
            .ledger_name
            .clone()
            .unwrap_or_else(|| format!("colophon.local/{}", hex(&public.raw()[..8])))
    })?;
    maker.symmetric_key(Role::Watermark)?;
    maker.later_roles(&ledger_name)?;
    staged.write(FACTS_FILE, &facts.to_json()?, false)?;
    Ok(facts)
}
