//! Marks that credentials name and that only their owners can read. Names of algorithms: the C2PA list of
//! soft-binding algorithms of 2026-04-15.

use super::{CredentialFacts, OWN};
use crate::dialect::{Found, GOOGLE_CHECK, META_CHECK};
use crate::{Says, Source};

const OPENAI_CHECK: &str = "https://openai.com/verify";
const MICROSOFT_CHECK: &str = "https://ai.azure.com/nextgen/validate";
const ADOBE_CHECK: &str = "https://inspect.cr/";

/// Beginning of the algorithm's name, the mark's name, whose, where to check.
const ALGORITHMS: &[(&str, &str, Source, Option<&str>)] = &[
    (
        "com.adobe.trustmark",
        "TrustMark",
        Source::Adobe,
        Some(ADOBE_CHECK),
    ),
    (
        "com.microsoft.invismark",
        "InvisMark",
        Source::Microsoft,
        Some(MICROSOFT_CHECK),
    ),
    (
        "com.google.synthid",
        "SynthID",
        Source::Google,
        Some(GOOGLE_CHECK),
    ),
    ("com.meta", "Content Seal", Source::Meta, Some(META_CHECK)),
    (
        "com.aiwatermark.pixelseal",
        "Pixel Seal",
        Source::Other,
        None,
    ),
    ("com.aiwatermark", "AIWatermark", Source::Other, None),
    ("com.amazon", "Amazon watermark", Source::Amazon, None),
    ("com.digimarc", "Digimarc", Source::Other, None),
    ("ai.steg", "Steg.AI", Source::Other, None),
    ("ai.trufo", "Trufo", Source::Other, None),
    ("app.overlai", "Overlai", Source::Other, None),
    ("castlabs", "castLabs", Source::Other, None),
    ("com.imatag", "Imatag", Source::Other, None),
    ("com.nagra", "NAGRA NexGuard", Source::Other, None),
    ("com.verimatrix", "Verimatrix", Source::Other, None),
    ("com.mentaport", "Mentaport", Source::Other, None),
    ("com.markany", "MarkAny", Source::Other, None),
    ("ai.contentlens", "ContentLens", Source::Other, None),
    ("es.lumatrace", "LumaTrace", Source::Other, None),
    ("ai.verda", "Verda AI", Source::Other, None),
];

/// Fingerprints: computed from the picture, not put into it.
const FINGERPRINTS: &[&str] = &["io.iscc", "com.adobe.icn", "com.digicaps.fingerprint"];

pub(super) fn read(facts: &CredentialFacts<'_>, source: Source, says: Says, found: &mut Found) {
    let bindings = facts.soft_bindings.iter().filter(|alg| {
        let alg = alg.to_ascii_lowercase();
        !alg.starts_with(OWN) && !FINGERPRINTS.iter().any(|start| alg.starts_with(start))
    });
    for alg in bindings {
        let named_by = format!("C2PA soft binding {alg}");
        let lower = alg.to_ascii_lowercase();
        match ALGORITHMS
            .iter()
            .find(|(start, ..)| lower.starts_with(start))
        {
            Some((_, name, owner, check_at)) => found.mark(name, *owner, named_by, *check_at),
            None => found.mark(alg, Source::Credentials, named_by, None),
        }
    }
    let named_already =
        !found.marks.is_empty() || facts.soft_bindings.iter().any(|alg| alg.starts_with(OWN));
    let action = facts.actions.iter().find(|action| {
        // A bound mark is the one of the soft binding.
        match action.label {
            "c2pa.watermarked.unbound" => true,
            "c2pa.watermarked" | "c2pa.watermarked.bound" => !named_already,
            _ => false,
        }
    });
    let modelled = matches!(says, Says::Generated | Says::PartlyGenerated);
    match action {
        Some(action) => {
            let named_by = format!("C2PA action {}", action.label);
            match of(source) {
                Some((name, check_at)) => found.mark(name, source, named_by, check_at),
                None => found.mark("unnamed mark", source, named_by, None),
            }
        }
        // Google states that all that its models make carries the mark.
        None if source == Source::Google && modelled => {
            found.mark(
                "SynthID",
                source,
                "signer of the C2PA manifest".to_owned(),
                Some(GOOGLE_CHECK),
            );
        }
        None => {}
    }
}

/// The mark that a vendor is known to embed.
fn of(source: Source) -> Option<(&'static str, Option<&'static str>)> {
    Some(match source {
        Source::OpenAi => ("SynthID", Some(OPENAI_CHECK)),
        Source::Google => ("SynthID", Some(GOOGLE_CHECK)),
        Source::Microsoft => ("InvisMark", Some(MICROSOFT_CHECK)),
        Source::Adobe => ("TrustMark", Some(ADOBE_CHECK)),
        Source::Amazon => ("Amazon watermark", None),
        Source::Meta => ("Content Seal", Some(META_CHECK)),
        _ => return None,
    })
}
