//! What follows the picture's end: Samsung's block, a second picture, a film, or something unknown.

use crate::bytes::{le16, le32, slice, text};
use crate::entry::{Collected, Origin};

/// Reads the trailer; `file` is the whole file.
pub(super) fn read(file: &[u8], trailing: &[u8], out: &mut Collected<'_>) {
    if trailing.is_empty() {
        return;
    }
    let has_samsung = trailing.ends_with(b"SEFT");
    if has_samsung {
        samsung(trailing, out);
    }
    let zeros = trailing
        .iter()
        .all(|byte| matches!(byte, 0 | b'\r' | b'\n' | b' ' | 0xff));
    if !zeros && !has_samsung && !is_usual(file, trailing) {
        out.problem("after the picture's end", "trailing-data");
    }
}

/// Whether the trailer begins as one that cameras, phones and editors write: pictures for one file
/// (MPF), or the film of a motion photo.
fn is_usual(file: &[u8], trailing: &[u8]) -> bool {
    // Fill bytes may come first.
    let start = trailing.iter().position(|byte| *byte != 0).unwrap_or(0);
    let body = &trailing[start..];
    let head = &file[..file.len().min(1 << 18)];
    let names_more = |name: &[u8]| memchr::memmem::find(head, name).is_some();
    body.starts_with(&[0xff, 0xd8, 0xff])
        || slice(body, 4, 4) == Some(b"ftyp")
        || body.starts_with(b"MotionPhoto_Data")
        || names_more(b"MPF\0")
        || names_more(b"MotionPhoto")
        || names_more(b"MicroVideo")
}

/// Reads Samsung's block: the names and values that the directory between `SEFH` and `SEFT` lists.
pub(super) fn samsung(block: &[u8], out: &mut Collected<'_>) {
    const MOST: usize = 200;
    let Some(end) = block
        .len()
        .checked_sub(8)
        .filter(|_| block.ends_with(b"SEFT"))
    else {
        return;
    };
    let length = le32(block, end).unwrap_or(0) as usize;
    let Some(start) = end
        .checked_sub(length)
        .filter(|start| slice(block, *start, 4) == Some(b"SEFH"))
    else {
        out.problem("Samsung trailer", "trailer-malformed");
        return;
    };
    let count = le32(block, start + 8).unwrap_or(0) as usize;
    for index in 0..count.min(MOST) {
        let entry = start + 12 + 12 * index;
        let (Some(back), Some(size)) = (le32(block, entry + 4), le32(block, entry + 8)) else {
            break;
        };
        let data = start
            .checked_sub(back as usize)
            .and_then(|at| slice(block, at, size as usize));
        let Some(data) = data.filter(|data| le16(data, 2) == le16(block, entry + 2)) else {
            out.problem("Samsung trailer", "trailer-malformed");
            continue;
        };
        let name_length = le32(data, 4).unwrap_or(0) as usize;
        let Some(name) = slice(data, 8, name_length).map(text) else {
            continue;
        };
        let value = &data[8 + name_length..];
        let place = format!("Samsung trailer `{name}`");
        // Only what is JSON says anything here; the rest are pictures and sounds.
        if value.first() == Some(&b'{')
            && let Some(value) = out.admit(&place, value)
        {
            out.entry(Origin::Trailer, &name, text(value), place);
        }
    }
}
