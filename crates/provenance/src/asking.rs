//! The policies in force, asked about everything that is not issuing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use colophon_ledger::Decisions;
use colophon_policy::{
    AccessRequest, Bundle, Files, Operation, PastDecision, Principal, Problem, Problems, Reloaded,
    Reloader, Resource, SignerClass, UNSTATED,
};

use crate::policies::refuse_unless;
use crate::{Home, ProvenanceError, decided};

/// What a ledger is called where there is none.
const NO_LEDGER: &str = "none";

/// The policies of a home in a process that goes on: read again when asked, and what they decided is kept.
///
/// Whoever takes the bundle holds one whole bundle; one that does not load never replaces one that did.
pub struct Policies {
    home: Home,
    reloader: Reloader,
    reloads: AtomicU64,
    failed: AtomicU64,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies")
            .field("reloader", &self.reloader)
            .finish_non_exhaustive()
    }
}

/// A question about something other than issuing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who asks.
    pub principal: Principal,
    /// What for.
    pub operation: Operation,
    /// On what.
    pub resource: Resource,
    /// Whether personal data would be told.
    pub personal: bool,
    /// The time, Unix seconds.
    pub at: i64,
}

impl Asked {
    /// As the policies are asked.
    fn request(self) -> AccessRequest {
        AccessRequest {
            principal: self.principal,
            action: self.operation,
            resource: self.resource,
            time: self.at,
            purpose: UNSTATED.to_owned(),
            personal: self.personal,
            making: None,
        }
    }
}

impl Policies {
    /// The policies of a home.
    ///
    /// # Errors
    /// [`ProvenanceError::Policy`]: without a first bundle nothing can be decided.
    pub fn open(home: &Home) -> Result<Self, ProvenanceError> {
        let from = home.clone();
        let source = move || match from.policies_in_force() {
            Ok(in_force) => Ok(in_force.files),
            Err(ProvenanceError::Policy { problems, .. }) => Err(problems),
            Err(other) => Err(Problems::from(Problem::of_file("", other.to_string()))),
        };
        let reloader = Reloader::new(source)
            .map_err(|problems| ProvenanceError::policy(&home.policies(), problems))?;
        Ok(Self {
            home: home.clone(),
            reloader,
            reloads: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// The bundle in force.
    pub fn bundle(&self) -> Arc<Bundle> {
        self.reloader.current()
    }

    /// Reads again; [`Self::counts`] counts what came of it.
    ///
    /// # Errors
    /// [`ProvenanceError::Policy`]: the bundle before stays in force.
    pub fn reload(&self) -> Result<Reloaded, ProvenanceError> {
        let reloaded = self.reloader.reload();
        match &reloaded {
            Ok(Reloaded::Swapped { .. }) => self.reloads.fetch_add(1, Ordering::Relaxed),
            Err(_) => self.failed.fetch_add(1, Ordering::Relaxed),
            Ok(Reloaded::Same) => 0,
        };
        reloaded.map_err(|problems| ProvenanceError::policy(&self.home.policies(), problems))
    }

    /// How often another bundle was put in force, and how often one did not load, since the process began.
    pub fn counts(&self) -> (u64, u64) {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (of(&self.reloads), of(&self.failed))
    }

    /// Asks. The decision is returned for whoever keeps it ([`Self::keep`]), a refusal's within the error.
    ///
    /// # Errors
    /// [`ProvenanceError::Refused`], with the rule, its reason and its advice.
    pub fn ask(&self, asked: Asked) -> Result<PastDecision, ProvenanceError> {
        refuse_unless(&self.bundle(), asked.request())
    }

    /// Enters a decision into a log of decisions, without the name of whoever asked.
    ///
    /// # Errors
    /// [`ProvenanceError::Ledger`], [`ProvenanceError::Decision`].
    pub fn keep(&self, decisions: &Decisions, past: &PastDecision) -> Result<(), ProvenanceError> {
        let bundle = &self.bundle();
        decided::Log { decisions, bundle }.enter_asked(past)
    }
}

/// Asks the bundle in force of a home, once; without a home, the one that ships. What changes the home (erasing, keys) or
/// takes records out of it is kept in the log of decisions, and so is every refusal. Where the home's bundle cannot be
/// used, keys may be changed by the one that ships.
///
/// # Errors
/// [`ProvenanceError::Refused`], [`ProvenanceError::Policy`] for a bundle that cannot be used;
/// [`ProvenanceError::Ledger`] when a change would be made whose decision cannot be kept.
pub fn ask_policies(home: Option<&Home>, asked: Asked) -> Result<(), ProvenanceError> {
    let Some(home) = home else {
        return ask_shipped(asked);
    };
    let operation = asked.operation;
    let policies = match Policies::open(home) {
        // A bundle whose key was revoked is put right by another key: it cannot forbid its own repair.
        Err(ProvenanceError::Policy { .. }) if operation == Operation::RotateKey => {
            return ask_shipped(asked);
        }
        other => other?,
    };
    let outcome = policies.ask(asked);
    let past = match &outcome {
        Ok(past) => past,
        Err(ProvenanceError::Refused { decision, .. }) => decision.as_ref(),
        Err(_) => return outcome.map(drop),
    };
    let changes = matches!(operation, Operation::Redact | Operation::RotateKey);
    let is_kept = changes || operation == Operation::Export || outcome.is_err();
    if is_kept && home.ledger().is_dir() {
        let kept = Decisions::open(&home.ledger())
            .map_err(ProvenanceError::from)
            .and_then(|decisions| policies.keep(&decisions, past));
        // Reading goes on over a home that cannot be written to, as an auditor may hold it.
        if changes && outcome.is_ok() {
            kept?;
        }
    }
    outcome.map(drop)
}

fn ask_shipped(asked: Asked) -> Result<(), ProvenanceError> {
    let shipped = Bundle::load(Files::shipped())
        .map_err(|problems| ProvenanceError::policy(Path::new("."), problems))?;
    refuse_unless(&shipped, asked.request()).map(drop)
}

impl Home {
    /// The ledger of this home, as policies know it.
    pub fn ledger_resource(&self) -> Resource {
        let facts = colophon_keys::describe(&self.keys()).ok();
        let key =
            facts.and_then(|facts| crate::signing::verifier_key(&facts.ledger.verifier_key).ok());
        Resource::Ledger {
            name: key.map_or_else(|| NO_LEDGER.to_owned(), |key| key.name().to_owned()),
        }
    }

    /// A key of this home, as policies know it: by its id or its role. Whether its chain is on a public list matters for
    /// issuing alone.
    pub fn key_resource(name: &str) -> Resource {
        Resource::Signer {
            name: name.to_owned(),
            class: SignerClass::Local,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use colophon_policy::PrincipalKind;

    use super::*;

    fn asked(principal: Principal, operation: Operation) -> Asked {
        Asked {
            principal,
            operation,
            resource: Resource::Ledger {
                name: "example.org/ledger".to_owned(),
            },
            personal: false,
            at: 1_790_000_000,
        }
    }

    #[test]
    fn a_refusal_names_its_rule_and_is_kept_and_nothing_is_made_where_no_ledger_is() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let ida = Principal::named(PrincipalKind::User, "ida");
        let refused = ask_policies(Some(&home), asked(ida.clone(), Operation::Export));
        assert!(matches!(refused, Err(ProvenanceError::Refused { .. })));
        assert!(!home.ledger().exists());
        ask_policies(Some(&home), asked(ida.clone(), Operation::Verify)).unwrap();
        ask_policies(None, asked(ida.clone(), Operation::Verify)).unwrap();
        ask_policies(None, asked(ida.clone(), Operation::BulkVerify)).unwrap_err();

        fs::create_dir(home.ledger()).unwrap();
        ask_policies(Some(&home), asked(ida, Operation::Export)).unwrap_err();
        ask_policies(Some(&home), asked(Principal::owner(), Operation::Redact)).unwrap();
        let kept = Decisions::open(&home.ledger())
            .unwrap()
            .issuing(None, 9)
            .unwrap();
        let allowed: Vec<bool> = kept.iter().map(|(_, it)| it.allowed).collect();
        assert_eq!(allowed, [true, false]);
        assert!(!kept[1].1.request.contains("ida"), "{}", kept[1].1.request);
    }

    #[test]
    fn a_bundle_that_does_not_load_replaces_none() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let policies = Policies::open(&home).unwrap();
        let before = policies.bundle().hash();
        assert_eq!(policies.reload().unwrap(), Reloaded::Same);

        for (path, bytes) in Files::shipped().iter() {
            let path = home.policies().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let rules = home.policies().join("default.cedar");
        let text = fs::read_to_string(&rules).unwrap();
        fs::write(&rules, "permit (").unwrap();
        policies.reload().unwrap_err();
        assert_eq!(policies.bundle().hash(), before);
        let unusable = ask_policies(Some(&home), asked(Principal::owner(), Operation::Verify));
        assert!(matches!(unusable, Err(ProvenanceError::Policy { .. })));
        let mut repair = asked(Principal::owner(), Operation::RotateKey);
        repair.resource = Home::key_resource("policy");
        ask_policies(Some(&home), repair.clone()).unwrap();
        repair.principal = Principal::named(PrincipalKind::User, "ida");
        ask_policies(Some(&home), repair).unwrap_err();

        fs::write(
            &rules,
            text + "\n@id(\"closed\") @reason(\"nothing is done today\") forbid (principal, action, resource);\n",
        )
        .unwrap();
        let reloaded = policies.reload().unwrap();
        assert!(
            matches!(&reloaded, Reloaded::Swapped { old, .. } if *old == before),
            "{reloaded:?}"
        );
        assert_eq!(policies.counts(), (1, 1));
        let refused = policies.ask(asked(Principal::owner(), Operation::Verify));
        let told = refused.unwrap_err().to_string();
        assert!(told.contains("closed"), "{told}");
    }
}
