//! Text for a terminal: made safe, wrapped, numbers as people read them.

pub use colophon_provenance::hex;
pub use colophon_rendering::text::{clean, wrapped};

/// A number with its noun: "1 file", "2 files".
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
