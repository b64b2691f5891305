//! Erased records: gone from the files, told by the log, said by reports.

use std::path::Path;

use crate::support::{Bench, photo};

/// A home of its own with one stamped picture; returns the record's number.
fn stamped(prompt: &str) -> (Bench, String) {
    let bench = Bench::new();
    bench.write("in.jpg", &photo(3));
    bench.write("prompt.txt", prompt.as_bytes());
    let issued = bench
        .run(&[
            "stamp",
            "in.jpg",
            "-o",
            "out.jpg",
            "--prompt-file",
            "prompt.txt",
            "--title",
            "Harbour at dawn",
            "--json",
        ])
        .code(0)
        .json()
        .remove(0);
    let shown = bench
        .run(&[
            "ledger",
            "show",
            issued["sha256"].as_str().unwrap(),
            "--json",
        ])
        .code(0)
        .json()
        .remove(0);
    let number = format!("{}/{}", shown["shard"].as_str().unwrap(), shown["index"]);
    (bench, number)
}

fn holds(folder: &Path, secret: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|item| {
        let path = item.unwrap().path();
        if path.is_dir() {
            return holds(&path, secret);
        }
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(secret.len()).any(|window| window == secret)
    })
}

#[test]
fn an_erased_record_is_gone_and_every_proof_holds() {
    let secret = "a lighthouse nobody must know of";
    let (bench, number) = stamped(secret);
    bench
        .run(&["ledger", "show", &number, "--private"])
        .code(0)
        .says(secret);
    let index = number.rsplit('/').next().unwrap();
    bench
        .run(&["ledger", "prove", index, "--out", "before.tlog-proof"])
        .code(0);
    assert!(!holds(&bench.path("home/ledger"), secret.as_bytes()));
    assert!(holds(&bench.path("home/ledger"), b"Harbour at dawn"));
    // Nobody is there to be asked.
    bench
        .run(&["ledger", "erase", &number, "--reason", "request"])
        .code(2)
        .says("--yes");
    let erased = bench
        .run(&[
            "ledger",
            "erase",
            &number,
            "--reason",
            "request",
            "--manifest",
            "--by",
            "Dora Keeper",
            "--yes",
            "--json",
        ])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(erased["erased"][0]["record"], number.as_str());
    assert_eq!(erased["clean"], true);
    for gone in ["Harbour at dawn", "Dora Keeper"] {
        assert!(
            !holds(&bench.path("home/ledger"), gone.as_bytes()),
            "{gone}"
        );
    }
    let shown = bench
        .run(&["ledger", "show", &number, "--private", "--json"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(shown["private"], "erased");
    assert_eq!(shown["private_erased"]["reason"], "request");
    assert!(shown["prompt"].is_null() && shown["watermark_id"].is_null());
    bench
        .run(&["ledger", "show", &number])
        .code(0)
        .says("erased on");
    bench.run(&["ledger", "list"]).code(0).says("erased");
    bench
        .run(&["ledger", "check", "before.tlog-proof"])
        .code(0)
        .says("holds");
    bench.run(&["ledger", "fsck"]).code(0).says("sound");
    // Once more: nothing is left to do.
    bench
        .run(&[
            "ledger",
            "erase",
            &number,
            "--reason",
            "request",
            "--manifest",
            "--yes",
        ])
        .code(0)
        .says("erased before");
}

#[test]
fn a_report_says_that_a_record_was_erased() {
    let (bench, number) = stamped("a prompt");
    let erase = ["ledger", "erase", &number, "--reason", "retention", "--yes"];
    bench.run(&erase).code(0);
    let report = bench
        .run(&["verify", "out.jpg", "--json"])
        .code(0)
        .json()
        .remove(0);
    let erased = &report["evidence"]["ledger"]["erased"];
    assert_eq!(erased["reason"], "retention");
    assert_eq!(erased["parts"], serde_json::json!(["private"]));
    let says = "the private part of the record was erased on";
    let text = bench.run(&["verify", "out.jpg"]).code(0).out;
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains(says), "{text}");
}

#[test]
fn what_cannot_be_erased_is_said() {
    let (bench, _) = stamped("a prompt");
    for (asked, says) in [
        (vec!["99999"], "no record `99999`"),
        (vec!["--requester", "Nobody"], "names this requester"),
        (vec![], "required"),
    ] {
        let arguments = [
            &["ledger", "erase", "--reason", "legal", "--yes"],
            &asked[..],
        ]
        .concat();
        bench.run(&arguments).code(2).says(says);
    }
}
