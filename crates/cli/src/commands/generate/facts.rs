//! What is told of a generated picture to programs: the line of JSON and the sidecar.

use colophon_provenance::{Backend, GeneratedRequest, GenerationFacts, Issued};
use serde_json::{Value, json};

use crate::commands::{issuing, name_of};
use crate::failure::Failure;
use crate::text::hex;

/// Version of the sidecar's form; additions do not raise it.
const SIDECAR_VERSION: u32 = 1;

/// One line a picture: what was issued, and how it was made.
///
/// # Errors
/// [`Failure::Output`].
pub fn line(issued: &Issued, facts: &GenerationFacts) -> Result<Value, Failure> {
    let mut line = issuing::with_file(&name_of(&issued.path), issued)?;
    line["generation"] = generation(facts);
    Ok(line)
}

/// The file beside the picture: the same, with the prompt if it is kept.
///
/// # Errors
/// [`Failure::Output`].
pub fn sidecar(issued: &Issued, request: &GeneratedRequest) -> Result<String, Failure> {
    let prompt = Some(&request.prompt).filter(|prompt| prompt.keep);
    let mut facts = json!({
        "colophon_sidecar": SIDECAR_VERSION,
        "prompt": prompt.map(|prompt| &prompt.text),
        "negative_prompt": prompt.and_then(|prompt| prompt.negative.as_ref()),
    });
    if let (Some(facts), Value::Object(line)) =
        (facts.as_object_mut(), line(issued, &request.facts)?)
    {
        facts.extend(line);
    }
    let text =
        serde_json::to_string_pretty(&facts).map_err(|error| Failure::Output(error.into()))?;
    Ok(text + "\n")
}

fn generation(facts: &GenerationFacts) -> Value {
    let model = &facts.model;
    let weights: Vec<Value> = model
        .weights
        .iter()
        .map(|file| json!({ "file": file.file, "sha256": hex(&file.sha256) }))
        .collect();
    json!({
        "backend": match facts.backend {
            Backend::Embedded => "embedded",
            _ => "remote",
        },
        "model": {
            "id": model.id,
            "name": model.name,
            "version": model.version,
            "built_in": model.built_in,
            "license": model.license,
            "training_licenses": model.training_licenses,
            "weights": weights,
        },
        "width": facts.width,
        "height": facts.height,
        "seeds": facts.seeds,
        "steps": facts.steps,
        "sampler": facts.sampler,
        "guidance": facts.guidance.and_then(|scale| scale.to_string().parse::<f64>().ok()),
    })
}
