//! What auditors do: ask, export and check, explain and hand over, count, replay.

use std::fs;

use serde_json::Value;

use crate::support::{Bench, photo};

/// A home with three stamped pictures.
fn stamped() -> Bench {
    let bench = Bench::new();
    for (number, name) in ["a", "b", "c"].iter().enumerate() {
        bench.write(&format!("{name}.jpg"), &photo(61 + number as u32));
        let out = format!("{name}-out.jpg");
        let model = if number == 1 { "Other Model" } else { "=Model" };
        bench
            .run(&[
                "stamp",
                &format!("{name}.jpg"),
                "-o",
                &out,
                "--generator",
                model,
            ])
            .code(0);
    }
    bench
}

/// All answers, asked for one by one.
fn one_by_one(bench: &Bench, order: &[&str]) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut arguments = vec!["ledger", "query", "--limit", "1", "--json"];
        arguments.extend(order);
        if let Some(cursor) = &cursor {
            arguments.extend(["--cursor", cursor]);
        }
        let page = bench.run(&arguments).code(0).json();
        rows.push(page[0].clone());
        let next = page.get(1).and_then(|last| last["next"].as_str());
        cursor = next.map(str::to_owned);
        if cursor.is_none() {
            return rows;
        }
    }
}

#[test]
fn queries_filter_and_page() {
    let bench = stamped();
    let found = bench
        .run(&["ledger", "query", "--model", "=Model", "--json"])
        .code(0)
        .json();
    assert_eq!(found.len(), 2);
    assert!(
        found
            .iter()
            .all(|row| row["proven"] == true && row["generator"] == "=Model")
    );
    let asset = found[0]["asset_sha256"].as_str().unwrap();
    let one = bench
        .run(&["ledger", "query", "--asset", asset, "--json"])
        .code(0)
        .json();
    assert_eq!(one, [found[0].clone()]);
    let none = bench
        .run(&["ledger", "query", "--until", "2020-01-01", "--json"])
        .code(0);
    assert_eq!(none.out, "");

    let all = bench.run(&["ledger", "query", "--json"]).code(0).json();
    assert_eq!(one_by_one(&bench, &[]), all);
    let back: Vec<Value> = all.iter().rev().cloned().collect();
    assert_eq!(one_by_one(&bench, &["--newest"]), back);
    let first = bench
        .run(&["ledger", "query", "--limit", "1"])
        .code(0)
        .says("there is more; go on with --cursor");
    let cursor = first.err.split_whitespace().last().unwrap().to_owned();
    bench
        .run(&["ledger", "query", "--kind", "generate", "--cursor", &cursor])
        .code(2)
        .says("another question");
    let csv = bench.run(&["ledger", "query", "--csv"]).code(0).out;
    assert!(
        csv.starts_with("log,entry,") && csv.contains(",'=Model,"),
        "{csv}"
    );
    bench
        .run(&[
            "ledger",
            "query",
            "--like",
            "a-out.jpg",
            "--distance",
            "0",
            "--json",
        ])
        .code(0)
        .says(asset);
}

#[test]
fn an_export_is_checked_and_a_lie_is_found() {
    let bench = stamped();
    for (form, file) in [
        ("--csv", "x.csv"),
        ("--jsonl", "x.jsonl"),
        ("--parquet", "x.parquet"),
    ] {
        bench
            .run(&["ledger", "export", form, file, "--since", "2020-01-01"])
            .code(0)
            .says("3 rows");
        bench
            .run(&["ledger", "export", form, file])
            .code(2)
            .says("exists already");
        let report = bench
            .run(&["ledger", "check-export", file, "--json"])
            .code(0)
            .json()
            .remove(0);
        assert_eq!(
            (&report["completeness"], &report["rows"]),
            (&"whole".into(), &3.into())
        );
    }
    // Elsewhere, with the key alone.
    let key = bench.run(&["ledger", "show", "--json"]).code(0).json()[0]["verifier_key"]
        .as_str()
        .unwrap()
        .to_owned();
    bench
        .run(&[
            "--home",
            "nowhere",
            "ledger",
            "check-export",
            "x.csv",
            "--key",
            &key,
        ])
        .code(0)
        .says("nothing is missing was not checked");
    bench
        .run(&[
            "ledger",
            "check-export",
            "x.csv",
            "--key",
            &key,
            "--copy",
            "home/ledger",
        ])
        .code(0)
        .says("Every entry of the log was looked at again");
    let text = String::from_utf8(bench.read("x.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(
        bench.path("x.jsonl"),
        format!("{}\n{}\n", lines[0], lines[2]),
    )
    .unwrap();
    bench
        .run(&["ledger", "check-export", "x.jsonl"])
        .code(1)
        .says("the file is not the one")
        .says("is missing");
    fs::remove_file(bench.path("x.csv.statement")).unwrap();
    bench.run(&["ledger", "check-export", "x.csv"]).code(2);
    bench
        .run(&["ledger", "export", "--jsonl", "private.jsonl", "--private"])
        .code(0)
        .says("personal data");
    let row: Value = serde_json::from_slice(
        bench
            .read("private.jsonl")
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap(),
    )
    .unwrap();
    assert!(row["watermark_id"].is_string() && row["fingerprint"].is_string());
    assert!(!text.contains("watermark_id") && !text.contains("fingerprint"));
}

#[test]
fn a_picture_is_explained_and_handed_over() {
    let bench = stamped();
    bench.run(&["verify", "--log", "a-out.jpg"]).code(0);
    let told = bench
        .run(&["ledger", "explain", "a-out.jpg", "--bundle", "a.zip"])
        .code(0)
        .says("proof holds")
        .says("the issued file")
        .says("a.zip");
    assert!(!told.out.contains("not proven"));
    bench
        .run(&["ledger", "explain", "a-out.jpg", "--bundle", "a.zip"])
        .code(2)
        .says("exists");
    let zip = bench.read("a.zip");
    bench
        .run(&["ledger", "explain", "a-out.jpg", "--bundle", "b.zip"])
        .code(0);
    assert_eq!(bench.read("b.zip"), zip, "the same record, the same bytes");
    for name in [
        "README.md",
        "check.py",
        "check.go",
        "record.tlog-proof",
        "certificates/root-ca.cert.pem",
    ] {
        assert!(
            zip.windows(name.len()).any(|it| it == name.as_bytes()),
            "{name}"
        );
    }
    let life = bench
        .run(&["ledger", "explain", "b-out.jpg", "--json"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(
        (&life["proven"], &life["facts"]["generator"]),
        (&true.into(), &"Other Model".into())
    );
    bench
        .run(&["ledger", "explain", "README.md"])
        .code(2)
        .says("no record of");
}

#[test]
fn counts_are_printed_and_drawn() {
    let bench = stamped();
    bench
        .run(&["ledger", "stats", "--html", "stats.html", "--svg", "plots"])
        .code(0)
        .says("3 pictures")
        .says("Other Model");
    let counts = bench
        .run(&["ledger", "stats", "--json"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(counts["by_model"]["=Model"], 2);
    let page = String::from_utf8(bench.read("stats.html")).unwrap();
    assert!(page.contains("Pictures by model or program") && page.contains("prefers-color-scheme"));
    assert_eq!(
        bench.names("plots"),
        ["issued.svg", "models.svg", "requests.svg", "signers.svg"]
    );
}

#[test]
fn decisions_are_logged_replayed_and_forgotten() {
    let bench = stamped();
    bench.run(&["verify", "a-out.jpg"]).code(0);
    let before = bench.run(&["ledger", "decisions", "--json"]).code(0).json();
    assert_eq!(before.len(), 3);
    assert!(
        before
            .iter()
            .all(|it| it["request"]["allowed"] == true && it["request"]["record"].is_string()),
        "requests are entered always, checks when asked for"
    );
    bench.run(&["verify", "--log", "a-out.jpg", "a.jpg"]);
    bench
        .run(&[
            "verify",
            "--log",
            "b-out.jpg",
            "c-out.jpg",
            "--csv",
            "rows.csv",
        ])
        .code(0);
    let logged = bench.run(&["ledger", "decisions", "--json"]).code(0).json();
    let checks: Vec<_> = logged.iter().filter(|it| !it["check"].is_null()).collect();
    assert_eq!((logged.len(), checks.len()), (3 + 4, 4));
    let rule = checks[0]["check"]["rule"].as_str().unwrap().to_owned();
    let found = bench
        .run(&["ledger", "query", "--verdict", &rule, "--json"])
        .code(0)
        .json();
    assert!(!found.is_empty(), "{rule}");

    for folder in ["same", "stricter"] {
        bench
            .run(&["policy", "show", "shipped", "--write", folder])
            .code(0);
    }
    bench
        .run(&["ledger", "replay", "--policy", "same"])
        .code(0)
        .says("0 of 7 decisions would differ");
    let shipped = include_str!("../../policies/verdicts.toml");
    let stricter = shipped.replace("action = \"label\"", "action = \"escalate\"");
    bench.write("stricter/verdicts.toml", stricter.as_bytes());
    let replay = bench
        .run(&["ledger", "replay", "--policy", "stricter", "--json"])
        .code(1)
        .json()
        .remove(0);
    assert!(replay["changed"].as_u64() >= Some(3), "{replay}");

    bench
        .run(&["ledger", "decisions", "--prune", "2020-01-01"])
        .code(0)
        .says("0 decisions removed");
    bench
        .run(&["ledger", "decisions", "--prune", "2999-01-01"])
        .code(0)
        .says("7 decisions removed");
    assert_eq!(bench.run(&["ledger", "decisions"]).code(0).out, "");
}
