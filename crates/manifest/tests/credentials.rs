//! What is found of credentials of every kind: the golden table that guards an upgrade of the SDK.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod common;

use std::io::Cursor;

use colophon_manifest::{
    CertificateName, Identity, Integrity, ListKind, ListUse, ManifestError, ManifestReport,
    ReadOptions, Reading, ReferenceKind, Revocation, RevokedCertificate, Time, Trust, TrustAnchors,
    media_type, read, read_with, read_with_store,
};
use common::chain::*;
use common::*;
use image::ImageFormat;
use serde_json::json;

/// The official list as it ships.
const C2PA: &str = include_str!("../../../keys/trust/c2pa.pem");

fn jpeg() -> Vec<u8> {
    picture(ImageFormat::Jpeg)
}

fn made(chain: &Chain, claim_version: u8) -> Vec<u8> {
    signed_by(&mut builder(&created(claim_version)), &jpeg(), chain)
}

fn read_jpeg(asset: &[u8], anchors: &TrustAnchors) -> ManifestReport {
    report(asset, "image/jpeg", anchors)
}

/// Integrity, signature, time, trust, revocation, identity.
fn states(report: &ManifestReport) -> [&'static str; 6] {
    let it = &report.verdicts;
    [
        it.integrity.state.code(),
        it.signature.state.code(),
        it.time.state.code(),
        it.trust.state.code(),
        it.revocation.state.code(),
        it.identity.state.code(),
    ]
}

#[test]
fn claims_of_both_versions_are_sound_by_their_own_root() {
    let chain = Chain::new("Example Org");
    for version in [1, 2] {
        let report = read_jpeg(&made(&chain, version), &chain.anchors());
        let expected = [
            "intact",
            "valid",
            "unstamped",
            "trusted-official",
            "not-checked",
            "absent",
        ];
        assert_eq!(states(&report), expected, "{:?}", report.verdicts);
        assert_eq!(report.claim_version, Some(version));
    }
}

#[test]
fn a_well_known_name_on_a_chain_of_ones_own_identifies_nobody() {
    let chain = Chain::new("OpenAI OpCo, LLC");
    let official = TrustAnchors::none()
        .with_list("c2pa", ListKind::Official, C2PA)
        .unwrap();
    let report = read_jpeg(&made(&chain, 2), &official);
    let organisation = report.signer.as_ref().unwrap().organisation.as_deref();
    assert_eq!(organisation, Some("OpenAI OpCo, LLC"));
    assert_eq!(report.verdicts.trust.state, Trust::Untrusted);
    assert_eq!(report.verdicts.identity.state, Identity::Absent);
}

#[test]
fn the_kind_of_list_is_told_and_the_first_list_wins() {
    let chain = Chain::new("Example Org");
    let asset = made(&chain, 2);
    for (kind, code) in [
        (ListKind::Official, "trusted-official"),
        (ListKind::Legacy, "trusted-legacy"),
        (ListKind::Local, "trusted-local"),
    ] {
        let other = Chain::new("Other Org");
        let anchors = TrustAnchors::none()
            .with(other.list("other", ListKind::Official, ListUse::Signers))
            .and_then(|it| it.with(chain.list("theirs", kind, ListUse::Signers)))
            .and_then(|it| it.with(chain.list("again", ListKind::Local, ListUse::Signers)))
            .unwrap();
        let trust = read_jpeg(&asset, &anchors).verdicts.trust.state;
        assert_eq!((trust.code(), trust.list()), (code, Some("theirs")));
    }
}

#[test]
fn single_signers_are_trusted_without_their_root() {
    let chain = Chain::new("Example Org");
    let other = Chain::new("Example Org");
    let mut list = chain.list("interim", ListKind::Legacy, ListUse::Signers);
    list.anchors = String::new();
    list.allowed = chain.leaf.clone();
    let anchors = TrustAnchors::none().with(list).unwrap();
    let trust = |chain: &Chain| read_jpeg(&made(chain, 2), &anchors).verdicts.trust.state;
    assert_eq!(trust(&chain).code(), "trusted-legacy");
    assert_eq!(trust(&other), Trust::Untrusted);
}

#[test]
fn an_anchor_for_time_stamps_makes_no_signer_trusted() {
    let chain = Chain::new("Example Org");
    let list = chain.list("stamps", ListKind::Official, ListUse::TimeStamps);
    let report = read_jpeg(&made(&chain, 2), &TrustAnchors::none().with(list).unwrap());
    assert_eq!(report.verdicts.trust.state, Trust::Untrusted);
}

#[test]
fn this_machines_own_list_revokes_by_hash() {
    let (chain, other) = (Chain::new("Example Org"), Chain::new("Example Org"));
    let asset = made(&chain, 2);
    let revoked = |leaf: &str| {
        let entry = RevokedCertificate {
            certificate: CertificateName::of_file(leaf.as_bytes()).unwrap(),
            from: 1_700_000_000,
            reason: None,
        };
        read_jpeg(&asset, &chain.anchors().with_revoked(vec![entry]))
    };
    let report = revoked(&chain.leaf);
    assert_eq!(report.verdicts.revocation.state, Revocation::RevokedHere);
    assert_eq!(report.verdicts.integrity.state, Integrity::Intact);
    assert!(report.revoked_here.is_some() && !report.verdicts.are_sound());
    let untouched = revoked(&other.leaf).verdicts.revocation.state;
    assert_eq!(untouched, Revocation::NotChecked);
    assert!(RevokedCertificate::of_crl(chain.leaf.as_bytes()).is_err());
}

#[test]
fn what_is_said_beside_the_claim_is_read_and_persons_are_kept_apart() {
    let chain = Chain::new("Example Org");
    let mut definition = created(2);
    let list = definition["assertions"].as_array_mut().unwrap();
    list[0]["data"]["actions"][0]["parameters"] = json!({
        "com.adobe.firefly.version": "3.1",
        "com.adobe.firefly.prompt": "a secret prompt",
        "other": "x",
    });
    list.push(json!({ "label": "c2pa.ai_generated_content", "data": { "model": "FLUX.2", "prompt": "a secret prompt" } }));
    list.push(json!({ "label": "stds.schema-org.CreativeWork", "kind": "Json", "data": {
        "@context": "https://schema.org", "@type": "CreativeWork", "author": [{ "@type": "Person", "name": "Jane Roe" }],
    } }));
    let asset = signed_by(&mut builder(&definition), &jpeg(), &chain);
    let report = read_jpeg(&asset, &chain.anchors());
    let parameters: Vec<String> = report
        .ai_parameters
        .iter()
        .map(|it| format!("{}={}", it.name, it.value))
        .collect();
    assert!(
        parameters.contains(&"com.adobe.firefly.version=3.1".to_owned()),
        "{parameters:?}"
    );
    assert!(parameters.contains(&"c2pa.ai_generated_content.model=FLUX.2".to_owned()));
    let mut labels = report.personal_labels.clone();
    labels.sort();
    assert_eq!(
        labels,
        ["c2pa.ai_generated_content", "stds.schema-org.CreativeWork"]
    );
    assert!(report.personal.iter().any(|it| it.value == "Jane Roe"));
    assert!(
        report
            .personal
            .iter()
            .any(|it| it.value == "a secret prompt")
    );
    let public = serde_json::to_string(&report).unwrap();
    assert!(
        !public.contains("secret prompt") && !public.contains("Jane Roe"),
        "{public}"
    );
    assert_eq!(
        report.actions[0].description.as_deref(),
        Some("made for a test")
    );
    assert_eq!(report.software_agents[0].name, "Model");
    assert_eq!(report.claim_generators[0].name, "Writer");
}

/// A JPEG whose manifest leaves more out of the protection than itself, as cameras write them.
#[test]
fn unprotected_parts_are_a_warning_of_their_own() {
    let chain = Chain::new("Example Org");
    let mut builder = builder(&created(2));
    let reserve = c2pa::Signer::reserve_size(&chain);
    let placeholder = builder
        .data_hashed_placeholder(reserve, "image/jpeg")
        .unwrap();
    let exif = b"\xff\xe1\x00\x16Exif\0\0MM\0\x2a\0\0\0\x08\0\0\0\0\0\0";
    let picture = jpeg();
    let asset = [&picture[..2], &placeholder, exif, &picture[2..]].concat();
    let exif_at = 2 + placeholder.len();
    let mut hash = c2pa::assertions::DataHash::new("jumbf manifest", "sha256");
    hash.add_exclusion(c2pa::HashRange::new(2, placeholder.len() as u64));
    hash.add_exclusion(c2pa::HashRange::new(
        exif_at as u64 + 4,
        exif.len() as u64 - 4,
    ));
    hash.gen_hash_from_stream(&mut Cursor::new(&asset)).unwrap();
    let manifest = builder
        .sign_data_hashed_embeddable(&chain, &hash, "image/jpeg")
        .unwrap();
    assert_eq!(manifest.len(), placeholder.len());
    let mut asset = [&picture[..2], &manifest, exif, &picture[2..]].concat();
    let state = |asset: &[u8]| read_jpeg(asset, &chain.anchors()).verdicts.integrity.state;
    assert_eq!(state(&asset), Integrity::IntactWithGaps);
    asset[exif_at + 20] = 7;
    assert_eq!(state(&asset), Integrity::IntactWithGaps);
    let last = asset.len() - 20;
    asset[last] ^= 1;
    assert_eq!(state(&asset), Integrity::FileAltered);
}

#[test]
fn a_store_that_was_fetched_is_held_against_the_very_file() {
    let chain = Chain::new("Example Org");
    let asset = made(&chain, 2);
    let store = colophon_manifest::extract_manifest_bytes(&asset, "image/jpeg")
        .unwrap()
        .unwrap();
    let anchors = chain.anchors();
    let options = ReadOptions {
        anchors: &anchors,
        deadline: DEADLINE,
        crjson: true,
    };
    let state = |asset: &[u8]| {
        let reading = read_with_store(asset, "image/jpeg", &store, &options).unwrap();
        reading.manifest().unwrap().verdicts.integrity.state
    };
    assert_eq!(state(&asset), Integrity::Intact);
    assert_eq!(state(&jpeg()), Integrity::FileAltered);
}

#[test]
fn crjson_comes_when_it_is_asked_for() {
    let chain = Chain::new("Example Org");
    let asset = made(&chain, 2);
    let anchors = chain.anchors();
    let crjson = |crjson: bool| {
        let options = ReadOptions {
            anchors: &anchors,
            deadline: DEADLINE,
            crjson,
        };
        let reading = read_with(&asset, "image/jpeg", &options).unwrap();
        reading.manifest().unwrap().crjson.clone()
    };
    assert_eq!(crjson(false), None);
    let value: serde_json::Value = serde_json::from_str(&crjson(true).unwrap()).unwrap();
    assert!(value["manifests"][0]["label"].is_string(), "{value}");
}

#[test]
fn containers_that_cost_too_much_are_refused_unread() {
    // A directory that names itself as the next one: c2pa 0.90 follows such without a bound.
    let tiff = b"II\x2a\0\x08\0\0\0\x01\0\x4a\x01\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0".to_vec();
    let begun = std::time::Instant::now();
    for (bytes, mime) in [
        (tiff.as_slice(), "image/tiff"),
        (&tiff, "image/x-adobe-dng"),
        (&tiff, "image/jpeg"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4"),
    ] {
        let refused = read(bytes, mime, &TrustAnchors::none(), DEADLINE);
        assert!(
            matches!(refused, Err(ManifestError::RefusedContainer { .. })),
            "{mime}: {refused:?}"
        );
        assert_eq!(media_type(bytes), None);
    }
    assert!(begun.elapsed().as_millis() < 50);
}

#[test]
fn addresses_are_named_and_none_is_asked() {
    let chain = Chain::new("Example Org");
    let mut builder = builder(&created(2));
    builder.set_remote_url("https://example.org/one.c2pa");
    let asset = signed_by(&mut builder, &jpeg(), &chain);
    // Embedded and named elsewhere at once: the embedded one is read.
    match read(&asset, "image/jpeg", &chain.anchors(), DEADLINE).unwrap() {
        Reading::Manifest(report) => {
            let named = report
                .references
                .iter()
                .find(|it| it.kind == ReferenceKind::Manifest);
            assert!(named.is_none_or(|it| it.url == "https://example.org/one.c2pa"));
            assert_eq!(report.verdicts.integrity.state, Integrity::Intact);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn times_of_signing_without_a_stamp_are_the_present() {
    let chain = Chain::new("Example Org");
    let report = read_jpeg(&made(&chain, 2), &chain.anchors());
    assert_eq!(report.verdicts.time.state, Time::Unstamped);
    assert_eq!(report.signer.unwrap().stamped_at, None);
}
