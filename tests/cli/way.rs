//! The whole way: stamped, damaged, traced back.

use colophon_imaging::{ChromaSubsampling, EncodeOptions, Format, Limits, decode, encode};

use crate::support::{Bench, jpeg, photo, scene, stamped};

#[test]
fn a_stripped_cropped_resaved_picture_is_traced_to_its_record() {
    let bench = stamped();
    let mut picture = decode(&bench.read("stamped.jpg"), &Limits::default()).unwrap();
    picture.strip_metadata();
    let picture = picture.crop(90, 60, 452, 340).unwrap();
    let options = EncodeOptions {
        jpeg_quality: 60,
        chroma: ChromaSubsampling::S420,
        ..EncodeOptions::new(Format::Jpeg)
    };
    let attacked = encode(&picture, &options).unwrap();

    let text = bench.run_with_input(&["verify", "-"], &attacked).code(0);
    text.says("invisible mark leads to the picture's record")
        .says("Not checked");
    let report = bench
        .run_with_input(&["verify", "--json", "-"], &attacked)
        .code(0)
        .json()
        .remove(0);
    assert_eq!(report["file"], "standard input");
    assert_eq!(report["verdict"]["rule"], "recovered");
    assert_eq!(report["evidence"]["ledger"]["record"], 8);
    assert_eq!(report["evidence"]["ledger"]["inclusion"]["proven"], true);
    assert_eq!(report["evidence"]["recovered_manifest"]["agrees"], true);
    assert!(report["evidence"]["manifest"].is_null());
}

#[test]
fn a_report_begins_with_one_sentence_and_has_no_colours_off_a_terminal() {
    let bench = stamped();
    let text = bench.run(&["verify", "stamped.jpg"]).code(0).out;
    assert!(!text.contains('\u{1b}'));
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert!(
        text.lines()
            .nth(3)
            .unwrap()
            .trim()
            .starts_with("Signed by Colophon local issuer"),
        "{text}"
    );
    for part in [
        "integrity:",
        "signature:",
        "time:",
        "trust:",
        "identity:",
        "Watermark",
        "Ledger",
        "Content",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    for word in ["fake", "real", "authentic"] {
        assert!(
            !text
                .to_lowercase()
                .split_whitespace()
                .any(|found| found.trim_matches('.') == word)
        );
    }
    let coloured = bench
        .run(&["verify", "--color", "always", "stamped.jpg"])
        .code(0)
        .out;
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(
        bench.run(&["verify", "--quiet", "stamped.jpg"]).code(0).out,
        ""
    );
    bench
        .run(&["verify", "-v", "stamped.jpg"])
        .code(0)
        .says("rule issued-and-unchanged");
}

#[test]
fn exit_codes_of_many_files_in_the_order_given() {
    let bench = stamped();
    bench.write("damaged.jpg", &{
        let mut bytes = bench.read("stamped.jpg");
        let middle = bytes.len() - 2_000;
        bytes[middle] ^= 0x10;
        bytes
    });
    bench.write("empty.jpg", b"");
    for (files, code) in [
        (&["stamped.jpg"][..], 0),
        (&["other.jpg"], 3),
        (&["stamped.jpg", "other.jpg"], 3),
        (&["stamped.jpg", "other.jpg", "empty.jpg"], 2),
        (&["stamped.jpg", "missing.jpg"], 2),
    ] {
        let arguments = [&["verify", "--json"], files].concat();
        let reports = bench.run(&arguments).code(code).json();
        let names: Vec<&str> = reports
            .iter()
            .map(|report| report["file"].as_str().unwrap())
            .collect();
        assert_eq!(names, files);
    }
    bench
        .run(&["verify", "missing.jpg", "empty.jpg"])
        .code(2)
        .says("The file is empty")
        .says("Cannot read missing.jpg");
    let changed = bench
        .run(&["verify", "--json", "damaged.jpg"])
        .json()
        .remove(0);
    assert_ne!(changed["verdict"]["rule"], "issued-and-unchanged");
    assert_eq!(
        changed["evidence"]["manifest"]["verdicts"]["integrity"]["state"],
        "file-altered"
    );
}

#[test]
fn a_mark_copied_onto_another_picture_is_flagged() {
    let bench = Bench::new();
    bench.write("a.png", &crate::support::png(&scene(3, 640, 480)));
    bench.write("b.jpg", &photo(12));
    bench.run(&["stamp", "a.png", "-o", "a-out.png"]).code(0);
    let id = bench
        .run(&["watermark", "detect", "--json", "a-out.png"])
        .code(0)
        .json()[0]["payload"]
        .as_str()
        .unwrap()
        .to_owned();
    bench
        .run(&["watermark", "embed", "b.jpg", "b-out.png", "--payload", &id])
        .code(0)
        .says(&id);
    let report = bench
        .run(&["verify", "--json", "b-out.png"])
        .code(1)
        .json()
        .remove(0);
    assert_eq!(report["verdict"]["rule"], "mark-of-another-picture");
    bench
        .run(&["verify", "b-out.png", "a-out.png"])
        .code(1)
        .says("carries another picture's mark");
}

#[test]
fn stamping_several_pictures_into_a_folder() {
    let bench = Bench::new();
    let plain = jpeg(&scene(5, 100, 100), 90);
    bench.write("one.jpg", &photo(5));
    bench.write("two.png", &crate::support::png(&scene(6, 400, 400)));
    bench.write("small.jpg", &plain);
    bench.write("prompt.txt", b"rings on a pond\n");
    let files = ["one.jpg", "two.png", "small.jpg"];
    let lines = bench
        .run(
            &[
                &["stamp"][..],
                &files,
                &[
                    "--out-dir",
                    "out",
                    "--format",
                    "webp",
                    "--json",
                    "--prompt-file",
                    "prompt.txt",
                ],
            ]
            .concat(),
        )
        .code(2)
        .json();
    assert_eq!(lines[0]["file"], "one.jpg");
    assert_eq!(lines[1]["format"], "WebP");
    assert!(
        lines[2]["error"]
            .as_str()
            .unwrap()
            .contains("--allow-unmarked")
    );
    assert_eq!(bench.names("out"), ["one.webp", "two.webp"]);
    bench
        .run(&["verify", "out/one.webp", "out/two.webp"])
        .code(0);

    bench
        .run(&[
            "stamp",
            "small.jpg",
            "-o",
            "small-out.jpg",
            "--allow-unmarked",
        ])
        .code(0)
        .says("no mark");
    bench
        .run(&["verify", "small-out.jpg"])
        .code(0)
        .says("issued without a mark");
    let record = bench
        .run(&["ledger", "show", "8", "--json", "--private"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(record["prompt"], "rings on a pond");
    let listed = bench.run(&["ledger", "list", "--json"]).code(0).json();
    assert_eq!(listed.len(), 8 + 3);
    assert!(listed.iter().all(|record| record.get("prompt").is_none()));
}

#[test]
fn the_demo_ends_well_and_says_where_everything_is() {
    let bench = Bench::new();
    let ended = bench
        .run(&["demo"])
        .code(0)
        .says("Traced back")
        .says("Nothing was found")
        .says("colophon-demo");
    assert!(!ended.out.contains("Not checked - manifest"));
    assert_eq!(
        bench.names("colophon-demo"),
        [
            "attacked.jpg",
            "difference-amplified.png",
            "home",
            "original.png",
            "record.leaf",
            "record.tlog-proof",
            "report.json",
            "report.txt",
            "stamped.jpg",
            "unmarked.jpg"
        ]
    );
    assert_eq!(
        bench.names("."),
        ["colophon-demo"],
        "the user's own home is not touched"
    );
    bench
        .run(&[
            "--home",
            "colophon-demo/home",
            "verify",
            "colophon-demo/attacked.jpg",
        ])
        .code(0);
    bench.run(&["demo"]).code(2).says("is not empty");
    bench.write("given.jpg", &photo(9));
    bench
        .run(&["demo", "--out", "own", "given.jpg"])
        .code(0)
        .says("given.jpg; it stands in");
    assert!(bench.names("own").contains(&"original.jpg".to_owned()));
}

#[test]
fn verify_without_a_home_still_reads_manifests_and_makes_nothing() {
    let with = stamped();
    let without = Bench::new();
    without.write("stamped.jpg", &with.read("stamped.jpg"));
    let root = with
        .run(&["keys", "show", "--root-certificate"])
        .code(0)
        .out;
    without.write("root.pem", root.as_bytes());
    let text = without
        .run(&["verify", "stamped.jpg"])
        .code(0)
        .says("on no list we carry")
        .says("not checked, see below");
    assert!(text.out.contains("watermark key"));
    without
        .run(&["verify", "--trust-anchor", "root.pem", "stamped.jpg"])
        .code(0)
        .says("root (local)");
    assert_eq!(without.names("."), ["root.pem", "stamped.jpg"]);
}
