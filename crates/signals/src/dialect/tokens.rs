//! Names of generators where programs and makers put their names. A name counts whole: alone, or with a
//! version after it. Words that people and places bear too are not listed.

use super::{Draft, Found};
use crate::entry::{Collected, Origin};
use crate::{Says, Source};

/// Name in lower case, source, product.
const NAMES: &[(&str, Source, &str)] = &[
    ("midjourney", Source::Midjourney, "Midjourney"),
    ("niji journey", Source::Midjourney, "Niji"),
    ("dall-e", Source::OpenAi, "DALL·E"),
    ("dall·e", Source::OpenAi, "DALL·E"),
    ("dalle", Source::OpenAi, "DALL·E"),
    ("openai dall-e", Source::OpenAi, "DALL·E"),
    ("openai", Source::OpenAi, "OpenAI"),
    ("chatgpt", Source::OpenAi, "ChatGPT"),
    ("gpt-image", Source::OpenAi, "gpt-image"),
    ("gpt-image-1", Source::OpenAi, "gpt-image"),
    ("gpt-4o", Source::OpenAi, "GPT-4o"),
    ("sora", Source::OpenAi, "Sora"),
    ("adobe firefly", Source::Adobe, "Firefly"),
    ("google imagen", Source::Google, "Imagen"),
    ("google gemini", Source::Google, "Gemini"),
    ("gemini 2.5 flash image", Source::Google, "Gemini"),
    ("nano banana", Source::Google, "Gemini"),
    (
        "bing image creator",
        Source::Microsoft,
        "Bing Image Creator",
    ),
    (
        "image creator from designer",
        Source::Microsoft,
        "Image Creator",
    ),
    (
        "stable diffusion",
        Source::StableDiffusion,
        "Stable Diffusion",
    ),
    (
        "stable-diffusion",
        Source::StableDiffusion,
        "Stable Diffusion",
    ),
    (
        "stablediffusion",
        Source::StableDiffusion,
        "Stable Diffusion",
    ),
    (
        "stable diffusion xl",
        Source::StableDiffusion,
        "Stable Diffusion XL",
    ),
    ("sdxl", Source::StableDiffusion, "Stable Diffusion XL"),
    ("stability ai", Source::StabilityAi, "Stability AI"),
    ("dreamstudio", Source::StabilityAi, "DreamStudio"),
    ("automatic1111", Source::WebUi, "AUTOMATIC1111"),
    ("stable diffusion webui", Source::WebUi, "AUTOMATIC1111"),
    ("sd.next", Source::WebUi, "SD.Next"),
    (
        "stable-diffusion.cpp",
        Source::SdCpp,
        "stable-diffusion.cpp",
    ),
    ("comfyui", Source::ComfyUi, "ComfyUI"),
    ("swarmui", Source::SwarmUi, "SwarmUI"),
    ("stableswarmui", Source::SwarmUi, "SwarmUI"),
    ("invokeai", Source::InvokeAi, "InvokeAI"),
    ("invoke-ai/invokeai", Source::InvokeAi, "InvokeAI"),
    ("fooocus", Source::Fooocus, "Fooocus"),
    ("ruinedfooocus", Source::Fooocus, "RuinedFooocus"),
    ("easy diffusion", Source::EasyDiffusion, "Easy Diffusion"),
    ("draw things", Source::DrawThings, "Draw Things"),
    ("novelai", Source::NovelAi, "NovelAI"),
    ("ideogram", Source::Ideogram, "Ideogram"),
    ("ideogram ai", Source::Ideogram, "Ideogram"),
    ("ideogram.ai", Source::Ideogram, "Ideogram"),
    ("black forest labs", Source::BlackForestLabs, "FLUX"),
    ("flux.1", Source::BlackForestLabs, "FLUX.1"),
    ("flux.1-dev", Source::BlackForestLabs, "FLUX.1"),
    ("flux.1-schnell", Source::BlackForestLabs, "FLUX.1"),
    ("flux.2", Source::BlackForestLabs, "FLUX.2"),
    ("recraft", Source::Recraft, "Recraft"),
    ("recraft.ai", Source::Recraft, "Recraft"),
    ("leonardo.ai", Source::Other, "Leonardo.Ai"),
    ("leonardo ai", Source::Other, "Leonardo.Ai"),
    ("nightcafe", Source::Other, "NightCafe"),
    ("nightcafe studio", Source::Other, "NightCafe"),
    ("playground ai", Source::Other, "Playground"),
    ("craiyon", Source::Other, "Craiyon"),
    ("krea.ai", Source::Other, "Krea"),
    ("mochi diffusion", Source::Other, "Mochi Diffusion"),
    ("diffusionbee", Source::Other, "DiffusionBee"),
    ("fal-ai", Source::Other, "fal.ai"),
    ("grok", Source::XAi, "Grok"),
    ("grok imagine", Source::XAi, "Grok"),
    ("meta ai", Source::Meta, "Meta AI"),
    ("dreamina", Source::ByteDance, "Dreamina"),
    ("seedream", Source::ByteDance, "Seedream"),
    ("doubao", Source::ByteDance, "Doubao"),
    ("即梦ai", Source::ByteDance, "Jimeng"),
    ("豆包", Source::ByteDance, "Doubao"),
    (
        "amazon titan image generator",
        Source::Amazon,
        "Titan Image Generator",
    ),
    ("amazon nova canvas", Source::Amazon, "Nova Canvas"),
];

pub(super) fn read(all: &Collected<'_>, found: &mut Found) {
    for entry in &all.entries {
        let maker = entry.is(Origin::Exif, "Make")
            || entry.is(Origin::Exif, "Artist")
            || entry.is(Origin::PngText, "Author");
        let described =
            entry.is(Origin::Exif, "ImageDescription") || entry.is(Origin::PngText, "Source");
        if !(entry.is_program() || maker || described) {
            continue;
        }
        let Some((source, product, version)) = program(&entry.value) else {
            continue;
        };
        // A structured statement of the same source says more; and NovelAI names its base so.
        if found.has(source) || entry.is(Origin::PngText, "Source") && found.has(Source::NovelAi) {
            continue;
        }
        found.push(
            Draft::weak(source, Says::Generated)
                .at(entry)
                .tool(Some(product))
                .version(version)
                .field(&entry.key, &entry.value),
        );
    }
}

/// Source, product and version, where `text` is a generator's name, alone or with a version after it.
pub(crate) fn program(text: &str) -> Option<(Source, &'static str, Option<&str>)> {
    const LONGEST: usize = 80;
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    let lower = text.to_lowercase();
    let fits = NAMES.iter().filter_map(|(name, source, product)| {
        let rest = lower.strip_prefix(name)?;
        let version = rest.trim_start_matches([' ', '/', '-', '(', 'v', '.']);
        let versioned = rest.starts_with([' ', '/', '-', '('])
            && version.starts_with(|c: char| c.is_ascii_digit());
        (rest.is_empty() || versioned).then_some((name.len(), *source, *product, version.len()))
    });
    let (_, source, product, version) = fits.max_by_key(|(length, ..)| *length)?;
    let version = text
        .get(text.len().saturating_sub(version)..)
        .filter(|version| !version.is_empty());
    Some((
        source,
        product,
        version.map(|version| version.trim_end_matches(')')),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_whole() {
        assert_eq!(
            program("Midjourney"),
            Some((Source::Midjourney, "Midjourney", None))
        );
        assert_eq!(
            program("DALL·E 3"),
            Some((Source::OpenAi, "DALL·E", Some("3")))
        );
        assert_eq!(
            program("ComfyUI v0.3.10"),
            Some((Source::ComfyUi, "ComfyUI", Some("0.3.10")))
        );
        for innocent in [
            "Adobe Photoshop 25.0 (Windows)",
            "Imagen",
            "Sora Aoi",
            "Leonardo",
            "f.lux",
            "Firefly",
            "Grokking",
            "Stable Diffusion is not what made this",
            "Gemini",
        ] {
            assert_eq!(program(innocent), None, "{innocent}");
        }
    }
}
