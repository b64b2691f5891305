//! The check before release: what was asked for is what the very bytes say.

use std::time::Duration;

use colophon_imaging::{Limits, decode};
use colophon_manifest::{
    FINGERPRINT_ALG, Integrity, ManifestReport, Signature, Signed, Trust, TrustAnchors,
    WATERMARK_ALG, read,
};
use colophon_watermark::Detector;
use colophon_wording::{Language, Wording};

use crate::ProvenanceError;
use crate::make::{Content, plane};
use crate::told;

/// What a finished file must say.
pub(crate) struct Expected<'a> {
    pub mime: &'static str,
    pub watermark_id: Option<u64>,
    pub content: &'a Content,
    pub anchors: &'a TrustAnchors,
    pub detector: &'a Detector,
    pub limits: &'a Limits,
    pub deadline: Duration,
}

impl Expected<'_> {
    /// Reads manifest and pixels from the signed bytes.
    pub fn check(&self, signed: &Signed) -> Result<(), ProvenanceError> {
        let (manifest, pixels) =
            rayon::join(|| self.check_manifest(signed), || self.check_pixels(signed));
        manifest.and(pixels)
    }

    fn check_manifest(&self, signed: &Signed) -> Result<(), ProvenanceError> {
        let reading = read(&signed.asset, self.mime, self.anchors, self.deadline)?;
        let report = reading
            .manifest()
            .ok_or_else(|| unfit("no manifest was found in it"))?;
        let verdicts = &report.verdicts;
        if report.manifest_id != signed.manifest_id {
            return Err(unfit("it carries another manifest"));
        }
        if verdicts.signature.state != Signature::Valid {
            return Err(unfit(&told::signature(
                &verdicts.signature,
                Wording::of(Language::English),
            )));
        }
        if verdicts.integrity.state != Integrity::Intact {
            return Err(unfit(&told::integrity(
                &verdicts.integrity,
                Wording::of(Language::English),
            )));
        }
        if !matches!(verdicts.trust.state, Trust::Trusted { .. }) {
            return Err(unfit(
                "the signing certificate does not lead to this home's root: run `colophon keys check`",
            ));
        }
        self.check_bindings(report)
    }

    fn check_bindings(&self, report: &ManifestReport) -> Result<(), ProvenanceError> {
        let watermark = self
            .watermark_id
            .map(|id| (WATERMARK_ALG, id.to_be_bytes().to_vec()));
        let fingerprint = self
            .content
            .fingerprint
            .map(|fingerprint| (FINGERPRINT_ALG, fingerprint.0.to_vec()));
        let written = report
            .soft_bindings
            .iter()
            .map(|binding| (binding.alg.as_str(), binding.value.as_slice()));
        let expected = watermark.iter().chain(&fingerprint);
        if written.eq(expected.map(|(alg, value)| (*alg, value.as_slice()))) {
            Ok(())
        } else {
            Err(unfit("its soft bindings are not those of the picture"))
        }
    }

    fn check_pixels(&self, signed: &Signed) -> Result<(), ProvenanceError> {
        let luma = plane(&decode(&signed.asset, self.limits)?)?;
        let (content, detection) =
            rayon::join(|| Content::of(&luma), || self.detector.detect(&luma));
        if content? != *self.content {
            return Err(unfit("its pixels are not those that were encoded"));
        }
        match (
            self.watermark_id,
            detection.map(|detection| detection.payload.0),
        ) {
            (None, _) => Ok(()),
            (Some(wanted), Some(read)) if wanted == read => Ok(()),
            (Some(_), Some(read)) => Err(unfit(&format!(
                "it carries an earlier mark, {read:016x}, in another size or orientation; stamp the picture that the mark was made for"
            ))),
            (Some(_), None) => Err(unfit(
                "its mark cannot be read; choose a higher quality, or issue it with --allow-unmarked",
            )),
        }
    }
}

fn unfit(what: &str) -> ProvenanceError {
    ProvenanceError::ReadBack {
        what: what.trim_end_matches('.').to_owned(),
    }
}
