//! From options to a filter.

use std::path::Path;

use colophon_ledger::{Entries, Filter, Kind, Likeness, unhex};

use crate::args::{Events, IssueKind, Which};
use crate::checker::{Confined, Setup, Wants};
use crate::commands::Context;
use crate::failure::Failure;

/// The filter that the options ask for.
///
/// # Errors
/// [`Failure`] when a picture to compare with has no usable fingerprint.
pub fn filter(context: &Context<'_>, which: &Which) -> Result<Filter, Failure> {
    let like = which.like.as_deref().map(|like| fingerprint(context, like));
    Ok(Filter {
        entries: match which.events {
            Events::None => Entries::Pictures,
            Events::All => Entries::All,
            Events::Only => Entries::Events,
        },
        since: which.since,
        until: which.until,
        kind: which.kind.map(|kind| match kind {
            IssueKind::Generate => Kind::Generate,
            IssueKind::Stamp => Kind::Stamp,
        }),
        model: which.model.clone(),
        weights: which.weights.map(|hash| hash.0),
        signer: which.signer.map(|hash| hash.0),
        policy: which.policy.map(|hash| hash.0),
        asset: which.asset.map(|hash| hash.0),
        manifest: which.manifest_id.clone(),
        watermark: which.watermark.map(|id| id.0),
        like: like.transpose()?.map(|fingerprint| Likeness {
            fingerprint,
            distance: which.distance,
        }),
        verdict: which.verdict.clone(),
    })
}

/// The fingerprint written out, or that of a picture.
fn fingerprint(context: &Context<'_>, like: &Path) -> Result<[u8; 32], Failure> {
    if let Some(hash) = like.to_str().and_then(unhex) {
        return Ok(hash);
    }
    let report = check(context, like)?;
    let found = report.evidence.fingerprint.as_ref();
    found.and_then(|found| unhex(&found.hash)).ok_or_else(|| {
        Failure::Request(format!(
            "{} has no fingerprint to compare by: it cannot be decoded, or shows too little",
            like.display()
        ))
    })
}

/// What is known of one picture, as `verify` finds out.
pub fn check(context: &Context<'_>, path: &Path) -> Result<colophon_provenance::Report, Failure> {
    let confined = Confined::new(context, Setup::default(), 1)?;
    Ok(confined.check_file(path, Wants::default())?.report)
}
