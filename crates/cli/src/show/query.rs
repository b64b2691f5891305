//! Whether the terminal draws sixels: it says so in its primary device attributes.

use std::io::{self, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

/// `ESC [ c` asks; the answer is `ESC [ ? 62 ; 4 ; ... c`.
const ASK: &[u8] = b"\x1b[c";
/// The attribute that stands for sixel graphics.
const SIXEL: &str = "4";
/// Tenths of a second to wait for each part of the answer.
const PATIENCE: u8 = 3;
/// Longest answer read, bytes.
const LONGEST: usize = 256;

/// Asks the terminal on standard input and output. Answers that do not come are a no.
pub fn has_sixel() -> bool {
    answer().is_ok_and(|answer| tells_sixel(&answer))
}

fn answer() -> io::Result<Vec<u8>> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut raw = before.clone();
    // Neither shown nor held back until a line ends.
    raw.local_modes
        .remove(LocalModes::ICANON | LocalModes::ECHO);
    raw.special_codes[SpecialCodeIndex::VMIN] = 0;
    raw.special_codes[SpecialCodeIndex::VTIME] = PATIENCE;
    tcsetattr(&stdin, OptionalActions::Flush, &raw)?;
    let answer = converse(&mut stdin.lock());
    tcsetattr(&stdin, OptionalActions::Flush, &before)?;
    answer
}

fn converse(input: &mut io::StdinLock<'_>) -> io::Result<Vec<u8>> {
    let mut out = io::stdout().lock();
    out.write_all(ASK)?;
    out.flush()?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while answer.len() < LONGEST && input.read(&mut byte)? == 1 {
        answer.push(byte[0]);
        if byte[0] == b'c' {
            break;
        }
    }
    Ok(answer)
}

fn tells_sixel(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let attributes = text
        .rsplit_once("\x1b[?")
        .and_then(|(_, rest)| rest.strip_suffix('c'));
    // The first number is the class of the terminal.
    attributes.is_some_and(|list| list.split(';').skip(1).any(|each| each == SIXEL))
}

#[cfg(test)]
mod tests {
    use super::tells_sixel;

    #[test]
    fn the_attributes_are_read() {
        assert!(tells_sixel(b"\x1b[?62;4;22c"));
        assert!(tells_sixel(b"typed ahead\x1b[?64;1;4c"));
        for no in [
            b"\x1b[?62;22c".as_slice(),
            b"\x1b[?4c",
            b"\x1b[?62;44c",
            b"\x1b[?62;4",
            b"",
        ] {
            assert!(!tells_sixel(no));
        }
    }
}
