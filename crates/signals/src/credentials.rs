//! What signed credentials say, and whose they are. Reading and checking them is for others; here the
//! facts are understood. A name counts only as far as the verdicts on the credentials go.

mod marks;
mod vendors;

use crate::dialect::{Draft, Found, says_of};
use crate::{Class, Says, Signal, Source, UnreadableMark};

/// A program or model that credentials name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent<'a> {
    /// Its name, such as `ChatGPT`.
    pub name: &'a str,
    /// Its version.
    pub version: Option<&'a str>,
}

/// An action of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionFacts<'a> {
    /// Such as `c2pa.created`.
    pub label: &'a str,
    /// `digitalSourceType`, whole or its last path segment.
    pub source_type: Option<&'a str>,
    /// `description`, of the action or among its parameters.
    pub description: Option<&'a str>,
    /// `softwareAgent`.
    pub agent: Option<Agent<'a>>,
}

/// A file that the picture was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngredientFacts<'a> {
    /// `parentOf`, `componentOf` or `inputTo`.
    pub relationship: &'a str,
    /// What its own manifest says, by [`stated`]; [`Says::Unstated`] without one whose signature holds.
    pub says: Says,
}

/// Facts of one manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialFacts<'a> {
    /// `claim_generator_info`, or the parts of `claim_generator`.
    pub generators: Vec<Agent<'a>>,
    /// Organisation in the signer's certificate.
    pub organisation: Option<&'a str>,
    /// Common name in the signer's certificate.
    pub common_name: Option<&'a str>,
    /// All actions, in order.
    pub actions: Vec<ActionFacts<'a>>,
    /// `alg` of every soft binding.
    pub soft_bindings: Vec<&'a str>,
    /// Labels of all assertions.
    pub assertions: Vec<&'a str>,
    /// The ingredients.
    pub ingredients: Vec<IngredientFacts<'a>>,
    /// Whether the signer's chain leads to an anchor of any list.
    pub anchored: bool,
}

/// Algorithms of soft bindings that are read here start so: marks and fingerprints of our own.
const OWN: &str = "io.colophon.";

/// What a manifest says of how the picture came to be, and the marks that it names and that cannot be
/// read here. One signal, of class [`Class::Signed`]; none for a manifest without any name.
pub fn read_credentials(facts: &CredentialFacts<'_>) -> (Vec<Signal>, Vec<UnreadableMark>) {
    let vendor = vendors::of(facts);
    let says = statement(facts, &vendor);
    let mut found = Found::default();
    if facts.generators.is_empty()
        && facts.organisation.is_none()
        && facts.common_name.is_none()
        && facts.actions.is_empty()
    {
        return (Vec::new(), Vec::new());
    }
    found.push(signal(facts, &vendor, says));
    marks::read(facts, vendor.source, says, &mut found);
    (found.signals, found.marks)
}

fn signal(facts: &CredentialFacts<'_>, vendor: &vendors::Vendor, says: Says) -> Draft {
    let mut draft = Draft::new(vendor.source, Class::Signed, says).place("C2PA manifest");
    // The model that made it says more than the program that signed for it.
    let agents = || {
        facts
            .actions
            .iter()
            .filter_map(|action| Some((action, action.agent?)))
    };
    let made = |action: &ActionFacts<'_>| action.source_type.and_then(says_of).is_some();
    let agent = agents()
        .find(|(action, _)| made(action))
        .or_else(|| agents().next())
        .map(|(_, agent)| agent);
    let generator = facts.generators.first().copied();
    draft = match (agent, vendor.product, generator) {
        (Some(agent), ..) => draft.tool(Some(agent.name)).version(agent.version),
        (None, Some(product), _) => draft.tool(Some(product)),
        (None, None, Some(generator)) => {
            draft.tool(Some(generator.name)).version(generator.version)
        }
        (None, None, None) => draft,
    };
    for generator in &facts.generators {
        draft = draft.field("claim generator", &named(*generator));
    }
    // Certificates of persons hold persons' names; those of vendors do not.
    for (name, value) in [
        ("signer organisation", facts.organisation),
        ("signer", facts.common_name),
    ] {
        if let Some(value) = value {
            draft = if vendor.is_known() {
                draft.field(name, value)
            } else {
                draft.personal(name, value)
            };
        }
    }
    for action in &facts.actions {
        draft = draft.field("action", action.label);
        for (name, value) in [
            ("digitalSourceType", action.source_type),
            ("description", action.description),
        ] {
            draft = match value {
                Some(value) if name == "description" && !is_statement(value) => {
                    draft.personal(name, value)
                }
                Some(value) => draft.field(name, value),
                None => draft,
            };
        }
        if let Some(agent) = action.agent {
            draft = draft.field("softwareAgent", &named(agent));
        }
    }
    if facts.anchored {
        draft
    } else {
        draft.note("credentials-not-anchored")
    }
}

fn named(agent: Agent<'_>) -> String {
    match agent.version {
        Some(version) => format!("{} {version}", agent.name),
        None => agent.name.to_owned(),
    }
}

/// What Microsoft wrote in 2024 in place of a source type.
fn is_statement(description: &str) -> bool {
    let lower = description.trim().to_ascii_lowercase();
    matches!(
        lower.as_str(),
        "ai generated image" | "ai-generated image" | "ai generated"
    )
}

/// What the actions say together; what ingredients say where they say nothing; else what the vendor's
/// name or a special assertion implies.
/// What a manifest says of how the picture came to be: what it was created as or opened from, and what was
/// done to it since.
pub fn stated(facts: &CredentialFacts<'_>) -> Says {
    statement(facts, &vendors::of(facts))
}

fn statement(facts: &CredentialFacts<'_>, vendor: &vendors::Vendor) -> Says {
    let of = |label: &'static str| {
        let mut actions = facts.actions.iter().filter(move |it| it.label == label);
        actions.find_map(action_says)
    };
    let from = |relationship: &'static str| {
        let ingredients = facts.ingredients.iter();
        ingredients
            .filter(move |it| it.relationship == relationship && it.says != Says::Unstated)
            .map(|it| it.says)
    };
    let base = of("c2pa.created").or_else(|| from("parentOf").next());
    let rest = || {
        let others = facts.actions.iter().filter(|it| it.label != "c2pa.created");
        others.filter_map(action_says)
    };
    let by_model = |says: &Says| {
        matches!(
            says,
            Says::Generated | Says::PartlyGenerated | Says::PossiblyGenerated
        )
    };
    let edited = rest().filter(by_model).min();
    let placed =
        from("componentOf").any(|says| matches!(says, Says::Generated | Says::PartlyGenerated));
    let says = match (base, edited) {
        (Some(Says::Generated), _) => Some(Says::Generated),
        (None, Some(edited)) if !placed => Some(edited),
        (Some(Says::PartlyGenerated), _) => Some(Says::PartlyGenerated),
        (Some(_), Some(Says::PossiblyGenerated)) if !placed => Some(Says::PossiblyGenerated),
        (_, Some(_)) => Some(Says::PartlyGenerated),
        _ if placed => Some(Says::PartlyGenerated),
        (base, None) => base.or_else(|| rest().next()),
    };
    if let Some(says) = says {
        return says;
    }
    let assertion = |start: &str| {
        facts
            .assertions
            .iter()
            .any(|label| label.starts_with(start))
    };
    if vendor.generates || assertion("c2pa.ai_generated_content") {
        Says::Generated
    } else if assertion("c2pa.ai-disclosure") {
        Says::PossiblyGenerated
    } else if vendor.source == Source::Camera
        && facts
            .actions
            .iter()
            .any(|action| action.label == "c2pa.created")
        && (assertion("stds.exif") || assertion("c2pa.metadata") || assertion("cawg.metadata"))
    {
        // Cameras of the first years stated the capture by their EXIF alone.
        Says::Captured
    } else {
        Says::Unstated
    }
}

fn action_says(action: &ActionFacts<'_>) -> Option<Says> {
    let says = match action.source_type {
        Some(kind) => says_of(kind)?,
        None if action.description.is_some_and(is_statement) => Says::Generated,
        None => return None,
    };
    // Only what begins a picture makes the whole of it.
    let begins = matches!(
        action.label,
        "c2pa.created" | "c2pa.published" | "c2pa.converted" | "c2pa.opened"
    );
    Some(if says == Says::Generated && !begins {
        Says::PartlyGenerated
    } else {
        says
    })
}
