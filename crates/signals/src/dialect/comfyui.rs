//! ComfyUI: the API graph (`prompt`) and the editor graph (`workflow`) as JSON; and SwarmUI, which
//! runs it. PNG keeps them as text chunks; WebP and JPEG in EXIF as `prompt:{...}` and `workflow:{...}`;
//! AVIF in XMP; savers of video as one JSON object with both.

use serde_json::Value;

use super::{Draft, Found};
use crate::entry::{Collected, Entry, Origin};
use crate::json;
use crate::{Says, Source};

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    for entry in &all.entries {
        if let Some(value) = &entry.json {
            swarm(entry, value, found);
        }
        for facts in graphs(entry, all) {
            found.push(facts.signal(entry));
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Name {
    Prompt,
    Workflow,
}

impl Name {
    fn of(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "prompt" => Some(Self::Prompt),
            "workflow" => Some(Self::Workflow),
            _ => None,
        }
    }

    fn facts(self, graph: &Value) -> Option<Facts> {
        match self {
            Self::Prompt => api_graph(graph),
            Self::Workflow => editor_graph(graph),
        }
    }
}

/// The graphs that a value holds, understood.
fn graphs(entry: &Entry, all: &Collected<'_>) -> Vec<Facts> {
    let mut found = Vec::new();
    let Some(value) = &entry.json else {
        // A name and its graph in one tag of EXIF.
        let named = entry
            .value
            .split_once(':')
            .filter(|_| entry.origin == Origin::Exif);
        let named = named.and_then(|(name, text)| Some((Name::of(name)?, text.trim_start())));
        if let Some((name, text)) = named {
            let graph = json::leading_object(text, all.limits);
            found.extend(graph.and_then(|(graph, _)| name.facts(&graph)));
        }
        return found;
    };
    // The API graph is known by its own form wherever it stands; the editor's by its name too.
    let own = matches!(entry.origin, Origin::PngText | Origin::Item | Origin::Xmp);
    let name = Name::of(&entry.key).filter(|_| own);
    found.extend(name.unwrap_or(Name::Prompt).facts(value));
    for key in ["prompt", "workflow"] {
        let facts = match (Name::of(key), json::member(value, key)) {
            (Some(name), Some(Value::String(text))) => {
                json::object(text, all.limits).and_then(|graph| name.facts(&graph))
            }
            (Some(name), Some(graph)) => name.facts(graph),
            _ => None,
        };
        found.extend(facts);
    }
    found
}

/// What a graph says.
#[derive(Default)]
struct Facts {
    models: Vec<String>,
    /// Model files of other kinds, and settings of the first sampler.
    settings: Vec<(String, String)>,
    texts: Vec<String>,
    samples: bool,
    loads_picture: bool,
    encodes_picture: bool,
    nodes: usize,
}

/// Inputs that name the model.
const MODELS: &[&str] = &["ckpt_name", "unet_name", "base_ckpt_name", "diffusion_name"];
/// Inputs that name its additions.
const ADDITIONS: &[&str] = &[
    "lora_name",
    "vae_name",
    "clip_name",
    "clip_name1",
    "clip_name2",
    "control_net_name",
    "model_name",
];
/// Inputs that are settings.
const SETTINGS: &[&str] = &[
    "seed",
    "noise_seed",
    "steps",
    "cfg",
    "guidance",
    "sampler_name",
    "scheduler",
    "denoise",
];

impl Facts {
    fn node(&mut self, kind: &str) {
        // Samplers, and nodes that call generators elsewhere.
        const SAMPLES: &[&str] = &[
            "sampler",
            "generate",
            "text2image",
            "texttoimage",
            "txt2img",
            "imagetoimage",
            "openaidalle",
            "openaigpt",
            "gemini",
            "ideogram",
            "flux1",
            "fluxpro",
            "recraft",
            "stabilitystable",
            "kling",
            "luma",
            "runway",
            "seedream",
            "imagen",
        ];
        let lower = kind.to_ascii_lowercase();
        self.nodes += 1;
        self.samples |=
            SAMPLES.iter().any(|word| lower.contains(word)) && !lower.contains("ksamplerselect");
        self.loads_picture |= lower.starts_with("loadimage") || lower.starts_with("load image");
        self.encodes_picture |= lower.starts_with("vaeencode") || lower.contains("inpaintmodel");
    }

    fn input(&mut self, name: &str, value: &Value) {
        let text = json::plain(value);
        if !matches!(value, Value::String(_) | Value::Number(_)) || text.is_empty() {
            return;
        }
        if MODELS.contains(&name) && value.is_string() {
            if !self.models.contains(&text) && self.models.len() < 10 {
                self.models.push(text);
            }
        } else if ADDITIONS.contains(&name) || SETTINGS.contains(&name) {
            let known = self.settings.iter().any(|(known, known_text)| {
                known == name && (!ADDITIONS.contains(&name) || *known_text == text)
            });
            if !known && self.settings.len() < 30 {
                self.settings.push((name.to_owned(), text));
            }
        } else if matches!(name, "text" | "text_g" | "text_l" | "prompt") && self.texts.len() < 8 {
            self.texts.push(text);
        }
    }

    fn signal(self, entry: &Entry) -> Draft {
        let says = match (self.samples, self.loads_picture && self.encodes_picture) {
            (true, false) => Says::Generated,
            (true, true) => Says::PartlyGenerated,
            // Graphs can do without a model: crop, scale, remove a background.
            (false, _) => Says::PossiblyGenerated,
        };
        let mut draft = Draft::declared(Source::ComfyUi, says).at(entry);
        if !self.samples {
            draft = draft.note("comfyui-no-sampler");
        }
        draft = draft.tool(self.models.first().map(String::as_str));
        for model in &self.models {
            draft = draft.field("model", model);
        }
        for (name, value) in &self.settings {
            draft = draft.field(name, value);
        }
        for text in &self.texts {
            draft = draft.personal("text", text);
        }
        draft
    }
}

/// `{"3": {"class_type": "KSampler", "inputs": {...}}, ...}`.
fn api_graph(graph: &Value) -> Option<Facts> {
    let nodes = graph.as_object()?;
    let mut facts = Facts::default();
    for node in nodes.values() {
        let (Some(Value::String(kind)), Some(Value::Object(inputs))) =
            (node.get("class_type"), node.get("inputs"))
        else {
            continue;
        };
        facts.node(kind);
        for (name, value) in inputs {
            facts.input(name, value);
        }
    }
    (facts.nodes > 0 && facts.nodes * 2 >= nodes.len()).then_some(facts)
}

/// `{"nodes": [{"type": "KSampler", "widgets_values": [...]}, ...], "links": [...], ...}`.
fn editor_graph(graph: &Value) -> Option<Facts> {
    let nodes = graph.get("nodes")?.as_array()?;
    let frame = [
        "links",
        "last_node_id",
        "last_link_id",
        "version",
        "groups",
        "extra",
    ];
    if frame
        .iter()
        .filter(|key| graph.get(**key).is_some())
        .count()
        < 2
    {
        return None;
    }
    let inner = graph
        .pointer("/definitions/subgraphs")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let inner = inner
        .filter_map(|part| part.get("nodes")?.as_array())
        .flatten();
    let mut facts = Facts::default();
    for node in nodes.iter().chain(inner) {
        let Some(Value::String(kind)) = node.get("type") else {
            continue;
        };
        facts.node(kind);
        let values = node.get("widgets_values");
        let first = values.and_then(|values| values.get(0));
        match (kind.as_str(), first) {
            (
                "CheckpointLoaderSimple" | "CheckpointLoader" | "UNETLoader" | "UnetLoaderGGUF",
                Some(_),
            ) => {
                // One loader has the configuration before the model.
                let mut names = values.and_then(Value::as_array).into_iter().flatten();
                if let Some(name) = names.find(|name| name.as_str().is_some_and(is_weights)) {
                    facts.input("ckpt_name", name);
                }
            }
            ("CLIPTextEncode", Some(text)) => facts.input("text", text),
            ("LoraLoader", Some(name)) => facts.input("lora_name", name),
            ("VAELoader", Some(name)) => facts.input("vae_name", name),
            _ => {}
        }
    }
    (facts.nodes > 0).then_some(facts)
}

/// Whether this is the name of a file of weights.
fn is_weights(name: &str) -> bool {
    const ENDINGS: &[&str] = &["safetensors", "ckpt", "gguf", "sft", "pt", "pth", "bin"];
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ENDINGS
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

/// SwarmUI: `{"sui_image_params": {...}}`.
fn swarm(entry: &Entry, value: &Value, found: &mut Found) {
    let Some(Value::Object(parameters)) = json::member(value, "sui_image_params") else {
        return;
    };
    let parameters = Value::Object(parameters.clone());
    let text = |key: &str| json::text(&parameters, key);
    let mut draft = Draft::declared(Source::SwarmUi, Says::Generated).at(entry);
    draft = match text("model") {
        Some(model) => draft.tool(Some(&model)),
        None => draft.version(text("swarm_version").as_deref()),
    };
    for key in [
        "model",
        "swarm_version",
        "seed",
        "steps",
        "cfgscale",
        "sampler",
        "scheduler",
        "width",
        "height",
        "date",
    ] {
        draft = draft.field(key, &text(key).unwrap_or_default());
    }
    for key in ["prompt", "negativeprompt"] {
        draft = draft.personal(key, &text(key).unwrap_or_default());
    }
    found.push(draft);
}
