//! The inline images protocol of iTerm2: <https://iterm2.com/documentation-images.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The sequence that shows a picture file at the cursor, with a line's end after it.
pub fn encode(file: &[u8]) -> Vec<u8> {
    let head = format!("\x1b]1337;File=inline=1;size={}:", file.len());
    let mut out = head.into_bytes();
    out.extend(STANDARD.encode(file).as_bytes());
    out.extend(b"\x07\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        assert_eq!(encode(b"PNG"), b"\x1b]1337;File=inline=1;size=3:UE5H\x07\n");
    }
}
