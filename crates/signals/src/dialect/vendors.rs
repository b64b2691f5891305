//! Vendors that leave one sign each in EXIF, XMP or IPTC-IIM.

use super::{Draft, Found};
use crate::bytes::is_uuid;
use crate::entry::{Collected, Entry, Origin};
use crate::xmp::{IPTC_EXT, PHOTOSHOP};
use crate::{Says, Source};

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    flux(all, found);
    grok(all, found);
    names(all, found);
    credits(all, found);
    hugging_face(all, found);
}

/// The reference code of FLUX: `Software` is `AI generated;txt2img;flux`.
fn flux(all: &Collected<'_>, found: &mut Found) {
    let (Some(software), Some(make)) = (
        all.find(Origin::Exif, "Software"),
        all.find(Origin::Exif, "Make"),
    ) else {
        return;
    };
    let mut parts = software.value.split(';');
    let marked = parts
        .next()
        .is_some_and(|first| first.eq_ignore_ascii_case("AI generated"));
    if !marked || !make.value.eq_ignore_ascii_case("Black Forest Labs") {
        return;
    }
    let task = parts.next().unwrap_or_default();
    let says = if task == "txt2img" {
        Says::Generated
    } else {
        Says::PartlyGenerated
    };
    let model = all
        .find(Origin::Exif, "Model")
        .map(|entry| entry.value.as_str());
    let mut draft = Draft::declared(Source::BlackForestLabs, says)
        .at(software)
        .at(make)
        .tool(model)
        .field("Software", &software.value)
        .field("Model", model.unwrap_or_default());
    if let Some(prompt) = all.find(Origin::Exif, "ImageDescription") {
        draft = draft.personal("ImageDescription", &prompt.value);
    }
    found.push(draft);
}

/// Grok: `Artist` is a UUID and `ImageDescription` is `Signature: ` and 300 to 1,000 characters of
/// base64. The key is not public.
fn grok(all: &Collected<'_>, found: &mut Found) {
    let Some(artist) = all
        .find(Origin::Exif, "Artist")
        .filter(|artist| is_uuid(&artist.value))
    else {
        return;
    };
    let signature = |entry: &&Entry| {
        let named =
            entry.is(Origin::Exif, "ImageDescription") || entry.is(Origin::Exif, "UserComment");
        let base64 = entry.value.strip_prefix("Signature:").map(str::trim);
        named
            && base64.is_some_and(|text| {
                (300..=1_000).contains(&text.len())
                    && text.bytes().all(|byte| {
                        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
                    })
            })
    };
    let mut draft = Draft::declared(Source::XAi, Says::Generated).tool(Some("Grok"));
    let mut any = false;
    for entry in all.entries.iter().filter(signature) {
        any = true;
        draft = draft.at(entry);
    }
    if any {
        found.push(
            draft
                .at(artist)
                .personal("Artist", &artist.value)
                .note("vendor-signature-unverifiable"),
        );
    }
}

/// Names that only these vendors write, as maker or as program.
fn names(all: &Collected<'_>, found: &mut Found) {
    for entry in &all.entries {
        let value = entry.value.trim();
        let lower = value.to_ascii_lowercase();
        let make = entry.is(Origin::Exif, "Make");
        let draft = if make && lower == "ideogram ai" {
            Draft::declared(Source::Ideogram, Says::Generated).tool(Some("Ideogram"))
        } else if entry.is_program() && (lower == "reve.com" || lower == "https://reve.com") {
            Draft::declared(Source::Reve, Says::Generated).tool(Some("Reve"))
        } else if (make || entry.is_program()) && lower.starts_with("aphrodite ai") {
            let version = value
                .get(12..)
                .map(|rest| rest.trim().trim_start_matches('v'));
            Draft::declared(Source::Other, Says::Generated)
                .tool(Some("Aphrodite AI"))
                .version(version)
        } else {
            continue;
        };
        found.push(draft.at(entry).field(&entry.key, value));
    }
}

/// Credit lines.
fn credits(all: &Collected<'_>, found: &mut Found) {
    let kind = all
        .find_xmp(IPTC_EXT, "DigitalSourceType")
        .and_then(|entry| super::says_of(&entry.value));
    for entry in &all.entries {
        let credit = entry.is_xmp(PHOTOSHOP, "Credit") || entry.is(Origin::Iim, "Credit");
        if !(credit || entry.is_program() || entry.is_caption()) {
            continue;
        }
        let lower = entry.value.trim().to_ascii_lowercase();
        let (source, tool, says) = match lower.as_str() {
            "made with google ai" | "created with google ai" if credit => {
                (Source::Google, None, kind.unwrap_or(Says::Generated))
            }
            "edited with google ai" if credit => (Source::Google, None, Says::PartlyGenerated),
            "apple photos clean up" if credit => (
                Source::Other,
                Some("Apple Photos Clean Up"),
                Says::PartlyGenerated,
            ),
            "apple image playground" if credit => (
                Source::Other,
                Some("Apple Image Playground"),
                Says::Generated,
            ),
            "imagined with ai" | "imagined with meta ai" | "made with meta ai" | "meta ai" => (
                Source::Meta,
                Some("Meta AI"),
                kind.unwrap_or(Says::Generated),
            ),
            _ => continue,
        };
        // A line without a source type beside it is one fact alone, except for the vendors' exact credits.
        let draft = match (source, kind) {
            (Source::Meta, None) => Draft::weak(source, says),
            _ => Draft::declared(source, says),
        };
        found.push(draft.at(entry).tool(tool).field(&entry.key, &entry.value));
        match source {
            Source::Google => found.mark(
                "SynthID",
                source,
                entry.place.clone(),
                Some(super::GOOGLE_CHECK),
            ),
            Source::Meta => found.mark(
                "Content Seal",
                source,
                entry.place.clone(),
                Some(super::META_CHECK),
            ),
            _ => {}
        }
    }
}

/// A job of Hugging Face: says where the file was made, not how.
fn hugging_face(all: &Collected<'_>, found: &mut Found) {
    if let Some(entry) = all.find(Origin::PngText, "hf-job-id") {
        found.push(
            Draft::weak(Source::HuggingFace, Says::Unstated)
                .at(entry)
                .personal("hf-job-id", &entry.value)
                .note("hosted-job"),
        );
    }
}
