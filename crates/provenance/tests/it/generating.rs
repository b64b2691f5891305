//! What a generated picture is.

use colophon_ledger::{Kind, prompt_commitment};
use colophon_provenance::{
    Backend, Destination, GeneratedRequest, GenerationFacts, Issued, LEAST_PSNR, ModelFacts,
    ModelOutput, Outcome, Prompt, ProvenanceError, WeightsFile,
};

use crate::flat;
use crate::support::{Place, half, jpeg, options, picture, png, rule, scene, stripped};

const SECRET: &str = "a secret prompt";

fn facts() -> GenerationFacts {
    GenerationFacts {
        backend: Backend::Embedded,
        model: ModelFacts {
            id: "example/model-1".to_owned(),
            name: "Example Model".to_owned(),
            version: Some("1.0".to_owned()),
            weights: vec![WeightsFile {
                file: "model.safetensors".to_owned(),
                sha256: [0x5a; 32],
            }],
            license: Some("MIT".to_owned()),
            training_licenses: vec!["MIT".to_owned(), "Apache-2.0".to_owned()],
            built_in: true,
        },
        width: 640,
        height: 480,
        seeds: vec![u64::MAX],
        steps: Some(20),
        sampler: Some("euler".to_owned()),
        guidance: Some(4.4),
    }
}

fn request(keep: bool) -> GeneratedRequest {
    GeneratedRequest {
        source_picture: None,
        facts: facts(),
        prompt: Prompt {
            text: SECRET.to_owned(),
            negative: Some("a secret blur".to_owned()),
            keep,
        },
        options: options(),
    }
}

fn issue(
    place: &Place,
    output: ModelOutput<'_>,
    request: &GeneratedRequest,
    name: &str,
) -> Result<Issued, ProvenanceError> {
    let destination = Destination {
        path: place.out(name),
        overwrite: false,
    };
    place.issuer.issue_generated(output, request, destination)
}

fn pixels(seed: u64) -> ModelOutput<'static> {
    let picture = picture(seed, 640, 480);
    ModelOutput::Pixels {
        width: 640,
        height: 480,
        rgb: picture.to_rgb8(),
    }
}

#[test]
fn every_output_format_traces_back_to_its_model() {
    let place = Place::new();
    for (number, name) in ["a.png", "a.jpg", "a.webp"].into_iter().enumerate() {
        let issued = issue(&place, pixels(number as u64), &request(true), name).unwrap();
        let bytes = std::fs::read(&issued.path).unwrap();
        let report = place.verify(&bytes);
        assert_eq!(rule(&report), "issued-and-unchanged", "{name}");
        assert_eq!(report.outcome, Outcome::EvidenceFound);
        assert!(report.verdict.explanation.contains("Example Model 1.0"));
        let manifest = report.evidence.manifest.unwrap();
        assert_eq!(manifest.source_types, ["trainedAlgorithmicMedia"]);
        assert_eq!(manifest.actions[0], "c2pa.created");
        let ledger = report.evidence.ledger.unwrap();
        assert_eq!(ledger.kind, "generate");
        let said = manifest.generation.unwrap();
        assert_eq!(Some(&said), ledger.generation.as_ref());
        assert_eq!(said.model_id, "example/model-1");
        assert_eq!(said.training_licenses, ["MIT", "Apache-2.0"]);
        assert_eq!(said.weights[0].sha256, "5a".repeat(32));
        assert_eq!(
            (said.seeds.as_slice(), said.steps),
            (&[u64::MAX][..], Some(20))
        );
        assert_eq!((said.built_in, said.guidance), (true, Some(4.4)));

        let report = place.verify(&jpeg(&half(&stripped(&bytes)), 75));
        assert_eq!(rule(&report), "recovered", "{name}");
        let ledger = report.evidence.ledger.unwrap();
        assert_eq!(ledger.record, issued.record);
        assert_eq!(ledger.generation, Some(said));
    }
}

#[test]
fn the_prompt_is_in_the_private_part_or_nowhere() {
    let place = Place::new();
    for (keep, name) in [(true, "kept.png"), (false, "dropped.png")] {
        let issued = issue(&place, pixels(3), &request(keep), name).unwrap();
        let bytes = std::fs::read(&issued.path).unwrap();
        let report = serde_json::to_string(&place.verify(&bytes)).unwrap();
        assert!(!report.contains("secret"));
        assert!(!bytes.windows(6).any(|window| window == b"secret"));

        let entry = place.record(issued.record);
        assert_eq!(entry.record.kind, Kind::Generate);
        assert!(!entry.leaf.windows(6).any(|window| window == b"secret"));
        let hex = |bytes: [u8; 32]| {
            bytes
                .iter()
                .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
        };
        let commitment = entry.record.generation.as_ref().unwrap().prompt_commitment;
        assert_eq!(issued.prompt_commitment, Some(hex(commitment)));

        let private = entry.part().unwrap().clone();
        assert_eq!(private.prompt.as_deref(), keep.then_some(SECRET));
        assert_eq!(private.negative_prompt.is_some(), keep);
        assert_eq!(private.prompt_salt.is_some(), keep);
        if let Some(salt) = private.prompt_salt {
            assert_eq!(issued.prompt_salt, Some(hex(salt)));
            assert_eq!(
                prompt_commitment(&salt, SECRET, Some("a secret blur")),
                commitment
            );
        }
    }
}

#[test]
fn a_file_from_a_backend_loses_its_texts_and_keeps_its_manifest() {
    let place = Place::new();
    let remote = GeneratedRequest {
        facts: GenerationFacts {
            backend: Backend::Remote,
            model: ModelFacts {
                id: "flux-schnell".to_owned(),
                name: "flux-schnell".to_owned(),
                version: None,
                weights: Vec::new(),
                license: None,
                training_licenses: Vec::new(),
                built_in: false,
            },
            seeds: Vec::new(),
            steps: None,
            sampler: None,
            guidance: None,
            ..facts()
        },
        ..request(true)
    };
    // As servers do that write their parameters, the prompt among them, into the picture.
    let mut told = png(&picture(4, 640, 480));
    let text = b"parameters\0a secret prompt, Steps: 20";
    let mut chunk = (text.len() as u32).to_be_bytes().to_vec();
    let mut body = b"tEXt".to_vec();
    body.extend(text);
    chunk.extend(&body);
    chunk.extend(crc32(&body).to_be_bytes());
    told.splice(33..33, chunk);
    assert!(told.windows(6).any(|window| window == b"secret"));
    let issued = issue(&place, ModelOutput::File(&told), &remote, "a.png").unwrap();
    let bytes = std::fs::read(&issued.path).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
    assert!(!issued.ingredient_kept);
    let manifest = place.verify(&bytes).evidence.manifest.unwrap();
    let said = manifest.generation.unwrap();
    assert_eq!((said.backend.as_str(), said.built_in), ("remote", false));
    assert!(said.seeds.is_empty() && said.weights.is_empty() && said.guidance.is_none());

    // A backend with a signer of its own.
    let (parent, signed) = Place::new().stamped(&scene(5), "b.png");
    let issued = issue(&place, ModelOutput::File(&signed), &remote, "b.png").unwrap();
    assert!(issued.ingredient_kept);
    let report = place.verify(&std::fs::read(&issued.path).unwrap());
    assert_eq!(rule(&report), "issued-and-unchanged");
    let manifest = report.evidence.manifest.unwrap();
    assert_eq!(
        manifest.ingredients[0].manifest_id,
        Some(parent.manifest_id)
    );
    assert_eq!(manifest.actions[0], "c2pa.opened");
    assert_eq!(manifest.generation.unwrap().model_id, "flux-schnell");
}

/// PNG specification, annex D, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            };
        }
        crc
    })
}

#[test]
fn what_cannot_be_issued_leaves_nothing() {
    let place = Place::new();
    let bad = |output: ModelOutput<'_>, request: &GeneratedRequest| {
        issue(&place, output, request, "a.png")
            .unwrap_err()
            .to_string()
    };
    let short = ModelOutput::Pixels {
        width: 640,
        height: 480,
        rgb: vec![0; 10],
    };
    assert!(bad(short, &request(true)).contains("samples"));
    let page = bad(ModelOutput::File(b"<html>busy</html>"), &request(true));
    assert!(page.contains("web page"), "{page}");
    let mut odd = request(true);
    odd.facts.model.name = "two\nlines".to_owned();
    assert!(bad(pixels(1), &odd).contains("control characters"));
    let mut long = request(true);
    long.prompt.text = "x".repeat((1 << 20) + 1);
    assert!(bad(pixels(1), &long).contains("the prompt is longer"));
    assert_eq!((place.records(), place.outputs().len()), (0, 0));
}

#[test]
fn flat_art_carries_the_mark_and_is_traced_or_left_open() {
    let place = Place::new();
    let mut refused = Vec::new();
    for each in flat::pictures(512) {
        let output = ModelOutput::Pixels {
            width: each.side,
            height: each.side,
            rgb: each.rgb,
        };
        let issued = match issue(
            &place,
            output,
            &request(true),
            &format!("{}.png", each.name),
        ) {
            Ok(issued) => issued,
            Err(error) => {
                assert!(
                    matches!(error, ProvenanceError::CannotMark { .. }),
                    "{error}"
                );
                refused.push(each.name);
                continue;
            }
        };
        assert!(issued.psnr_mark.unwrap() >= LEAST_PSNR, "{}", each.name);
        let bytes = std::fs::read(&issued.path).unwrap();
        for attacked in [
            jpeg(&stripped(&bytes), 70),
            jpeg(&half(&stripped(&bytes)), 75),
        ] {
            let report = place.verify(&attacked);
            // Shapes this plain may not suffice to say that the picture is the same.
            assert!(
                ["recovered", "traced-not-compared"].contains(&rule(&report)),
                "{}: {}",
                each.name,
                rule(&report)
            );
            assert_eq!(report.evidence.ledger.unwrap().record, issued.record);
        }
    }
    // Black and white have no room on one side, and next to nothing else is there. Which of them
    // are refused depends on key and id.
    assert!(
        refused
            .iter()
            .all(|name| ["small on black", "small on white"].contains(&name.as_str())),
        "{refused:?}"
    );
}
