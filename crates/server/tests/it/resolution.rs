//! C2PA Soft Binding Resolution API: a picture that lost its manifest finds it again.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use colophon_imaging::Format;
use colophon_ledger::{By, Erasure, ErasureReason, ErasureTarget, Parts, RecordAddress};
use colophon_server::Settings;
use serde_json::{Value, json};

use crate::running::{Reply, ask, get};
use crate::service::{NOW, Place, picture, stripped};

fn send(address: SocketAddr, target: &str, kind: &str, body: &[u8]) -> Reply {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: pictures.example\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    ask(address, &[head.as_bytes(), body].concat())
}

fn json_of(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

fn matches(reply: &Reply) -> Vec<(String, u64)> {
    let told = json_of(reply);
    let list = told["matches"].as_array().unwrap().clone();
    let one = |it: &Value| {
        let id = it["manifestId"].as_str().unwrap().to_owned();
        (id, it["similarityScore"].as_u64().unwrap())
    };
    list.iter().map(one).collect()
}

#[test]
fn a_picture_that_lost_its_manifest_finds_it_again() {
    let place = Place::new();
    let (issued, file) = place.stamped(&picture(3), "a.png");
    place.stamped(&picture(4), "b.png");
    let running = place.serve(Settings::default());
    let at = running.address();
    let manifest = &issued.manifest_id;

    let bare = stripped(&file, Format::Jpeg);
    let found = matches(&send(at, "/c2pa/matches/byContent", "image/jpeg", &bare));
    assert_eq!(found, [(manifest.clone(), 100)]);
    let store = get(at, &format!("/c2pa/manifests/{manifest}"));
    assert_eq!(store.status, 200);
    assert_eq!(store.header("content-type"), Some("application/c2pa"));
    let embedded = colophon_manifest::extract_manifest_bytes(&file, "image/png").unwrap();
    assert_eq!(Some(store.body.clone()), embedded);
    // One manifest is its own active one.
    let active = get(
        at,
        &format!("/c2pa/manifests/{manifest}?returnActiveManifest=true"),
    );
    assert_eq!(active.body, store.body);

    // By one algorithm alone: the mark, or the picture's likeness.
    for (alg, least) in [("io.colophon.watermark.1", 100), ("io.colophon.pdq.1", 50)] {
        let target = format!("/c2pa/matches/byContent?alg={alg}&maxResults=1");
        let found = matches(&send(at, &target, "image/jpeg", &bare));
        assert!(
            found.len() == 1 && found[0].0 == *manifest && found[0].1 >= least,
            "{found:?}"
        );
    }
    // A picture that nobody issued, and what is no picture.
    let other = matches(&send(
        at,
        "/c2pa/matches/byContent",
        "image/png",
        &picture(9),
    ));
    assert!(other.is_empty(), "{other:?}");
    for (kind, body, status) in [
        ("image/png", &b"II*\0 a TIFF"[..], 415),
        ("application/json", &b"{}"[..], 415),
        ("image/png", &file[..file.len() / 2], 400),
    ] {
        let reply = send(at, "/c2pa/matches/byContent", kind, body);
        assert_eq!(reply.status, status, "{}", reply.text());
    }
}

#[test]
fn bindings_lead_to_manifests_until_they_are_erased() {
    let place = Place::new();
    let (issued, _) = place.stamped(&picture(6), "a.png");
    let running = place.serve(Settings::default());
    let at = running.address();
    let id = u64::from_str_radix(issued.watermark_id.as_deref().unwrap(), 16).unwrap();
    let value = STANDARD.encode(id.to_be_bytes());
    let address = |alg: &str, value: &str| {
        let value = value.replace('+', "%2B").replace('/', "%2F");
        format!("/c2pa/matches/byBinding?alg={alg}&value={value}")
    };
    let mark = "io.colophon.watermark.1";
    let by_mark = address(mark, &value);
    let expected = [(issued.manifest_id.clone(), 100)];
    assert_eq!(matches(&get(at, &by_mark)), expected);
    let body = json!({ "alg": mark, "value": value }).to_string();
    let posted = send(
        at,
        "/c2pa/matches/byBinding?maxResults=3",
        "application/json",
        body.as_bytes(),
    );
    assert_eq!(matches(&posted), expected);
    let other = STANDARD.encode((id ^ 1).to_be_bytes());
    assert!(matches(&get(at, &address(mark, &other))).is_empty());

    let entry = place
        .issuer
        .ledger()
        .by_manifest_id(&issued.manifest_id)
        .unwrap()
        .remove(0);
    let mut hash = entry.part().unwrap().fingerprint.unwrap();
    hash[0] ^= 0b11;
    let near = address("io.colophon.pdq.1", &STANDARD.encode(hash));
    assert_eq!(matches(&get(at, &near)), [(issued.manifest_id.clone(), 94)]);

    for (target, status) in [
        (address("com.example.1", &value), 400),
        (address(mark, "AAAA"), 400),
        (address(mark, "no base64!"), 400),
        (format!("{by_mark}&maxResults=0"), 400),
        (format!("{by_mark}&maxResults=x"), 400),
        (format!("/c2pa/matches/byBinding?alg={mark}"), 400),
        (address(mark, &"A".repeat(3_000)), 414),
        (
            "/c2pa/manifests/urn:c2pa:00000000-0000-0000-0000-000000000000".to_owned(),
            404,
        ),
        ("/c2pa/manifests/%20".to_owned(), 400),
    ] {
        let target = target.replace(' ', "%20").replace('!', "%21");
        assert_eq!(get(at, &target).status, status, "{target}");
    }

    // What is erased leads nowhere, by either binding, and is not fetched any more.
    let erasure = Erasure {
        target: ErasureTarget::Records(vec![RecordAddress::Exact(entry.id())]),
        parts: Parts::All,
        reason: ErasureReason::Content,
        by: By::Role("operator".to_owned()),
        at: NOW + 10,
    };
    place.issuer.ledger().erase(&erasure).unwrap();
    assert!(matches(&get(at, &by_mark)).is_empty());
    assert!(matches(&get(at, &near)).is_empty());
    let fetched = get(at, &format!("/c2pa/manifests/{}", issued.manifest_id));
    assert_eq!(fetched.status, 404);
}

#[test]
fn receipts_prove_that_a_manifest_was_entered() {
    let place = Place::new();
    let (issued, _) = place.stamped(&picture(7), "a.png");
    let (other, _) = place.stamped(&picture(8), "b.png");
    let running = place.serve(Settings::default());
    let at = running.address();
    let target = |id: &str| format!("/c2pa/manifests/{id}/receipts");
    let receipt = json_of(&get(at, &target(&issued.manifest_id)));
    assert_eq!(receipt["verified"], true);
    assert_eq!(receipt["@type"], "org.c2pa.manifest-receipt");
    assert_eq!(
        receipt["repository"]["manifestId"],
        json!(issued.manifest_id)
    );
    let check = |id: &str, receipt: &Value| {
        send(
            at,
            &target(id),
            "application/json",
            receipt.to_string().as_bytes(),
        )
    };
    assert_eq!(
        json_of(&check(&issued.manifest_id, &receipt))["verified"],
        true
    );

    let mut damaged = receipt.clone();
    let value = damaged["anchor"]["proof"]["value"]
        .as_str()
        .unwrap()
        .to_owned();
    let other_digit = if value.as_bytes()[200] == b'A' {
        'B'
    } else {
        'A'
    };
    damaged["anchor"]["proof"]["value"] =
        json!(format!("{}{other_digit}{}", &value[..200], &value[201..]));
    let mut borrowed = json_of(&get(at, &target(&other.manifest_id)));
    borrowed["repository"]["manifestId"] = json!(issued.manifest_id);
    for (bad, why) in [
        (&damaged, ""),
        (&borrowed, "the leaf is no record of this manifest"),
    ] {
        let told = json_of(&check(&issued.manifest_id, bad));
        assert_eq!(told["verified"], false);
        assert!(told["error"].as_str().unwrap().contains(why), "{told}");
    }
    assert_eq!(
        json_of(&check(&other.manifest_id, &receipt))["verified"],
        false
    );
    assert_eq!(check("urn:c2pa:none", &receipt).status, 404);
    assert_eq!(check(&issued.manifest_id, &json!({})).status, 400);
}

#[test]
fn the_repository_says_what_it_is() {
    let place = Place::new();
    let running = place.serve(Settings::default());
    let at = running.address();
    let told = |target: &str| json_of(&get(at, target));
    let discovery = told("/.well-known/c2pa-soft-binding-resolution");
    let api = discovery["apiEndpoint"].as_str().unwrap();
    assert_eq!(discovery["c2paSpecificationVersion"], "2.4.0");
    let capabilities = told(discovery["capabilitiesEndpoint"].as_str().unwrap());
    assert_eq!(
        capabilities,
        json!({ "c2paSpecificationVersion": "2.4.0", "supportedCapabilities": ["queryByContent"] })
    );
    let status = told(discovery["statusEndpoint"].as_str().unwrap());
    assert_eq!(
        status,
        json!({ "status": "ok", "timestamp": "2026-11-20T10:00:00Z" })
    );
    assert_eq!(
        told(&format!("{api}/services/supportedAlgorithms")),
        json!({
            "watermarks": [{ "alg": "io.colophon.watermark.1" }],
            "fingerprints": [{ "alg": "io.colophon.pdq.1" }],
        })
    );
    // What is not declared is not done.
    for (method, path) in [
        ("POST", "/c2pa/matches/byReference"),
        ("POST", "/c2pa/manifests"),
        ("DELETE", "/c2pa/manifests/urn:c2pa:1"),
        ("POST", "/c2pa/bindings"),
        ("PUT", "/c2pa/bindings"),
    ] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        assert_eq!(ask(at, request.as_bytes()).status, 501, "{method} {path}");
    }
}
