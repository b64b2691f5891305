//! `keys check`: every problem of a key folder by name.

use std::path::Path;

use x509_cert::Certificate;

use crate::certificate::{self, Place};
use crate::files::{self, Role};
use crate::store::{self, KeyStore};
use crate::{KeysError, Passphrase};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Works, but could be better.
    Notice,
    /// Signing or reading is wrong, refused or unsafe.
    Problem,
}

/// One thing `check` found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Finding {
    /// The folder or `keys.json` cannot be used at all.
    Unusable(KeysError),
    /// A file is missing.
    MissingFile(&'static str),
    /// The root authority's private key is not here, which is the safer place for it.
    RootKeyElsewhere,
    /// A file or the folder is open to others.
    WrongMode {
        /// File name, or `.` for the folder.
        file: &'static str,
        /// Permission bits.
        mode: u32,
        /// What they should be.
        expected: u32,
    },
    /// A private key is stored unencrypted.
    NotEncrypted(&'static str),
    /// A private key could not be checked without a passphrase.
    PassphraseNeeded(&'static str),
    /// The passphrase does not open this file.
    WrongPassphrase(&'static str),
    /// A file cannot be parsed.
    Damaged {
        /// File name.
        file: &'static str,
        /// What does not fit.
        what: String,
    },
    /// A certificate's time is over.
    Expired {
        /// File name.
        file: &'static str,
        /// Last second, Unix time.
        not_after: i64,
    },
    /// A certificate ends within 30 days.
    ExpiresSoon {
        /// File name.
        file: &'static str,
        /// Last second, Unix time.
        not_after: i64,
    },
    /// A certificate's time has not begun.
    NotYetValid {
        /// File name.
        file: &'static str,
        /// First second, Unix time.
        not_before: i64,
    },
    /// A certificate was not signed by the one above it.
    DoesNotChain {
        /// File name.
        file: &'static str,
        /// The certificate that should have signed it.
        issuer: &'static str,
    },
    /// The claim signer's certificate signed itself, which C2PA readers refuse.
    SelfSignedLeaf,
    /// A certificate lacks something of the profile.
    ProfileGap {
        /// File name.
        file: &'static str,
        /// The gap in words.
        gap: &'static str,
    },
    /// A private key is not the public one's counterpart.
    KeyMismatch {
        /// Private file.
        file: &'static str,
        /// Public file.
        public: &'static str,
    },
    /// The watermark key has fewer or more than 32 bytes.
    WatermarkKeyLength(usize),
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::RootKeyElsewhere
            | Self::NotEncrypted(_)
            | Self::PassphraseNeeded(_)
            | Self::ExpiresSoon { .. } => Severity::Notice,
            _ => Severity::Problem,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unusable(_) => "unusable",
            Self::MissingFile(_) => "missing-file",
            Self::RootKeyElsewhere => "root-key-elsewhere",
            Self::WrongMode { .. } => "wrong-mode",
            Self::NotEncrypted(_) => "not-encrypted",
            Self::PassphraseNeeded(_) => "passphrase-needed",
            Self::WrongPassphrase(_) => "wrong-passphrase",
            Self::Damaged { .. } => "damaged",
            Self::Expired { .. } => "expired",
            Self::ExpiresSoon { .. } => "expires-soon",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::DoesNotChain { .. } => "does-not-chain",
            Self::SelfSignedLeaf => "self-signed-leaf",
            Self::ProfileGap { .. } => "profile-gap",
            Self::KeyMismatch { .. } => "key-mismatch",
            Self::WatermarkKeyLength(_) => "watermark-key-length",
        }
    }

    /// What was found, one sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Unusable(error) => format!("The key folder cannot be used: {error}."),
            Self::MissingFile(file) => format!("{file} is missing."),
            Self::RootKeyElsewhere => {
                "The root authority's private key is not in this folder.".to_owned()
            }
            Self::WrongMode {
                file: ".", mode, ..
            } => format!("The key folder has mode {mode:03o} and is open to other users."),
            Self::WrongMode { file, mode, .. } => {
                format!("{file} has mode {mode:03o} and is open to other users.")
            }
            Self::NotEncrypted(file) => format!("{file} is not encrypted."),
            Self::PassphraseNeeded(file) => {
                format!("{file} is encrypted and was not checked, because no passphrase was given.")
            }
            Self::WrongPassphrase(file) => format!("The passphrase does not open {file}."),
            Self::Damaged { file, what } => format!("{file} is damaged: {what}."),
            Self::Expired { file, .. } => format!("The certificate in {file} has run out."),
            Self::ExpiresSoon { file, .. } => {
                format!("The certificate in {file} runs out within 30 days.")
            }
            Self::NotYetValid { file, .. } => {
                format!("The certificate in {file} is not valid yet.")
            }
            Self::DoesNotChain { file, issuer } => {
                format!("The certificate in {file} was not signed by the one in {issuer}.")
            }
            Self::SelfSignedLeaf => "The claim signer's certificate is self-signed.".to_owned(),
            Self::ProfileGap { file, gap } => {
                format!("The certificate in {file} does not fit the C2PA profile: {gap}.")
            }
            Self::KeyMismatch { file, public } => {
                format!("The private key in {file} does not belong to {public}.")
            }
            Self::WatermarkKeyLength(bytes) => {
                format!("The watermark key has {bytes} bytes instead of 32.")
            }
        }
    }

    /// What to do about it, one sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::WrongMode { file, expected, .. } => format!("Run `chmod {expected:o}` on {file} in the key folder."),
            Self::RootKeyElsewhere => "Nothing, if you moved it to a safe place; it is needed only to make a new issuing authority.".to_owned(),
            Self::NotEncrypted(_) => "Keep it so only on a machine you trust; a passphrase at `keys init` encrypts it.".to_owned(),
            Self::PassphraseNeeded(_) | Self::WrongPassphrase(_) => "Run the check again with the right passphrase.".to_owned(),
            Self::Expired { .. } | Self::ExpiresSoon { .. } => {
                "Make new keys in another home and keep this one: what it signed stays readable.".to_owned()
            }
            Self::NotYetValid { .. } => "Check this machine's clock.".to_owned(),
            Self::SelfSignedLeaf | Self::ProfileGap { .. } => {
                "Make a chain with `keys init`, or ask the authority that issued it for a certificate after the C2PA profile.".to_owned()
            }
            Self::Unusable(_)
            | Self::MissingFile(_)
            | Self::Damaged { .. }
            | Self::DoesNotChain { .. }
            | Self::KeyMismatch { .. }
            | Self::WatermarkKeyLength(_) => "Restore the key folder from a backup.".to_owned(),
        }
    }
}

/// A warning starts this long before a certificate ends, seconds.
const SOON_S: i64 = 30 * 86_400;

/// Checks the folder `dir` at the time `now` (Unix seconds). An empty list means all is well.
pub fn check(dir: &Path, passphrase: Option<Passphrase>, now: i64) -> Vec<Finding> {
    let store = match KeyStore::open(dir, passphrase) {
        Ok(store) => store,
        Err(error) => return vec![Finding::Unusable(error)],
    };
    let mut findings = modes(dir);
    let certificates = [
        (Role::RootAuthority, Place::Root),
        (Role::IssuingAuthority, Place::Issuing),
        (Role::ClaimSigner, Place::Leaf),
    ]
    .map(|(role, place)| load_certificate(dir, role, place, now, &mut findings));
    chain(&certificates, &mut findings);
    let [root, issuing, signer] = certificates;
    for (role, certificate) in [
        (Role::RootAuthority, root),
        (Role::IssuingAuthority, issuing),
        (Role::ClaimSigner, signer),
    ] {
        let public = certificate
            .as_ref()
            .and_then(certificate::public_key)
            .map(|key| key.to_bytes());
        private_key(&store, role, public, &mut findings);
    }
    let ledger = match store::read_verifier_key(dir) {
        Ok((_, _, public_key)) => Some(public_key),
        Err(error) => {
            findings.push(file_finding(files::VERIFIER_KEY_FILE, &error));
            None
        }
    };
    private_key(&store, Role::Ledger, ledger, &mut findings);
    watermark_key(&store, &mut findings);
    findings
}

fn modes(dir: &Path) -> Vec<Finding> {
    let open_to_others = |file: &'static str, path: &Path, expected: u32| {
        let mode = files::mode(path)?;
        (mode & 0o077 != 0).then_some(Finding::WrongMode {
            file,
            mode,
            expected,
        })
    };
    let folder = open_to_others(".", dir, 0o700);
    let private = Role::ALL.into_iter().filter_map(|role| {
        open_to_others(role.private_file(), &dir.join(role.private_file()), 0o600)
    });
    folder.into_iter().chain(private).collect()
}

fn load_certificate(
    dir: &Path,
    role: Role,
    place: Place,
    now: i64,
    findings: &mut Vec<Finding>,
) -> Option<Certificate> {
    let file = role.public_file()?;
    let certificate = match store::read_certificate(dir, file) {
        Ok(certificate) => certificate,
        Err(error) => {
            findings.push(file_finding(file, &error));
            return None;
        }
    };
    let (not_before, not_after) = certificate::validity(&certificate);
    if now < not_before {
        findings.push(Finding::NotYetValid { file, not_before });
    } else if now > not_after {
        findings.push(Finding::Expired { file, not_after });
    } else if not_after - now < SOON_S {
        findings.push(Finding::ExpiresSoon { file, not_after });
    }
    findings.extend(
        certificate::profile_gaps(&certificate, place)
            .into_iter()
            .map(|gap| Finding::ProfileGap { file, gap }),
    );
    Some(certificate)
}

fn chain([root, issuing, signer]: &[Option<Certificate>; 3], findings: &mut Vec<Finding>) {
    if let Some(leaf) = signer
        && leaf.tbs_certificate().issuer() == leaf.tbs_certificate().subject()
    {
        findings.push(Finding::SelfSignedLeaf);
    }
    for (certificate, file, issuer, issuer_file) in [
        (
            root,
            files::ROOT_CERTIFICATE_FILE,
            root,
            files::ROOT_CERTIFICATE_FILE,
        ),
        (
            issuing,
            files::ISSUING_CERTIFICATE_FILE,
            root,
            files::ROOT_CERTIFICATE_FILE,
        ),
        (
            signer,
            files::CLAIM_CERTIFICATE_FILE,
            issuing,
            files::ISSUING_CERTIFICATE_FILE,
        ),
    ] {
        if let (Some(certificate), Some(issuer)) = (certificate, issuer)
            && !certificate::is_issued_by(certificate, issuer)
        {
            findings.push(Finding::DoesNotChain {
                file,
                issuer: issuer_file,
            });
        }
    }
}

fn private_key(
    store: &KeyStore,
    role: Role,
    public: Option<[u8; 32]>,
    findings: &mut Vec<Finding>,
) {
    match store.signing_key(role) {
        Ok(key) => {
            findings.extend(not_encrypted(store, role));
            if let (Some(public), Some(public_file)) = (public, role.public_file())
                && key.verifying_key().to_bytes() != public
            {
                findings.push(Finding::KeyMismatch {
                    file: role.private_file(),
                    public: public_file,
                });
            }
        }
        Err(KeysError::Missing(_)) if role == Role::RootAuthority => {
            findings.push(Finding::RootKeyElsewhere);
        }
        Err(error) => findings.push(file_finding(role.private_file(), &error)),
    }
}

fn watermark_key(store: &KeyStore, findings: &mut Vec<Finding>) {
    let file = Role::Watermark.private_file();
    match store.watermark_key() {
        Ok(_) => findings.extend(not_encrypted(store, Role::Watermark)),
        Err(KeysError::WatermarkKeyLength { bytes, .. }) => {
            findings.push(Finding::WatermarkKeyLength(bytes));
        }
        Err(error) => findings.push(file_finding(file, &error)),
    }
}

fn not_encrypted(store: &KeyStore, role: Role) -> Option<Finding> {
    (!store.is_encrypted(role)).then_some(Finding::NotEncrypted(role.private_file()))
}

fn file_finding(file: &'static str, error: &KeysError) -> Finding {
    match error {
        KeysError::Missing(_) => Finding::MissingFile(file),
        KeysError::PassphraseNeeded(_) => Finding::PassphraseNeeded(file),
        KeysError::WrongPassphrase(_) => Finding::WrongPassphrase(file),
        KeysError::Corrupt { what, .. } => Finding::Damaged {
            file,
            what: what.clone(),
        },
        KeysError::Mismatch { .. } => Finding::KeyMismatch {
            file,
            public: files::FACTS_FILE,
        },
        other => Finding::Damaged {
            file,
            what: other.to_string(),
        },
    }
}
