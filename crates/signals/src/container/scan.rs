//! A search through the bytes, for what stands outside its place or in a file that cannot be walked.

use memchr::memmem;

use crate::bytes::{clamped, text};
use crate::entry::{Collected, Origin};
use crate::{json, xmp};

/// Searches both ends of the file.
pub(super) fn read(bytes: &[u8], out: &mut Collected<'_>) {
    let window = out.limits.scan_bytes;
    let (head, tail) = if bytes.len() <= 2 * window {
        (bytes, &bytes[..0])
    } else {
        (&bytes[..window], &bytes[bytes.len() - window..])
    };
    for part in [head, tail] {
        if !out.entries.iter().any(|entry| entry.origin == Origin::Xmp) {
            packets(part, out);
        }
    }
    let labelled = |out: &Collected<'_>| {
        let labels =
            |entry: &crate::entry::Entry| entry.key == "AIGC" || entry.value.contains("AIGC");
        !out.packets.is_empty() || out.entries.iter().any(labels)
    };
    for part in [head, tail] {
        if !labelled(out) {
            labels(part, out);
        }
    }
}

fn packets(bytes: &[u8], out: &mut Collected<'_>) {
    const MOST: usize = 4;
    let end_tag = memmem::Finder::new(b"</x:xmpmeta>");
    let mut rest = bytes;
    for _ in 0..MOST {
        let Some(at) = memmem::find(rest, b"<x:xmpmeta") else {
            return;
        };
        rest = &rest[at..];
        let end = end_tag.find(rest).map_or(rest.len(), |end| end + 12);
        xmp::read(&rest[..end.min(out.room())], "stray", out);
        rest = &rest[end..];
    }
}

/// `AIGC{...}` and `"AIGC":{...}`.
fn labels(bytes: &[u8], out: &mut Collected<'_>) {
    const MOST: usize = 20;
    const LONGEST: usize = 16 << 10;
    for at in memmem::find_iter(bytes, b"AIGC").take(MOST) {
        let after = clamped(bytes, at + 4, LONGEST);
        // Between name and brace: a quote, perhaps escaped, a colon, blanks.
        let gap = after
            .iter()
            .take(8)
            .position(|byte| *byte == b'{')
            .unwrap_or(usize::MAX);
        let Some(body) = after.get(gap..) else {
            continue;
        };
        let body = text(body);
        if let Some((_, rest)) = json::leading_object(&body, out.limits) {
            let value = body[..body.len() - rest.len()].to_owned();
            let place = format!("bytes from {at}");
            if out.admit(&place, value.as_bytes()).is_some() {
                out.entry(Origin::Scan, "AIGC", value, place);
            }
        }
    }
}
