//! Fooocus: `parameters` with `fooocus_scheme` in PNG; `UserComment`, `MakerNote` (the scheme) and
//! `Software` in the EXIF of JPEG and WebP; a JSON comment of old versions; and its fork RuinedFooocus.

use serde_json::Value;

use super::webui::Parameters;
use super::{Draft, Found};
use crate::entry::{Collected, Entry, Origin};
use crate::json;
use crate::{Says, Source};

/// Names that its JSON has and others' has not.
const OWN: &[&str] = &[
    "base_model",
    "base_model_hash",
    "base_model_name",
    "full_prompt",
    "full_negative_prompt",
    "adm_guidance",
    "refiner_switch",
    "refiner_model",
    "metadata_scheme",
    "real_prompt",
    "sharpness",
    "performance",
    "prompt_expansion",
];

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    let scheme = all.entries.iter().find(|entry| {
        let named =
            entry.is(Origin::PngText, "fooocus_scheme") || entry.is(Origin::Exif, "MakerNote");
        named && matches!(entry.value.as_str(), "fooocus" | "a1111")
    });
    let software = all
        .find(Origin::Exif, "Software")
        .filter(|entry| entry.value.starts_with("Fooocus v"));
    for entry in all.entries.iter().filter(|entry| entry.is_caption()) {
        let draft = match &entry.json {
            Some(value) => object(entry, value, scheme.is_some() || software.is_some()),
            // In the other scheme it writes the web UI's text.
            None if scheme.or(software).is_some() => {
                Parameters::of(&entry.value).map(|parameters| {
                    let draft = Draft::declared(Source::Fooocus, Says::Generated).at(entry);
                    let model = parameters.get("Model").map(str::to_owned);
                    parameters.fields(draft.tool(model.as_deref()), None)
                })
            }
            None => None,
        };
        let Some(mut draft) = draft else {
            continue;
        };
        for entry in [scheme, software].into_iter().flatten() {
            draft = draft.at(entry).field(&entry.key, &entry.value);
        }
        found.push(draft);
    }
}

fn object(entry: &Entry, value: &Value, named: bool) -> Option<Draft> {
    let members = value.as_object()?;
    let normal = |name: &str| name.to_ascii_lowercase().replace(' ', "_");
    let own = members
        .keys()
        .filter(|name| OWN.contains(&normal(name).as_str()))
        .count();
    let version = ["version", "software"]
        .iter()
        .find_map(|key| json::text(value, key))
        .unwrap_or_default();
    let says_so = version.to_ascii_lowercase().contains("fooocus");
    let prompt = members
        .keys()
        .any(|name| name.eq_ignore_ascii_case("prompt"));
    if !(prompt && (own >= 3 || own >= 1 && (named || says_so) || says_so && members.len() > 2)) {
        return None;
    }
    let mut draft = Draft::declared(Source::Fooocus, Says::Generated).at(entry);
    let mut model = None;
    for (name, member) in members.iter().take(60) {
        let text = json::plain(member);
        let plain = normal(name);
        if matches!(plain.as_str(), "base_model" | "base_model_name") && !text.is_empty() {
            model = Some(text.clone());
        }
        draft = if plain.contains("prompt") || plain == "created_by" || plain.contains("user") {
            draft.personal(name, &text)
        } else {
            draft.field(name, &text)
        };
    }
    Some(match model {
        Some(model) => draft.tool(Some(&model)),
        None => draft.version(Some(&version)),
    })
}
