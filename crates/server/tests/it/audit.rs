//! The auditor's half over a real socket: pages, proofs, exports, and nothing personal for everybody.

mod bench;

use bench::*;
use colophon_audit::check_export;
use colophon_ledger::{CoseReceipt, ReceiptKey, VerifierKey, check_proof};
use colophon_server::Settings;
use serde_json::Value;
use std::io::{Cursor, Read as _};
use zip::ZipArchive;

#[test]
fn pages_lead_on_by_their_link_to_every_record_and_each_is_proven() {
    let bench = Bench::new();
    for order in ["oldest", "newest"] {
        let mut next = Some(format!("/v1/records?limit=70&order={order}"));
        let mut entries = Vec::new();
        while let Some(path) = next {
            let reply = bench.get(&path);
            assert_eq!(reply.status, 200, "{}", reply.text());
            let page: Value = serde_json::from_slice(&reply.body).unwrap();
            for record in page["records"].as_array().unwrap() {
                assert_eq!(record["proven"], true, "{record}");
                entries.push(record["entry"].as_u64().unwrap());
            }
            next = reply.header("link").map(|link| {
                let (address, end) = link.trim_start_matches('<').split_once('>').unwrap();
                assert_eq!(end, "; rel=\"next\"");
                address.to_owned()
            });
            assert_eq!(next.is_some(), page["next"].is_string());
        }
        assert_eq!(entries.len() as u64, COUNT);
        let in_order = |pair: &[u64]| (pair[0] < pair[1]) == (order == "oldest");
        assert!(entries.windows(2).all(in_order), "{order}");
    }
    let filtered = bench.json(&format!(
        "/v1/records?model=Camera&since=2027-01-15T08:00:{}Z&limit=1000",
        10
    ));
    assert_eq!(filtered["records"].as_array().unwrap().len(), 145);
    let events = bench.json("/v1/events?limit=1000");
    let events = events["events"].as_array().unwrap();
    assert!(
        events.iter().any(|it| it["type"] == "key-activated"),
        "{events:?}"
    );
    assert!(events.iter().all(|it| it["type"] != "picture"));
}

#[test]
fn a_record_is_found_by_each_of_its_names_and_proves_itself() {
    let bench = Bench::new();
    let n = 17;
    let hash = colophon_provenance::hex(&record(n).asset_sha256);
    let place = format!("2027h1-{}", bench.first() + n);
    for name in [
        &*place,
        &format!("{:016x}", mark(n)),
        &hash,
        &format!("urn:c2pa:{n}"),
    ] {
        let told = bench.json(&format!("/v1/records/{name}"));
        assert_eq!(
            (&told["id"], &told["proven"]),
            (&place.clone().into(), &true.into()),
            "{told}"
        );
        assert_eq!(told["facts"]["asset_sha256"], hash);
    }
    let key = bench.json("/v1/ledger")["verifier_key"]
        .as_str()
        .unwrap()
        .to_owned();
    let key: VerifierKey = key.parse().unwrap();
    let leaf = bench.get(&format!("/v1/records/{place}/leaf")).body;
    let proof = bench.get(&format!("/v1/records/{place}/proof"));
    let checkpoint = check_proof(proof.text(), &leaf, &key).unwrap();
    assert!(check_proof(proof.text(), &leaf[1..], &key).is_err());
    // The receipt proves the same root, with the key that the log names.
    let receipt = bench.get(&format!("/v1/records/{place}/receipt"));
    assert_eq!(
        receipt.header("content-type"),
        Some("application/cose; cose-type=\"cose-sign1\"")
    );
    let receipt = CoseReceipt::parse(&receipt.body).unwrap();
    let keys = bench.json("/v1/keys");
    let of_receipts = keys["keys"].as_array().unwrap().iter();
    let pem = of_receipts
        .clone()
        .find(|key| key["role"] == "receipt")
        .unwrap()["public_key"]
        .as_str()
        .unwrap();
    let signer = receipt_key(pem, receipt.key_id().unwrap());
    assert_eq!(
        receipt.verify_inclusion(&leaf, &signer),
        Ok(checkpoint.root)
    );
    let bundle = bench.get(&format!("/v1/records/{:016x}/bundle", mark(n)));
    let mut bundle = ZipArchive::new(Cursor::new(bundle.body)).unwrap();
    for name in [
        "README.md",
        "record.leaf",
        "record.tlog-proof",
        "record.receipt",
        "receipt-key.pem",
        "manifest.c2pa",
    ] {
        assert!(bundle.by_name(name).is_ok(), "{name}");
    }
    for unknown in [
        "2027h1-999999",
        "ffffffffffffffff",
        "urn:c2pa:none",
        "..%2f..%2fetc",
        "%00",
    ] {
        for part in ["", "/proof", "/receipt", "/bundle", "/manifest", "/leaf"] {
            let reply = bench.get(&format!("/v1/records/{unknown}{part}"));
            assert!(
                matches!(reply.status, 400 | 404),
                "{unknown}{part}: {}",
                reply.text()
            );
            assert_eq!(
                reply.header("content-type"),
                Some("application/problem+json")
            );
        }
    }
    // An event has a place and a proof, and no life of a picture.
    let event = bench.json("/v1/records/2027h1-0");
    assert_eq!(
        (&event["proven"], &event["facts"]["manifest_id"]),
        (&true.into(), &Value::Null)
    );
}

fn receipt_key(pem: &str, id: &[u8]) -> ReceiptKey {
    // The last 32 bytes of the key's DER; 44 bytes are 60 characters of Base64, 59 and a sign.
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let bits = text.trim_end_matches('=').bytes().fold(
        (0_u32, 0, Vec::new()),
        |(bits, count, mut out), c| {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let value = alphabet.iter().position(|it| *it == c).unwrap() as u32;
            let (bits, count) = ((bits << 6 | value) & 0xffff, count + 6);
            if count < 8 {
                return (bits, count, out);
            }
            out.push((bits >> (count - 8)) as u8);
            (bits, count - 8, out)
        },
    );
    ReceiptKey::new(id, bits.2.last_chunk::<32>().unwrap()).unwrap()
}

#[test]
fn public_answers_hold_nothing_personal_and_hostile_names_stay_data() {
    let bench = Bench::new();
    let place = format!("2027h1-{}", bench.first());
    let mark = format!("{:016x}", mark(0));
    let record = |part: &str| format!("/v1/records/{place}{part}");
    for path in [
        "/v1/ledger".to_owned(),
        "/v1/records?limit=1000".to_owned(),
        "/v1/events?limit=1000".to_owned(),
        "/v1/stats?events=all".to_owned(),
        "/v1/stats?format=svg&chart=models".to_owned(),
        "/v1/policy".to_owned(),
        "/v1/keys".to_owned(),
        "/v1/trust-lists".to_owned(),
        "/tlog/2027h1/tile/entries/000".to_owned(),
        record(""),
        record("/leaf"),
        record("/proof"),
        record("/bundle"),
        format!("/v1/records/{mark}"),
    ] {
        let reply = bench.get(&path);
        assert_eq!(
            reply.status,
            200,
            "{path}: {}",
            String::from_utf8_lossy(&reply.body)
        );
        let text = String::from_utf8_lossy(&reply.body);
        for personal in PERSONAL {
            // The bundle holds the picture's link by which it was asked for at most.
            let asked = path.contains(personal);
            assert!(
                asked || !text.contains(personal),
                "{personal} in {path}: {text}"
            );
        }
        assert!(!text.contains("PRIVATE KEY"), "{path}");
        let secret = self::record(0).fingerprint.unwrap();
        assert!(!text.contains(&colophon_provenance::hex(&secret)), "{path}");
        assert_eq!(
            reply.header("x-content-type-options").unwrap_or("nosniff"),
            "nosniff"
        );
    }
    let drawn = bench.get("/v1/stats?format=svg&chart=models");
    assert_eq!(drawn.header("content-type"), Some("image/svg+xml"));
    assert!(
        !drawn.text().contains("<img") && drawn.text().contains("&lt;img"),
        "{}",
        drawn.text()
    );
    // Who is in which team, and which words are looked for, is told by hash alone.
    let policy = bench.json("/v1/policy");
    assert!(policy["verdict_rules"].as_array().unwrap().len() > 10);
    let files = policy["files"].as_array().unwrap();
    let text = |path: &str| {
        let of = |file: &&Value| file["path"].as_str().is_some_and(|it| it.starts_with(path));
        &files.iter().find(of).unwrap()["text"]
    };
    assert!(text("default.cedar").as_str().unwrap().contains("permit"));
    assert_eq!(
        (text("principals.toml"), text("lexicon")),
        (&Value::Null, &Value::Null)
    );
    // The manifest holds the title: by the record's place it is told to nobody without a key.
    assert_eq!(bench.get(&record("/manifest")).status, 401);
    assert_eq!(bench.get_as("reader", &record("/manifest")).status, 403);
    assert_eq!(bench.get_as("theirs", &record("/manifest")).status, 403);
    let given = bench.get(&format!("/v1/records/{mark}/manifest"));
    assert_eq!(
        (given.status, given.header("content-type")),
        (200, Some("application/c2pa"))
    );
}

#[test]
fn private_parts_are_told_to_their_tenant_alone() {
    let bench = Bench::new();
    let path = format!("/v1/records/2027h1-{}?include=private", bench.first());
    assert_eq!(bench.get(&path).status, 401);
    for who in ["reader", "theirs"] {
        let reply = bench.get_as(who, &path);
        assert_eq!(reply.status, 403, "{who}: {}", reply.text());
        assert!(!reply.text().contains("Ida"), "{}", reply.text());
    }
    // A key for personal data makes a privacy officer of its own tenant.
    let reply = bench.get_as("ours", &path);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("a secret prompt about Ida"));
    for query in [
        "watermark=0123456789ab0000",
        "verdict=altered",
        &format!("like={}", "00".repeat(32)),
    ] {
        assert_eq!(
            bench.get(&format!("/v1/records?{query}")).status,
            401,
            "{query}"
        );
        assert_eq!(
            bench
                .get_as("reader", &format!("/v1/records?{query}"))
                .status,
            403,
            "{query}"
        );
    }
}

#[test]
fn an_export_is_whole_signed_and_stands_against_a_copy_of_the_log() {
    let bench = Bench::new();
    assert_eq!(bench.get("/v1/exports?format=csv").status, 401);
    assert_eq!(bench.get_as("reader", "/v1/exports?format=csv").status, 403);
    assert_eq!(
        bench.get_as("exporter", "/v1/exports?format=xls").status,
        400
    );
    assert_eq!(
        bench
            .get_as("exporter", "/v1/exports?format=csv&private=true")
            .status,
        403
    );
    for form in ["csv", "jsonl", "parquet"] {
        let path = format!("/v1/exports?format={form}&model=Camera&events=all");
        let reply = bench.get_as("exporter", &path);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let mut archive = ZipArchive::new(Cursor::new(&reply.body)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        archive.extract(folder.path()).unwrap();
        let table = folder.path().join(format!("ledger.{form}"));
        let bytes = std::fs::read(&table).unwrap();
        for personal in PERSONAL {
            assert!(
                !String::from_utf8_lossy(&bytes).contains(personal),
                "{personal} in {form}"
            );
        }
        let key = std::fs::read_to_string(folder.path().join("log.vkey")).unwrap();
        let signer: VerifierKey = key.trim().parse().unwrap();
        let copy = bench.home().ledger();
        let report = check_export(&table, &signer, Some(&copy)).unwrap();
        assert_eq!(report.mismatches, [], "{form}");
        assert_eq!(report.statement.rows, COUNT / 2);
        assert_eq!(report.completeness, colophon_audit::Completeness::Whole);
        let mut readme = String::new();
        archive
            .by_name("README.md")
            .unwrap()
            .read_to_string(&mut readme)
            .unwrap();
        assert!(readme.contains(key.trim()) && readme.contains(&format!("ledger.{form}")));
    }
}

#[test]
fn statistics_follow_the_ledger_and_say_what_was_asked() {
    let bench = Bench::new();
    let counts = bench.json("/v1/stats");
    assert_eq!(counts["pictures"], COUNT);
    assert_eq!(counts["by_model"]["Camera"], COUNT / 2);
    let ledger = bench.json("/v1/ledger");
    assert_eq!(ledger["last_entry_age_seconds"], 1_000 - (COUNT - 1));
    assert_eq!(bench.json("/v1/stats?model=Camera")["pictures"], COUNT / 2);
    for (query, at) in [
        ("format=svg", "chart"),
        ("format=json&chart=issued", "chart"),
        ("format=png", "format"),
    ] {
        let reply = bench.get(&format!("/v1/stats?{query}"));
        let problem: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(
            (reply.status, &problem["pointer"]),
            (400, &at.into()),
            "{query}"
        );
    }
    let wrong = bench.get("/v1/records?singer=0a");
    assert!(
        wrong.status == 400 && wrong.text().contains("singer"),
        "{}",
        wrong.text()
    );
    let cursor = bench.json("/v1/records?limit=1")["next"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = bench.get(&format!("/v1/records?model=Camera&cursor={cursor}"));
    assert!(
        other.status == 400 && other.text().contains("another question"),
        "{}",
        other.text()
    );
}

#[test]
fn the_logs_files_are_open_to_pages_of_any_origin_and_tell_what_may_be_kept() {
    let bench = Bench::new();
    let checkpoint = bench.get("/tlog/2027h1/checkpoint");
    assert_eq!(checkpoint.status, 200);
    assert_eq!(checkpoint.header("access-control-allow-origin"), Some("*"));
    let tag = checkpoint.header("etag").unwrap().to_owned();
    let known = bench.get_with(
        "/tlog/2027h1/checkpoint",
        &format!("If-None-Match: {tag}\r\n"),
    );
    assert_eq!((known.status, known.body.len()), (304, 0));
    let tile = bench.get("/tlog/2027h1/tile/0/000");
    assert_eq!((tile.status, tile.body.len()), (200, 256 * 32));
    assert!(tile.header("cache-control").unwrap().contains("immutable"));
    for hidden in [
        "/tlog/2027h1/ledger.sqlite",
        "/tlog/lock",
        "/tlog/../keys/keys.json",
        "/tlog/%2e%2e/keys/keys.json",
        "/tlog/decisions.sqlite",
        "/tlog/witness-policy",
    ] {
        let status = bench.get(hidden).status;
        assert!(matches!(status, 400 | 404), "{hidden}: {status}");
    }
}

#[test]
fn where_reading_is_not_open_a_key_is_needed_for_everything() {
    let bench = Bench::with(Settings {
        public_audit: false,
        ..Settings::default()
    });
    for path in [
        "/v1/ledger",
        "/v1/records",
        "/v1/records/0",
        "/v1/records/0/proof",
        "/v1/events",
        "/v1/stats",
        "/v1/policy",
        "/v1/keys",
        "/v1/trust-lists",
        "/tlog/shards",
        "/tlog/2027h1/tile/0/000",
    ] {
        assert_eq!(bench.get(path).status, 401, "{path}");
        let known = bench.get_as("reader", path);
        assert_eq!(
            known.status,
            200,
            "{path}: {}",
            String::from_utf8_lossy(&known.body)
        );
    }
}

#[test]
fn erased_parts_are_told_as_such_and_proofs_still_hold() {
    use colophon_ledger::{By, Erasure, ErasureReason, ErasureTarget, Parts};
    let bench = Bench::new();
    let (first, mark) = (bench.first(), format!("{:016x}", mark(0)));
    let place = format!("2027h1-{first}");
    let erasure = Erasure {
        target: ErasureTarget::Records(vec![format!("2027h1/{first}").parse().unwrap()]),
        parts: Parts::All,
        reason: ErasureReason::Request,
        by: By::Role("operator".to_owned()),
        at: NOW + 900,
    };
    bench.home().erase(None, &erasure).unwrap();
    let told = bench.json(&format!("/v1/records/{place}"));
    assert_eq!(told["erased"]["reason"], "request", "{told}");
    assert_eq!(told["links"]["manifest"], Value::Null);
    assert_eq!(
        bench.get(&format!("/v1/records/{mark}/manifest")).status,
        404,
        "the mark leads nowhere any more"
    );
    assert_eq!(bench.get(&format!("/v1/records/{place}/proof")).status, 200);
}
