//! Whom `verify` trusts, what it hands on, and what it asks others for.

use std::fs;

use serde_json::Value;

use crate::support::{Bench, png, scene, stamped};

#[test]
fn the_validators_own_report_is_written_when_asked_for() {
    let bench = stamped();
    let told = bench.run(&["verify", "--json", "--crjson", "crjson.json", "stamped.jpg"]);
    let report = told.code(0).json().remove(0);
    let crjson: Value = serde_json::from_slice(&bench.read("crjson.json")).unwrap();
    assert_eq!(
        crjson["manifests"][0]["label"],
        report["evidence"]["manifest"]["id"]
    );
    bench
        .run(&["verify", "--crjson", "none.json", "other.jpg"])
        .code(3);
    assert!(!bench.path("none.json").exists());
    bench
        .run(&["verify", "--crjson", "two.json", "stamped.jpg", "other.jpg"])
        .code(2)
        .says("one picture at a time");
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_says_what_confined_the_readers() {
    let report = stamped()
        .run(&["verify", "--json", "stamped.jpg"])
        .json()
        .remove(0);
    let layers = report["tool"]["confinement"].as_array().unwrap();
    assert!(layers.contains(&"rlimits".into()), "{layers:?}");
}

/// The address is this machine's own: no picture may have it called.
#[test]
fn a_manifest_kept_elsewhere_is_fetched_from_the_open_network_alone() {
    let bench = Bench::new();
    let mut picture = scene(71, 320, 240);
    picture.metadata.xmp = Some(
        br#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="https://127.0.0.1/manifest"/></rdf:RDF></x:xmpmeta>"#
            .to_vec(),
    );
    bench.write("remote.png", &png(&picture));
    let refusal = |arguments: &[&str]| {
        let report = bench.run(arguments).code(2).json().remove(0);
        assert_eq!(report["evidence"]["manifest"]["state"], "remote-only");
        let entries = report["not_checked"].as_array().unwrap().clone();
        entries
            .into_iter()
            .find(|entry| entry["what"] == "remote-manifest")
    };
    assert_eq!(refusal(&["verify", "--json", "remote.png"]), None);
    let entry = refusal(&["verify", "--json", "--fetch", "remote.png"]).unwrap();
    let why = entry["why"].as_str().unwrap();
    assert!(why.contains("no address of the open network"), "{why}");
}

#[test]
fn a_list_taken_in_is_trusted_until_it_is_removed_or_its_signer_revoked() {
    let with = stamped();
    let bench = Bench::new();
    bench.write("stamped.jpg", &with.read("stamped.jpg"));
    let root = with
        .run(&["keys", "show", "--root-certificate"])
        .code(0)
        .out;
    bench.write("friends.pem", root.as_bytes());
    let manifest = || {
        let report = bench
            .run(&["verify", "--json", "stamped.jpg"])
            .json()
            .remove(0);
        report["evidence"]["manifest"].clone()
    };
    assert_eq!(manifest()["state"], "untrusted");
    bench
        .run(&["trust", "import", "friends.pem", "--name", "friends"])
        .code(0);
    bench.run(&["trust", "list"]).code(0).says("friends");
    let trusted = manifest();
    assert_eq!(trusted["state"], "trusted");
    assert_eq!(trusted["verdicts"]["trust"]["list"], "friends");

    let leaf = trusted["signer"]["chain_sha256"][0].as_str().unwrap();
    bench
        .run(&["trust", "revoke", leaf, "--reason", "keyCompromise"])
        .code(0);
    assert_eq!(
        manifest()["verdicts"]["revocation"]["state"],
        "revoked-here"
    );

    bench.run(&["trust", "remove", "friends"]).code(0);
    assert_eq!(manifest()["verdicts"]["trust"]["state"], "untrusted");
    bench.write("empty.pem", b"no certificate");
    bench
        .run(&["trust", "import", "empty.pem", "--name", "none"])
        .code(2);
    assert!(fs::read_dir(bench.path("home/trust")).unwrap().count() > 0);
}
