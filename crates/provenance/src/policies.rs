//! The policies of a home: which bundle is in force, and putting another one in force.

use std::path::Path;

use colophon_keys::{KeyStore, Passphrase, Role};
use colophon_ledger::{Event, EventKind, PolicyPublished, VerifierKey};
use colophon_policy::{
    AccessRequest, Bundle, Files, InForce, Operation, PastDecision, Principal, PublishError,
    Published, Resource, Store, UNSTATED,
};
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::signing::{LedgerNoteSigner, verifier_key};
use crate::{Home, ProvenanceError};

impl Home {
    /// The bundles of this home.
    pub fn policy_store(&self) -> Store {
        Store::new(self.policies())
    }

    /// The files in force: see [`Store::in_force`]. Published ones must be signed by a policy key of this home, where
    /// it has one.
    ///
    /// # Errors
    /// [`ProvenanceError::Policy`] with everything that does not fit, [`ProvenanceError::Keys`].
    pub fn policies_in_force(&self) -> Result<InForce, ProvenanceError> {
        let keys = self.policy_verifier_keys()?;
        let store = self.policy_store();
        store
            .in_force(&keys)
            .map_err(|problems| ProvenanceError::policy(&self.policies(), problems))
    }

    /// The keys that signed this home's bundles at any time and were not revoked; none for a home without keys, or with
    /// keys older than that role.
    ///
    /// # Errors
    /// [`ProvenanceError::Keys`] for one that cannot be read.
    pub fn policy_verifier_keys(&self) -> Result<Vec<VerifierKey>, ProvenanceError> {
        if !self.has_keys() {
            return Ok(Vec::new());
        }
        let keys = KeyStore::open(&self.keys(), None)?.list();
        let signed = keys
            .into_iter()
            .filter(|key| key.role == Role::Policy && key.revoked.is_none());
        signed
            .filter_map(|key| key.verifier_key)
            .map(|text| verifier_key(&text))
            .collect()
    }

    /// Checks, tests and signs a bundle, enters it into the ledger and puts it in force. The bundle in force is asked
    /// first whether that may be; one that cannot be read cannot forbid its own repair.
    ///
    /// # Errors
    /// [`ProvenanceError::Publish`], [`ProvenanceError::Refused`], [`ProvenanceError::Keys`],
    /// [`ProvenanceError::Ledger`]. The bundle in force stays.
    pub fn publish_policies(
        &self,
        files: Files,
        principal: Principal,
        passphrase: Option<Passphrase>,
        now: i64,
    ) -> Result<Published, ProvenanceError> {
        let config = Config::load(Some(self))?;
        let (mut keys, _) = self.keys_or_init(&config, passphrase, now)?;
        let signer = LedgerNoteSigner::new(keys.policy_signer()?)?;
        let ledger = self.open_ledger(&keys)?;
        crate::key_events::enter(&mut keys, &ledger)?;
        let in_force = self.policies_in_force().ok();
        if let Some(bundle) = in_force.and_then(|it| Bundle::load(it.files).ok()) {
            let request = AccessRequest {
                principal,
                action: Operation::PublishPolicy,
                resource: Resource::Ledger {
                    name: ledger.verifier_key().name().to_owned(),
                },
                time: now,
                purpose: UNSTATED.to_owned(),
                personal: false,
                making: None,
            };
            refuse_unless(&bundle, request)?;
        }
        self.policy_store().publish(files, &signer, |published| {
            let event = PolicyPublished {
                bundle_sha256: published.hash.0,
                note_sha256: Sha256::digest(&published.note).into(),
            };
            ledger.append_event(&Event {
                time: now,
                what: EventKind::PolicyPublished(event),
            })?;
            Ok(())
        })
    }
}

/// The files in force, of a home or without one.
pub(crate) fn in_force(home: Option<&Home>) -> Result<Files, ProvenanceError> {
    match home {
        Some(home) => Ok(home.policies_in_force()?.files),
        None => Ok(Files::shipped()),
    }
}

/// What a bundle decides, as an error when it refuses.
pub(crate) fn refuse_unless(
    bundle: &Bundle,
    request: AccessRequest,
) -> Result<PastDecision, ProvenanceError> {
    let decision = bundle.decide(&request);
    let refusal = decision.refusal();
    let labels = request
        .making
        .as_ref()
        .map(|making| crate::admission::labels_told(&making.prompt));
    let past = PastDecision { request, decision };
    match refusal {
        None => Ok(past),
        Some(refusal) => Err(ProvenanceError::Refused {
            why: labels.unwrap_or_default() + &refusal,
            decision: Box::new(past),
        }),
    }
}

impl ProvenanceError {
    pub(crate) fn policy(folder: &Path, problems: colophon_policy::Problems) -> Self {
        Self::Policy {
            folder: folder.to_path_buf(),
            problems,
        }
    }
}

impl From<PublishError> for ProvenanceError {
    fn from(error: PublishError) -> Self {
        Self::Publish(Box::new(error))
    }
}
