//! The web page in a Chromium, against a service that runs. The tests themselves are `tests/web`.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command};

use colophon_imaging::{Limits, decode};

use crate::support::{Bench, jpeg, photo};

/// A service that runs, and the key that it drew for its owner; killed when dropped.
struct Service {
    child: Child,
    base: String,
    key: String,
}

impl Service {
    fn start(bench: &Bench) -> Self {
        let mut child = bench.start(&["serve", "--listen", "127.0.0.1:0"]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // "For its owner, while it runs: http://127.0.0.1:PORT/#key=KEY"
        let (base, key) = loop {
            let line = lines.next().expect("it says where it is").unwrap();
            let place = line.split_whitespace().last().unwrap_or_default();
            if let Some((base, key)) = place.split_once("/#key=") {
                break (base.to_owned(), key.to_owned());
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, base, key }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/web")
}

/// What is missing of Node, its packages and a Chromium.
fn missing() -> Option<String> {
    let starts = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let browser = std::env::var("COLOPHON_BROWSER").unwrap_or_else(|_| "/usr/bin/chromium".into());
    let packages = folder().join("node_modules/playwright-core");
    match (starts("node"), starts(&browser), packages.exists()) {
        (false, ..) => Some("node".to_owned()),
        (_, false, _) => Some(browser),
        (.., false) => Some("`npm ci --prefix tests/web`".to_owned()),
        _ => None,
    }
}

/// Whether the tools are there; says so, or fails where they must be.
fn has_tools() -> bool {
    let Some(missing) = missing() else {
        return true;
    };
    let needed = std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() == Ok("1");
    assert!(!needed, "the tests of the page need {missing}");
    eprintln!("skipped: the tests of the page need {missing}");
    false
}

/// Runs a program in the folder of the tests; what it says is shown when it fails.
fn run(program: &str, arguments: &[&str], variables: &[(&str, &str)]) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder());
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{arguments:?}\n{said}\n{complained}"
    );
    for line in said.lines().filter(|line| line.contains("first view:")) {
        eprintln!("{line}");
    }
}

#[test]
fn the_page_has_the_types_that_it_says() {
    if !has_tools() {
        return;
    }
    run("node", &["types.mjs", "../../web/types"], &[]);
    let compiler = folder().join("node_modules/typescript/bin/tsc");
    run(
        "node",
        &[compiler.to_str().unwrap(), "-p", "../../web/tsconfig.json"],
        &[],
    );
}

#[test]
fn the_pages_do_what_they_should_in_a_browser() {
    if !has_tools() {
        return;
    }
    let bench = Bench::new();
    bench.write("original.jpg", &photo(5));
    let stamp = [
        "stamp",
        "original.jpg",
        "-o",
        "issued.jpg",
        "--generator",
        "Test model",
    ];
    bench.run(&stamp).code(0);
    let issued = decode(&bench.read("issued.jpg"), &Limits::default()).unwrap();
    bench.write("copy.jpg", &jpeg(&issued, 85));
    let service = Service::start(&bench);
    let [issued, copy] = ["issued.jpg", "copy.jpg"].map(|name| bench.path(name));
    let variables = [
        ("COLOPHON_WEB_BASE", service.base.as_str()),
        ("COLOPHON_WEB_KEY", service.key.as_str()),
        ("COLOPHON_WEB_ISSUED", issued.to_str().unwrap()),
        ("COLOPHON_WEB_COPY", copy.to_str().unwrap()),
    ];
    let own = ["frame", "verify", "record", "live"].map(|name| format!("{name}.test.mjs"));
    let mut arguments = vec!["--test", "--test-concurrency=1"];
    arguments.extend(own.iter().map(String::as_str));
    run("node", &arguments, &variables);
    // The other pages have a pretended service that can fail and wait as it is told.
    run("node", &["--test", "--test-concurrency=1", "pages/"], &[]);
}
