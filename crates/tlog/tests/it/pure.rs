//! The crate must build where there is no operating system (wasm32 among them). Here the compiler's other targets are
//! not installed, so the test holds what decides it: `no_std`, and no dependency's `std`.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

#[test]
fn the_crate_and_its_dependencies_do_without_std() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    assert!(source.lines().any(|line| line == "#![no_std]"));
    assert!(
        source.contains("#[cfg(test)]\nextern crate std;") && source.matches("std;").count() == 1,
        "only tests may name the standard library"
    );
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,features"])
        .args(["--prefix", "none", "--target", "wasm32-unknown-unknown"])
        .args(["--package", "colophon-tlog"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("ed25519-dalek"), "{tree}");
    let mut lines = tree.lines();
    let forbidden = lines.find(|line| {
        line.contains(" feature \"std\"")
            || line.starts_with("getrandom")
            || line.starts_with("libc ")
    });
    assert_eq!(forbidden, None, "{tree}");
}
