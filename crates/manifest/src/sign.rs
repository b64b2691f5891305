//! Writing a manifest into a finished file.

use std::io::Cursor;

use c2pa::Builder;
use serde_json::json;

use crate::container::{Container, extract_manifest_bytes};
use crate::jumbf::Survey;
use crate::signer::Adapter;
use crate::spec::SPEC_VERSION;
use crate::{ClaimSigner, ManifestError, ManifestId, ManifestSpec, Origin, assertions, context};

/// A signed file.
#[derive(Debug)]
pub struct Signed {
    /// The whole file with its manifest.
    pub asset: Vec<u8>,
    /// The manifest store alone (JUMBF), as embedded: what the ledger keeps.
    pub manifest: Vec<u8>,
    /// The manifest's label.
    pub manifest_id: ManifestId,
}

/// Signs `asset`, a finished JPEG, PNG or WebP file of media type `mime` without a manifest.
///
/// The result is not yet verified: read it back with [`crate::read`] before release.
///
/// # Errors
/// [`ManifestError::UnsupportedFormat`], [`ManifestError::WrongFormat`],
/// [`ManifestError::AlreadySigned`], [`ManifestError::BadSpec`], [`ManifestError::BadChain`],
/// [`ManifestError::Signing`], [`ManifestError::TimeStamp`]; [`ManifestError::TooLarge`] when a parent's manifest is too large.
pub fn sign(
    asset: &[u8],
    mime: &str,
    spec: &ManifestSpec<'_>,
    signer: &dyn ClaimSigner,
) -> Result<Signed, ManifestError> {
    let container = Container::from_mime(mime)?;
    if !container.can_sign() {
        return Err(ManifestError::UnsupportedFormat(mime.to_owned()));
    }
    spec.check()?;
    if extract_manifest_bytes(asset, mime)?.is_some() {
        return Err(ManifestError::AlreadySigned);
    }
    if let Origin::Opened { parent, .. } = &spec.origin {
        // Bounds the parent's manifest before the SDK parses it.
        extract_manifest_bytes(parent.bytes, parent.mime)?;
    }
    let adapter = Adapter::new(signer)?;
    let mut output = Cursor::new(Vec::with_capacity(asset.len() + 16 * 1024));
    build(container.mime(), spec)
        .and_then(|mut builder| {
            builder.sign(
                &adapter,
                container.mime(),
                &mut Cursor::new(asset),
                &mut output,
            )
        })
        .map_err(|error| match adapter.unstamped() {
            Some(reason) => ManifestError::TimeStamp(reason),
            None => ManifestError::Signing(error.to_string()),
        })?;
    let asset = output.into_inner();
    let manifest = extract_manifest_bytes(&asset, mime)?
        .ok_or_else(|| ManifestError::Signing("the signed file holds no manifest".to_owned()))?;
    let manifest_id = Survey::of(&manifest)?
        .active()
        .map(|active| active.label.clone())
        .ok_or_else(|| ManifestError::Signing("the manifest has no label".to_owned()))?
        .parse()?;
    Ok(Signed {
        asset,
        manifest,
        manifest_id,
    })
}

fn build(mime: &str, spec: &ManifestSpec<'_>) -> c2pa::Result<Builder> {
    let definition = json!({
        "claim_version": 2,
        "claim_generator_info": [assertions::generator_info(&spec.claim_generator, SPEC_VERSION)],
        "title": spec.title,
        "format": mime,
    });
    let mut builder = Builder::from_context(context::signing()?)
        .with_definition(definition.to_string().as_str())?;
    if let Origin::Opened { parent, .. } = &spec.origin {
        let ingredient = json!({ "title": parent.title, "relationship": "parentOf", "label": assertions::PARENT_LABEL });
        builder.add_ingredient_from_stream(
            ingredient.to_string(),
            parent.mime,
            &mut Cursor::new(parent.bytes),
        )?;
    }
    builder.add_assertion(assertions::ACTIONS, &assertions::actions(spec))?;
    for binding in assertions::soft_bindings(spec) {
        builder.add_assertion(assertions::SOFT_BINDING, &binding)?;
    }
    if let Some(disclosure) = assertions::ai_disclosure(spec) {
        builder.add_assertion(assertions::AI_DISCLOSURE, &disclosure)?;
    }
    if let Some(generation) = assertions::generation(spec) {
        builder.add_assertion(assertions::GENERATION, &generation)?;
    }
    builder.add_assertion(
        assertions::TRAINING_MINING,
        &assertions::training_mining(spec),
    )?;
    if let Some(issuance) = assertions::issuance(spec) {
        builder.add_assertion(assertions::ISSUANCE, &issuance)?;
    }
    Ok(builder)
}
