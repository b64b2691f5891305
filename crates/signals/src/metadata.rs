//! All that a file's metadata says.

use crate::entry::Collected;
use crate::{Findings, Limits, container, date, dialect, xmp};

/// Reads the metadata of a whole file: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC, MP4, MOV and JPEG XL, by
/// content. Other files, and what stands outside its place, are searched for known packets. Pixels and
/// C2PA manifests are not read here.
///
/// Takes time linear in the file's size, and memory in [`Limits::metadata_bytes`]; never fails: what
/// could not be read is among the problems.
pub fn read_metadata(bytes: &[u8], limits: &Limits) -> Findings {
    let mut all = Collected::new(limits);
    container::collect(bytes, &mut all);
    date::read(&mut all);
    let found = dialect::read(&all);
    let remote = all
        .find_xmp(xmp::DC_TERMS, "provenance")
        .filter(|entry| !entry.nested);
    Findings {
        remote_manifest: remote.map(|entry| entry.value.chars().take(2_000).collect()),
        signals: found.signals,
        dates: all.dates,
        unreadable_marks: found.marks,
        problems: all.problems,
        trailing_bytes: all.trailing_bytes,
    }
}
