//! The recorded manifest of a picture that lost it.

use std::time::Duration;

use colophon_fingerprint::MATCH_DISTANCE;
use colophon_ledger::Ledger;
use colophon_manifest::{
    FINGERPRINT_ALG, ManifestReport, SoftBinding, TrustAnchors, WATERMARK_ALG, read_detached,
};
use colophon_policy::Binding;
use colophon_wording::Wording;

use super::examine::Pixels;
use crate::binding::nearest;
use crate::facts::{is_recorded, manifest_state};
use crate::lookup::Hit;
use crate::report::{BindingAgreement, ManifestEvidence, Matched, RecoveredManifest, compared_ids};

/// Where a manifest is recovered from, and against what it is judged.
pub(crate) struct Source<'a> {
    pub ledger: &'a Ledger,
    pub anchors: &'a TrustAnchors,
    pub deadline: Duration,
    pub wording: &'a Wording,
    pub full: bool,
}

impl Source<'_> {
    /// The manifest kept with the record that the mark leads to, unless the file carries it or
    /// shows something else. The error says why it could not be had.
    pub fn recover(
        &self,
        bytes: &[u8],
        pixels: &Pixels,
        attached: Option<&ManifestReport>,
        hit: &Hit,
    ) -> Result<Option<RecoveredManifest>, String> {
        let leads_here = hit.matched_by.contains(&Matched::Watermark)
            && hit.entry.inclusion.is_ok()
            && hit.comparison.binding != Binding::Different;
        if !leads_here || attached.is_some_and(|attached| is_recorded(attached, &hit.entry)) {
            return Ok(None);
        }
        let store = self
            .ledger
            .manifest_bytes(hit.entry.id())
            .map_err(|error| error.to_string())?;
        // The media type only names a container that the reader does not look into.
        let reading = read_detached(&store, bytes, "image/jpeg", self.anchors, self.deadline)
            .map_err(|error| error.to_string())?;
        let report = reading
            .manifest()
            .ok_or("the manifest kept in the ledger cannot be read")?;
        let bindings: Vec<BindingAgreement> = report
            .soft_bindings
            .iter()
            .map(|binding| agreement(binding, pixels, hit.comparison.binding, self.wording))
            .collect();
        let agrees = !bindings.is_empty() && bindings.iter().all(|binding| binding.agrees);
        let manifest =
            ManifestEvidence::new(report, manifest_state(report), self.wording, self.full);
        Ok(Some(RecoveredManifest {
            agrees,
            bindings,
            manifest,
        }))
    }
}

/// A watermark agrees by its id; a fingerprint by its distance or, since a crop has another hash,
/// by the picture's matching the sketch that was recorded with that fingerprint.
fn agreement(
    binding: &SoftBinding,
    pixels: &Pixels,
    compared: Binding,
    wording: &Wording,
) -> BindingAgreement {
    let (agrees, how) = match binding.alg.as_str() {
        WATERMARK_ALG => {
            let found = pixels.mark.detection.as_ref();
            let is_same =
                found.is_some_and(|found| found.payload.0.to_be_bytes() == *binding.value);
            match (is_same, found.and_then(compared_ids)) {
                (true, None) => (true, "id-read"),
                (true, Some(_)) => (true, "id-matched"),
                (false, _) => (false, "id-other"),
            }
        }
        FINGERPRINT_ALG => {
            let recorded = <[u8; 32]>::try_from(binding.value.as_slice());
            let near = match (pixels.reliable_hashes(), recorded) {
                (Some(hashes), Ok(recorded)) => nearest(hashes, recorded) <= MATCH_DISTANCE,
                _ => false,
            };
            if near {
                (true, "hash-near")
            } else if compared == Binding::Same {
                (true, "hash-part")
            } else {
                (false, "hash-other")
            }
        }
        _ => (false, "unknown-kind"),
    };
    BindingAgreement {
        alg: binding.alg.clone(),
        agrees,
        how: wording.text(&format!("binding.{how}")),
    }
}
