//! `keys check`: every problem of a key folder by name.

use std::path::Path;

use x509_cert::Certificate;

use crate::certificate::{self, Place};
use crate::facts::{KeyState, StoredKey};
use crate::files;
use crate::store::{self, KeyStore};
use crate::{KeysError, Passphrase, Role};

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
    MissingFile(String),
    /// The root authority's private key is not here, which is the safer place for it.
    RootKeyElsewhere,
    /// A file or the folder is open to others.
    WrongMode {
        /// File name, or `.` for the folder.
        file: String,
        /// Permission bits.
        mode: u32,
        /// What they should be.
        expected: u32,
    },
    /// A private key is stored unencrypted.
    NotEncrypted(String),
    /// A private key could not be checked without a passphrase.
    PassphraseNeeded(String),
    /// The passphrase does not open this file.
    WrongPassphrase(String),
    /// A file cannot be parsed.
    Damaged {
        /// File name.
        file: String,
        /// What does not fit.
        what: String,
    },
    /// A certificate's time is over.
    Expired {
        /// File name.
        file: String,
        /// Last second, Unix time.
        not_after: i64,
    },
    /// A certificate ends within 30 days.
    ExpiresSoon {
        /// File name.
        file: String,
        /// Last second, Unix time.
        not_after: i64,
        /// Whole days left.
        days: i64,
        /// Whether it ends within 7 days.
        urgent: bool,
    },
    /// The folder is of an earlier version, which had no key of this role.
    NoKey(Role),
    /// A certificate's time has not begun.
    NotYetValid {
        /// File name.
        file: String,
        /// First second, Unix time.
        not_before: i64,
    },
    /// A certificate was not signed by the one above it.
    DoesNotChain {
        /// File name.
        file: String,
        /// The certificate that should have signed it.
        issuer: String,
    },
    /// The claim signer's certificate signed itself, which C2PA readers refuse.
    SelfSignedLeaf,
    /// A certificate lacks something of the profile.
    ProfileGap {
        /// File name.
        file: String,
        /// The gap in words.
        gap: &'static str,
    },
    /// A private key is not the public one's counterpart.
    KeyMismatch {
        /// Private file.
        file: String,
        /// Public file.
        public: String,
    },
    /// A symmetric key's file has fewer or more than 32 bytes.
    SymmetricKeyLength(String, usize),
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::ExpiresSoon { urgent: true, .. } => Severity::Problem,
            Self::RootKeyElsewhere
            | Self::NoKey(_)
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
            Self::NoKey(_) => "no-key",
            Self::SelfSignedLeaf => "self-signed-leaf",
            Self::ProfileGap { .. } => "profile-gap",
            Self::KeyMismatch { .. } => "key-mismatch",
            Self::SymmetricKeyLength(..) => "symmetric-key-length",
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
            Self::WrongMode { file, mode, .. } if file == "." => {
                format!("The key folder has mode {mode:03o} and is open to other users.")
            }
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
            Self::ExpiresSoon { file, days, .. } => {
                format!("The certificate in {file} runs out in {days} days.")
            }
            Self::NoKey(role) => format!("There is no {} key yet.", role.name()),
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
            Self::SymmetricKeyLength(file, bytes) => {
                format!("{file} has {bytes} bytes instead of 32.")
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
                "Run `colophon keys rotate`, or have your authority certify the key anew (`colophon keys csr`): what was signed stays good.".to_owned()
            }
            Self::NoKey(_) => "Nothing: the next command that writes makes it.".to_owned(),
            Self::NotYetValid { .. } => "Check this machine's clock.".to_owned(),
            Self::SelfSignedLeaf | Self::ProfileGap { .. } => {
                "Make a chain with `keys init`, or ask the authority that issued it for a certificate after the C2PA profile.".to_owned()
            }
            Self::Unusable(_)
            | Self::MissingFile(_)
            | Self::Damaged { .. }
            | Self::DoesNotChain { .. }
            | Self::KeyMismatch { .. }
            | Self::SymmetricKeyLength(..) => "Restore the key folder from a backup.".to_owned(),
        }
    }
}

/// A notice starts this long before a certificate ends, seconds.
const SOON_S: i64 = 30 * 86_400;
/// It becomes a warning this long before, seconds.
const URGENT_S: i64 = 7 * 86_400;

/// Checks the folder `dir` at the time `now` (Unix seconds). An empty list means all is well.
pub fn check(dir: &Path, passphrase: Option<Passphrase>, now: i64) -> Vec<Finding> {
    let store = match KeyStore::open(dir, passphrase) {
        Ok(store) => store,
        Err(error) => return vec![Finding::Unusable(error)],
    };
    let mut findings = modes(&store);
    let mut looked = Looked {
        store: &store,
        now,
        findings: &mut findings,
    };
    looked.certificates();
    for role in Role::ALL {
        match store.active(role) {
            Ok(entry) => looked.private_key(entry),
            Err(_) => looked.findings.push(Finding::NoKey(role)),
        }
    }
    let former = store.facts().keys.iter();
    for entry in former.filter(|key| key.state != KeyState::Active && key.role.is_symmetric()) {
        looked.private_key(entry);
    }
    findings
}

fn modes(store: &KeyStore) -> Vec<Finding> {
    let open_to_others = |file: &str, path: &Path, expected: u32| {
        let mode = files::mode(path)?;
        (mode & 0o077 != 0).then(|| Finding::WrongMode {
            file: file.to_owned(),
            mode,
            expected,
        })
    };
    let folder = open_to_others(".", store.dir(), 0o700);
    let private = store.facts().keys.iter().filter_map(|key| {
        let name = key.private_file()?;
        open_to_others(name, &store.dir().join(name), 0o600)
    });
    folder.into_iter().chain(private).collect()
}

/// What is looked at, and what was found so far.
struct Looked<'a> {
    store: &'a KeyStore,
    now: i64,
    findings: &'a mut Vec<Finding>,
}

/// A certificate and its file.
type Read = (String, Certificate);

impl Looked<'_> {
    /// The three certificates of the chain in use, each by itself and against the one above.
    fn certificates(&mut self) {
        let load = |this: &mut Self, role: Role, place: Place| {
            let file = this.store.active(role).ok()?.public_file.clone()?;
            this.certificate(file, place)
        };
        let root = load(self, Role::RootAuthority, Place::Root);
        let issuing = load(self, Role::IssuingAuthority, Place::Issuing);
        let leaf = load(self, Role::ClaimSigner, Place::Leaf);
        self.issued(root.as_ref(), root.as_ref());
        let above = self.store.active(Role::IssuingAuthority).ok();
        let above = above.and_then(|entry| entry.anchor_file.clone());
        match above.filter(|file| root.as_ref().is_some_and(|(name, _)| name != file)) {
            // A root that was rotated: the issuing authority still stands under the former one.
            Some(file) => {
                let former = store::read_certificate(self.store.dir(), &file).ok();
                let former = former.map(|certificate| (file, certificate));
                self.issued(issuing.as_ref(), former.as_ref());
            }
            None => self.issued(issuing.as_ref(), root.as_ref()),
        }
        let Some(leaf) = leaf else { return };
        let tbs = leaf.1.tbs_certificate();
        if tbs.issuer() == tbs.subject() {
            self.findings.push(Finding::SelfSignedLeaf);
        }
        let above = self.store.active(Role::ClaimSigner).map(|entry| {
            let chain = entry.chain_files.iter().chain(&entry.anchor_file);
            chain.cloned().collect::<Vec<_>>()
        });
        let mut below = leaf;
        for file in above.unwrap_or_default() {
            // The issuing authority's own was told of above.
            let known = issuing.as_ref().filter(|(name, _)| *name == file);
            if known.is_some() || self.store.dir().join(&file).exists() {
                match store::read_certificates(self.store.dir(), &file) {
                    Ok(all) => {
                        for certificate in all {
                            let next = (file.clone(), certificate);
                            self.issued(Some(&below), Some(&next));
                            below = next;
                        }
                    }
                    Err(_) if known.is_some() => {}
                    Err(error) => self.findings.push(file_finding(&file, &error)),
                }
            } else if issuing.is_some() {
                self.findings.push(Finding::MissingFile(file));
            }
        }
    }

    fn certificate(&mut self, file: String, place: Place) -> Option<Read> {
        let certificate = match store::read_certificate(self.store.dir(), &file) {
            Ok(certificate) => certificate,
            Err(error) => {
                self.findings.push(file_finding(&file, &error));
                return None;
            }
        };
        let (not_before, not_after) = certificate::validity(&certificate);
        let left = not_after - self.now;
        let named = || file.clone();
        if self.now < not_before {
            let file = named();
            self.findings
                .push(Finding::NotYetValid { file, not_before });
        } else if left < 0 {
            let file = named();
            self.findings.push(Finding::Expired { file, not_after });
        } else if left < SOON_S {
            self.findings.push(Finding::ExpiresSoon {
                file: named(),
                not_after,
                days: left / 86_400,
                urgent: left < URGENT_S,
            });
        }
        let imported = place == Place::Leaf && !self.store.has_local_chain();
        let gaps = if imported {
            certificate::refusals(&certificate)
        } else {
            certificate::profile_gaps(&certificate, place)
        };
        for gap in gaps {
            let file = named();
            self.findings.push(Finding::ProfileGap { file, gap });
        }
        Some((file, certificate))
    }

    fn issued(&mut self, certificate: Option<&Read>, issuer: Option<&Read>) {
        if let (Some((file, certificate)), Some((issuer_file, issuer))) = (certificate, issuer)
            && !certificate::is_issued_by(certificate, issuer)
        {
            self.findings.push(Finding::DoesNotChain {
                file: file.clone(),
                issuer: issuer_file.clone(),
            });
        }
    }

    fn private_key(&mut self, entry: &StoredKey) {
        let Some(file) = entry.private_file() else {
            return;
        };
        let opened = if entry.role.is_symmetric() {
            self.store.symmetric_key(entry).map(drop)
        } else {
            self.store.handle(entry).map(drop)
        };
        let finding = match opened {
            Ok(()) if store::is_file_encrypted(self.store.dir(), entry).unwrap_or(false) => return,
            Ok(()) => Finding::NotEncrypted(file.to_owned()),
            Err(KeysError::Missing(path)) if entry.role == Role::RootAuthority => {
                // A lost certificate is told of where certificates are looked at.
                if path != self.store.dir().join(file) {
                    return;
                }
                Finding::RootKeyElsewhere
            }
            Err(KeysError::SymmetricKeyLength { bytes, .. }) => {
                Finding::SymmetricKeyLength(file.to_owned(), bytes)
            }
            Err(error) => opening_error(entry, file, &error),
        };
        if !self
            .findings
            .iter()
            .any(|known| known.code() == finding.code() && known.sentence() == finding.sentence())
        {
            self.findings.push(finding);
        }
    }
}

/// What an error on opening means, by the file it is about.
fn opening_error(entry: &StoredKey, file: &str, error: &KeysError) -> Finding {
    let public = entry.public_file.as_deref();
    match error {
        KeysError::Mismatch { .. } => Finding::KeyMismatch {
            file: file.to_owned(),
            public: public.unwrap_or(files::FACTS_FILE).to_owned(),
        },
        KeysError::Missing(path) | KeysError::Corrupt { path, .. } => {
            let about = path.file_name().and_then(|name| name.to_str());
            file_finding(about.unwrap_or(file), error)
        }
        other => file_finding(file, other),
    }
}

fn file_finding(file: &str, error: &KeysError) -> Finding {
    let file = file.to_owned();
    match error {
        KeysError::Missing(_) => Finding::MissingFile(file),
        KeysError::PassphraseNeeded(_) => Finding::PassphraseNeeded(file),
        KeysError::WrongPassphrase(_) => Finding::WrongPassphrase(file),
        KeysError::Corrupt { what, .. } => Finding::Damaged {
            file,
            what: what.clone(),
        },
        other => Finding::Damaged {
            file,
            what: other.to_string(),
        },
    }
}
