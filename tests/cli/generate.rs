//! `generate` from a prompt to a picture that leads back to its model, and what can go wrong.

use std::process::Command;
use std::time::{Duration, Instant};

use colophon_imaging::{Limits, decode};
use serde_json::Value;

use crate::images_server::{ImagesServer, Reaction};
use crate::json::normalised;
use crate::support::{Bench, Ended, golden, jpeg, png, scene};

const PROMPT: &str = "a red apple on a blue background";
/// Fewer steps than by default, for the time they take.
const QUICK: [&str; 4] = ["--steps", "3", "--seed", "7"];

fn generate<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["generate"], arguments, &QUICK].concat()
}

/// A server of pictures that have structure, as those of large models do.
fn server() -> ImagesServer {
    let server = ImagesServer::start();
    server.paint(|request, number, width, height| {
        let seed = request["seed"].as_u64().unwrap_or(3) as u32 + number as u32;
        png(&scene(seed, width, height))
    });
    server
}

fn ask<'a>(url: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    let backend = [
        "--backend",
        "openai",
        "--url",
        url,
        "--model",
        "flux-test",
        "--size",
        "512x512",
    ];
    [&["generate", PROMPT][..], &backend, arguments].concat()
}

/// No picture, no record, no temporary file.
#[track_caller]
fn left_nothing(bench: &Bench) {
    let names = bench.names(".");
    assert!(
        names.iter().all(|name| name == "home" || name == "given"),
        "{names:?}"
    );
    if bench.path("home/ledger").exists() {
        let pictures = bench.run(&["ledger", "query", "--json"]).code(0);
        assert_eq!(pictures.out, "");
    }
}

#[test]
fn a_prompt_becomes_a_picture_that_leads_back() {
    let bench = Bench::new();
    bench
        .run(&generate(&[PROMPT, "-o", "a.png"]))
        .code(0)
        .says("seed 7, 3 steps");
    let report = bench
        .run(&["verify", "--json", "a.png"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(report["verdict"]["rule"], "issued-and-unchanged");
    for place in ["manifest", "ledger"] {
        let generation = &report["evidence"][place]["generation"];
        assert_eq!(generation["backend"], "embedded");
        assert_eq!(generation["built_in"], true);
        assert_eq!(generation["seeds"], serde_json::json!([7]));
        assert_eq!(generation["steps"], 3);
        let hash = generation["weights"][0]["sha256"].as_str().unwrap();
        assert_eq!(hash.len(), 64);
        assert!(
            !generation["training_licenses"]
                .as_array()
                .unwrap()
                .is_empty()
        );
    }
    bench
        .run(&["verify", "a.png"])
        .code(0)
        .says("built-in demo model");

    // Stripped, cropped to half and saved again.
    let picture = decode(&bench.read("a.png"), &Limits::default()).unwrap();
    let side = |length: u32| (f64::from(length) * 0.5f64.sqrt()) as u32;
    let (width, height) = (side(picture.width()), side(picture.height()));
    let mut rest = picture.crop(60, 50, width, height).unwrap();
    rest.strip_metadata();
    bench.write("found.jpg", &jpeg(&rest, 75));
    let found = bench
        .run(&["verify", "--json", "found.jpg"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(found["evidence"]["ledger"]["record"], 8);
    assert_eq!(found["evidence"]["ledger"]["kind"], "generate");
}

#[test]
fn the_prompt_stays_private_and_is_dropped_on_request() {
    let bench = Bench::new();
    let kept = generate(&[
        PROMPT,
        "--negative",
        "a pear",
        "--sidecar",
        "-o",
        "kept.png",
    ]);
    bench.run(&kept).code(0);
    let dropped = generate(&[
        PROMPT,
        "--negative",
        "a pear",
        "--sidecar",
        "-o",
        "dropped.png",
        "--keep-prompt",
        "no",
    ]);
    bench.run(&dropped).code(0);
    for (index, name, keeps) in [("8", "kept.png", true), ("9", "dropped.png", false)] {
        let holds = |bytes: &[u8]| {
            ["apple", "pear"].iter().any(|word| {
                bytes
                    .windows(word.len())
                    .any(|found| found == word.as_bytes())
            })
        };
        assert!(!holds(&bench.read(name)));
        let public = bench.run(&["ledger", "show", index, "--json"]).code(0);
        assert!(!holds(public.out.as_bytes()));
        let record = public.json().remove(0);
        let private = bench
            .run(&["ledger", "show", index, "--private", "--json"])
            .code(0)
            .json()
            .remove(0);
        assert_eq!(private["prompt"].as_str(), keeps.then_some(PROMPT));
        assert_eq!(
            private["negative_prompt"].as_str(),
            keeps.then_some("a pear")
        );
        let sidecar: Value = serde_json::from_slice(&bench.read(&format!("{name}.json"))).unwrap();
        assert_eq!(sidecar["prompt"].as_str(), keeps.then_some(PROMPT));
        assert_eq!(holds(&bench.read(&format!("{name}.json"))), keeps);
        assert_eq!(
            sidecar["prompt_commitment"],
            record["generation"]["prompt_commitment"]
        );
        assert_eq!(sidecar["prompt_salt"].as_str().unwrap().len(), 64);
    }
    bench.run(&["ledger", "fsck"]).code(0);
}

#[test]
fn several_pictures_and_a_grid_of_them() {
    let bench = Bench::new();
    let lines = bench
        .run(&generate(&[
            PROMPT,
            "-n",
            "3",
            "--grid",
            "--out-dir",
            "out",
            "--format",
            "jpeg",
            "--json",
        ]))
        .code(0)
        .json();
    assert_eq!(
        bench.names("out"),
        [
            "grid-seed-7.jpg",
            "picture-seed-7.jpg",
            "picture-seed-8.jpg",
            "picture-seed-9.jpg"
        ]
    );
    assert_eq!(lines.len(), 4);
    assert_eq!(
        lines[3]["generation"]["seeds"],
        serde_json::json!([7, 8, 9])
    );
    let size = |line: &Value| line["width"].as_u64().unwrap();
    assert_eq!(size(&lines[3]), 2 * size(&lines[0]) + 3 * 8);
    let paths: Vec<String> = bench
        .names("out")
        .iter()
        .map(|name| format!("out/{name}"))
        .collect();
    let verify: Vec<&str> = ["verify", "-q"]
        .into_iter()
        .chain(paths.iter().map(String::as_str))
        .collect();
    bench.run(&verify).code(0);

    bench
        .run(&generate(&[PROMPT, "-n", "2", "--grid", "-o", "sheet.png"]))
        .code(0)
        .says("seeds 7 to 8");
    let stats = bench.run(&["ledger", "show", "--json"]).code(0).json();
    assert_eq!(stats[0]["entries"], 8 + 5, "the grid alone was issued");
}

#[test]
fn the_same_seed_gives_the_same_picture_and_none_is_drawn() {
    let bench = Bench::new();
    for name in ["a.png", "b.png"] {
        bench.run(&generate(&[PROMPT, "-o", name])).code(0);
    }
    let open = |name: &str| decode(&bench.read(name), &Limits::default()).unwrap();
    // They differ by their marks.
    assert!(open("a.png").psnr(&open("b.png")).unwrap() > 37.0);
    let random = ["generate", PROMPT, "--steps", "1", "-o", "c.png", "--json"];
    let seeds = bench.run(&random).code(0).json()[0]["generation"]["seeds"].clone();
    assert_eq!(seeds.as_array().unwrap().len(), 1);
}

#[test]
fn a_prompt_from_a_file_or_a_pipe() {
    let bench = Bench::new();
    bench.write("given", b"a red apple\n");
    let from_file = generate(&["--prompt-file", "given", "-o", "a.png"]);
    bench.run(&from_file).code(0);
    let from_pipe = generate(&["--prompt-file", "-", "-o", "b.png"]);
    bench.run_with_input(&from_pipe, b"a red apple\n").code(0);
    for index in ["8", "9"] {
        let shown = ["ledger", "show", index, "--private"];
        bench.run(&shown).code(0).says("prompt a red apple");
    }
}

#[test]
fn a_terminal_that_can_shows_the_picture() {
    let bench = Bench::new();
    let shown = |variables: &[(&str, &str)], name: &str| {
        let mut command = bench.command(&generate(&[PROMPT, "--show", "always", "-o", name]));
        command.envs(variables.iter().copied());
        Ended::from(command.output().unwrap()).code(0).out
    };
    assert!(shown(&[("TERM", "xterm-kitty")], "a.png").contains("\x1b_Ga=T,f=100"));
    assert!(shown(&[("TERM_PROGRAM", "iTerm.app")], "b.png").contains("\x1b]1337;File=inline=1"));
    assert!(shown(&[], "c.png").contains("\x1bP0;1;0q\"1;1;320;320"));
    let plain = bench.run(&generate(&[PROMPT, "-o", "d.png"])).code(0).out;
    assert!(
        !plain.contains('\x1b'),
        "nothing is shown into a pipe unasked"
    );
}

#[test]
fn bad_requests_leave_nothing() {
    let bench = Bench::new();
    let long = "word ".repeat(10_000);
    bench.write("given", &vec![b'a'; (1 << 20) + 1]);
    let cases: [(&[&str], &str); 20] = [
        (&["", "-o", "a.png"], "the prompt is empty"),
        (&[" \n ", "-o", "a.png"], "the prompt is empty"),
        (&[&long, "-o", "a.png"], "50000 bytes, more than"),
        (&["a\u{1b}[2Jb", "-o", "a.png"], "control character U+001B"),
        (
            &["--prompt-file", "given", "-o", "a.png"],
            "longer than 1048576",
        ),
        (
            &["--prompt-file", "missing", "-o", "a.png"],
            "cannot read the prompt file",
        ),
        (
            &["a", "--prompt-file", "given", "-o", "a.png"],
            "cannot be used with",
        ),
        (&["-o", "a.png"], "PROMPT"),
        (&["a"], "--out"),
        (&["a", "-o", "a.png", "--size", "0"], "no picture size"),
        (&["a", "-o", "a.png", "--size", "0x512"], "no picture size"),
        (&["a", "-o", "a.png", "--size", "100000"], "no picture size"),
        (&["a", "-o", "a.png", "--size", "8x8"], "cannot make 8x8"),
        (&["a", "-o", "a.png", "-n", "0"], "1..=64"),
        (&["a", "-o", "a.png", "-n", "65"], "1..=64"),
        (&["a", "-o", "a.png", "-n", "2"], "--out-dir"),
        (&["a", "-o", "a.png", "--grid"], "--count 2 or more"),
        (&["a", "-o", "a.gif"], "cannot carry a manifest"),
        (&["a", "-o", "a.png", "--guidance", "-1"], "guidance"),
        (&["a", "-o", "a.png", "--sampler", "plms"], "dpmpp-2m"),
    ];
    for (arguments, message) in cases {
        bench
            .run(&[&["generate"], arguments].concat())
            .code(2)
            .says(message);
        left_nothing(&bench);
    }
    let steps = ["generate", "a", "-o", "a.png", "--steps", "0"];
    bench.run(&steps).code(2).says("steps");
    let url = [
        "generate",
        "a",
        "-o",
        "a.png",
        "--url",
        "http://127.0.0.1:1",
    ];
    bench.run(&url).code(2).says("--backend openai");
    let nobody = ["generate", "a", "-o", "a.png", "--backend", "openai"];
    bench.run(&nobody).code(2).says("--url");
    left_nothing(&bench);
    bench.write("taken.png", b"precious");
    bench
        .run(&generate(&[PROMPT, "-o", "taken.png"]))
        .code(2)
        .says("exists already");
    assert_eq!(bench.read("taken.png"), b"precious");
}

#[test]
fn what_a_server_makes_is_issued_like_any_other() {
    let (bench, server) = (Bench::new(), server());
    server.require_key("sk-test");
    bench.write("given", b"sk-test\n");
    let url = server.url();
    let arguments = [
        "-n",
        "2",
        "--seed",
        "5",
        "--steps",
        "9",
        "--guidance",
        "3.3",
        "--out-dir",
        "out",
        "--api-key-file",
        "given",
        "--json",
    ];
    let ended = bench.run(&ask(&url, &arguments)).code(0);
    assert!(!ended.out.contains("sk-test") && !ended.out.contains("127.0.0.1"));
    let lines = ended.json();
    assert_eq!(lines[1]["generation"]["seeds"], serde_json::json!([6]));
    assert_eq!(lines[1]["generation"]["guidance"], 3.3);
    let asked = server.requests();
    assert_eq!(
        asked.len(),
        2,
        "each picture is asked for by itself, with its own seed"
    );
    assert_eq!(asked[1].body["seed"], 6);
    let report = bench
        .run(&["verify", "--json", "out/picture-seed-6.png"])
        .code(0)
        .json()
        .remove(0);
    assert_eq!(report["verdict"]["rule"], "issued-and-unchanged");
    let manifest = &report["evidence"]["manifest"];
    assert_eq!(manifest["software_agent"]["name"], "flux-test");
    assert_eq!(manifest["generation"]["backend"], "remote");
    assert_eq!(manifest["generation"]["built_in"], false);
}

#[test]
fn the_forms_of_json_are_as_published() {
    let (bench, server) = (Bench::new(), server());
    let url = server.url();
    let arguments = [
        "--seed",
        "5",
        "--steps",
        "9",
        "--negative",
        "blur",
        "-o",
        "a.png",
        "--sidecar",
        "--json",
    ];
    let line = bench.run(&ask(&url, &arguments)).code(0).json().remove(0);
    let sidecar = serde_json::from_slice(&bench.read("a.png.json")).unwrap();
    for (name, mut value) in [("generate", line), ("generate-sidecar", sidecar)] {
        assert_eq!(value["fingerprint"].as_str().unwrap().len(), 64);
        value["fingerprint"] = "<hash>".into();
        golden(&format!("json/{name}.json"), &normalised(value));
    }
}

#[test]
fn a_server_that_is_down_or_lies_leaves_nothing() {
    let (bench, server) = (Bench::new(), server());
    let url = server.url();
    let text = |body: &'static str| Reaction::body(200, "application/json", body);
    let cases = [
        (
            Reaction::error(401, "no such key", "invalid_api_key"),
            "key",
        ),
        (
            Reaction::error(500, "out of memory", "server_error"),
            "out of memory",
        ),
        (Reaction::HangUp, "connection"),
        (text("<html>busy</html>"), "web page"),
        (text("{\"data\": []}"), "no picture"),
        (
            text("{\"data\": [{\"b64_json\": \"aGVsbG8=\"}]}"),
            "picture",
        ),
        // A PNG's header and nothing behind it.
        (
            text("{\"data\": [{\"b64_json\": \"iVBORw0KGgoAAAANSUhEUgAAAgAAAAIACAIAAAB7GkOt\"}]}"),
            "picture",
        ),
    ];
    for (reaction, message) in cases {
        server.next(reaction);
        bench
            .run(&ask(&url, &["-o", "a.png"]))
            .code(2)
            .says(message);
        left_nothing(&bench);
    }
    server.next(Reaction::Silence);
    bench
        .run(&ask(&url, &["-o", "a.png", "--timeout", "1"]))
        .code(2)
        .says("1 s");
    left_nothing(&bench);
    drop(server);
    bench
        .run(&ask(&url, &["-o", "a.png"]))
        .code(2)
        .says("127.0.0.1");
    left_nothing(&bench);
}

#[test]
fn a_failure_midway_keeps_what_was_issued() {
    let (bench, server) = (Bench::new(), server());
    let url = server.url();
    server.next(Reaction::Conform);
    server.next(Reaction::Conform);
    server.next(Reaction::error(500, "out of memory", "server_error"));
    let arguments = ["-n", "4", "--seed", "1", "--grid", "--out-dir", "out"];
    bench
        .run(&ask(&url, &arguments))
        .code(2)
        .says("2 of 4 pictures were issued before that")
        .says("out of memory");
    assert_eq!(
        bench.names("out"),
        ["picture-seed-1.png", "picture-seed-2.png"]
    );
    let verify = [
        "verify",
        "-q",
        "out/picture-seed-1.png",
        "out/picture-seed-2.png",
    ];
    bench.run(&verify).code(0);
    let stats = bench.run(&["ledger", "show", "--json"]).code(0).json();
    assert_eq!(stats[0]["entries"], 8 + 2);
}

#[test]
fn a_picture_of_another_size_is_told_of_and_recorded_as_it_is() {
    let (bench, server) = (Bench::new(), server());
    server.paint(|_, _, _, _| png(&scene(4, 640, 400)));
    let url = server.url();
    let ended = bench.run(&ask(&url, &["-o", "a.png", "--json"])).code(0);
    assert!(ended.err.contains("640x400"), "{}", ended.err);
    let generation = &ended.json()[0]["generation"];
    assert_eq!(
        (&generation["width"], &generation["height"]),
        (&640.into(), &400.into())
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_half_done() {
    let (bench, server) = (Bench::new(), server());
    bench.run(&["keys", "init"]).code(0);
    server.next(Reaction::Silence);
    let url = server.url();
    let asking = bench.start(&ask(&url, &["-o", "a.png"]));
    let drawing = bench.start(&["generate", PROMPT, "--steps", "1000", "-o", "b.png"]);
    let patience = Instant::now() + Duration::from_mins(1);
    while server.requests().is_empty() {
        assert!(Instant::now() < patience, "nothing was ever asked for");
        std::thread::sleep(Duration::from_millis(5));
    }
    for child in [asking, drawing] {
        let sent = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        Ended::from(child.wait_with_output().unwrap()).code(130);
    }
    left_nothing(&bench);
}
