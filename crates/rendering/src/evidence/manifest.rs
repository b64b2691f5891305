//! Manifests, attached and recovered: who signed, what they state, and the verdicts on it, each apart.

use colophon_provenance::{
    AgentEvidence, CodeEvidence, IngredientEvidence, ManifestEvidence, NodeEvidence,
    RecoveredManifest, SignerEvidence, ValueEvidence, VerdictEvidence, VerdictsEvidence,
};

use super::{agent as agent_name, generation, licenses, outsiders, source_type, weights};
use crate::document::{Code, Field, Item, Mark};
use crate::phrase::{Phrase, Words, number, spaced};

/// Ingredients of ingredients that are told, and no more.
const DEEPEST: usize = 8;

/// The manifest in the file.
pub(super) fn attached(it: &ManifestEvidence, words: Words<'_>) -> Vec<Item> {
    let verdicts = it.verdicts.as_ref();
    whole(
        it,
        verdicts.map_or_else(Vec::new, |it| verdict_items(it, words)),
        words,
    )
}

/// A manifest from the ledger, and whether its bindings agree with the picture.
pub(super) fn recovered(it: &RecoveredManifest, words: Words<'_>) -> Vec<Item> {
    let (mark, key) = if it.agrees {
        (Mark::Good, "recovered.agrees")
    } else {
        (Mark::Alert, "recovered.differs")
    };
    let mut first = Item::new(mark, words.text(key));
    first.inside.extend(it.bindings.iter().map(|binding| {
        let text = words.fill(
            "recovered.binding",
            &[
                ("alg", &Phrase::outside(&binding.alg)),
                ("how", &Phrase::plain(&binding.how)),
            ],
        );
        Item {
            mark: if binding.agrees {
                Mark::Good
            } else {
                Mark::Alert
            },
            ..Item::fine(text)
        }
    }));
    // The sentences would repeat those about a file that nobody has here any more.
    let verdicts = it.manifest.verdicts.as_ref();
    let mut verdicts = verdicts.map_or_else(Vec::new, |it| verdict_items(it, words));
    for item in &mut verdicts {
        item.is_fine = true;
    }
    std::iter::once(first)
        .chain(whole(&it.manifest, verdicts, words))
        .collect()
}

fn whole(it: &ManifestEvidence, verdicts: Vec<Item>, words: Words<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    if let Some(note) = &it.note {
        items.push(Item::new(Mark::Caution, Phrase::plain(note)));
    }
    if it.id.is_some() {
        let mark = signer_mark(it.verdicts.as_ref());
        items.push(signed_by(it.signer.as_ref(), mark, words));
    }
    items.extend(it.revoked.as_ref().map(|revoked| {
        let from = Phrase::outside(&revoked.from);
        let reason = Phrase::outside(revoked.reason.as_deref().unwrap_or("?"));
        let values = [("from", &from), ("reason", &reason)];
        Item::new(Mark::Alert, words.fill("manifest.revoked", &values))
    }));
    items.extend(verdicts);
    items.extend(statements(it, words));
    items.extend(ingredients(&it.ingredients, DEEPEST, words));
    let note = it.ingredients_note.as_ref();
    items.extend(note.map(|note| Item::new(Mark::Caution, Phrase::plain(note))));
    items.extend(references(it, words));
    items.extend(personal(it, words));
    items.extend(details(it, words));
    items
}

fn signed_by(it: Option<&SignerEvidence>, mark: Mark, words: Words<'_>) -> Item {
    let who = it.map_or_else(|| words.text("manifest.nobody"), |it| signer(it, words));
    Item::new(mark, words.fill("manifest.signed-by", &[("who", &who)]))
}

fn signer(it: &SignerEvidence, words: Words<'_>) -> Phrase {
    match (&it.organisation, &it.common_name) {
        (Some(organisation), Some(name)) => words.fill(
            "manifest.names",
            &[
                ("organisation", &Phrase::outside(organisation)),
                ("name", &Phrase::outside(name)),
            ],
        ),
        (Some(name), None) | (None, Some(name)) => Phrase::outside(name),
        (None, None) => words.text("manifest.no-names"),
    }
}

/// How far the signer's name can be believed; whether the file was changed since is told apart.
fn signer_mark(verdicts: Option<&VerdictsEvidence>) -> Mark {
    match verdicts.map(|it| (it.signature.state.as_str(), it.trust.list.is_some())) {
        Some(("valid", true)) => Mark::Good,
        Some(("invalid" | "missing", _)) => Mark::Alert,
        _ => Mark::Caution,
    }
}

/// The verdicts, with their codes. Revocation is told only when it is known; else it stands among what was
/// not checked.
fn verdict_items(it: &VerdictsEvidence, words: Words<'_>) -> Vec<Item> {
    let all = [
        ("integrity", &it.integrity),
        ("signature", &it.signature),
        ("time", &it.time),
        ("trust", &it.trust),
        ("identity", &it.identity),
        ("revocation", &it.revocation),
    ];
    all.into_iter()
        .filter(|(name, verdict)| *name != "revocation" || verdict.state != "not-checked")
        .map(|(name, verdict)| verdict_item(name, verdict, words))
        .collect()
}

fn verdict_item(name: &str, it: &VerdictEvidence, words: Words<'_>) -> Item {
    let told = words.text(&format!("verdict-name.{name}"));
    let sentence = Phrase::plain(&it.sentence);
    let text = words.fill(
        "manifest.verdict",
        &[("name", &told), ("sentence", &sentence)],
    );
    Item {
        codes: codes(&it.codes),
        ..Item::new(verdict_mark(name, &it.state), text)
    }
}

fn verdict_mark(name: &str, state: &str) -> Mark {
    match (name, state) {
        (_, "intact" | "valid" | "stamped" | "trusted-official" | "trusted-local" | "good") => {
            Mark::Good
        }
        ("time", "unstamped") | ("identity", "absent") => Mark::Plain,
        (
            _,
            "file-altered" | "manifest-altered" | "malformed" | "invalid" | "missing" | "bad-stamp"
            | "unacceptable" | "failed" | "revoked" | "revoked-here",
        ) => Mark::Alert,
        _ => Mark::Caution,
    }
}

fn codes(all: &[CodeEvidence]) -> Vec<Code> {
    all.iter()
        .map(|it| Code {
            id: Phrase::outside(&it.code),
            sentence: Phrase::plain(&it.sentence),
            failed: it.failed,
        })
        .collect()
}

/// What the manifest says, as far as it says anything.
fn statements(it: &ManifestEvidence, words: Words<'_>) -> Vec<Item> {
    let agent = it.software_agent.as_slice();
    let mut items = Vec::from_iter(said(
        &it.source_types,
        agent,
        it.claimed_time.as_ref(),
        words,
    ));
    let others = it.software_agents.iter();
    let others: Vec<&AgentEvidence> = others
        .filter(|agent| Some(*agent) != it.software_agent.as_ref())
        .collect();
    if !others.is_empty() {
        let list: Vec<Phrase> = others.into_iter().map(agent_name).collect();
        let list = words.joined(&list);
        items.push(Item::plain(words.fill("manifest.also", &[("list", &list)])));
    }
    if let Some(made) = &it.generation {
        items.push(Item::plain(generation(made, words)));
        items.extend(licenses(made, words).map(Item::plain));
        items.extend(weights(made, words));
    }
    let named = |key: &str, name: &str, value: &String| {
        Item::plain(words.fill(key, &[(name, &Phrase::outside(value))]))
    };
    let title = it.title.as_ref();
    items.extend(title.map(|title| named("manifest.title", "title", title)));
    let reason = it.unmarked_reason.as_ref();
    items.extend(reason.map(|reason| named("manifest.unmarked", "reason", reason)));
    let descriptions = it.descriptions.iter();
    items.extend(descriptions.map(|text| named("manifest.description", "text", text)));
    if !it.ai_parameters.is_empty() {
        let mut item = Item::plain(words.text("manifest.parameters"));
        item.fields = fields(&it.ai_parameters);
        items.push(item);
    }
    items
}

/// "says: made by a model by X on T".
fn said(
    source_types: &[String],
    agents: &[AgentEvidence],
    time: Option<&String>,
    words: Words<'_>,
) -> Option<Item> {
    let mut said: Vec<Phrase> = Vec::new();
    if !source_types.is_empty() {
        let kinds = source_types.iter().map(|kind| source_type(kind, words));
        said.push(words.joined(&kinds.collect::<Vec<_>>()));
    }
    if !agents.is_empty() {
        let who = words.joined(&agents.iter().map(agent_name).collect::<Vec<_>>());
        said.push(words.fill("manifest.by", &[("who", &who)]));
    }
    said.extend(time.map(|when| words.fill("manifest.on", &[("when", &Phrase::outside(when))])));
    let what = spaced(&said);
    (!said.is_empty()).then(|| Item::plain(words.fill("manifest.says", &[("what", &what)])))
}

fn fields(values: &[ValueEvidence]) -> Vec<Field> {
    values
        .iter()
        .map(|it| Field {
            name: Phrase::outside(&it.name),
            value: Some(Phrase::outside(&it.value)),
        })
        .collect()
}

/// The files that the picture was made from, with their own manifests.
fn ingredients(all: &[IngredientEvidence], deepest: usize, words: Words<'_>) -> Option<Item> {
    if all.is_empty() {
        return None;
    }
    let mut item = Item::plain(words.counted("parents", all.len() as u64));
    item.inside = all
        .iter()
        .map(|it| ingredient(it, deepest, words))
        .collect();
    Some(item)
}

fn ingredient(it: &IngredientEvidence, deepest: usize, words: Words<'_>) -> Item {
    let mark = match it.state.code() {
        "no-manifest" => Mark::Plain,
        "trusted" => Mark::Good,
        "problems" => Mark::Alert,
        _ => Mark::Caution,
    };
    let title = it.title.as_ref().or(it.format.as_ref());
    let title = title.map_or_else(
        || words.text("ingredient.untitled"),
        |title| Phrase::outside(title),
    );
    let relationship = words.or(
        &format!("relationship.{}", it.relationship),
        &it.relationship,
    );
    let text = words.fill(
        "ingredient.line",
        &[
            ("relationship", &relationship),
            ("title", &title),
            ("sentence", &Phrase::plain(&it.sentence)),
        ],
    );
    let mut item = Item::new(mark, text);
    item.codes = codes(&it.codes);
    if let (Some(node), Some(deepest)) = (&it.manifest, deepest.checked_sub(1)) {
        item.inside = earlier(node, deepest, words);
    }
    item.inside.extend(
        it.manifest_id
            .as_ref()
            .map(|id| Item::fine(words.fill("manifest.id", &[("id", &Phrase::outside(id))]))),
    );
    item
}

/// The manifest of an ingredient.
fn earlier(it: &NodeEvidence, deepest: usize, words: Words<'_>) -> Vec<Item> {
    let mark = signer_mark(Some(&it.verdicts));
    let mut items = vec![signed_by(it.signer.as_ref(), mark, words)];
    items.extend(said(&it.source_types, &it.software_agents, None, words));
    let verdicts = verdict_items(&it.verdicts, words).into_iter();
    // What is in order need not be told six times for each file.
    items.extend(verdicts.map(|verdict| Item {
        is_fine: verdict.mark == Mark::Good || verdict.mark == Mark::Plain,
        ..verdict
    }));
    items.extend(ingredients(&it.ingredients, deepest, words));
    if !it.actions.is_empty() {
        let list = words.joined(&outsiders(&it.actions));
        items.push(Item::fine(
            words.fill("manifest.actions", &[("list", &list)]),
        ));
    }
    items
}

/// Places on the network that the manifest names.
fn references(it: &ManifestEvidence, words: Words<'_>) -> Option<Item> {
    let line = |what: &str, url: &str| {
        let values = [
            ("what", &Phrase::plain(what)),
            ("url", &Phrase::outside(url)),
        ];
        Item::plain(words.fill("manifest.reference", &values))
    };
    let mut item = Item::plain(words.text("manifest.references"));
    let all = it.references.iter();
    item.inside = all.map(|it| line(&it.what, &it.url)).collect();
    (!item.inside.is_empty()).then_some(item)
}

/// Statements that may tell of a person: their names only, unless the report tells everything.
fn personal(it: &ManifestEvidence, words: Words<'_>) -> Option<Item> {
    let mut item = Item::plain(words.text("manifest.personal"));
    item.fields = if it.personal.is_empty() {
        let withheld = |name: &String| Field {
            name: Phrase::outside(name),
            value: None,
        };
        it.personal_assertions.iter().map(withheld).collect()
    } else {
        fields(&it.personal)
    };
    (!item.fields.is_empty()).then_some(item)
}

/// Ids, hashes and versions.
fn details(it: &ManifestEvidence, words: Words<'_>) -> Vec<Item> {
    let fine =
        |key: &str, name: &str, value: &Phrase| Item::fine(words.fill(key, &[(name, value)]));
    let mut items = Vec::new();
    if !it.actions.is_empty() {
        let list = words.joined(&outsiders(&it.actions));
        items.push(fine("manifest.actions", "list", &list));
    }
    if !it.assertions.is_empty() {
        let list = words.joined(&outsiders(&it.assertions));
        items.push(fine("manifest.statements", "list", &list));
    }
    let writers = if it.claim_generators.is_empty() {
        it.claim_generator.as_slice()
    } else {
        &it.claim_generators
    };
    if !writers.is_empty() {
        let who = words.joined(&writers.iter().map(agent_name).collect::<Vec<_>>());
        items.push(fine("manifest.made-by", "who", &who));
    }
    let version = it.claim_version.map(number);
    items.extend(version.map(|version| fine("manifest.claim", "version", &version)));
    let chain = it.signer.iter().flat_map(|signer| &signer.chain_sha256);
    let texts = [
        ("manifest.spec", "version", it.spec_version.as_ref()),
        ("manifest.id", "id", it.id.as_ref()),
        ("manifest.log", "origin", it.ledger_origin.as_ref()),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(key, name, value)| Some((key, name, value?)))
        .chain(chain.map(|hash| ("manifest.chain", "hash", hash)));
    items.extend(texts.map(|(key, name, value)| fine(key, name, &Phrase::outside(value))));
    items
}
