//! Whose credentials they are, by the names in them. Names as seen in files and in the list of
//! conforming products of 2026-08.

use super::CredentialFacts;
use crate::Source;

/// Whose.
pub(super) struct Vendor {
    pub source: Source,
    /// The product, where only the signer's name tells it.
    pub product: Option<&'static str>,
    /// Whether the name alone says that a model made the picture: it makes nothing else, and its
    /// manifests state no source type.
    pub generates: bool,
}

impl Vendor {
    pub fn is_known(&self) -> bool {
        self.source != Source::Credentials
    }
}

struct Names {
    source: Source,
    product: Option<&'static str>,
    generates: bool,
    /// Beginnings of the signer's organisation or common name.
    signers: &'static [&'static str],
    /// Beginnings of names of programs and models.
    programs: &'static [&'static str],
}

const fn names(
    source: Source,
    signers: &'static [&'static str],
    programs: &'static [&'static str],
) -> Names {
    Names {
        source,
        product: None,
        generates: false,
        signers,
        programs,
    }
}

const fn camera(
    product: &'static str,
    signers: &'static [&'static str],
    programs: &'static [&'static str],
) -> Names {
    Names {
        source: Source::Camera,
        product: Some(product),
        generates: false,
        signers,
        programs,
    }
}

const fn generator(
    source: Source,
    product: &'static str,
    signers: &'static [&'static str],
    programs: &'static [&'static str],
) -> Names {
    Names {
        source,
        product: Some(product),
        generates: true,
        signers,
        programs,
    }
}

/// In lower case, with blanks for underscores. First match counts: signers over programs, the special over the general.
const VENDORS: &[Names] = &[
    camera("Google Pixel", &["pixel camera"], &["pixel camera"]),
    camera("Leica", &["leica"], &["leica"]),
    camera("Sony", &["sony"], &["sony", "ilce-"]),
    camera("Nikon", &["nikon"], &["nikon"]),
    camera("Canon", &["canon"], &["canon eos", "canon"]),
    camera("Fujifilm", &["fujifilm"], &["fujifilm"]),
    camera("vivo", &["vivo"], &["vivo"]),
    camera("Xiaomi", &["xiaomi"], &["xiaomi"]),
    camera("Truepic", &["truepic"], &["truepic"]),
    camera(
        "ProofMode",
        &["proofmode", "guardian project"],
        &["proofmode"],
    ),
    generator(Source::ByteDance, "Dreamina", &[], &["dreamina"]),
    names(
        Source::ByteDance,
        &[
            "bytedance",
            "byteplus",
            "certificate center@volcengine.com",
            "volcengine",
            "北京火山引擎",
            "beijing volcano engine",
        ],
        &["seedream", "seededit", "jimeng", "doubao", "capcut"],
    ),
    names(
        Source::Microsoft,
        &["microsoft"],
        &[
            "microsoft",
            "image creator from designer",
            "bing image creator",
            "azure openai",
            "mai-image",
        ],
    ),
    names(
        Source::OpenAi,
        &["openai"],
        &[
            "chatgpt",
            "openai",
            "sora",
            "dall-e",
            "dall·e",
            "gpt-image",
            "gpt-4o",
        ],
    ),
    names(
        Source::Google,
        &["google"],
        &["google", "gemini", "imagen", "nano banana"],
    ),
    names(
        Source::BlackForestLabs,
        &["black forest labs"],
        &["black forest labs", "flux"],
    ),
    names(
        Source::Samsung,
        &["samsung"],
        &["galaxy", "samsung", "photo assist"],
    ),
    names(
        Source::StabilityAi,
        &["stability ai"],
        &["stability ai", "stable image", "stable diffusion"],
    ),
    names(Source::Canva, &["canva"], &["canva"]),
    names(Source::Recraft, &["recraft"], &["recraft"]),
    names(Source::ImageKit, &["imagekit"], &["imagekit"]),
    names(
        Source::Amazon,
        &["amazon", "aws"],
        &["amazon", "aws bedrock", "titan image", "nova canvas"],
    ),
    names(Source::Meta, &["meta platforms"], &["meta ai"]),
    names(Source::Adobe, &["adobe", "cai-prod"], &["adobe", "firefly"]),
    names(Source::Ideogram, &["ideogram"], &["ideogram"]),
    names(Source::XAi, &["x.ai", "xai "], &["grok"]),
    generator(Source::Credentials, "Bria", &["bria artificial"], &["bria"]),
    generator(
        Source::Credentials,
        "fal.ai",
        &["fal - features", "fal.ai"],
        &["fal-ai", "fal.ai"],
    ),
    generator(
        Source::Credentials,
        "ElevenLabs",
        &["eleven labs"],
        &["elevenlabs"],
    ),
];

pub(super) fn of(facts: &CredentialFacts<'_>) -> Vendor {
    let lower = |text: &str| text.trim().to_lowercase().replace('_', " ");
    let signers: Vec<String> = [facts.common_name, facts.organisation]
        .into_iter()
        .flatten()
        .map(lower)
        .collect();
    let agents = facts.actions.iter().filter_map(|action| action.agent);
    let programs: Vec<String> = facts
        .generators
        .iter()
        .copied()
        .chain(agents)
        .map(|agent| lower(agent.name))
        .collect();
    let begins = |texts: &[String], names: &[&str]| {
        texts
            .iter()
            .any(|text| names.iter().any(|name| begins_with(text, name)))
    };
    let organisation: Vec<String> = facts.organisation.into_iter().map(lower).collect();
    let signed = |names: &&Names| {
        // Truepic signs for others: in a common name it names the service that signed, in an organisation whose
        // camera it was.
        let signers = if names.product == Some("Truepic") {
            &organisation
        } else {
            &signers
        };
        begins(signers, names.signers)
    };
    let made = |names: &&Names| begins(&programs, names.programs);
    // A signer's name says whose it is; a program's only where the signer is nobody we know.
    let found = VENDORS
        .iter()
        .find(|names| names.generates && made(names))
        .or_else(|| VENDORS.iter().find(signed))
        .or_else(|| VENDORS.iter().find(made));
    found.map_or(
        Vendor {
            source: Source::Credentials,
            product: None,
            generates: false,
        },
        |names| Vendor {
            source: names.source,
            product: names.product,
            generates: names.generates,
        },
    )
}

/// Whether `text` begins with the whole words of `name`.
fn begins_with(text: &str, name: &str) -> bool {
    text.strip_prefix(name).is_some_and(|rest| {
        name.ends_with(['-', ' ']) || !rest.starts_with(|c: char| c.is_alphabetic())
    })
}
