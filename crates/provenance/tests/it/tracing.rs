//! What can still be told after metadata, pixels or manifests were harmed.

use colophon_imaging::{Channels, Picture, Samples};
use colophon_keys::KeyStore;
use colophon_manifest::{
    Agent, ClaimSigner, DigitalSourceType, ManifestSpec, Origin, SignerError, TrainingUse, sign,
};
use colophon_policy::{Binding, ManifestState};
use colophon_provenance::{
    IssueOptions, MarkSource, MarkStrength, Matched, Outcome, Report, StampRequest, Verifier,
    VerifierOptions,
};

use crate::support::{
    Place, decoded, half, jpeg, options, picture, png, png_chunk, request, rule, scene, shard,
    stripped, third, transplanted, was_not_checked,
};

#[test]
fn a_stripped_recompressed_crop_is_traced_and_its_manifest_recovered() {
    let place = Place::new();
    place.stamped(&scene(10), "other.png");
    let (issued, bytes) = place.stamped(&scene(11), "a.jpg");
    let found = jpeg(&half(&stripped(&bytes)), 60);

    let report = place.verify(&found);
    assert_eq!(rule(&report), "recovered");
    assert_eq!(report.outcome, Outcome::EvidenceFound);
    assert!(
        report
            .verdict
            .headline
            .contains("2026-11-20T10:00:00Z by Example Model 2.1")
    );
    let ledger = report.evidence.ledger.unwrap();
    assert_eq!(ledger.record, issued.record);
    assert_eq!(ledger.matched_by, [Matched::Watermark]);
    assert_eq!(ledger.comparison.binding, Binding::Same);
    let recovered = report.evidence.recovered_manifest.unwrap();
    assert!(recovered.agrees, "{:?}", recovered.bindings);
    assert_eq!(recovered.bindings.len(), 2);
    assert_eq!(recovered.manifest.id, Some(issued.manifest_id));
    let verdicts = recovered.manifest.verdicts.unwrap();
    let state = |value: serde_json::Value| value["state"].as_str().unwrap().to_owned();
    assert_eq!(
        state(serde_json::to_value(verdicts.integrity).unwrap()),
        "manifest-only"
    );
    assert_eq!(
        state(serde_json::to_value(verdicts.signature).unwrap()),
        "valid"
    );
    assert_eq!(
        state(serde_json::to_value(verdicts.trust).unwrap()),
        "trusted-local"
    );
}

#[test]
fn a_transplanted_mark_is_told_from_the_picture_it_belongs_to() {
    let place = Place::new();
    let original = scene(1);
    let (issued, marked) = place.stamped(&original, "a.png");
    let forged = transplanted(
        &decoded(&marked),
        &decoded(&original),
        &picture(2, 640, 480),
    );
    for bytes in [png(&forged), jpeg(&forged, 80), png(&half(&forged))] {
        let report = place.verify(&bytes);
        assert_eq!(rule(&report), "mark-of-another-picture");
        assert_eq!(report.outcome, Outcome::Flagged);
        assert_eq!(
            report.verdict.headline,
            "This picture carries another picture's mark."
        );
        assert_eq!(report.evidence.ledger.unwrap().record, issued.record);
        assert!(report.evidence.recovered_manifest.is_none());
    }
}

/// A signer with the keys of another home.
struct Stranger(colophon_keys::ClaimSigner);

impl ClaimSigner for Stranger {
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(data)?.to_vec())
    }

    fn chain_pem(&self) -> Vec<u8> {
        self.0.chain_pem().into()
    }
}

fn resigned(bytes: &[u8]) -> Vec<u8> {
    let other = Place::new();
    let keys = KeyStore::open(&other.home.keys(), None).unwrap();
    let spec = ManifestSpec {
        claim_generator: Agent {
            name: "Another product".to_owned(),
            version: None,
        },
        origin: Origin::Created(DigitalSourceType::DigitalCapture),
        software_agent: None,
        generation: None,
        when: "2026-11-21T00:00:00Z".to_owned(),
        title: None,
        watermark_id: None,
        fingerprint: None,
        training_use: TrainingUse::NotAllowed,
        unmarked_reason: Some("none wanted".to_owned()),
        ledger_origin: None,
    };
    let signer = Stranger(keys.claim_signer().unwrap());
    sign(bytes, "image/png", &spec, &signer).unwrap().asset
}

#[test]
fn a_replaced_manifest_is_flagged_and_the_recorded_one_recovered() {
    let place = Place::new();
    let (issued, bytes) = place.stamped(&scene(1), "a.png");
    let report = place.verify(&resigned(&png(&stripped(&bytes))));
    assert_eq!(rule(&report), "capture-contradicted");
    assert_eq!(report.outcome, Outcome::Flagged);
    assert_eq!(
        report.evidence.manifest.unwrap().state,
        ManifestState::Untrusted
    );
    let recovered = report.evidence.recovered_manifest.unwrap();
    assert!(recovered.agrees);
    assert_eq!(recovered.manifest.id, Some(issued.manifest_id));
}

#[test]
fn a_manifest_moved_between_our_own_pictures_is_flagged() {
    let place = Place::new();
    let (_, a) = place.stamped(&scene(1), "a.png");
    let (b_issued, b) = place.stamped(&scene(2), "b.png");
    let store = a[png_chunk(&a, *b"caBX")].to_vec();
    let mut forged = b.clone();
    forged.splice(png_chunk(&b, *b"caBX"), store);
    let report = place.verify(&forged);
    assert_eq!(rule(&report), "two-ids");
    assert_eq!(report.outcome, Outcome::Flagged);
    assert_eq!(report.evidence.ledger.unwrap().record, b_issued.record);

    // On a picture without a mark, what the metadata names and what is seen contradict.
    let mut bare = scene(3);
    let store = a[png_chunk(&a, *b"caBX")].to_vec();
    let place_for_it = png_chunk(&bare, *b"IDAT").start;
    bare.splice(place_for_it..place_for_it, store);
    let report = place.verify(&bare);
    assert_eq!(rule(&report), "record-of-another-picture");
    assert_eq!(report.outcome, Outcome::Flagged);
}

#[test]
fn no_flipped_byte_passes_as_unchanged() {
    let place = Place::new();
    for name in ["a.png", "a.jpg", "a.webp"] {
        let (_, bytes) = place.stamped(&png(&picture(4, 320, 240)), name);
        let verifier = place.verifier();
        let step = bytes.len() / 40;
        for at in (0..bytes.len()).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            let report = verifier.verify(&flipped, name);
            assert_ne!(rule(&report), "issued-and-unchanged", "{name} byte {at}");
            // The padding of a COSE signature is signed by nobody: C2PA readers pass over it, and only the
            // ledger's copy of the manifest shows the change.
            let mut around = bytes[at.saturating_sub(16)..(at + 16).min(bytes.len())].iter();
            if around.all(|&byte| byte == 0) {
                continue;
            }
            let state = report.evidence.manifest.map(|manifest| manifest.state);
            let sound = [
                ManifestState::Local,
                ManifestState::Trusted,
                ManifestState::Untrusted,
            ];
            assert!(
                state.is_none_or(|state| !sound.contains(&state)),
                "{name} byte {at}: {state:?}"
            );
        }
    }
}

#[test]
fn a_ledger_that_does_not_fit_its_checkpoint_proves_nothing() {
    let place = Place::new();
    let (_, bytes) = place.stamped(&scene(1), "a.png");
    let checkpoint = shard(&place.home).join("checkpoint");
    let mut note = std::fs::read(&checkpoint).unwrap();
    let at = note.len() - 10;
    note[at] ^= 1;
    std::fs::write(&checkpoint, note).unwrap();
    let report = place.verify(&bytes);
    assert_eq!(rule(&report), "record-unproven");
    let ledger = report.evidence.ledger.unwrap();
    assert!(!ledger.inclusion.proven && ledger.inclusion.problem.is_some());
}

#[test]
fn a_likeness_is_a_weak_sign_and_recovers_nothing() {
    let place = Place::new();
    let unmarked = StampRequest {
        options: IssueOptions {
            allow_unmarked: true,
            ..options()
        },
        ..request()
    };
    let small = picture(9, 120, 110);
    let issued = place.stamp_with(&png(&small), "a.png", &unmarked).unwrap();
    let report = place.verify(&jpeg(&small, 70));
    assert_eq!(rule(&report), "looks-alike");
    assert!(report.evidence.ledger.is_none() && report.evidence.recovered_manifest.is_none());
    let nearest = report.evidence.fingerprint.unwrap().nearest.unwrap();
    assert_eq!(nearest.record, issued.record);
}

#[test]
fn an_edited_file_is_still_traced_by_its_mark() {
    let place = Place::new();
    let (issued, bytes) = place.stamped(&scene(1), "a.jpg");
    let find = |text: &[u8], from: usize| {
        let found = bytes[from..]
            .windows(text.len())
            .position(|window| window == text);
        found.unwrap() + from
    };
    let mut edited = bytes.clone();
    edited[find(
        b"trainedAlgorithmicMedia",
        find(b"http://ns.adobe.com/xap/1.0/\0", 0),
    )] ^= 1;
    let report = place.verify(&edited);
    assert_eq!(rule(&report), "altered-but-traced");
    assert_eq!(
        report.evidence.manifest.as_ref().unwrap().state,
        ManifestState::Altered
    );
    assert_eq!(
        report.evidence.ledger.as_ref().unwrap().record,
        issued.record
    );
    assert!(was_not_checked(&report, "revocation"));
}

/// The picture mirrored left to right.
fn mirrored(picture: &Picture) -> Picture {
    let width = picture.width() as usize;
    let mut samples = Vec::new();
    for row in picture.to_rgb8().chunks_exact(width * 3) {
        row.rchunks_exact(3).for_each(|pixel| samples.extend(pixel));
    }
    Picture::new(
        picture.width(),
        picture.height(),
        Channels::Rgb,
        Samples::U8(samples),
    )
    .unwrap()
}

#[test]
fn a_mirrored_crop_still_shows_what_was_recorded() {
    let place = Place::new();
    let (_, bytes) = place.stamped(&scene(12), "a.png");
    let report = place.verify(&jpeg(&mirrored(&half(&stripped(&bytes))), 75));
    assert_eq!(rule(&report), "recovered");
    assert!(report.evidence.watermark.unwrap().geometry.flip);
    assert!(report.evidence.recovered_manifest.unwrap().agrees);
}

#[test]
fn a_damaged_ledger_is_not_one_that_was_not_asked() {
    let place = Place::new();
    let (_, bytes) = place.stamped(&scene(1), "a.png");
    let (_folder, home) = place.closed();
    let database = shard(&home).join("ledger.sqlite");
    let mut damaged = std::fs::read(&database).unwrap();
    damaged[..64].fill(0xff);
    std::fs::write(&database, damaged).unwrap();
    let verifier = Verifier::open(Some(&home), VerifierOptions::default()).unwrap();
    let report = verifier.verify(&png(&stripped(&bytes)), "a.png");
    assert_eq!(rule(&report), "record-unproven");
    assert!(was_not_checked(&report, "ledger"));
}

/// A third of the size, saved at qualities that take the mark from lost to well readable.
fn faded(picture: &Picture) -> impl Iterator<Item = Vec<u8>> {
    let small = third(picture);
    (40..=80)
        .step_by(2)
        .map(move |quality| jpeg(&small, quality))
}

#[test]
fn a_mark_too_weak_to_be_read_is_matched_by_the_ledger() {
    let place = Place::new();
    let (_, other) = place.stamped(&scene(13), "other.png");
    let verifier = place.verifier();
    assert_eq!(rule(&verifier.verify(&other, "a")), "issued-and-unchanged");
    // Recorded after the verifier had its first look at the ledger.
    let (issued, bytes) = place.stamped(&scene(14), "a.png");

    let alone = place.without_ledger();
    let reports: Vec<(Report, bool)> = faded(&stripped(&bytes))
        .map(|found| {
            // Without a record nobody knows the size that it was issued with.
            let read = alone.verify(&found, "a").evidence.watermark;
            assert!(
                read.as_ref()
                    .is_none_or(|mark| mark.geometry.scale.is_none())
            );
            (verifier.verify(&found, "a"), read.is_some())
        })
        .collect();
    let (matched, _) = reports
        .iter()
        .find(|(report, read)| rule(report) == "matched-by-ledger" && !read)
        .expect("between lost and readable there is a faint mark");
    assert_eq!(matched.outcome, Outcome::EvidenceFound);
    let evidence = &matched.evidence;
    let watermark = evidence.watermark.as_ref().unwrap();
    assert_eq!(Some(&watermark.payload), issued.watermark_id.as_ref());
    assert_eq!(watermark.source, MarkSource::MatchedByLedger);
    assert_eq!(watermark.strength, MarkStrength::Matched);
    assert_eq!(watermark.compared_ids, Some(2));
    let scale = watermark.geometry.scale.unwrap();
    assert!((scale - 1.0 / 3.0).abs() < 0.01, "{scale}");
    let ledger = evidence.ledger.as_ref().unwrap();
    assert_eq!(ledger.record, issued.record);
    assert_eq!(ledger.comparison.binding, Binding::Same);
    let recovered = evidence.recovered_manifest.as_ref().unwrap();
    assert!(recovered.agrees, "{:?}", recovered.bindings);
    for (report, read) in &reports {
        let source = report.evidence.watermark.as_ref().map(|mark| mark.source);
        assert!(*read || source != Some(MarkSource::Read));
        assert!(report.evidence.faint_mark.is_none());
    }
}

#[test]
fn a_match_that_the_content_does_not_confirm_accuses_nobody() {
    let place = Place::new();
    let original = scene(1);
    let (_, marked) = place.stamped(&original, "a.png");
    let forged = transplanted(
        &decoded(&marked),
        &decoded(&original),
        &picture(2, 640, 480),
    );
    let (verifier, alone) = (place.verifier(), place.without_ledger());
    let mut faint = 0;
    for found in faded(&forged) {
        let report = verifier.verify(&found, "a");
        let read = alone.verify(&found, "a").evidence.watermark;
        // The ledger's ids hide no mark that can be read, and accuse where none can.
        let expected = match read {
            Some(_) => "mark-of-another-picture",
            None => "nothing-found",
        };
        assert_eq!(rule(&report), expected);
        assert_eq!(report.evidence.ledger.is_some(), read.is_some());
        faint += usize::from(report.evidence.faint_mark.is_some());
    }
    assert!(faint > 0, "between lost and readable there is a faint mark");
}
