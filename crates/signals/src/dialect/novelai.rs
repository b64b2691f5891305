//! NovelAI: PNG text, or the same as one JSON object in EXIF. Its signature over pixels and text is
//! checked elsewhere, with the pixels.

use serde_json::Value;

use super::{Draft, Found};
use crate::entry::{Collected, Entry, Origin};
use crate::json;
use crate::{Says, Source};

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    let text = |key: &str| {
        all.find(Origin::PngText, key)
            .map(|entry| entry.value.clone())
    };
    if let Some(entry) = all
        .find(Origin::PngText, "Software")
        .or_else(|| all.find(Origin::PngText, "Title"))
        && let Some(draft) = described(entry, text, all)
    {
        found.push(draft);
    }
    for entry in all.entries.iter().filter(|entry| entry.is_caption()) {
        if let Some(value) = &entry.json
            && let Some(draft) = described(entry, |key| json::text(value, key), all)
        {
            found.push(draft);
        }
    }
}

fn described(
    entry: &Entry,
    get: impl Fn(&str) -> Option<String>,
    all: &Collected<'_>,
) -> Option<Draft> {
    let software = get("Software").is_some_and(|software| software == "NovelAI");
    let titled = get("Title").is_some_and(|title| {
        matches!(
            title.as_str(),
            "NovelAI generated image" | "AI generated image"
        )
    });
    let source = get("Source").unwrap_or_default();
    let sourced = source.contains("Stable Diffusion") || source.contains("NovelAI");
    let comment = get("Comment").and_then(|comment| json::object(&comment, all.limits));
    let settings = comment.as_ref().is_some_and(|comment| {
        ["uc", "sampler", "steps", "signed_hash", "request_type"]
            .iter()
            .filter(|key| comment.get(**key).is_some())
            .count()
            >= 2
    });
    // Two facts of four: each alone can stand in anyone's file.
    if [software, titled, sourced, settings]
        .into_iter()
        .filter(|fact| *fact)
        .count()
        < 2
        || !(software || settings)
    {
        return None;
    }
    let comment = comment.unwrap_or(Value::Null);
    let edits = json::text(&comment, "request_type").unwrap_or_default();
    let edits = ["Img2Img", "Inpaint", "Infill"]
        .iter()
        .any(|word| edits.contains(word));
    let says = if edits {
        Says::PartlyGenerated
    } else {
        Says::Generated
    };
    let mut draft = Draft::declared(Source::NovelAi, says)
        .at(entry)
        .tool(Some(&source))
        .field("Source", &source);
    draft = draft.field(
        "Generation time",
        &get("Generation time").unwrap_or_default(),
    );
    for key in [
        "request_type",
        "sampler",
        "steps",
        "scale",
        "seed",
        "strength",
        "noise",
        "noise_schedule",
        "width",
        "height",
        "version",
    ] {
        draft = draft.field(key, &json::text(&comment, key).unwrap_or_default());
    }
    if json::text(&comment, "signed_hash").is_some() {
        draft = draft
            .field("signed_hash", "present")
            .note("novelai-signature");
    }
    draft = draft.personal("Description", &get("Description").unwrap_or_default());
    Some(draft.personal("uc", &json::text(&comment, "uc").unwrap_or_default()))
}
