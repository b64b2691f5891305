//! Manifests, attached and recovered: who signed, what they state, and the verdicts on it, each apart.

use colophon_manifest::{
    Identity, IngredientState, Integrity, Revocation, Signature, Time, Trust, Verdict, Verdicts,
};
use colophon_provenance::{
    IngredientEvidence, ManifestEvidence, RecoveredManifest, SignerEvidence,
};

use super::{agent, generation, licenses, outsiders, source_type, weights};
use crate::document::{Code, Item, Mark};
use crate::phrase::{Phrase, Words, spaced};

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
        let who = it
            .signer
            .as_ref()
            .map_or_else(|| words.text("manifest.nobody"), |it| signer(it, words));
        let text = words.fill("manifest.signed-by", &[("who", &who)]);
        items.push(Item::new(signer_mark(it), text));
    }
    items.extend(verdicts);
    items.extend(statements(it, words));
    items.extend(ingredients(&it.ingredients, words));
    items.extend(details(it, words));
    items
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
fn signer_mark(it: &ManifestEvidence) -> Mark {
    let verdicts = it.verdicts.as_ref();
    match verdicts.map(|it| (it.signature.state, &it.trust.state)) {
        Some((Signature::Valid, Trust::Trusted { .. })) => Mark::Good,
        Some((Signature::Invalid | Signature::Missing, _)) => Mark::Alert,
        _ => Mark::Caution,
    }
}

/// The verdicts, with their codes. Revocation is told only when it is known; else it stands among what was
/// not checked.
fn verdict_items(it: &Verdicts, words: Words<'_>) -> Vec<Item> {
    let integrity = match it.integrity.state {
        Integrity::Intact => Mark::Good,
        Integrity::FileAltered | Integrity::ManifestAltered | Integrity::Malformed => Mark::Alert,
        _ => Mark::Caution,
    };
    let signature = match it.signature.state {
        Signature::Valid => Mark::Good,
        Signature::Invalid | Signature::Missing => Mark::Alert,
        _ => Mark::Caution,
    };
    let time = match it.time.state {
        Time::Stamped => Mark::Good,
        Time::Unstamped => Mark::Plain,
        Time::BadStamp => Mark::Alert,
        _ => Mark::Caution,
    };
    let trust = match it.trust.state {
        Trust::Trusted { .. } => Mark::Good,
        Trust::Unacceptable => Mark::Alert,
        _ => Mark::Caution,
    };
    let identity = match it.identity.state {
        Identity::Absent => Mark::Plain,
        Identity::Failed => Mark::Alert,
        _ => Mark::Caution,
    };
    let revocation = match it.revocation.state {
        Revocation::Good => Some(Mark::Good),
        Revocation::Revoked => Some(Mark::Alert),
        _ => None,
    };
    let mut items = vec![
        verdict_item("integrity", integrity, &it.integrity, words),
        verdict_item("signature", signature, &it.signature, words),
        verdict_item("time", time, &it.time, words),
        verdict_item("trust", trust, &it.trust, words),
        verdict_item("identity", identity, &it.identity, words),
    ];
    items.extend(revocation.map(|mark| verdict_item("revocation", mark, &it.revocation, words)));
    items
}

fn verdict_item<S>(name: &str, mark: Mark, it: &Verdict<S>, words: Words<'_>) -> Item {
    let name = words.text(&format!("verdict-name.{name}"));
    let sentence = Phrase::plain(&it.sentence);
    let text = words.fill(
        "manifest.verdict",
        &[("name", &name), ("sentence", &sentence)],
    );
    let code = |code: &String| Code {
        code: Phrase::outside(code),
        sentence: None,
        failed: None,
    };
    Item {
        codes: it.codes.iter().map(code).collect(),
        ..Item::new(mark, text)
    }
}

/// What the manifest says, as far as it says anything.
fn statements(it: &ManifestEvidence, words: Words<'_>) -> Vec<Item> {
    let mut said: Vec<Phrase> = Vec::new();
    if !it.source_types.is_empty() {
        let kinds: Vec<Phrase> = it
            .source_types
            .iter()
            .map(|kind| source_type(kind, words))
            .collect();
        said.push(words.joined(&kinds));
    }
    let agent = it.software_agent.as_ref().map(agent);
    said.extend(agent.map(|who| words.fill("manifest.by", &[("who", &who)])));
    let time = it.claimed_time.as_ref();
    said.extend(time.map(|when| words.fill("manifest.on", &[("when", &Phrase::outside(when))])));
    let mut items = Vec::new();
    if !said.is_empty() {
        let what = spaced(&said);
        items.push(Item::plain(words.fill("manifest.says", &[("what", &what)])));
    }
    if let Some(made) = &it.generation {
        items.push(Item::plain(generation(made, words)));
        items.extend(licenses(made, words).map(Item::plain));
        items.extend(weights(made, words));
    }
    let named = |key: &str, name: &str, value: &Option<String>| {
        let value = value.as_ref()?;
        Some(Item::plain(
            words.fill(key, &[(name, &Phrase::outside(value))]),
        ))
    };
    items.extend(named("manifest.title", "title", &it.title));
    items.extend(named("manifest.unmarked", "reason", &it.unmarked_reason));
    items
}

/// The files that the picture was made from.
fn ingredients(all: &[IngredientEvidence], words: Words<'_>) -> Option<Item> {
    if all.is_empty() {
        return None;
    }
    let mut item = Item::plain(words.counted("parents", all.len() as u64));
    item.inside = all.iter().map(|it| ingredient(it, words)).collect();
    Some(item)
}

fn ingredient(it: &IngredientEvidence, words: Words<'_>) -> Item {
    let (mark, state) = match it.state {
        IngredientState::NoManifest => (Mark::Plain, "ingredient.noManifest"),
        IngredientState::Trusted => (Mark::Good, "ingredient.trusted"),
        IngredientState::Untrusted => (Mark::Caution, "ingredient.untrusted"),
        _ => (Mark::Alert, "ingredient.problems"),
    };
    let title = it.title.as_ref().map_or_else(
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
            ("state", &words.text(state)),
        ],
    );
    let mut item = Item::new(mark, text);
    item.inside.extend(
        it.manifest_id
            .as_ref()
            .map(|id| Item::fine(words.fill("manifest.id", &[("id", &Phrase::outside(id))]))),
    );
    item
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
    let writer = it.claim_generator.as_ref().map(agent);
    items.extend(writer.map(|who| fine("manifest.made-by", "who", &who)));
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
