//! Reading a manifest and judging it.

use std::time::Duration;

use c2pa::{Error, Manifest};
use sha2::{Digest as _, Sha256};

use crate::container::{Container, Found, MAX_MANIFEST_BYTES, container_of, find_store};
use crate::context::Deadline;
use crate::jumbf::Survey;
use crate::report::{clean, hex};
use crate::tree::Tree;
use crate::validate::{Judge, Judged, Kept, Source, Unjudged, stamper};
use crate::{
    ManifestError, ManifestReport, Reading, Signer, TrustAnchors, VALIDATOR, assertions, beside,
    says,
};

/// How manifests are read.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// Whom we trust.
    pub anchors: &'a TrustAnchors,
    /// Longest time for one file.
    pub deadline: Duration,
    /// Whether the validator's crJSON is wanted too; it takes a second validation.
    pub crjson: bool,
}

/// Reads the manifest embedded in `asset`, of media type `mime` (from its content, not its name).
///
/// # Errors
/// [`ManifestError::UnsupportedFormat`], [`ManifestError::RefusedContainer`], [`ManifestError::WrongFormat`],
/// [`ManifestError::TooLarge`], [`ManifestError::TooComplex`]; [`ManifestError::Deadline`] after `deadline`.
pub fn read(
    asset: &[u8],
    mime: &str,
    anchors: &TrustAnchors,
    deadline: Duration,
) -> Result<Reading, ManifestError> {
    let options = ReadOptions {
        anchors,
        deadline,
        crjson: false,
    };
    read_with(asset, mime, &options)
}

/// As [`read`], with options.
///
/// # Errors
/// As [`read`].
pub fn read_with(
    asset: &[u8],
    mime: &str,
    options: &ReadOptions<'_>,
) -> Result<Reading, ManifestError> {
    let container = container_of(asset, mime)?;
    let found = find_store(asset, container)?;
    let store = if let Found::Store(store) = &found {
        store.as_slice()
    } else {
        &[]
    };
    let source = Source {
        asset,
        mime: container.mime(),
        store,
        kept: Kept::InTheFile,
    };
    let deadline = Deadline::after(options.deadline);
    let reading = examine(&source, options, deadline)?;
    match (&found, &reading) {
        (_, Reading::Manifest(_)) | (Found::Nothing, Reading::Absent | Reading::Remote { .. }) => {
            Ok(reading)
        }
        // The container is broken, but there is nothing in it to be read.
        (Found::Nothing, Reading::Unreadable { .. }) => Ok(Reading::Absent),
        (Found::Damaged, _) => Ok(unreadable("no manifest store begins here")),
        // The validator gives up on a container that is broken behind the manifest. The hash over
        // the bytes can still be taken with the store found by our own walk.
        (Found::Store(_), _) => {
            let source = Source {
                kept: Kept::BesideTheFile,
                ..source
            };
            examine(&source, options, deadline)
        }
    }
}

/// Judges `manifest`, a store kept elsewhere (the ledger), against `asset`, from which it was
/// stripped. That the file's bytes differ is expected and told apart as
/// [`crate::Integrity::ManifestOnly`]. The container of `asset` does not matter, so any media
/// type will do.
///
/// # Errors
/// [`ManifestError::TooLarge`], [`ManifestError::TooComplex`]; [`ManifestError::Deadline`] after `deadline`.
pub fn read_detached(
    manifest: &[u8],
    asset: &[u8],
    mime: &str,
    anchors: &TrustAnchors,
    deadline: Duration,
) -> Result<Reading, ManifestError> {
    let options = ReadOptions {
        anchors,
        deadline,
        crjson: false,
    };
    examine_store(manifest, asset, mime, &options, Kept::Elsewhere)
}

/// Judges `store`, fetched from where `asset` says that its manifest is, as if it were embedded: the file's bytes
/// have to be those that it was made for.
///
/// # Errors
/// As [`read_detached`].
pub fn read_with_store(
    asset: &[u8],
    mime: &str,
    store: &[u8],
    options: &ReadOptions<'_>,
) -> Result<Reading, ManifestError> {
    container_of(asset, mime)?;
    examine_store(store, asset, mime, options, Kept::BesideTheFile)
}

fn examine_store(
    store: &[u8],
    asset: &[u8],
    mime: &str,
    options: &ReadOptions<'_>,
    kept: Kept,
) -> Result<Reading, ManifestError> {
    if store.len() > MAX_MANIFEST_BYTES {
        return Err(ManifestError::TooLarge {
            limit: MAX_MANIFEST_BYTES,
        });
    }
    let source = Source {
        asset,
        mime: Container::from_mime(mime).unwrap_or(Container::Jpeg).mime(),
        store,
        kept,
    };
    examine(&source, options, Deadline::after(options.deadline))
}

fn examine(
    source: &Source<'_>,
    options: &ReadOptions<'_>,
    deadline: Deadline,
) -> Result<Reading, ManifestError> {
    let survey = Survey::of(source.store)?;
    let judge = Judge {
        anchors: options.anchors,
        deadline,
    };
    let judged = match judge.judge(source, &survey, &|_| false) {
        Ok(judged) => judged,
        Err(Unjudged::Refused(error)) => return Err(error),
        Err(Unjudged::Validator(error)) => return without_manifest(&error, deadline),
    };
    let report = judged
        .reader
        .active_manifest()
        .and_then(|manifest| report(manifest, &judged, source, &survey, &judge));
    let Some(mut report) = report else {
        return Ok(unreadable("no active manifest"));
    };
    if options.crjson {
        report.crjson = judge.crjson(source);
    }
    Ok(Reading::Manifest(Box::new(report)))
}

fn without_manifest(error: &Error, deadline: Deadline) -> Result<Reading, ManifestError> {
    match error {
        Error::JumbfNotFound => Ok(Reading::Absent),
        Error::RemoteManifestUrl(url) => Ok(Reading::Remote { url: clean(url) }),
        Error::OperationCancelled => Err(deadline.error()),
        error => Ok(unreadable(&error.to_string())),
    }
}

fn unreadable(reason: &str) -> Reading {
    Reading::Unreadable {
        reason: clean(reason),
    }
}

fn report(
    manifest: &Manifest,
    judged: &Judged,
    source: &Source<'_>,
    survey: &Survey,
    judge: &Judge<'_>,
) -> Option<ManifestReport> {
    let actions = says::actions(manifest);
    let (claim_generators, spec_version) = says::generators(manifest);
    let (personal_labels, personal) = beside::personal(manifest);
    let tree = Tree::new(judge, &judged.reader, survey, source.store);
    let (ingredients, ingredients_cut) = tree.grow(manifest);
    Some(ManifestReport {
        manifest_id: clean(manifest.label()?).parse().ok()?,
        store_sha256: hex(&Sha256::digest(source.store)),
        claim_version: manifest.claim_version(),
        claim_generator: claim_generators.first().cloned(),
        claim_generators,
        spec_version,
        signer: says::signer(manifest, &judged.chain).map(|signer| Signer {
            stamped_by: stamper(survey, source.store).map(|name| clean(&name)),
            ..signer
        }),
        title: manifest.title().map(clean),
        digital_source_types: says::source_types(&actions),
        software_agents: says::software_agents(manifest, &actions),
        actions,
        soft_bindings: says::soft_bindings(&judged.reader, manifest),
        assertion_labels: says::labels(manifest),
        model_name: says::find(manifest, assertions::AI_DISCLOSURE)
            .and_then(|value| says::text(value, "modelName")),
        ai_parameters: beside::ai_parameters(manifest),
        generation: says::generation(manifest),
        issuance: says::issuance(manifest),
        ingredients,
        ingredients_cut,
        references: beside::references(manifest, &judged.chain, source.store),
        personal_labels,
        personal,
        embedded: matches!(source.kept, Kept::InTheFile | Kept::BesideTheFile),
        verdicts: judged.verdicts.clone(),
        revoked_here: judged.revoked_here.clone(),
        crjson: None,
        validator: VALIDATOR,
    })
}
