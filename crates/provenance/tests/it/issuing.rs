//! What a stamped picture is.

use std::thread;

use colophon_imaging::{Channels, Picture, Samples};
use colophon_policy::ManifestState;
use colophon_provenance::{
    Class, Destination, EmbedOptions, IssueOptions, Issuer, LEAST_PSNR, MarkSource, Outcome,
    ProvenanceError, Says, Source, StampRequest,
};

use crate::support::{
    KEY_EVENTS, Place, decoded, jpeg, options, picture, png, png_chunk, request, rule, scene,
    stripped, transplanted,
};

#[test]
fn every_output_format_reads_back_as_issued_and_unchanged() {
    let place = Place::new();
    assert!(place.issuer.made_home());
    for (number, name) in ["a.png", "a.jpg", "a.webp"].into_iter().enumerate() {
        let (issued, bytes) = place.stamped(&scene(number as u64), name);
        let report = place.verify(&bytes);
        assert_eq!(rule(&report), "issued-and-unchanged", "{name}");
        assert_eq!(report.outcome, Outcome::EvidenceFound);
        let watermark = report.evidence.watermark.unwrap();
        assert_eq!(Some(&watermark.payload), issued.watermark_id.as_ref());
        assert_eq!(watermark.source, MarkSource::Read);
        assert!(watermark.log10_false_positive.is_none());
        let ledger = report.evidence.ledger.unwrap();
        assert_eq!(
            (ledger.record, ledger.inclusion.proven),
            (KEY_EVENTS + number as u64, true)
        );
        assert_eq!(ledger.asset_sha256, issued.sha256);
        let manifest = report.evidence.manifest.unwrap();
        assert_eq!(manifest.state, ManifestState::Local);
        assert_eq!(manifest.id.as_ref(), Some(&issued.manifest_id));
        assert_eq!(manifest.source_types, ["trainedAlgorithmicMedia"]);
        assert!(report.evidence.recovered_manifest.is_none());
        let declared = report
            .evidence
            .signals
            .iter()
            .find(|signal| signal.source == Source::Iptc)
            .unwrap();
        assert_eq!(
            (declared.class, declared.says),
            (Class::Declared, Says::Generated)
        );
        assert!(issued.psnr_mark.unwrap() >= LEAST_PSNR);
        assert!(
            issued.psnr_file.unwrap() >= LEAST_PSNR,
            "{name}: {:?}",
            issued.psnr_file
        );
    }
    assert_eq!(place.records(), 3);
}

#[test]
fn a_lossy_picture_becomes_a_lossy_webp_and_a_lossless_one_a_lossless() {
    let place = Place::new();
    let source = picture(9, 640, 480);
    for (name, input, chunk) in [
        ("lossy.webp", jpeg(&source, 85), b"VP8 "),
        ("lossless.webp", png(&source), b"VP8L"),
    ] {
        let (issued, bytes) = place.stamped(&input, name);
        assert!(bytes.windows(4).any(|w| w == chunk), "{name}");
        assert!(issued.psnr_file.unwrap() >= LEAST_PSNR, "{name}");
        assert_eq!(
            rule(&place.verify(&bytes)),
            "issued-and-unchanged",
            "{name}"
        );
    }
}

#[test]
fn depth_gray_and_alpha_survive_stamping() {
    let place = Place::new();
    let rgb = picture(5, 400, 300);
    let luma = rgb.luma();
    let gray16 = luma.iter().map(|v| (v * 257.0) as u16 + 3).collect();
    let gray_alpha = luma
        .iter()
        .enumerate()
        .flat_map(|(i, v)| [*v as u8, if i % 7 == 0 { 255 } else { 200 }]);
    let cases = [
        ("16.png", Channels::Gray, Samples::U16(gray16)),
        (
            "alpha.png",
            Channels::GrayAlpha,
            Samples::U8(gray_alpha.collect()),
        ),
    ];
    for (name, channels, samples) in cases {
        let original = Picture::new(400, 300, channels, samples).unwrap();
        let (_, bytes) = place.stamped(&png(&original), name);
        let out = decoded(&bytes);
        assert_eq!(out.channels(), channels);
        assert!(out.psnr(&original).unwrap() >= LEAST_PSNR);
        assert_eq!(rule(&place.verify(&bytes)), "issued-and-unchanged");
    }
}

#[test]
fn a_jpeg_keeps_its_quality_or_rises_until_it_is_close() {
    let place = Place::new();
    let input = jpeg(&picture(7, 640, 480), 80);
    let (issued, bytes) = place.stamped(&input, "a.jpg");
    assert!(issued.jpeg_quality.unwrap() >= 90);
    let psnr = decoded(&bytes).psnr(&decoded(&input)).unwrap();
    assert!(psnr >= LEAST_PSNR, "{psnr}");

    let asked = StampRequest {
        options: IssueOptions {
            jpeg_quality: Some(85),
            ..options()
        },
        ..request()
    };
    let issued = place.stamp_with(&input, "b.jpg", &asked).unwrap();
    assert_eq!(issued.jpeg_quality, Some(85));
}

#[test]
fn a_picture_that_cannot_carry_a_mark_is_refused_or_issued_with_the_reason() {
    let place = Place::new();
    let small = png(&picture(1, 120, 120));
    // As for a picture in which no mark would survive.
    let demanding = StampRequest {
        options: IssueOptions {
            embed: Some(EmbedOptions {
                least_margin: 1e6,
                ..EmbedOptions::default()
            }),
            ..options()
        },
        ..request()
    };
    for (name, input, asked) in [
        ("small.png", small, request()),
        ("demanding.png", scene(1), demanding),
    ] {
        let refused = place.stamp_with(&input, name, &asked).unwrap_err();
        assert!(
            matches!(refused, ProvenanceError::CannotMark { .. }),
            "{name}: {refused}"
        );
        assert!(place.outputs().iter().all(|output| output != name));

        let mut allowed = asked;
        allowed.options.allow_unmarked = true;
        let issued = place.stamp_with(&input, name, &allowed).unwrap();
        assert_eq!(issued.watermark_id, None);
        let report = place.verify(&std::fs::read(&issued.path).unwrap());
        assert_eq!(rule(&report), "issued-and-unchanged");
        assert!(report.evidence.watermark.is_none());
        assert!(!report.evidence.ledger.unwrap().marked);
        let manifest = report.evidence.manifest.unwrap();
        assert_eq!(manifest.unmarked_reason, issued.unmarked_reason);
        assert!(manifest.unmarked_reason.is_some());
    }
}

#[test]
fn stamping_again_keeps_mark_and_ingredient() {
    let place = Place::new();
    let (first, bytes) = place.stamped(&scene(1), "first.png");
    let (second, again) = place.stamped(&bytes, "second.jpg");
    assert!(second.mark_kept && second.ingredient_kept);
    assert_eq!(second.watermark_id, first.watermark_id);

    let report = place.verify(&again);
    assert_eq!(rule(&report), "issued-and-unchanged");
    assert_eq!(
        report.evidence.ledger.as_ref().unwrap().record,
        second.record
    );
    let manifest = report.evidence.manifest.unwrap();
    assert_eq!(manifest.ingredients[0].manifest_id, Some(first.manifest_id));
    // Each file leads to its own record, and a stripped one to one that shows the same.
    assert_eq!(
        place.verify(&bytes).evidence.ledger.unwrap().record,
        first.record
    );
    let report = place.verify(&png(&stripped(&again)));
    assert_eq!(rule(&report), "recovered");
}

#[test]
fn a_transplanted_mark_is_not_issued_on() {
    let place = Place::new();
    let original = scene(1);
    let (issued, marked) = place.stamped(&original, "a.png");
    let forged = transplanted(
        &decoded(&marked),
        &decoded(&original),
        &picture(2, 640, 480),
    );
    let refused = place.stamp(&png(&forged), "b.png").unwrap_err();
    let record = issued.record;
    assert!(
        matches!(refused, ProvenanceError::ForeignMark { record: found, .. } if found == record),
        "{refused}"
    );
}

#[test]
fn moving_pictures_are_refused() {
    let place = Place::new();
    let mut bytes = b"GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    for _ in 0..2 {
        bytes.extend(b"\x2c\0\0\0\0\x02\0\x02\0\0\x02\x03\x44\x02\x05\0");
    }
    bytes.push(b';');
    let refused = place.stamp(&bytes, "a.png").unwrap_err();
    assert!(
        matches!(refused, ProvenanceError::Animated { frames: 2 }),
        "{refused}"
    );
}

#[test]
fn one_issuer_serves_many_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Issuer>();
    shared::<colophon_provenance::Verifier>();
    let place = Place::new();
    thread::scope(|scope| {
        let stamp = |number: u64| {
            let place = &place;
            scope.spawn(move || {
                place
                    .stamped(&png(&picture(number, 320, 240)), &format!("{number}.png"))
                    .0
            })
        };
        let handles: Vec<_> = (0..6).map(stamp).collect();
        let mut records: Vec<u64> = handles
            .into_iter()
            .map(|each| each.join().unwrap().record)
            .collect();
        records.sort_unstable();
        let first = KEY_EVENTS;
        assert!(records.into_iter().eq(first..first + 6));
    });
}

#[test]
fn the_prompt_stays_in_the_private_part() {
    let place = Place::new();
    let (issued, bytes) = place.stamped(&scene(3), "a.png");
    let secret = b"a secret prompt";
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    let json = serde_json::to_string(&place.verify(&bytes)).unwrap();
    assert!(!json.contains("secret"));
    let entry = place.record(issued.record);
    let prompt = entry.part().unwrap().prompt.as_deref();
    assert_eq!(prompt, Some("a secret prompt"));
}

#[test]
fn an_existing_output_is_replaced_only_if_asked() {
    let place = Place::new();
    let path = place.out("a.png");
    std::fs::write(&path, "precious").unwrap();
    let refused = place.stamp(&scene(1), "a.png").unwrap_err();
    assert!(refused.to_string().contains("exists already"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    assert_eq!(place.records(), 0);

    let destination = Destination {
        path: path.clone(),
        overwrite: true,
    };
    place
        .issuer
        .stamp(&scene(1), &request(), destination)
        .unwrap();
    assert_eq!(
        rule(&place.verify(&std::fs::read(&path).unwrap())),
        "issued-and-unchanged"
    );
}

#[test]
fn a_damaged_manifest_in_the_input_does_not_stand_in_the_way() {
    let place = Place::new();
    let (_, bytes) = place.stamped(&scene(1), "a.png");
    let chunk = png_chunk(&bytes, *b"caBX");
    for at in [chunk.start + 200, chunk.start + chunk.len() / 2] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        let (_, again) = place.stamped(&damaged, &format!("{at}.png"));
        assert_eq!(rule(&place.verify(&again)), "issued-and-unchanged");
    }
}
