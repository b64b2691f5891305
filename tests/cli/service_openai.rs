//! `colophon serve` asked by the official clients of the OpenAI API, unchanged, in both languages; whatever they were
//! answered verifies.
//!
//! `COLOPHON_PYTHON` names the interpreter that has the module `openai`, `COLOPHON_NODE_MODULES` the folder with the package
//! `openai`; `python3` and `node` otherwise.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use colophon_accounts::{Keys, Limits, NewKey, Scope, Tenant};
use colophon_imaging::{Channels, Picture, Samples};
use serde_json::Value;

use crate::model_folder;
use crate::support::{Bench, png, scene};

/// What the shipped policies forbid whoever is not the owner: pictures without a mark. Here it is allowed for previews.
const STRICT: &str = "when { context.allowUnmarked }";
const PREVIEWS: &str =
    "when { context.allowUnmarked && (context.width > 256 || context.height > 256) }";

/// A service that ends when dropped.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(bench: &Bench) -> Self {
        let mut child = bench.start(&["serve", "--listen", "127.0.0.1:0"]);
        let out = BufReader::new(child.stdout.take().unwrap());
        let (found, url) = mpsc::channel();
        // Read to its end, so that it never writes into a closed pipe.
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let host = line.split("http://").nth(1);
                let host = host.and_then(|rest| rest.split(['/', ' ']).next());
                if let Some(host) = host {
                    let _ = found.send(format!("http://{host}"));
                }
            }
        });
        let url = url.recv_timeout(Duration::from_mins(1));
        Self {
            child,
            url: url.expect("it says where it is"),
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A bench with a model that can start from pictures, a photo and a mask with a transparent hole, and policies that let
/// everyone look at pictures under way.
fn bench() -> (Bench, String) {
    let bench = Bench::new();
    let text = model_folder::text(
        &model_folder::fixtures(env!("CARGO_MANIFEST_DIR")),
        "qwen_image",
    );
    fs::create_dir_all(bench.path("home/models")).unwrap();
    model_folder::write(&text, &bench.path("home/models/tiny"), 0.3);
    let (width, height) = (512, 512);
    bench.write("photo.png", &png(&scene(3, width, height)));
    let hole = |x: u32, y: u32| (100..300).contains(&x) && (150..350).contains(&y);
    let mask = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [9, 9, 9, if hole(x, y) { 0 } else { 255 }]))
        .collect();
    let mask = Picture::new(width, height, Channels::Rgba, Samples::U8(mask)).unwrap();
    bench.write("mask.png", &png(&mask));
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    copy(&shipped, &bench.path("own"));
    let cedar = bench.path("own/default.cedar");
    let strict = fs::read_to_string(&cedar).unwrap();
    assert!(strict.contains(STRICT));
    fs::write(&cedar, strict.replace(STRICT, PREVIEWS)).unwrap();
    bench.run(&["policy", "publish", "own"]).code(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let new = NewKey {
        name: "press".to_owned(),
        tenant: Tenant::own(),
        scopes: [Scope::Issue].into_iter().collect(),
        teams: None,
        expires: None,
        limits: Limits::default(),
    };
    let keys = Keys::new(bench.path("home/access"));
    let (key, _) = keys.create(new, now.as_secs() as i64).unwrap();
    (bench, key.expose().to_string())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/interop/openai")
        .join(name)
}

/// Lines of a client, or `None` when it is missing and not required.
fn lines(what: &str, output: std::io::Result<Output>) -> Option<Vec<Value>> {
    let missing = match &output {
        Err(error) => Some(error.to_string()),
        Ok(output) if output.status.code() == Some(3) => Some("it has no client".to_owned()),
        Ok(_) => None,
    };
    if let Some(missing) = missing {
        assert!(
            std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() != Ok("1"),
            "required: {what}: {missing}"
        );
        eprintln!("SKIPPED: {what}: {missing}");
        return None;
    }
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    Some(lines.collect())
}

/// Every step went well, and every file verifies with its mark, its manifest and its record.
fn check(bench: &Bench, lines: &[Value], steps: usize) {
    assert_eq!(lines.len(), steps, "{lines:#?}");
    for line in lines {
        assert_eq!(line["ok"], true, "{line}");
        for file in line["files"].as_array().into_iter().flatten() {
            let file = file.as_str().unwrap();
            let report = bench
                .run(&["verify", "--json", file])
                .code(0)
                .json()
                .remove(0);
            assert_eq!(report["verdict"]["rule"], "issued-and-unchanged", "{file}");
            let evidence = &report["evidence"];
            assert!(evidence["watermark"]["payload"].is_string(), "{file}");
            assert!(evidence["ledger"].is_object(), "{file}");
            let parents = evidence["manifest"]["ingredients"].to_string();
            assert_eq!(
                parents.contains("parentOf"),
                file.contains("edit"),
                "{file}"
            );
        }
    }
}

#[test]
fn the_python_client_makes_pictures_that_verify() {
    let (bench, key) = bench();
    let serving = Serving::start(&bench);
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python)
        .arg(script("client.py"))
        .args([&format!("{}/v1", serving.url), &key])
        .arg(bench.path(""))
        .output();
    if let Some(lines) = lines("openai for Python", output) {
        check(&bench, &lines, 12);
    }
}

#[test]
fn the_node_client_makes_pictures_that_verify() {
    let (bench, key) = bench();
    let serving = Serving::start(&bench);
    let output = Command::new("node")
        .arg(script("client.mjs"))
        .args([&format!("{}/v1", serving.url), &key])
        .arg(bench.path(""))
        .output();
    if let Some(lines) = lines("openai for Node", output) {
        check(&bench, &lines, 9);
    }
}
