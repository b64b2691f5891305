//! What peft tells of changes beside their tensors (its `LoraConfig`): diffusers puts it into the header of the file
//! under `lora_adapter_metadata`, peft itself into `adapter_config.json` in the same folder. Alphas are only there.

use std::path::Path;

use serde_json::{Map, Value};

use crate::folder::read_json;
use crate::weights::Weights;

const KEY: &str = "lora_adapter_metadata";
/// The pair of files that peft writes.
const FILES: (&str, &str) = ("adapter_model.safetensors", "adapter_config.json");
/// What peft writes before the names of layers.
const PREFIX: &str = "base_model.model.";
/// Switches of changes that are computed in another way.
const OTHERS: [&str; 3] = ["use_dora", "use_qalora", "use_bdlora"];

/// The settings of a file; of several networks each has a prefix before its own.
#[derive(Debug, Default)]
pub(super) struct Settings(Map<String, Value>);

impl Settings {
    /// Those of the file at `path`, of which `changes` are the tensors; empty where it has none.
    pub(super) fn find(path: &Path, changes: &Weights) -> Result<Self, String> {
        let beside = path.with_file_name(FILES.1);
        let settings: Map<String, Value> = if let Some(text) = changes.text(KEY) {
            serde_json::from_str(text).map_err(|error| format!("its {KEY}: {error}"))?
        } else if path.file_name().is_some_and(|name| name == FILES.0) && beside.is_file() {
            read_json(&beside).map_err(|error| error.to_string())?
        } else {
            Map::new()
        };
        let switches = settings.iter().filter(|(_, value)| **value == true);
        let on = |(key, _): (&String, &Value)| {
            let plain = key.rsplit('.').next().unwrap_or(key);
            OTHERS.contains(&plain).then(|| plain.to_owned())
        };
        match switches.into_iter().find_map(on) {
            Some(switch) => Err(format!(
                "it was made with {switch}, which is not supported; only plain LoRA is"
            )),
            None => Ok(Self(settings)),
        }
    }

    /// What a layer's change is multiplied with; `None` where nothing is told of it.
    pub(super) fn factor(&self, layer: &str, rank: usize) -> Result<Option<f32>, String> {
        let layer = layer.strip_prefix(PREFIX).unwrap_or(layer);
        let own = self.0.iter().filter_map(|(key, alpha)| {
            let prefix = key.strip_suffix("lora_alpha")?;
            (prefix.is_empty() || prefix.ends_with('.'))
                .then_some(())
                .and(layer.strip_prefix(prefix))
                .map(|name| (prefix, name, alpha))
        });
        let Some((prefix, name, alpha)) = own.max_by_key(|(prefix, ..)| prefix.len()) else {
            return Ok(None);
        };
        let mut alpha = alpha;
        if let Some(Value::Object(patterns)) = self.0.get(&format!("{prefix}alpha_pattern")) {
            for (pattern, value) in patterns {
                if is_named(name, pattern)? {
                    alpha = value;
                    break;
                }
            }
        }
        let Some(alpha) = alpha.as_f64().map(|alpha| alpha as f32) else {
            return Err(format!("the alpha of {layer} is no number"));
        };
        // "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA" (arXiv 2312.03732).
        let stabilised = self.0.get(&format!("{prefix}use_rslora")) == Some(&Value::Bool(true));
        let rank = rank.max(1) as f32;
        let factor = alpha / if stabilised { rank.sqrt() } else { rank };
        Ok(Some(factor))
    }
}

/// Whether peft's pattern means a layer: its name, or the last parts of it. Patterns are regular expressions; those
/// that are no names are refused.
fn is_named(layer: &str, pattern: &str) -> Result<bool, String> {
    let (name, whole) = match pattern.strip_prefix('^') {
        Some(name) => (name, true),
        None => (pattern, false),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if !name.chars().all(plain) {
        return Err(format!(
            "its alpha_pattern has the expression {pattern:?}, which is not supported; only names are"
        ));
    }
    let before = layer.strip_suffix(name);
    Ok(before.is_some_and(|before| before.is_empty() || !whole && before.ends_with('.')))
}
