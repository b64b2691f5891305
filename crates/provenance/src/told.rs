//! Verdicts, codes and ingredients of manifests with the sentences that people are told for them.

use colophon_manifest::{
    Action, Agent, Ingredient, ManifestNode, NamedValue, Reference, ReferenceKind, Signer, Status,
    Verdict, Verdicts,
};
use colophon_wording::Wording;

use crate::report::{
    AgentEvidence, CodeEvidence, IngredientEvidence, NodeEvidence, ReferenceEvidence,
    SignerEvidence, ValueEvidence, VerdictEvidence, VerdictsEvidence,
};

pub(crate) fn agent(agent: &Agent) -> AgentEvidence {
    AgentEvidence {
        name: agent.name.clone(),
        version: agent.version.clone(),
    }
}

pub(crate) fn agents(list: &[Agent]) -> Vec<AgentEvidence> {
    list.iter().map(agent).collect()
}

pub(crate) fn signer(signer: &Signer) -> SignerEvidence {
    SignerEvidence {
        organisation: signer.organisation.clone(),
        common_name: signer.common_name.clone(),
        chain_sha256: signer.chain_sha256.clone(),
        stamped_at: signer.stamped_at.clone(),
        stamped_by: signer.stamped_by.clone(),
    }
}

pub(crate) fn actions(list: &[Action]) -> Vec<String> {
    list.iter().map(|each| each.action.clone()).collect()
}

pub(crate) fn values(list: &[NamedValue]) -> Vec<ValueEvidence> {
    let value = |each: &NamedValue| ValueEvidence {
        name: each.name.clone(),
        value: each.value.clone(),
    };
    list.iter().map(value).collect()
}

pub(crate) fn references(list: &[Reference], wording: &Wording) -> Vec<ReferenceEvidence> {
    list.iter()
        .map(|each| reference(each.kind, &each.url, wording))
        .collect()
}

/// A place on the network.
pub(crate) fn reference(kind: ReferenceKind, url: &str, wording: &Wording) -> ReferenceEvidence {
    ReferenceEvidence {
        kind: kind.code().to_owned(),
        what: wording.text(&format!("credentials.reference.{}", kind.code())),
        url: url.to_owned(),
    }
}

/// Titles may tell of persons: for `full` reports only.
pub(crate) fn ingredients(
    list: &[Ingredient],
    wording: &Wording,
    full: bool,
) -> Vec<IngredientEvidence> {
    list.iter()
        .map(|each| ingredient(each, wording, full))
        .collect()
}

fn ingredient(it: &Ingredient, wording: &Wording, full: bool) -> IngredientEvidence {
    IngredientEvidence {
        title: it.title.clone().filter(|_| full),
        format: it.format.clone(),
        relationship: it.relationship.clone(),
        manifest_id: it.manifest_id.clone(),
        state: it.state,
        sentence: wording.text(&format!("credentials.ingredient.{}", it.state.code())),
        codes: codes(&it.codes, wording),
        manifest: it
            .manifest
            .as_ref()
            .map(|it| Box::new(node(it, wording, full))),
    }
}

/// The manifest crate bounds how deep this goes.
fn node(it: &ManifestNode, wording: &Wording, full: bool) -> NodeEvidence {
    NodeEvidence {
        claim_generators: agents(&it.claim_generators),
        signer: it.signer.as_ref().map(signer),
        title: it.title.clone().filter(|_| full),
        source_types: it.digital_source_types.clone(),
        actions: actions(&it.actions),
        software_agents: agents(&it.software_agents),
        verdicts: verdicts(&it.verdicts, wording),
        ingredients: ingredients(&it.ingredients, wording, full),
    }
}

pub(crate) fn verdicts(it: &Verdicts, wording: &Wording) -> VerdictsEvidence {
    let (trust, list) = (&it.trust.state, it.trust.state.list());
    let told = |topic: &str, state: &str, statuses: &[Status]| VerdictEvidence {
        state: state.to_owned(),
        list: list.filter(|_| topic == "trust").map(str::to_owned),
        sentence: sentence(topic, state, list, wording),
        codes: codes(statuses, wording),
    };
    VerdictsEvidence {
        integrity: told("integrity", it.integrity.state.code(), &it.integrity.codes),
        signature: told("signature", it.signature.state.code(), &it.signature.codes),
        time: told("time", it.time.state.code(), &it.time.codes),
        trust: told("trust", trust.code(), &it.trust.codes),
        revocation: told(
            "revocation",
            it.revocation.state.code(),
            &it.revocation.codes,
        ),
        identity: told("identity", it.identity.state.code(), &it.identity.codes),
    }
}

/// The sentence for a state of the integrity of a manifest, for messages about one's own files.
pub(crate) fn integrity(
    verdict: &Verdict<colophon_manifest::Integrity>,
    wording: &Wording,
) -> String {
    sentence("integrity", verdict.state.code(), None, wording)
}

/// The sentence for a state of the signature of a manifest, for messages about one's own files.
pub(crate) fn signature(
    verdict: &Verdict<colophon_manifest::Signature>,
    wording: &Wording,
) -> String {
    sentence("signature", verdict.state.code(), None, wording)
}

/// The sentence for a state of the revocation of a certificate.
pub(crate) fn revocation(
    verdict: &Verdict<colophon_manifest::Revocation>,
    wording: &Wording,
) -> String {
    sentence("revocation", verdict.state.code(), None, wording)
}

fn sentence(topic: &str, state: &str, list: Option<&str>, wording: &Wording) -> String {
    let values: Vec<(&str, &str)> = list.map(|list| ("list", list)).into_iter().collect();
    wording.fill(&format!("credentials.{topic}.{state}"), &values)
}

/// Codes with their sentences; a code that is newer than the catalogue is told as it is.
fn codes(list: &[Status], wording: &Wording) -> Vec<CodeEvidence> {
    let code = |status: &Status| {
        let key = format!("code.{}", status.code);
        CodeEvidence {
            code: status.code.clone(),
            sentence: match wording.template(&key) {
                Some(_) => wording.text(&key),
                None => status.code.clone(),
            },
            failed: status.failed(),
        }
    };
    list.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    use colophon_manifest::{
        Identity, IngredientState, Integrity, Revocation, Signature, Time, Trust,
    };
    use colophon_wording::{Language, Wording};

    /// Every code of the validator, and those that the specification has besides.
    const CODES: [&str; 2] = [
        include_str!("../../manifest/tests/status_codes.txt"),
        include_str!("../../manifest/tests/spec_codes.txt"),
    ];

    fn states() -> Vec<String> {
        let all = [
            (
                "integrity",
                Integrity::ALL
                    .iter()
                    .map(|it| it.code())
                    .collect::<Vec<_>>(),
            ),
            (
                "signature",
                Signature::ALL.iter().map(|it| it.code()).collect(),
            ),
            ("time", Time::ALL.iter().map(|it| it.code()).collect()),
            ("trust", Trust::CODES.to_vec()),
            (
                "revocation",
                Revocation::ALL.iter().map(|it| it.code()).collect(),
            ),
            (
                "identity",
                Identity::ALL.iter().map(|it| it.code()).collect(),
            ),
            (
                "ingredient",
                IngredientState::ALL.iter().map(|it| it.code()).collect(),
            ),
        ];
        let key = |topic: &str, state: &str| format!("credentials.{topic}.{state}");
        all.into_iter()
            .flat_map(|(topic, states)| states.into_iter().map(move |state| key(topic, state)))
            .collect()
    }

    #[test]
    fn every_state_and_every_code_has_a_sentence_in_every_language() {
        let codes = CODES.iter().flat_map(|list| list.lines());
        let keys: Vec<String> = codes
            .map(|code| format!("code.{code}"))
            .chain(states())
            .collect();
        assert!(keys.len() > 180, "{}", keys.len());
        for language in Language::ALL {
            let wording = Wording::of(language);
            let missing: Vec<&String> = keys.iter().filter(|key| !wording.has(key)).collect();
            assert!(missing.is_empty(), "{language}: {missing:?}");
        }
    }

    /// Certificates and rules of the specification have nothing to do with the picture's bytes.
    #[test]
    fn trouble_with_certificates_and_rules_is_never_told_as_a_change_of_the_picture() {
        for language in Language::ALL {
            let wording = Wording::of(language);
            for key in [
                "code.signingCredential.expired",
                "code.signingCredential.invalid",
                "code.assertion.action.malformed",
                "code.claim.malformed",
                "credentials.time.outside-validity",
                "credentials.trust.unacceptable",
            ] {
                let text = wording.text(key);
                let told = [
                    "says nothing about the picture's bytes",
                    "Bytes des Bildes sagt das nichts",
                ];
                assert!(
                    told.iter().any(|part| text.contains(part)),
                    "{language} {key}: {text}"
                );
            }
        }
    }
}
