//! Processes killed with `SIGKILL` while they issue: what is left is whole. `cargo xtask kill` runs many more rounds.

use std::path::Path;

use crate::kill_loop::KillLoop;
use crate::support::{Bench, png, scene};

#[test]
fn killed_processes_leave_a_sound_ledger_and_whole_pictures() {
    let bench = Bench::new();
    bench.write("original.png", &png(&scene(77, 320, 240)));
    let folder = bench.path("");
    let trial = KillLoop {
        binary: Path::new(env!("CARGO_BIN_EXE_colophon")),
        folder: &folder,
        original: "original.png",
        processes: 2,
        pictures: 3,
        seed: 1,
    };
    let outcome = trial.run(10, |_, _| {}).unwrap();
    assert!(
        outcome.killed >= 10,
        "most processes were killed before they were done: {outcome:?}"
    );
    assert!(outcome.pictures >= 11, "{outcome:?}");
}
