//! What the policies decided on requests to issue, as the log of decisions keeps it.

use colophon_ledger::{Decisions, IssuingDecision, RecordId};
use colophon_policy::{Bundle, PastDecision};

use crate::ProvenanceError;
use crate::admission::Admission;

/// In the log in place of a name: what is kept without being erasable by subject holds no person.
const SOMEONE: &str = "someone";

/// The log of decisions, and the bundle that decides.
#[derive(Clone, Copy)]
pub(crate) struct Log<'a> {
    pub decisions: &'a Decisions,
    pub bundle: &'a Bundle,
}

impl Log<'_> {
    /// Enters the decision behind an admission, with the record that came of it.
    pub fn enter(self, admission: &Admission, record: RecordId) -> Result<(), ProvenanceError> {
        let decision = self.issuing(&admission.decision, Some(record))?;
        Ok(self.decisions.enter_issuing(&decision)?)
    }

    /// Enters a refusal and hands the outcome on.
    pub fn refusals<T>(self, outcome: Result<T, ProvenanceError>) -> Result<T, ProvenanceError> {
        if let Err(ProvenanceError::Refused { decision, .. }) = &outcome {
            self.enter_asked(decision)?;
        }
        outcome
    }

    /// Enters a decision that no record came of.
    pub fn enter_asked(self, past: &PastDecision) -> Result<(), ProvenanceError> {
        Ok(self.decisions.enter_issuing(&self.issuing(past, None)?)?)
    }

    fn issuing(
        self,
        past: &PastDecision,
        record: Option<RecordId>,
    ) -> Result<IssuingDecision, ProvenanceError> {
        let PastDecision { request, decision } = past;
        let mut asked = request.clone();
        if !asked.principal.owner {
            // The teams stay, so that other policies answer the question as they would have.
            let teams = self.bundle.principals().teams_of(&request.principal);
            asked.principal.teams.extend(teams.map(str::to_owned));
            SOMEONE.clone_into(&mut asked.principal.name);
        }
        let mut rules: Vec<String> = decision.rules.iter().map(|rule| rule.id.clone()).collect();
        rules.sort();
        let labels = asked.making.iter().flat_map(|making| &making.prompt.labels);
        Ok(IssuingDecision {
            at: asked.time,
            allowed: decision.allowed,
            rules,
            labels: labels.map(|label| label.code.clone()).collect(),
            request: serde_json::to_string(&asked)
                .map_err(|error| ProvenanceError::Decision(error.to_string()))?,
            policy: decision.policy_hash.0,
            record,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colophon_policy::{
        AccessRequest, Files, Operation, Principal, PrincipalKind, Resource, UNSTATED,
    };

    #[test]
    fn a_name_is_not_kept_and_its_teams_are() {
        let shipped = Files::shipped();
        let others = shipped
            .iter()
            .filter(|(path, _)| *path != "principals.toml")
            .map(|(path, bytes)| (path.to_owned(), bytes.to_vec()));
        let principals = b"[teams]\nmakers = []\nauditors = [\"user:anna\"]\n".to_vec();
        let files = others.chain([("principals.toml".to_owned(), principals)]);
        let bundle = Bundle::load(Files::new(files).unwrap()).unwrap();
        let request = AccessRequest {
            principal: Principal::named(PrincipalKind::User, "anna"),
            action: Operation::Query,
            resource: Resource::Ledger {
                name: "example.org/ledger".to_owned(),
            },
            time: 1_790_000_000,
            purpose: UNSTATED.to_owned(),
            personal: false,
            making: None,
        };
        let decision = bundle.decide(&request);
        assert!(decision.allowed, "auditors may ask");
        let past = PastDecision { request, decision };
        let folder = tempfile::tempdir().unwrap();
        let decisions = Decisions::open(folder.path()).unwrap();
        let log = Log {
            decisions: &decisions,
            bundle: &bundle,
        };
        let kept = log.issuing(&past, None).unwrap();
        assert!(!kept.request.contains("anna"), "{}", kept.request);
        let read: AccessRequest = serde_json::from_str(&kept.request).unwrap();
        assert!(bundle.decide(&read).allowed, "as it was decided");
    }
}
