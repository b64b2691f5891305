//! What others left in files and pixels, and what does not go together.

use colophon_imaging::{Metadata, Picture, PngChunk};
use colophon_keys::KeyStore;
use colophon_manifest::{
    Agent, DigitalSourceType, ManifestSpec, Origin, SignerError, TrainingUse, sign,
};
use colophon_provenance::{
    Action, Class, Language, Outcome, Report, ReportOptions, Source, StampRequest, TimelineGrade,
    Verifier, VerifierOptions,
};

use crate::support::{NOW, Place, picture, png, rule, scene, stripped};

const PARAMETERS: &str = "my aunt on a beach\nNegative prompt: rain\nSteps: 20, Sampler: Euler a, CFG scale: 7, \
Seed: 1234, Size: 640x480, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Version: v1.9.4";

/// A picture with a PNG text of the web UI.
fn from_web_ui() -> Picture {
    let mut made = picture(3, 640, 480);
    let text = [b"parameters\0", PARAMETERS.as_bytes()].concat();
    made.metadata.png_chunks.push(PngChunk {
        kind: *b"tEXt",
        data: text,
    });
    made
}

fn full(place: &Place, bytes: &[u8], language: Language) -> Report {
    let report = ReportOptions {
        full: true,
        language,
        ..ReportOptions::default()
    };
    let options = VerifierOptions {
        report,
        ..VerifierOptions::default()
    };
    Verifier::open(Some(&place.home), options)
        .unwrap()
        .verify(bytes, "picture")
}

#[test]
fn a_generators_text_is_declared_and_what_tells_of_a_person_is_withheld() {
    let place = Place::new();
    let bytes = png(&from_web_ui());
    let report = place.verify(&bytes);
    assert_eq!(rule(&report), "declared-generated");
    assert_eq!(report.outcome, Outcome::EvidenceFound);
    assert_eq!(report.verdict.action, Action::Label);
    assert!(
        report.verdict.headline.contains("Stable Diffusion web UI"),
        "{}",
        report.verdict.headline
    );
    let signal = &report.evidence.signals[0];
    assert_eq!(
        (signal.source, signal.class),
        (Source::WebUi, Class::Declared)
    );
    let public = serde_json::to_string(&report).unwrap();
    assert!(!public.contains("aunt"), "{public}");
    assert!(public.contains("v1-5-pruned-emaonly"));
    let told = serde_json::to_string(&full(&place, &bytes, Language::English)).unwrap();
    assert!(told.contains("my aunt on a beach"));
}

#[test]
fn a_report_is_told_in_the_language_asked_for() {
    let place = Place::new();
    let bytes = png(&from_web_ui());
    let report = full(&place, &bytes, Language::German);
    assert_eq!(rule(&report), "declared-generated");
    assert_eq!(report.tool.language, "de");
    assert!(
        report.verdict.headline.contains("Metadaten"),
        "{}",
        report.verdict.headline
    );
    let english = full(&place, &bytes, Language::English);
    assert_eq!(english.tool.policy, report.tool.policy);
    assert_ne!(english.verdict.headline, report.verdict.headline);
}

#[test]
fn a_capture_with_a_generators_text_contradicts_itself() {
    let place = Place::new();
    let captured = StampRequest {
        generator: None,
        generator_version: None,
        prompt: None,
        ..StampRequest::new(DigitalSourceType::DigitalCapture, NOW)
    };
    let issued = place
        .stamp_with(&png(&from_web_ui()), "captured.png", &captured)
        .unwrap();
    let report = place.verify(&std::fs::read(&issued.path).unwrap());
    assert_eq!(rule(&report), "capture-contradicted");
    assert_eq!(report.outcome, Outcome::Flagged);
    assert_eq!(report.verdict.action, Action::Escalate);
    assert_eq!(
        report.verdict.contradictions[0].code,
        "capture-and-generated"
    );

    // The same statement without the text stands.
    let plain = place.stamp_with(&scene(4), "plain.png", &captured).unwrap();
    let report = place.verify(&std::fs::read(&plain.path).unwrap());
    assert_eq!(rule(&report), "issued-and-unchanged");
    assert!(report.verdict.contradictions.is_empty());
}

/// Signs `bytes` with the home's own key, bound to an id and a hash that are not those of the pixels.
fn signed_over(place: &Place, bytes: &[u8], id: Option<u64>, hash: Option<[u8; 32]>) -> Vec<u8> {
    let keys = KeyStore::open(&place.home.keys(), None).unwrap();
    let signer = keys.claim_signer().unwrap();
    let wrapped = Wrapped(&signer);
    let spec = ManifestSpec {
        claim_generator: Agent {
            name: "Somebody".to_owned(),
            version: None,
        },
        origin: Origin::Created(DigitalSourceType::TrainedAlgorithmicMedia),
        software_agent: None,
        generation: None,
        when: "2026-11-20T10:00:00Z".to_owned(),
        title: None,
        watermark_id: id,
        fingerprint: hash,
        training_use: TrainingUse::NotAllowed,
        unmarked_reason: id.is_none().then(|| "none".to_owned()),
        ledger_origin: None,
    };
    sign(bytes, "image/png", &spec, &wrapped).unwrap().asset
}

struct Wrapped<'a>(&'a colophon_keys::ClaimSigner);

impl colophon_manifest::ClaimSigner for Wrapped<'_> {
    fn chain_pem(&self) -> Vec<u8> {
        self.0.chain_pem().as_bytes().to_vec()
    }

    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(data)?.to_vec())
    }
}

#[test]
fn a_manifest_bound_to_other_content_is_noticed() {
    let place = Place::new();
    let signed = signed_over(&place, &scene(5), None, Some([0x5a; 32]));
    let report = place.verify(&signed);
    assert_eq!(rule(&report), "manifest-of-another-picture");
    let told = &report.verdict.contradictions[0];
    assert!(told.sentence.contains("/ 256"), "{}", told.sentence);
}

#[test]
fn a_mark_and_a_manifest_with_two_ids_are_noticed() {
    let place = Place::new();
    let (issued, bytes) = place.stamped(&scene(6), "marked.png");
    let bare = png(&stripped(&bytes));
    let signed = signed_over(&place, &bare, Some(0x1122_3344_5566_7788), None);
    let report = place.verify(&signed);
    assert_eq!(rule(&report), "two-ids");
    let sentence = &report.verdict.contradictions[0].sentence;
    assert!(sentence.contains("1122334455667788"), "{sentence}");
    assert!(
        sentence.contains(issued.watermark_id.as_deref().unwrap()),
        "{sentence}"
    );
}

#[test]
fn a_date_in_the_future_is_noticed_and_the_timeline_is_in_order() {
    let place = Place::new();
    let mut made = picture(7, 320, 240);
    made.metadata = Metadata {
        xmp: Some(
            br#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreateDate="2093-01-01T00:00:00Z"/></rdf:RDF></x:xmpmeta>"#
                .to_vec(),
        ),
        ..Metadata::default()
    };
    let report = place.verify(&png(&made));
    assert_eq!(rule(&report), "dates-impossible");
    assert_eq!(report.evidence.timeline[0].grade, TimelineGrade::Declared);

    let (_, bytes) = place.stamped(&scene(8), "dated.png");
    let timeline = place.verify(&bytes).evidence.timeline;
    let grades: Vec<TimelineGrade> = timeline.iter().map(|entry| entry.grade).collect();
    assert!(grades.contains(&TimelineGrade::Signed) && grades.contains(&TimelineGrade::Logged));
    assert!(timeline.is_sorted_by(|a, b| a.when <= b.when));
}

#[test]
fn what_a_manifest_says_is_a_trace_only_while_its_signature_holds() {
    let place = Place::new();
    let (_, bytes) = place.stamped(&scene(9), "signed.png");
    let signed = |report: &Report| {
        let signals = report.evidence.signals.iter();
        signals.filter(|it| it.class == Class::Signed).count()
    };
    assert_eq!(signed(&place.verify(&bytes)), 1);
    let report = place.verify(&png(&stripped(&bytes)));
    assert_eq!(signed(&report), 0);
}
