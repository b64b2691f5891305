//! Ingredients and earlier manifests: each judged by itself, none of them changes what is said of the file.

use std::collections::HashMap;

use c2pa::validation_results::{IngredientDeltaValidationResult, StatusCodes};
use c2pa::{Manifest, Reader, Relationship, ValidationResults};

use crate::jumbf::Survey;
use crate::report::{MAX_ENTRIES, clean};
use crate::says;
use crate::validate::{Judge, Judged, Kept, Source, Unjudged, all_statuses};
use crate::{Ingredient, IngredientState, ManifestNode, Status, StatusOutcome, Trust};

/// Deepest ingredients that are shown; those of the active manifest are at depth 1.
pub const MAX_SHOWN_DEPTH: usize = 16;
/// Most ingredients that are shown.
pub const MAX_SHOWN_NODES: usize = 64;

/// The least that passes for a picture: an ingredient's own file is not here.
const NO_PICTURE: &[u8] = b"\xff\xd8\xff\xd9";

/// The active manifest's surroundings.
pub(crate) struct Tree<'a> {
    pub judge: &'a Judge<'a>,
    pub reader: &'a Reader,
    pub survey: &'a Survey,
    pub store: &'a [u8],
    nodes: usize,
    /// What was found of manifests already told of.
    states: HashMap<String, (IngredientState, Vec<Status>)>,
    cut: bool,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(
        judge: &'a Judge<'a>,
        reader: &'a Reader,
        survey: &'a Survey,
        store: &'a [u8],
    ) -> Self {
        Self {
            judge,
            reader,
            survey,
            store,
            nodes: 0,
            states: HashMap::new(),
            cut: false,
        }
    }

    /// The ingredients of the active manifest, and whether some are left out.
    pub(crate) fn grow(mut self, manifest: &Manifest) -> (Vec<Ingredient>, bool) {
        let ingredients = self.ingredients(manifest, 1);
        (ingredients, self.cut)
    }

    fn ingredients(&mut self, manifest: &Manifest, depth: usize) -> Vec<Ingredient> {
        let mut found = Vec::new();
        for each in manifest.ingredients() {
            if self.nodes >= MAX_SHOWN_NODES || depth > MAX_SHOWN_DEPTH {
                self.cut = true;
                break;
            }
            self.nodes += 1;
            found.push(self.ingredient(each, depth));
        }
        found
    }

    fn ingredient(&mut self, ingredient: &c2pa::Ingredient, depth: usize) -> Ingredient {
        let label = ingredient.active_manifest();
        let (state, codes, manifest) = match label {
            None => (IngredientState::NoManifest, Vec::new(), None),
            Some(label) => self.manifest(label, depth),
        };
        let mut all = self.recorded(ingredient);
        all.extend(codes);
        let speaks_against = |status: &Status| status.code != "signingCredential.untrusted";
        let state = match state {
            IngredientState::Trusted | IngredientState::Untrusted
                if all.iter().any(speaks_against) =>
            {
                IngredientState::Problems
            }
            state => state,
        };
        Ingredient {
            title: ingredient.title().map(clean),
            format: ingredient.format().map(clean),
            relationship: match ingredient.relationship() {
                Relationship::ParentOf => "parentOf",
                Relationship::ComponentOf => "componentOf",
                Relationship::InputTo => "inputTo",
            }
            .to_owned(),
            manifest_id: label.map(clean),
            state,
            codes: distinct(all),
            manifest,
        }
    }

    /// What failed when the signer took it in, as recorded, and what the validator found of it in this store.
    fn recorded(&self, ingredient: &c2pa::Ingredient) -> Vec<Status> {
        let recorded = ingredient
            .validation_results()
            .and_then(ValidationResults::active_manifest);
        let label = ingredient.label().unwrap_or_default();
        let results = self.reader.validation_results();
        let deltas = results
            .and_then(ValidationResults::ingredient_deltas)
            .into_iter()
            .flatten()
            .filter(|delta| !label.is_empty() && delta.ingredient_assertion_uri().ends_with(label))
            .map(IngredientDeltaValidationResult::validation_deltas);
        let failures = |codes: &StatusCodes| {
            let all = all_statuses(codes).into_iter();
            all.filter(Status::failed).collect::<Vec<_>>()
        };
        let old = recorded.map(failures).unwrap_or_default();
        // Whom the validator trusts here are authorities for time-stamps alone.
        let new = deltas
            .flat_map(failures)
            .filter(|status| status.code != "signingCredential.untrusted");
        old.into_iter().chain(new).collect()
    }

    /// A manifest of this store, judged alone.
    fn manifest(
        &mut self,
        label: &str,
        depth: usize,
    ) -> (IngredientState, Vec<Status>, Option<Box<ManifestNode>>) {
        if let Some((state, codes)) = self.states.get(label) {
            return (*state, codes.clone(), None);
        }
        let place = self
            .survey
            .manifests
            .iter()
            .find(|each| each.label == label);
        let (Some(place), Some(manifest)) = (place, self.reader.get_manifest(label)) else {
            let codes = vec![failed("ingredient.manifest.missing")];
            return (IngredientState::Problems, codes, None);
        };
        let judged = self
            .survey
            .alone(self.store, place)
            .map(|store| self.judge_alone(&store));
        let judged = match judged {
            Some(Ok(judged)) => judged,
            Some(Err(Unjudged::Refused(_))) => {
                self.cut = true;
                return (IngredientState::NotChecked, Vec::new(), None);
            }
            None | Some(Err(_)) => {
                let codes = vec![failed("manifest.inaccessible")];
                return (IngredientState::Problems, codes, None);
            }
        };
        let state = state(&judged);
        let codes = failures(&judged);
        self.states.insert(label.to_owned(), (state, codes.clone()));
        let node = self.node(manifest, judged, depth);
        (state, codes, Some(Box::new(node)))
    }

    fn judge_alone(&self, store: &[u8]) -> Result<Judged, Unjudged> {
        let survey = Survey::of(store).map_err(Unjudged::Refused)?;
        let source = Source {
            asset: NO_PICTURE,
            mime: "image/jpeg",
            store,
            kept: Kept::WithoutFile,
        };
        let redactions: Vec<&String> = self
            .reader
            .iter_manifests()
            .filter_map(Manifest::redactions)
            .flatten()
            .collect();
        self.judge.judge(&source, &survey, &|status| {
            // Its own ingredients were left out on purpose, and so was what a later manifest redacted.
            let is_redacted = |url: &str| redactions.iter().any(|redacted| same(url, redacted));
            status.code.starts_with("ingredient.")
                || status.failed() && status.url.as_deref().is_some_and(is_redacted)
        })
    }

    fn node(&mut self, manifest: &Manifest, judged: Judged, depth: usize) -> ManifestNode {
        let actions = says::actions(manifest);
        let (claim_generators, _) = says::generators(manifest);
        ManifestNode {
            manifest_id: manifest.label().map(clean).unwrap_or_default(),
            claim_version: manifest.claim_version(),
            claim_generators,
            signer: says::signer(manifest, &judged.chain),
            title: manifest.title().map(clean),
            digital_source_types: says::source_types(&actions),
            software_agents: says::software_agents(manifest, &actions),
            actions,
            assertion_labels: says::labels(manifest),
            verdicts: judged.verdicts,
            ingredients: self.ingredients(manifest, depth + 1),
        }
    }
}

/// Whether two JUMBF addresses name the same assertion, one of which may leave out the manifest.
fn same(url: &str, redacted: &str) -> bool {
    let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    !redacted.is_empty() && last(url) == last(redacted)
}

fn state(judged: &Judged) -> IngredientState {
    match judged.verdicts.trust.state {
        _ if !judged.verdicts.are_sound() => IngredientState::Problems,
        Trust::Trusted { .. } => IngredientState::Trusted,
        _ => IngredientState::Untrusted,
    }
}

fn failures(judged: &Judged) -> Vec<Status> {
    let it = &judged.verdicts;
    [
        &it.integrity.codes,
        &it.signature.codes,
        &it.time.codes,
        &it.trust.codes,
        &it.revocation.codes,
    ]
    .into_iter()
    .flatten()
    .filter(|status| status.failed())
    .cloned()
    .collect()
}

fn failed(code: &str) -> Status {
    Status {
        code: code.to_owned(),
        outcome: StatusOutcome::Failed,
        url: None,
    }
}

fn distinct(all: Vec<Status>) -> Vec<Status> {
    let mut codes: Vec<Status> = Vec::new();
    for mut status in all {
        if codes.len() < MAX_ENTRIES && !codes.iter().any(|it| it.code == status.code) {
            status.code = clean(&status.code);
            status.url = status.url.as_deref().map(clean);
            codes.push(status);
        }
    }
    codes
}
