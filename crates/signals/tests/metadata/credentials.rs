//! What manifests of real vendors say, by the facts in them.

use colophon_signals::{
    ActionFacts, Agent, Class, CredentialFacts, IngredientFacts, Says, Signal, Source,
    UnreadableMark, read_credentials, stated,
};

use super::sentences;

fn agent<'a>(name: &'a str, version: &'a str) -> Agent<'a> {
    Agent {
        name,
        version: Some(version).filter(|version| !version.is_empty()),
    }
}

fn action<'a>(label: &'a str, kind: &'a str, agent: Option<Agent<'a>>) -> ActionFacts<'a> {
    ActionFacts {
        label,
        source_type: Some(kind).filter(|kind| !kind.is_empty()),
        description: None,
        agent,
    }
}

const AI: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

fn only(facts: &CredentialFacts<'_>) -> (Signal, Vec<UnreadableMark>) {
    let (mut signals, marks) = read_credentials(facts);
    assert_eq!(signals.len(), 1);
    let found = signals.remove(0);
    assert_eq!(found.class, Class::Signed);
    for key in sentences(&found) {
        assert!(
            colophon_wording::Wording::of(colophon_wording::Language::German).has(&key),
            "{key}"
        );
    }
    (found, marks)
}

fn signed_by<'a>(organisation: &'a str, common_name: &'a str) -> CredentialFacts<'a> {
    CredentialFacts {
        organisation: Some(organisation),
        common_name: Some(common_name),
        anchored: true,
        ..CredentialFacts::default()
    }
}

#[test]
fn openai_2026() {
    let facts = CredentialFacts {
        generators: vec![agent("OpenAI Media Service API", "")],
        actions: vec![
            action("c2pa.created", AI, Some(agent("gpt-image", "2.0"))),
            action("c2pa.converted", "", None),
            action("c2pa.watermarked.unbound", "", None),
        ],
        ..signed_by("OpenAI OpCo, LLC", "OpenAI Media Service")
    };
    let (found, marks) = only(&facts);
    assert_eq!(
        (found.source, found.says),
        (Source::OpenAi, Says::Generated)
    );
    assert_eq!(
        (found.tool.as_deref(), found.version.as_deref()),
        (Some("gpt-image"), Some("2.0"))
    );
    assert_eq!(
        (marks[0].name.as_str(), marks[0].check_at),
        ("SynthID", Some("https://openai.com/verify"))
    );
    // Before 2026-05 there was no such action, and no mark is claimed.
    let before = CredentialFacts {
        actions: facts.actions[..2].to_vec(),
        ..facts
    };
    assert!(only(&before).1.is_empty());
}

#[test]
fn google_takes_what_its_ingredients_say() {
    let facts = CredentialFacts {
        generators: vec![agent("Google C2PA Core Generator Library", "876")],
        actions: vec![
            action("c2pa.opened", "", None),
            action("c2pa.edited", "", None),
            action("c2pa.converted", "", None),
        ],
        ingredients: vec![IngredientFacts {
            relationship: "parentOf",
            says: Says::Generated,
        }],
        ..signed_by("Google LLC", "Google Media Processing Services")
    };
    let (found, marks) = only(&facts);
    assert_eq!(
        (found.source, found.says),
        (Source::Google, Says::Generated)
    );
    assert_eq!(marks[0].name, "SynthID");
}

#[test]
fn vendors_by_signer_and_by_program() {
    for (organisation, generator, source) in [
        (
            "Microsoft Corporation",
            "Microsoft Responsible AI Image Provenance",
            Source::Microsoft,
        ),
        ("Adobe Inc.", "Adobe_Firefly", Source::Adobe),
        (
            "GlobalSign customer",
            "Black Forest Labs API",
            Source::BlackForestLabs,
        ),
        ("Samsung Electronics", "Galaxy S25 c2pa-rs", Source::Samsung),
        ("Stability AI Ltd", "c2pa-rs", Source::StabilityAi),
        ("Canva", "c2pa-rs", Source::Canva),
        ("Byteplus Pte. Ltd.", "c2pa-rs", Source::ByteDance),
        (
            "certificate_center@volcengine.com",
            "c2pa-rs",
            Source::ByteDance,
        ),
        ("Recraft, Inc.", "recraft.ai", Source::Recraft),
        ("ImageKit", "imagekit", Source::ImageKit),
        ("Amazon Web Services", "Amazon Bedrock", Source::Amazon),
        ("Some Newspaper", "c2patool", Source::Credentials),
        ("Sonya Photography", "c2patool", Source::Credentials),
    ] {
        let facts = CredentialFacts {
            generators: vec![agent(generator, "1")],
            actions: vec![action("c2pa.created", AI, None)],
            ..signed_by(organisation, "x")
        };
        let (found, _) = only(&facts);
        assert_eq!(
            (found.source, found.says),
            (source, Says::Generated),
            "{organisation}"
        );
    }
}

#[test]
fn what_says_so_without_a_source_type() {
    let mut facts = CredentialFacts {
        generators: vec![agent("Microsoft Responsible AI Image Provenance", "1.0")],
        actions: vec![ActionFacts {
            description: Some("AI Generated Image"),
            ..action("c2pa.created", "", Some(agent("Bing Image Creator", "")))
        }],
        ..signed_by("Microsoft Corporation", "Microsoft")
    };
    assert_eq!(only(&facts).0.says, Says::Generated);
    facts.actions[0].description = Some("holiday");
    assert_eq!(only(&facts).0.says, Says::Unstated);
    assert!(
        only(&facts)
            .0
            .fields
            .iter()
            .any(|field| field.value == "holiday" && field.personal)
    );

    let dreamina = CredentialFacts {
        generators: vec![agent("Dreamina/1.0", "")],
        ..signed_by("Bytedance Pte. Ltd.", "x")
    };
    let (found, _) = only(&dreamina);
    assert_eq!(
        (found.source, found.says),
        (Source::ByteDance, Says::Generated)
    );
    let disclosed = CredentialFacts {
        assertions: vec!["c2pa.ai_generated_content"],
        ..signed_by("A", "B")
    };
    assert_eq!(only(&disclosed).0.says, Says::Generated);
}

#[test]
fn captures_and_edits_of_captures() {
    let capture = "http://cv.iptc.org/newscodes/digitalsourcetype/computationalCapture";
    let mut facts = CredentialFacts {
        actions: vec![action("c2pa.created", capture, None)],
        ..signed_by("Google LLC", "Pixel Camera")
    };
    let (found, marks) = only(&facts);
    assert_eq!(
        (found.source, found.says, found.tool.as_deref()),
        (Source::Camera, Says::Captured, Some("Google Pixel"))
    );
    assert!(marks.is_empty());
    facts.actions.push(action("c2pa.edited", AI, None));
    assert_eq!(only(&facts).0.says, Says::PartlyGenerated);
    let leica = CredentialFacts {
        generators: vec![agent("Leica M11-P", "2.0")],
        actions: vec![action("c2pa.created", "", None)],
        assertions: vec!["stds.exif"],
        ..signed_by("Leica Camera AG", "M11-P")
    };
    assert_eq!(only(&leica).0.says, Says::Captured);
    let photo_assist = CredentialFacts {
        actions: vec![action(
            "c2pa.edited",
            "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
            Some(agent("Photo assist", "")),
        )],
        ..signed_by("Samsung Electronics", "Galaxy")
    };
    assert_eq!(only(&photo_assist).0.says, Says::PartlyGenerated);
}

#[test]
fn marks_by_soft_binding() {
    let facts = CredentialFacts {
        soft_bindings: vec![
            "com.adobe.trustmark.P",
            "com.digimarc.validate.1",
            "io.iscc.v0",
            "io.colophon.watermark.1",
            "org.example.mark",
        ],
        actions: vec![action("c2pa.watermarked.bound", "", None)],
        ..signed_by("Adobe Inc.", "cai-prod")
    };
    let names: Vec<String> = only(&facts).1.into_iter().map(|mark| mark.name).collect();
    assert_eq!(names, ["TrustMark", "Digimarc", "org.example.mark"]);
    let own = CredentialFacts {
        soft_bindings: vec!["io.colophon.watermark.1"],
        actions: vec![action("c2pa.watermarked.bound", "", None)],
        ..signed_by("Us", "Us")
    };
    assert!(only(&own).1.is_empty());
    let unbound = CredentialFacts {
        actions: vec![action("c2pa.watermarked", "", None)],
        ..signed_by("Microsoft Corporation", "Paint")
    };
    assert_eq!(only(&unbound).1[0].name, "InvisMark");
}

#[test]
fn a_name_without_an_anchor_is_told_as_such() {
    let forged = CredentialFacts {
        anchored: false,
        actions: vec![action("c2pa.created", AI, None)],
        ..signed_by("OpenAI OpCo, LLC", "OpenAI")
    };
    assert_eq!(only(&forged).0.note, Some("credentials-not-anchored"));
    assert!(read_credentials(&CredentialFacts::default()).0.is_empty());
}

#[test]
fn what_a_picture_was_made_from_is_told_through_what_was_done_to_it() {
    let with = |relationship, says, actions: &[(&'static str, &'static str)]| {
        stated(&CredentialFacts {
            actions: actions
                .iter()
                .map(|(label, kind)| action(label, kind, None))
                .collect(),
            ingredients: vec![IngredientFacts { relationship, says }],
            ..signed_by("Example", "Example")
        })
    };
    let opened = [("c2pa.opened", "")];
    let painted = [("c2pa.opened", ""), ("c2pa.edited", AI)];
    let composed = [("c2pa.opened", ""), ("c2pa.edited", "composite")];
    for (relationship, says, actions, expected) in [
        ("parentOf", Says::Generated, &opened[..], Says::Generated),
        ("parentOf", Says::Generated, &composed[..], Says::Generated),
        ("parentOf", Says::Captured, &opened[..], Says::Captured),
        (
            "parentOf",
            Says::Captured,
            &painted[..],
            Says::PartlyGenerated,
        ),
        (
            "parentOf",
            Says::Captured,
            &composed[..],
            Says::PossiblyGenerated,
        ),
        ("parentOf", Says::Unstated, &opened[..], Says::Unstated),
        (
            "componentOf",
            Says::Generated,
            &opened[..],
            Says::PartlyGenerated,
        ),
        ("inputTo", Says::Captured, &opened[..], Says::Unstated),
    ] {
        assert_eq!(
            with(relationship, says, actions),
            expected,
            "{relationship} {says:?}"
        );
    }
    let created = [("c2pa.created", AI), ("c2pa.edited", "composite")];
    assert_eq!(with("inputTo", Says::Captured, &created), Says::Generated);
}

#[test]
fn a_service_that_signs_for_others_is_not_taken_for_a_camera() {
    let facts = CredentialFacts {
        generators: vec![Agent {
            name: "ChatGPT",
            version: None,
        }],
        actions: vec![action("c2pa.opened", "", None)],
        ..signed_by("OpenAI", "Truepic Lens CLI in Sora")
    };
    assert_eq!(only(&facts).0.source, Source::OpenAi);
    let camera = signed_by("Truepic", "Truepic Lens SDK v1.1.3 in Vision Camera");
    assert_eq!(only(&camera).0.source, Source::Camera);
}
