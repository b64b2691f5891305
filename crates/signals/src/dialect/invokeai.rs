//! InvokeAI, three generations: `Dream` (1.x), `sd-metadata` (2.x), `invokeai_metadata`,
//! `invokeai_graph` and `invokeai_workflow` (3.0 on).

use serde_json::Value;

use super::{Draft, Found};
use crate::entry::{Collected, Entry, Origin};
use crate::json;
use crate::{Says, Source};

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    let texts = all
        .entries
        .iter()
        .filter(|entry| matches!(entry.origin, Origin::PngText | Origin::Item));
    for entry in texts {
        let draft = match (entry.key.to_ascii_lowercase().as_str(), &entry.json) {
            ("invokeai_metadata" | "invokeai", Some(value)) => third(entry, value),
            ("invokeai_graph" | "invokeai_workflow", Some(value)) => graph(entry, value),
            ("sd-metadata", Some(value)) => second(entry, value),
            ("dream", None) => first(entry),
            _ => None,
        };
        if let Some(draft) = draft {
            found.push(draft);
        }
    }
}

fn third(entry: &Entry, value: &Value) -> Option<Draft> {
    const KNOWN: &[&str] = &[
        "generation_mode",
        "positive_prompt",
        "model",
        "app_version",
        "scheduler",
        "seed",
    ];
    if KNOWN
        .iter()
        .filter(|key| json::member(value, key).is_some())
        .count()
        < 2
    {
        return None;
    }
    let model = json::member(value, "model");
    let name = model.and_then(|model| {
        ["name", "model_name", "key"]
            .iter()
            .find_map(|key| json::text(model, key))
    });
    let mode = json::text(value, "generation_mode").unwrap_or_default();
    let edits = ["img2img", "inpaint", "outpaint"]
        .iter()
        .any(|word| mode.contains(word));
    let says = if edits {
        Says::PartlyGenerated
    } else {
        Says::Generated
    };
    let mut draft = Draft::declared(Source::InvokeAi, says).at(entry);
    draft = match &name {
        Some(name) => draft.tool(Some(name)).field("model", name),
        None => draft.version(json::text(value, "app_version").as_deref()),
    };
    for key in [
        "app_version",
        "generation_mode",
        "scheduler",
        "steps",
        "cfg_scale",
        "seed",
        "width",
        "height",
    ] {
        draft = draft.field(key, &json::text(value, key).unwrap_or_default());
    }
    for key in ["positive_prompt", "negative_prompt", "created_by"] {
        draft = draft.personal(key, &json::text(value, key).unwrap_or_default());
    }
    Some(draft)
}

fn graph(entry: &Entry, value: &Value) -> Option<Draft> {
    json::member(value, "nodes")?;
    Some(Draft::declared(Source::InvokeAi, Says::Generated).at(entry))
}

fn second(entry: &Entry, value: &Value) -> Option<Draft> {
    let app = json::text(value, "app_id").unwrap_or_default();
    let image = json::member(value, "image").filter(|image| image.is_object())?;
    let weights = json::text(value, "model_weights");
    if !app.to_ascii_lowercase().contains("invoke") && weights.is_none() {
        return None;
    }
    let kind = json::text(image, "type").unwrap_or_default();
    let says = if kind.contains("img2img") {
        Says::PartlyGenerated
    } else {
        Says::Generated
    };
    let mut draft = Draft::declared(Source::InvokeAi, says).at(entry);
    draft = match &weights {
        Some(weights) => draft.tool(Some(weights)),
        None => draft.version(json::text(value, "app_version").as_deref()),
    };
    for key in [
        "app_id",
        "app_version",
        "model",
        "model_weights",
        "model_hash",
    ] {
        draft = draft.field(key, &json::text(value, key).unwrap_or_default());
    }
    for key in [
        "type",
        "sampler",
        "steps",
        "cfg_scale",
        "seed",
        "width",
        "height",
    ] {
        draft = draft.field(key, &json::text(image, key).unwrap_or_default());
    }
    Some(draft.personal("prompt", &json::text(image, "prompt").unwrap_or_default()))
}

/// `"a cat" -s 50 -S 123 -W 512 -H 512 -C 7.5 -A k_lms`.
fn first(entry: &Entry) -> Option<Draft> {
    const NAMES: &[(&str, &str)] = &[
        ("-s", "steps"),
        ("-S", "seed"),
        ("-W", "width"),
        ("-H", "height"),
        ("-C", "cfg_scale"),
        ("-A", "sampler"),
    ];
    let text = entry.value.trim();
    let (prompt, options) = text.strip_prefix('"')?.rsplit_once('"')?;
    let mut draft = Draft::declared(Source::InvokeAi, Says::Generated).at(entry);
    let mut known = 0;
    let words: Vec<&str> = options.split_ascii_whitespace().take(100).collect();
    for (at, word) in words.iter().enumerate() {
        let Some((flag, name)) = NAMES.iter().find(|(flag, _)| word.starts_with(flag)) else {
            continue;
        };
        // `-s 50` and `-s50` are both written.
        let glued = &word[flag.len()..];
        let value = if glued.is_empty() {
            words.get(at + 1).copied().unwrap_or_default()
        } else {
            glued
        };
        known += 1;
        draft = draft.field(name, value);
    }
    (known >= 3).then(|| draft.personal("prompt", prompt))
}
