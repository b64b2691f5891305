//! How strong a mark is made, and what is told of it.

use std::fs;

use colophon_imaging::{Channels, Limits, Picture, Samples, decode};
use serde_json::Value;

use crate::support::{Bench, jpeg, photo, png, scene, stamped, third};

#[test]
fn a_mark_too_weak_to_be_read_is_matched_by_the_ledger() {
    let bench = Bench::new();
    bench.write("a.png", &png(&scene(41, 640, 480)));
    bench.write("b.jpg", &photo(42));
    bench.run(&["stamp", "a.png", "-o", "a-out.png"]).code(0);
    bench.run(&["stamp", "b.jpg", "-o", "b-out.jpg"]).code(0);
    let mut small = third(&decode(&bench.read("a-out.png"), &Limits::default()).unwrap());
    small.strip_metadata();
    // From a mark that is lost to one that is well readable; keys and ids are new in each run, and
    // with them where that happens.
    let files: Vec<String> = (24..=88)
        .step_by(2)
        .map(|quality| {
            let name = format!("{quality}.jpg");
            bench.write(&name, &jpeg(&small, quality));
            name
        })
        .collect();
    let with = |command: &[&'static str]| -> Vec<Value> {
        let files = files.iter().map(String::as_str);
        bench
            .run(&command.iter().copied().chain(files).collect::<Vec<_>>())
            .json()
    };
    let read = with(&["watermark", "detect", "--json"]);
    let reports = with(&["verify", "--json"]);
    let matched = read
        .iter()
        .zip(&reports)
        .position(|(read, report)| {
            read["payload"].is_null() && report["verdict"]["rule"] == "matched-by-ledger"
        })
        .expect("between lost and readable there is a faint mark");
    let evidence = &reports[matched]["evidence"];
    let watermark = &evidence["watermark"];
    assert_eq!(watermark["source"], "matched-by-ledger");
    assert_eq!(watermark["strength"], "matched");
    assert_eq!(watermark["compared_ids"], 2);
    assert!((watermark["geometry"]["scale"].as_f64().unwrap() - 1.0 / 3.0).abs() < 0.01);
    assert_eq!(evidence["ledger"]["record"], 8);
    assert_eq!(evidence["recovered_manifest"]["agrees"], true);
    let file = files[matched].as_str();
    bench
        .run(&["verify", file])
        .code(0)
        .says("Matched by ledger: a faint invisible mark fits the record")
        .says("matched by ledger: too weak to be read, compared with 2 issued ids")
        .says("scaled to 33 %");

    // A home with the same key, but without the ledger.
    fs::create_dir_all(bench.path("keys-only/keys")).unwrap();
    for name in bench.names("home/keys") {
        let (from, to) = (
            format!("home/keys/{name}"),
            format!("keys-only/keys/{name}"),
        );
        fs::copy(bench.path(&from), bench.path(&to)).unwrap();
    }
    let alone = bench
        .run(&["--home", "keys-only", "verify", "--json", file])
        .code(2)
        .json()
        .remove(0);
    assert!(alone["evidence"]["watermark"].is_null());
    assert!(alone["evidence"]["ledger"].is_null());
}

#[test]
fn scores_are_told_only_when_asked_for() {
    let bench = stamped();
    let report = |arguments: &[&str]| bench.run(arguments).code(0).out;
    let public = report(&["verify", "--json", "stamped.jpg"]);
    assert!(public.contains("\"strength\":\"clear\""), "{public}");
    assert!(!public.contains("log10"), "{public}");
    let public = report(&["verify", "-v", "stamped.jpg"]);
    assert!(public.contains("less than one in ten"), "{public}");
    assert!(!public.contains("10^"), "{public}");

    let asked: Value =
        serde_json::from_str(&report(&["verify", "--json", "--full", "stamped.jpg"])).unwrap();
    let log10 = &asked["evidence"]["watermark"]["log10_false_positive"];
    assert!(log10.as_f64().unwrap() < -20.0);
    assert!(report(&["verify", "--full", "stamped.jpg"]).contains("10^-"));
}

#[test]
fn the_strength_is_that_asked_for_or_set() {
    let bench = Bench::new();
    bench.write("a.png", &png(&scene(43, 640, 480)));
    let psnr = |out: &str, more: &[&str]| {
        let arguments = [&["stamp", "a.png", "--json", "-o", out], more].concat();
        bench.run(&arguments).code(0).json()[0]["psnr_mark"]
            .as_f64()
            .unwrap()
    };
    assert!(psnr("strong.png", &["--strength", "strong"]) < 43.5);
    assert!(psnr("subtle.png", &["--strength", "subtle"]) > 43.9);
    bench.write("home/config.toml", b"strength = \"subtle\"\n");
    assert!(psnr("set.png", &[]) > 43.9);
    assert!(psnr("asked.png", &["--strength", "strong"]) < 43.5);
    bench
        .run(&["stamp", "a.png", "-o", "no.png", "--strength", "loud"])
        .code(2)
        .says("subtle");
}

#[test]
fn a_heat_map_shows_where_the_mark_is_missing() {
    let bench = Bench::new();
    let (width, height) = (960, 720);
    bench.write("a.png", &png(&scene(44, width, height)));
    bench.write("other.png", &png(&scene(45, width, height)));
    bench.run(&["stamp", "a.png", "-o", "marked.png"]).code(0);
    // The left third is another picture's.
    let marked = decode(&bench.read("marked.png"), &Limits::default()).unwrap();
    let mut samples = marked.to_rgb8();
    let other = scene(45, width, height).to_rgb8();
    for (row, foreign) in samples
        .chunks_exact_mut(width as usize * 3)
        .zip(other.chunks_exact(width as usize * 3))
    {
        row[..width as usize].copy_from_slice(&foreign[..width as usize]);
    }
    let pasted = Picture::new(width, height, Channels::Rgb, Samples::U8(samples)).unwrap();
    bench.write("pasted.png", &png(&pasted));

    let plain = bench.run(&["verify", "--json", "pasted.png"]).out;
    assert!(!plain.contains("heat_map"), "{plain}");
    let asked = ["verify", "--json", "--heat-map", "map.png", "pasted.png"];
    let report = bench.run(&asked).code(0).json().remove(0);
    let map = &report["evidence"]["watermark"]["heat_map"];
    let rows: Vec<&str> = map["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_str().unwrap())
        .collect();
    let columns = map["columns"].as_u64().unwrap() as usize;
    assert_eq!(map["rows"], rows.len());
    assert!(rows.iter().all(|row| row.len() == columns));
    let reading = |part: std::ops::Range<usize>| {
        let cells: String = rows.iter().map(|row| &row[part.clone()]).collect();
        cells.matches('r').count() as f64 / cells.len() as f64
    };
    assert!(reading(0..columns / 4) < 0.1, "{rows:#?}");
    assert!(reading(columns / 2..columns) > 0.5, "{rows:#?}");
    let drawn = decode(&bench.read("map.png"), &Limits::default()).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (width, height));
    assert!(drawn.psnr(&pasted).unwrap() < 30.0);

    bench.run(&asked).code(2).says("exists already");
    bench
        .run(&["verify", "--heat-map", "new.png", "other.png"])
        .code(3)
        .says("no heat map was written");
    bench
        .run(&["verify", "--heat-map", "new.png", "a.png", "other.png"])
        .code(2)
        .says("one picture at a time");
    bench
        .run(&["verify", "--heat-map", "again.png", "pasted.png"])
        .code(0)
        .says("reads in");
    assert!(!bench.path("new.png").exists());
}
