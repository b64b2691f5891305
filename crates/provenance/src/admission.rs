//! Before anything is issued the policies are asked, and what they ask in return is done.

use std::sync::Arc;

use colophon_policy::{
    AccessRequest, Bundle, LoraName, Making, MarkStrength, Operation, PastDecision, Resource,
    Screen, Screening, SignerClass,
};

use crate::config::Strength;
use crate::policies::refuse_unless;
use crate::{
    Backend, DigitalSourceType, EmbedOptions, GenerationFacts, IssueOptions, Policies, Prompt,
    ProvenanceError, hex,
};

/// Guidance below which a sampler is led towards the negative prompt.
const LEAST_GUIDANCE: f32 = 1.0;
/// What names of low-rank changes begin with among a model's weights.
const LORA: &str = "lora/";

/// Policies and screens of an issuer.
pub(crate) struct Gate {
    pub policies: Arc<Policies>,
    /// Beside the bundle's own word lists.
    pub screens: Vec<Box<dyn Screen>>,
    /// Strength of marks that are made unasked.
    pub strength: Strength,
    /// Id of the signing key, hex.
    pub signer: String,
    /// How far its chain is vouched for.
    pub class: SignerClass,
}

/// Leave to issue a picture.
pub(crate) struct Admission {
    /// The decision, for those who keep it.
    pub decision: PastDecision,
    /// The bundle that decided, which may be another one by now.
    pub bundle: Arc<Bundle>,
    /// The options asked for, as far as the obligations leave them.
    pub options: IssueOptions,
    /// Codes of the prompt's labels and of those that obligations add.
    pub labels: Vec<String>,
}

impl Admission {
    /// Who asked, for the erasable part of the record; nobody when the owner did.
    pub fn requester(&self) -> Option<String> {
        let principal = &self.options.principal;
        let named = format!("{}:{}", principal.kind.as_str(), principal.name);
        (!principal.owner).then_some(named)
    }
}

impl Gate {
    /// Asks for leave to stamp a picture of this size.
    pub fn stamp(
        &self,
        source: DigitalSourceType,
        prompt: Option<&str>,
        size: (u32, u32),
        options: &IssueOptions,
    ) -> Result<Admission, ProvenanceError> {
        let bundle = self.policies.bundle();
        let screening = self.screen(&bundle, prompt.into_iter())?;
        let making = self.making(source, size, screening, options);
        let resource = Resource::Signer {
            name: self.signer.clone(),
            class: making.signer,
        };
        admit(bundle, Operation::Stamp, resource, making, options)
    }

    /// Asks for leave to issue what a model makes or has made.
    pub fn generate(
        &self,
        facts: &GenerationFacts,
        prompt: &Prompt,
        source: DigitalSourceType,
        options: &IssueOptions,
    ) -> Result<Admission, ProvenanceError> {
        let turned = facts
            .guidance
            .is_some_and(|guidance| guidance < LEAST_GUIDANCE);
        let negative = prompt.negative.as_deref().filter(|_| turned);
        let bundle = self.policies.bundle();
        let texts = [Some(prompt.text.as_str()), negative];
        let screening = self.screen(&bundle, texts.into_iter().flatten())?;
        let mut making = self.making(source, (facts.width, facts.height), screening, options);
        making.steps = facts.steps.unwrap_or(0);
        making.loras = loras(facts);
        let resource = Resource::Model {
            name: facts.model.id.clone(),
            built_in: facts.model.built_in,
            remote: facts.backend != Backend::Embedded,
        };
        admit(bundle, Operation::Generate, resource, making, options)
    }

    fn screen<'a>(
        &self,
        bundle: &Bundle,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<Screening, ProvenanceError> {
        let further: Vec<&dyn Screen> = self.screens.iter().map(AsRef::as_ref).collect();
        let mut all = Screening::default();
        for text in texts {
            let said = bundle.screen_with(text, &further);
            all = all.with(said.map_err(ProvenanceError::Screen)?);
        }
        Ok(all)
    }

    fn making(
        &self,
        source: DigitalSourceType,
        (width, height): (u32, u32),
        prompt: Screening,
        options: &IssueOptions,
    ) -> Making {
        Making {
            width,
            height,
            steps: 0,
            loras: Vec::new(),
            strength: options.embed.map_or(name_of(self.strength), strength_of),
            allow_unmarked: options.allow_unmarked,
            source: source.to_string(),
            signer: self.class,
            prompt,
        }
    }
}

/// Asks for leave, and takes on the obligations that come with it.
fn admit(
    bundle: Arc<Bundle>,
    action: Operation,
    resource: Resource,
    making: Making,
    options: &IssueOptions,
) -> Result<Admission, ProvenanceError> {
    let asked = making.strength;
    let mut labels: Vec<String> = making
        .prompt
        .labels
        .iter()
        .map(|label| label.code.clone())
        .collect();
    let decision = refuse_unless(
        &bundle,
        AccessRequest {
            principal: options.principal.clone(),
            action,
            resource,
            time: options.issued_at,
            purpose: options.purpose.clone(),
            personal: false,
            making: Some(making),
        },
    )?;
    let obligations = &decision.decision.obligations;
    labels.extend(obligations.add_labels.iter().cloned());
    labels.sort();
    labels.dedup();
    let strength = obligations.strength(asked);
    let mut options = options.clone();
    if strength != asked {
        options.embed = Some(options_of(strength));
    }
    Ok(Admission {
        decision,
        bundle,
        options,
        labels,
    })
}
/// Low-rank changes among the weights: `lora/FILE x SCALE`.
fn loras(facts: &GenerationFacts) -> Vec<LoraName> {
    let named = |file: &str| {
        let name = file.strip_prefix(LORA)?;
        Some(
            name.rsplit_once(" x ")
                .map_or(name, |(name, _)| name)
                .to_owned(),
        )
    };
    let weights = facts.model.weights.iter();
    weights
        .filter_map(|each| {
            Some(LoraName {
                name: named(&each.file)?,
                sha256: hex(&each.sha256),
            })
        })
        .collect()
}

/// "prompt labelled `self-harm` (grave): ", or nothing.
pub(crate) fn labels_told(prompt: &Screening) -> String {
    if prompt.labels.is_empty() {
        return String::new();
    }
    let each = prompt
        .labels
        .iter()
        .map(|label| format!("`{}` ({})", label.code, label.severity.as_str()));
    format!("prompt labelled {}: ", each.collect::<Vec<_>>().join(", "))
}

fn name_of(strength: Strength) -> MarkStrength {
    match strength {
        Strength::Subtle => MarkStrength::Subtle,
        Strength::Standard => MarkStrength::Standard,
        Strength::Strong => MarkStrength::Strong,
    }
}

fn options_of(strength: MarkStrength) -> EmbedOptions {
    match strength {
        MarkStrength::Subtle => Strength::Subtle,
        MarkStrength::Standard => Strength::Standard,
        MarkStrength::Strong => Strength::Strong,
    }
    .options()
}

/// The name whose limits these are, or the strongest whose limits they keep.
fn strength_of(options: EmbedOptions) -> MarkStrength {
    let reaches = |strength: &MarkStrength| {
        let named = options_of(*strength);
        options.least_psnr <= named.least_psnr
            && options.most_psnr <= named.most_psnr
            && options.enough_margin >= named.enough_margin
    };
    let strongest = MarkStrength::ALL.iter().rev().copied().find(reaches);
    strongest.unwrap_or(MarkStrength::Subtle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_the_name_that_they_came_from() {
        for strength in MarkStrength::ALL {
            assert_eq!(strength_of(options_of(*strength)), *strength);
        }
        let weaker = EmbedOptions {
            least_psnr: 60.0,
            ..EmbedOptions::strong()
        };
        assert_eq!(strength_of(weaker), MarkStrength::Subtle);
    }
}
