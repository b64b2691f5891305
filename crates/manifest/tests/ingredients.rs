//! Ingredients and earlier manifests: judged by themselves, within bounds, and in time.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod common;

use std::time::{Duration, Instant};

use c2pa::BuilderIntent;
use colophon_manifest::{
    Ingredient, IngredientState, Integrity, ListKind, ListUse, MAX_SHOWN_DEPTH, ManifestError,
    TrustAnchors, read,
};
use common::chain::*;
use common::*;
use image::ImageFormat;
use serde_json::json;

fn jpeg() -> Vec<u8> {
    picture(ImageFormat::Jpeg)
}

fn nested(chain: &Chain, depth: usize) -> Vec<u8> {
    let first = signed_by(&mut builder(&created(2)), &jpeg(), chain);
    (0..depth).fold(first, |parent, _| opened(&parent, &jpeg(), chain))
}

fn only(ingredients: &[Ingredient]) -> &Ingredient {
    assert_eq!(ingredients.len(), 1, "{ingredients:?}");
    &ingredients[0]
}

#[test]
fn every_manifest_of_the_tree_has_verdicts_of_its_own() {
    let (ours, theirs) = (Chain::new("Ours"), Chain::new("Theirs"));
    let first = signed_by(&mut builder(&created(2)), &jpeg(), &theirs);
    let second = opened(&first, &jpeg(), &ours);
    let third = opened(&second, &jpeg(), &ours);
    let report = report(&third, "image/jpeg", &ours.anchors());
    assert_eq!(report.verdicts.integrity.state, Integrity::Intact);
    assert_eq!(report.verdicts.trust.state.code(), "trusted-official");
    let second = only(&report.ingredients);
    assert_eq!(second.state, IngredientState::Trusted, "{second:?}");
    let node = second.manifest.as_ref().unwrap();
    assert_eq!(node.verdicts.integrity.state, Integrity::FileAbsent);
    assert_eq!(node.actions[0].action, "c2pa.opened");
    let first = only(&node.ingredients);
    assert_eq!(first.state, IngredientState::Untrusted, "{first:?}");
    let node = first.manifest.as_ref().unwrap();
    assert_eq!(
        node.signer.as_ref().unwrap().organisation.as_deref(),
        Some("Theirs")
    );
    assert_eq!(node.digital_source_types, ["trainedAlgorithmicMedia"]);
    assert_eq!(node.software_agents[0].name, "Model");
    assert_eq!(node.title.as_deref(), Some("someone.jpg"));
    assert!(node.ingredients.is_empty() && !report.ingredients_cut);
}

/// Changes a byte of the first manifest's title within the store of the second.
#[test]
fn a_changed_ingredient_changes_nothing_for_the_file_itself() {
    let chain = Chain::new("Ours");
    let first = signed_by(&mut builder(&created(2)), &jpeg(), &chain);
    let mut second = opened(&first, &jpeg(), &chain);
    let at = second
        .windows(15)
        .position(|it| it == b"made for a test")
        .unwrap();
    second[at] ^= 1;
    let report = report(&second, "image/jpeg", &chain.anchors());
    assert_eq!(
        report.verdicts.integrity.state,
        Integrity::Intact,
        "{:?}",
        report.verdicts
    );
    let ingredient = only(&report.ingredients);
    assert_eq!(ingredient.state, IngredientState::Problems);
    let node = ingredient.manifest.as_ref().unwrap();
    assert_eq!(node.verdicts.integrity.state, Integrity::ManifestAltered);
    assert!(
        ingredient
            .codes
            .iter()
            .any(|it| it.code == "assertion.hashedURI.mismatch"),
        "{ingredient:?}"
    );
}

#[test]
fn deep_trees_are_shown_to_a_depth_and_judged_in_time() {
    let chain = Chain::new("Ours");
    let asset = nested(&chain, MAX_SHOWN_DEPTH + 3);
    let report = report(&asset, "image/jpeg", &chain.anchors());
    assert_eq!(report.verdicts.integrity.state, Integrity::Intact);
    let mut depth = 0;
    let mut level = &report.ingredients;
    while let Some(ingredient) = level.first() {
        depth += 1;
        assert_eq!(
            ingredient.state,
            IngredientState::Trusted,
            "{depth}: {ingredient:?}"
        );
        match &ingredient.manifest {
            Some(node) => level = &node.ingredients,
            None => panic!("{depth}: {ingredient:?}"),
        }
    }
    assert_eq!((depth, report.ingredients_cut), (MAX_SHOWN_DEPTH, true));
}

#[test]
fn the_same_manifest_is_told_of_once() {
    let chain = Chain::new("Ours");
    let part = signed_by(&mut builder(&created(2)), &jpeg(), &chain);
    let placed =
        |id: &str| json!({ "action": "c2pa.placed", "parameters": { "ingredientIds": [id] } });
    let mut definition = created(2);
    let actions = definition["assertions"][0]["data"]["actions"]
        .as_array_mut()
        .unwrap();
    actions.extend([placed("a"), placed("b")]);
    let mut builder = builder(&definition);
    for id in ["a", "b"] {
        let ingredient = json!({ "title": id, "relationship": "componentOf", "label": id });
        let stream = &mut std::io::Cursor::new(&part);
        builder
            .add_ingredient_from_stream(ingredient.to_string(), "image/jpeg", stream)
            .unwrap();
    }
    let asset = signed_by(&mut builder, &jpeg(), &chain);
    let report = report(&asset, "image/jpeg", &chain.anchors());
    let states: Vec<_> = report.ingredients.iter().map(|it| it.state).collect();
    assert_eq!(states, [IngredientState::Trusted; 2]);
    let told = report
        .ingredients
        .iter()
        .filter(|it| it.manifest.is_some())
        .count();
    assert_eq!(told, 1);
}

#[test]
fn an_update_manifest_keeps_the_picture_of_the_earlier_one() {
    let chain = Chain::new("Ours");
    let first = signed_by(&mut builder(&created(2)), &jpeg(), &chain);
    let definition = json!({
        "claim_version": 2, "claim_generator_info": [{ "name": "Writer" }], "format": "image/jpeg",
    });
    let mut builder = builder(&definition);
    builder.set_intent(BuilderIntent::Update);
    let updated = signed_by(&mut builder, &first, &chain);
    let report = report(&updated, "image/jpeg", &chain.anchors());
    assert_eq!(
        report.verdicts.integrity.state,
        Integrity::Intact,
        "{:?}",
        report.verdicts
    );
    assert_eq!(only(&report.ingredients).state, IngredientState::Trusted);
    let mut changed = updated.clone();
    let last = changed.len() - 20;
    changed[last] ^= 1;
    let report = common::report(&changed, "image/jpeg", &chain.anchors());
    assert_eq!(report.verdicts.integrity.state, Integrity::FileAltered);
}

/// Each level is signed over all below it, so that the store grows as the levels do.
#[test]
fn a_deadline_holds_for_many_ingredients() {
    let chain = Chain::new("Ours");
    let asset = nested(&chain, 60);
    let anchors = TrustAnchors::none()
        .with(chain.list("ours", ListKind::Local, ListUse::Signers))
        .unwrap();
    let whole = Instant::now();
    assert!(read(&asset, "image/jpeg", &anchors, DEADLINE).is_ok());
    let whole = whole.elapsed();
    let limit = Duration::from_millis(5);
    let begun = Instant::now();
    let stopped = read(&asset, "image/jpeg", &anchors, limit);
    let took = begun.elapsed();
    assert!(
        matches!(stopped, Err(ManifestError::Deadline { .. })),
        "{stopped:?}"
    );
    println!(
        "60 levels, {} bytes: {whole:?}; stopped after {took:?}",
        asset.len()
    );
    assert!(took < Duration::from_secs(1), "{took:?} of {whole:?}");
}
