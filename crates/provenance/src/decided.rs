//! What the policies decided on requests to issue, as the log of decisions keeps it.

use colophon_ledger::{Decisions, IssuingDecision, RecordId};
use colophon_policy::PastDecision;

use crate::ProvenanceError;
use crate::admission::Admission;

/// In the log in place of a name: what is kept without being erasable by subject holds no person.
const SOMEONE: &str = "someone";

/// Enters the decision behind an admission, with the record that came of it.
pub(crate) fn enter(
    log: &Decisions,
    admission: &Admission,
    record: RecordId,
) -> Result<(), ProvenanceError> {
    match issuing(&admission.decision, Some(record)) {
        Some(decision) => Ok(log.enter_issuing(&decision)?),
        None => Ok(()),
    }
}

/// Enters a refusal and hands the outcome on.
pub(crate) fn refusals_entered<T>(
    log: &Decisions,
    outcome: Result<T, ProvenanceError>,
) -> Result<T, ProvenanceError> {
    if let Err(ProvenanceError::Refused { decision, .. }) = &outcome
        && let Some(decision) = issuing(decision, None)
    {
        log.enter_issuing(&decision)?;
    }
    outcome
}

fn issuing(past: &PastDecision, record: Option<RecordId>) -> Option<IssuingDecision> {
    let PastDecision::Access { request, decision } = past else {
        return None;
    };
    let mut asked = (**request).clone();
    if !asked.principal.owner {
        SOMEONE.clone_into(&mut asked.principal.name);
    }
    let mut rules: Vec<String> = decision.rules.iter().map(|rule| rule.id.clone()).collect();
    rules.sort();
    let labels = asked.making.iter().flat_map(|making| &making.prompt.labels);
    Some(IssuingDecision {
        at: asked.time,
        allowed: decision.allowed,
        rules,
        labels: labels.map(|label| label.code.clone()).collect(),
        request: serde_json::to_string(&asked).ok()?,
        policy: decision.policy_hash.0,
        record,
    })
}
