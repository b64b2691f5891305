//! What manifests state, as the reader of vendors' traces takes it.

use colophon_manifest::{
    Action, Agent, Ingredient, Integrity, ManifestNode, ManifestReport, Signature, Signer, Verdicts,
};
use colophon_policy::ManifestState;
use colophon_signals::{ActionFacts, CredentialFacts, IngredientFacts, Says, stated};

/// The active manifest.
pub(crate) fn of_active(report: &ManifestReport, state: ManifestState) -> CredentialFacts<'_> {
    CredentialFacts {
        soft_bindings: report
            .soft_bindings
            .iter()
            .map(|binding| binding.alg.as_str())
            .collect(),
        anchored: matches!(state, ManifestState::Trusted | ManifestState::Local),
        ..common(
            &report.claim_generators,
            report.signer.as_ref(),
            &report.actions,
            &report.assertion_labels,
            &report.ingredients,
        )
    }
}

/// What an ingredient's manifest says; nothing when it is not what was signed. The manifest crate bounds how
/// deep this goes.
fn of_ingredient(ingredient: &Ingredient) -> Says {
    let manifest = ingredient
        .manifest
        .as_ref()
        .filter(|it| holds(&it.verdicts));
    manifest.map_or(Says::Unstated, |manifest| stated(&of_node(manifest)))
}

fn of_node(node: &ManifestNode) -> CredentialFacts<'_> {
    common(
        &node.claim_generators,
        node.signer.as_ref(),
        &node.actions,
        &node.assertion_labels,
        &node.ingredients,
    )
}

fn holds(verdicts: &Verdicts) -> bool {
    verdicts.signature.state == Signature::Valid
        && verdicts.integrity.state != Integrity::ManifestAltered
}

fn common<'a>(
    generators: &'a [Agent],
    signer: Option<&'a Signer>,
    actions: &'a [Action],
    labels: &'a [String],
    ingredients: &'a [Ingredient],
) -> CredentialFacts<'a> {
    CredentialFacts {
        generators: generators.iter().map(agent).collect(),
        organisation: signer.and_then(|signer| signer.organisation.as_deref()),
        common_name: signer.and_then(|signer| signer.common_name.as_deref()),
        actions: actions
            .iter()
            .map(|action| ActionFacts {
                label: &action.action,
                source_type: action.digital_source_type.as_deref(),
                description: action.description.as_deref(),
                agent: action.software_agent.as_ref().map(agent),
            })
            .collect(),
        assertions: labels.iter().map(String::as_str).collect(),
        ingredients: ingredients
            .iter()
            .map(|each| IngredientFacts {
                relationship: &each.relationship,
                says: of_ingredient(each),
            })
            .collect(),
        ..CredentialFacts::default()
    }
}

fn agent(agent: &Agent) -> colophon_signals::Agent<'_> {
    colophon_signals::Agent {
        name: &agent.name,
        version: agent.version.as_deref(),
    }
}
