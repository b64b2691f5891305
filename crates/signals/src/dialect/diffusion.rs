//! Easy Diffusion (settings as text chunks or as JSON) and Draw Things (JSON in XMP's `UserComment`).

use serde_json::Value;

use super::{Draft, Found};
use crate::entry::{Collected, Entry, Origin};
use crate::json;
use crate::{Says, Source};

/// Settings of Easy Diffusion, in the order told: old name, new name, whether it tells of a person.
const EASY: &[(&str, &str, bool)] = &[
    (
        "Stable Diffusion model",
        "use_stable_diffusion_model",
        false,
    ),
    ("VAE model", "use_vae_model", false),
    ("Sampler", "sampler_name", false),
    ("Steps", "num_inference_steps", false),
    ("Guidance Scale", "guidance_scale", false),
    ("Seed", "seed", false),
    ("Prompt Strength", "prompt_strength", false),
    ("Use Face Correction", "use_face_correction", false),
    ("Negative Prompt", "negative_prompt", true),
    ("Prompt", "prompt", true),
];

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    let text = |name: &str| {
        let entry = all.find(Origin::PngText, name)?;
        Some((entry.value.clone(), entry))
    };
    if let Some(draft) = easy(|name| text(name).map(|(value, _)| value)) {
        let entry = EASY
            .iter()
            .find_map(|(old, new, _)| text(new).or_else(|| text(old)));
        found.push(match entry {
            Some((_, entry)) => draft.at(entry),
            None => draft,
        });
    }
    for entry in all.entries.iter().filter(|entry| entry.is_caption()) {
        let Some(value) = &entry.json else {
            continue;
        };
        if let Some(draft) = draw_things(entry, value) {
            found.push(draft);
        } else if let Some(draft) = easy(|name| json::text(value, name)) {
            found.push(draft.at(entry));
        }
    }
}

/// The setting that names the model, or four that others use too, one of them the negative prompt.
fn easy(get: impl Fn(&str) -> Option<String>) -> Option<Draft> {
    let values: Vec<(&str, String, bool)> = EASY
        .iter()
        .filter_map(|(old, new, personal)| Some((*old, get(new).or_else(|| get(old))?, *personal)))
        .collect();
    let model = values
        .iter()
        .find(|(name, ..)| *name == "Stable Diffusion model")
        .map(|(_, value, _)| value.as_str());
    let negative = get("negative_prompt")
        .or_else(|| get("Negative Prompt"))
        .is_some();
    let own = get("num_inference_steps").is_some() || get("Guidance Scale").is_some();
    if !(values.len() >= 3 && model.is_some() || values.len() >= 4 && negative && own) {
        return None;
    }
    let mut draft = Draft::declared(Source::EasyDiffusion, Says::Generated).tool(model);
    for (name, value, personal) in &values {
        draft = if *personal {
            draft.personal(name, value)
        } else {
            draft.field(name, value)
        };
    }
    Some(draft)
}

/// `{"c": prompt, "uc": negative prompt, "model": ..., "sampler": ..., ...}`.
fn draw_things(entry: &Entry, value: &Value) -> Option<Draft> {
    const SETTINGS: &[&str] = &[
        "model",
        "sampler",
        "seed",
        "steps",
        "scale",
        "size",
        "strength",
        "seed_mode",
    ];
    let prompt = json::member(value, "c")?.as_str()?;
    let negative = json::member(value, "uc")?.as_str()?;
    if SETTINGS
        .iter()
        .filter(|key| json::member(value, key).is_some())
        .count()
        < 2
    {
        return None;
    }
    let mut draft = Draft::declared(Source::DrawThings, Says::Generated).at(entry);
    draft = draft.tool(json::text(value, "model").as_deref());
    for key in SETTINGS {
        draft = draft.field(key, &json::text(value, key).unwrap_or_default());
    }
    Some(draft.personal("c", prompt).personal("uc", negative))
}
