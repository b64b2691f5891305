//! The kitty graphics protocol: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Most bytes of base64 in one escape sequence.
const CHUNK: usize = 4096;

/// Sequences that transmit a PNG file and show it at the cursor, with a line's end after it.
///
/// `a=T` transmits and shows, `f=100` is PNG, `q=2` asks for no answers, `m` is 1 on all chunks but
/// the last.
pub fn encode(png: &[u8]) -> Vec<u8> {
    let data = STANDARD.encode(png);
    let chunks = data.as_bytes().chunks(CHUNK);
    let last = chunks.len().saturating_sub(1);
    let mut out = Vec::with_capacity(data.len() + data.len() / 128 + 64);
    for (number, chunk) in chunks.enumerate() {
        let more = u8::from(number < last);
        let control = if number == 0 {
            format!("a=T,f=100,q=2,m={more}")
        } else {
            format!("m={more}")
        };
        out.extend(b"\x1b_G");
        out.extend(control.as_bytes());
        out.push(b';');
        out.extend(chunk);
        out.extend(b"\x1b\\");
    }
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        assert_eq!(
            encode(b"PNG"),
            b"\x1b_Ga=T,f=100,q=2,m=0;UE5H\x1b\\\n",
            "one chunk"
        );
    }

    #[test]
    fn long_pictures_go_in_chunks_that_join_to_the_file() {
        let file: Vec<u8> = (0..10_000u32).map(|i| (i * 7) as u8).collect();
        let text = String::from_utf8(encode(&file)).unwrap();
        let mut data = String::new();
        let sequences: Vec<&str> = text.trim_end().split_terminator("\x1b\\").collect();
        for (number, sequence) in sequences.iter().enumerate() {
            let (control, chunk) = sequence
                .strip_prefix("\x1b_G")
                .and_then(|rest| rest.split_once(';'))
                .unwrap();
            let more = if number + 1 < sequences.len() {
                "m=1"
            } else {
                "m=0"
            };
            assert!(control.ends_with(more) && chunk.len() <= CHUNK, "{control}");
            data.push_str(chunk);
        }
        assert_eq!(sequences.len(), 4);
        assert_eq!(STANDARD.decode(data).unwrap(), file);
    }
}
