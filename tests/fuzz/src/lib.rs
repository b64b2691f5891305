//! What the fuzz targets share: which panics count, seeds, and small pictures.

pub mod pictures;

use std::path::Path;

/// Name of the environment variable with the folder into which a target writes its seeds when it starts.
pub const SEEDS: &str = "COLOPHON_FUZZ_SEEDS";

/// Makes a panic in our own code end the run, and only that.
///
/// `colophon_imaging::decode` and the verifier catch panics of foreign decoders and report the file as undecodable, so
/// such a panic is no finding as long as it is caught; one that is not caught ends the run all the same.
pub fn only_our_panics_count() {
    std::panic::set_hook(Box::new(|panic| {
        let foreign = panic.location().is_some_and(|at| {
            at.file().contains("/registry/src/") || at.file().contains("/rustc/")
        });
        if !foreign || std::env::var_os("COLOPHON_FUZZ_LOUD").is_some() {
            eprintln!("{panic}\n{}", std::backtrace::Backtrace::force_capture());
        }
        if !foreign {
            std::process::abort();
        }
    }));
}

/// Runs `work` as the verifier does: a foreign panic within is the file's fault.
pub fn foreign_may_give_up<T>(work: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

/// Writes the seeds into the folder named by [`SEEDS`], if it is set.
///
/// The targets bring their seeds themselves, made with our own encoders: a program of its own would be built a second
/// time, without the fuzzer's flags.
///
/// # Panics
/// If the folder cannot be written.
pub fn write_seeds(seeds: impl FnOnce() -> Vec<Vec<u8>>) {
    let Some(folder) = std::env::var_os(SEEDS) else {
        return;
    };
    for (number, seed) in seeds().into_iter().enumerate() {
        let file = Path::new(&folder).join(format!("seed-{number:03}"));
        std::fs::write(file, seed).expect("the folder of the seeds can be written");
    }
}
