//! The text that AUTOMATIC1111's web UI began with: prompt, a line "Negative prompt:", and a line
//! "Steps: 20, Sampler: Euler a, ...". Forge, SD.Next, stable-diffusion.cpp, Fooocus and many savers of
//! ComfyUI write it too, each with its own words in that line.

use super::{Draft, Found};
use crate::entry::{Collected, Entry, Origin};
use crate::{Says, Source};

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    for entry in &all.entries {
        let parameters = entry.is_caption() && entry.json.is_none();
        if let Some(parameters) = parameters.then(|| Parameters::of(&entry.value)).flatten() {
            found.push(parameters.signal(entry));
        } else if entry.is(Origin::PngText, "postprocessing") || entry.is(Origin::PngText, "extras")
        {
            upscaled(entry, found);
        }
    }
}

/// "Postprocess upscale by: 4, Postprocess upscaler: R-ESRGAN 4x+": a picture, whose ever, that models
/// have worked on.
fn upscaled(entry: &Entry, found: &mut Found) {
    let pairs = pairs(&entry.value);
    let known = |name: &str| {
        name.starts_with("Postprocess") || name.contains("GFPGAN") || name.contains("CodeFormer")
    };
    if pairs.iter().filter(|(name, _)| known(name)).count() == 0 {
        return;
    }
    let mut draft = Draft::declared(Source::WebUi, Says::PossiblyGenerated)
        .at(entry)
        .note("upscaled");
    for (name, value) in pairs {
        draft = draft.field(&name, &value);
    }
    found.push(draft);
}

/// A text of parameters.
pub(super) struct Parameters {
    prompt: String,
    negative: String,
    pub pairs: Vec<(String, String)>,
}

/// Words of the last line; with `Steps`, two of them make it one.
const KNOWN: &[&str] = &[
    "Sampler",
    "CFG scale",
    "Seed",
    "Size",
    "Model hash",
    "Model",
    "Schedule type",
    "Distilled CFG Scale",
    "Guidance",
    "RNG",
    "Performance",
    "Version",
];

impl Parameters {
    /// Reads a text, if it is one of parameters.
    pub fn of(text: &str) -> Option<Self> {
        // The last "Steps:" that a number follows, at the start of a line or after a stop.
        let start = text
            .rmatch_indices("Steps: ")
            .map(|(at, _)| at)
            .take(20)
            .find(|at| {
                let number = text[at + 7..].starts_with(|c: char| c.is_ascii_digit());
                let before = text[..*at]
                    .trim_end_matches([' ', '\t'])
                    .chars()
                    .next_back();
                number && before.is_none_or(|c| matches!(c, '\n' | '\r' | '.' | ','))
            })?;
        let pairs = pairs(&text[start..]);
        let known = pairs
            .iter()
            .filter(|(name, _)| KNOWN.contains(&name.as_str()))
            .count();
        if known < 2 {
            return None;
        }
        let before = text[..start].trim();
        let (prompt, negative) = before
            .split_once("Negative prompt:")
            .unwrap_or((before, ""));
        Some(Self {
            prompt: prompt.trim().to_owned(),
            negative: negative.trim().to_owned(),
            pairs,
        })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .pairs
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn signal(&self, entry: &Entry) -> Draft {
        let version = self.get("Version");
        let (source, product) =
            if self.get("Seed Mode").is_some() && self.get("Guidance Scale").is_some() {
                (Source::DrawThings, None)
            } else {
                product(version.unwrap_or_default(), self.get("App"))
            };
        let version = version.map(|version| {
            version
                .trim_start_matches("stable-diffusion.cpp")
                .trim_start_matches([' ', '-'])
        });
        let draft = match self.get("Model").filter(|model| !model.is_empty()) {
            Some(model) => Draft::declared(source, Says::Generated).tool(Some(model)),
            None => Draft::declared(source, Says::Generated)
                .tool(product)
                .version(version),
        };
        self.fields(draft.at(entry), product)
    }

    /// Adds what it states.
    pub fn fields(&self, mut draft: Draft, product: Option<&str>) -> Draft {
        draft = draft.field("Program", product.unwrap_or_default());
        for (name, value) in &self.pairs {
            // Names of embeddings and detailers hold prompts too.
            draft = if name.to_ascii_lowercase().contains("prompt")
                || name.eq_ignore_ascii_case("User")
            {
                draft.personal(name, value)
            } else {
                draft.field(name, value)
            };
        }
        draft
            .personal("Prompt", &self.prompt)
            .personal("Negative prompt", &self.negative)
    }
}

/// Whose text it is, by its `Version` and `App`.
fn product(version: &str, app: Option<&str>) -> (Source, Option<&'static str>) {
    let lower = version.to_ascii_lowercase();
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    match app {
        Some(app) if app.eq_ignore_ascii_case("SD.Next") => {
            return (Source::WebUi, Some("SD.Next"));
        }
        _ => {}
    }
    if lower.starts_with("stable-diffusion.cpp") {
        (Source::SdCpp, None)
    } else if lower.starts_with("fooocus") {
        (Source::Fooocus, None)
    } else if lower.starts_with("comfyui") {
        (Source::ComfyUi, None)
    } else if lower.starts_with("easy diffusion") {
        (Source::EasyDiffusion, None)
    } else if lower == "neo" || lower.starts_with('f') && is_number(&lower[1..]) {
        (Source::WebUi, Some("Forge"))
    } else if lower.starts_with('v') && is_number(&lower[1..]) || is_number(&lower) {
        (Source::WebUi, Some("AUTOMATIC1111"))
    } else {
        (Source::WebUi, None)
    }
}

/// `Name: value, Name: "value, with comma", ...`. Quoted values are JSON strings; a comma within braces
/// or brackets does not part.
fn pairs(line: &str) -> Vec<(String, String)> {
    const MOST: usize = 60;
    let line = line.trim();
    let mut found = Vec::new();
    let (mut start, mut depth, mut in_text, mut escaped) = (0, 0_usize, false, false);
    let mut parts = Vec::new();
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            b',' | b'\n' if !in_text && depth == 0 => {
                parts.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        if parts.len() >= MOST {
            break;
        }
    }
    if parts.len() < MOST {
        parts.push(&line[start..]);
    }
    for part in parts {
        if let Some((name, value)) = part.split_once(':') {
            let value = value.trim();
            let unquoted = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'));
            found.push((name.trim().to_owned(), unquoted.unwrap_or(value).to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_within_quotes_and_braces_do_not_part() {
        let text = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: DPM++ 2M, Seed: 1, \
                    Lora hashes: \"a: 1, b: 2\", Civitai: [{\"a\":1,\"b\":2}], Version: f2.0.1v1.10.1";
        let parameters = Parameters::of(text).unwrap();
        assert_eq!(parameters.get("lora hashes"), Some("a: 1, b: 2"));
        assert_eq!(parameters.get("Version"), Some("f2.0.1v1.10.1"));
        assert_eq!(
            (parameters.prompt.as_str(), parameters.negative.as_str()),
            ("a cat", "dog")
        );
        assert_eq!(
            product("f2.0.1v1.10.1", None),
            (Source::WebUi, Some("Forge"))
        );
    }

    #[test]
    fn a_recipe_with_steps_is_none() {
        assert!(Parameters::of("Pancakes.\nSteps: 3, Time: 20 minutes, Size: small").is_none());
        assert!(Parameters::of("Steps: mix, Sampler: spoon, Seed: poppy").is_none());
    }
}
