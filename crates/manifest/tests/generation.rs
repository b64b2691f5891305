//! What a manifest says of how a picture was generated.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod common;

use colophon_manifest::{
    Generation, Integrity, ManifestError, ManifestSpec, Origin, Parent, Trust, WeightsFile, sign,
};
use common::*;
use image::ImageFormat;

fn generation() -> Generation {
    Generation {
        backend: "embedded".to_owned(),
        model_id: "example/model-1".to_owned(),
        weights: vec![WeightsFile {
            file: "model.safetensors".to_owned(),
            sha256: "5a".repeat(32),
        }],
        license: Some("MIT".to_owned()),
        training_licenses: vec!["MIT".to_owned(), "Apache-2.0".to_owned()],
        note: Some("built-in demo model".to_owned()),
        width: 512,
        height: 768,
        seeds: vec![7, u64::MAX],
        steps: Some(20),
        sampler: Some("euler".to_owned()),
        guidance: Some(4.5),
    }
}

#[test]
fn what_is_said_of_a_generation_is_read() {
    let keys = Keys::new();
    let unknown = Generation {
        weights: Vec::new(),
        license: None,
        training_licenses: Vec::new(),
        note: None,
        seeds: Vec::new(),
        steps: None,
        sampler: None,
        guidance: None,
        ..generation()
    };
    for generation in [generation(), unknown] {
        let spec = ManifestSpec {
            generation: Some(generation.clone()),
            ..spec()
        };
        let signed = sign(&picture(ImageFormat::Png), "image/png", &spec, &keys).unwrap();
        assert!(signed.manifest.len() < 8 * 1024);
        let report = report(&signed.asset, "image/png", &keys.anchors());
        assert_eq!(report.generation, Some(generation));
        assert_eq!(report.model_name.as_deref(), Some("Test-Model 2"));
        assert_eq!(report.verdicts.integrity.state, Integrity::Intact);
        assert!(matches!(report.verdicts.trust.state, Trust::Trusted { .. }));
    }
}

#[test]
fn a_generation_is_disclosed_also_when_the_picture_had_a_manifest() {
    let keys = Keys::new();
    let parent = signed(&Keys::new(), "image/png", ImageFormat::Png).asset;
    let parent = Parent {
        bytes: &parent,
        mime: "image/png",
        title: "from the backend",
    };
    let spec = ManifestSpec {
        origin: Origin::Opened { parent, edit: None },
        generation: Some(generation()),
        ..spec()
    };
    let signed = sign(&picture(ImageFormat::Png), "image/png", &spec, &keys).unwrap();
    let report = report(&signed.asset, "image/png", &keys.anchors());
    assert_eq!(report.generation, Some(generation()));
    assert_eq!(report.verdicts.integrity.state, Integrity::Intact);
}

#[test]
fn a_generation_that_cannot_be_is_refused() {
    let keys = Keys::new();
    let control = Generation {
        sampler: Some("eu\nler".to_owned()),
        ..generation()
    };
    let many = Generation {
        seeds: vec![0; 65],
        ..generation()
    };
    let infinite = Generation {
        guidance: Some(f64::NAN),
        ..generation()
    };
    for (generation, field) in [
        (control, "sampler"),
        (many, "seeds"),
        (infinite, "guidance"),
    ] {
        let spec = ManifestSpec {
            generation: Some(generation),
            ..spec()
        };
        let refused = sign(&picture(ImageFormat::Png), "image/png", &spec, &keys).unwrap_err();
        assert!(
            matches!(refused, ManifestError::BadSpec { field: found, .. } if found == field),
            "{refused}"
        );
    }
}
