//! What goes through the pipes: frames of a length, a kind and bytes.
//!
//! ```text
//! frame    length (u32, little-endian, of what follows the kind) | kind (u8) | bytes
//! child    HELLO(layers) { parent's request, then  PART* END  or  FAULT(message) }
//! parent   HEADER BODY
//! part     length of the name (u8) | name (UTF-8) | bytes
//! ```
//!
//! Each side may be hostile to the other's reader: every length is held against [`Caps`] before memory is given.

use std::io::{self, Read, Write};

/// The child's first frame: the layers that hold, as bits.
pub(crate) const HELLO: u8 = 1;
/// First half of a request.
pub(crate) const HEADER: u8 = 2;
/// Second half of a request.
pub(crate) const BODY: u8 = 3;
/// One part of a reply.
pub(crate) const PART: u8 = 4;
/// The reply is complete.
pub(crate) const END: u8 = 5;
/// The work panicked; the message. The child ends after it.
pub(crate) const FAULT: u8 = 6;

/// Most bytes of a [`FAULT`] or [`HELLO`].
const SHORT: usize = 4096;

/// What a child is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is to be done, in the caller's own encoding (JSON, say).
    pub header: &'a [u8],
    /// What it is to be done with: the file.
    pub body: &'a [u8],
}

/// What a child answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Named results, in order.
    pub parts: Vec<Part>,
}

/// One named result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name, at most 255 bytes.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// Adds a part.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.parts.push(Part {
            name: name.to_owned(),
            bytes,
        });
        self
    }

    /// The bytes of the first part of that name.
    pub fn part(&self, name: &str) -> Option<&[u8]> {
        let part = self.parts.iter().find(|part| part.name == name)?;
        Some(&part.bytes)
    }

    /// Takes the bytes of the first part of that name out.
    pub fn take(&mut self, name: &str) -> Option<Vec<u8>> {
        let part = self.parts.iter_mut().find(|part| part.name == name)?;
        Some(std::mem::take(&mut part.bytes))
    }
}

/// Most that one message may hold. Both sides must use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of a request's header.
    pub header: usize,
    /// Bytes of a request's body.
    pub body: usize,
    /// Bytes of all parts of a reply, with their names.
    pub reply: usize,
    /// Parts of a reply.
    pub parts: usize,
}

impl Default for Caps {
    /// Header 1 MiB, body 256 MiB, reply 256 MiB in 64 parts.
    fn default() -> Self {
        Self {
            header: 1 << 20,
            body: 256 << 20,
            reply: 256 << 20,
            parts: 64,
        }
    }
}

/// Why a message could not be read.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The other side is gone, before or within a message.
    Gone,
    /// The other side does not keep to the protocol.
    Protocol(&'static str),
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// What came back for a request.
pub(crate) enum Answer {
    Reply(Reply),
    Fault(Vec<u8>),
}

/// Writes one frame; the pieces are its bytes.
pub(crate) fn write(out: &mut impl Write, kind: u8, pieces: &[&[u8]]) -> io::Result<()> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let length = u32::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let [a, b, c, d] = length.to_le_bytes();
    out.write_all(&[a, b, c, d, kind])?;
    pieces.iter().try_for_each(|piece| out.write_all(piece))
}

/// Reads one frame of at most `cap` bytes. `None` at the end of the stream.
pub(crate) fn read(from: &mut impl Read, cap: usize) -> Result<Option<(u8, Vec<u8>)>, Broken> {
    let mut head = Vec::with_capacity(5);
    from.by_ref().take(5).read_to_end(&mut head)?;
    let [a, b, c, d, kind] = match head.as_slice() {
        [] => return Ok(None),
        head => head.try_into().map_err(|_| Broken::Gone)?,
    };
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > cap {
        return Err(Broken::Protocol("a message is too long or is none"));
    }
    let mut bytes = Vec::with_capacity(length);
    if from.by_ref().take(length as u64).read_to_end(&mut bytes)? < length {
        return Err(Broken::Gone);
    }
    Ok(Some((kind, bytes)))
}

/// Header and body of a request.
pub(crate) type Received = (Vec<u8>, Vec<u8>);

/// Reads the next request's header and body; `None` when the parent is done.
pub(crate) fn read_request(from: &mut impl Read, caps: &Caps) -> Result<Option<Received>, Broken> {
    let header = match read(from, caps.header)? {
        None => return Ok(None),
        Some((HEADER, header)) => header,
        Some(_) => return Err(Broken::Protocol("a request without a header")),
    };
    match read(from, caps.body)? {
        Some((BODY, body)) => Ok(Some((header, body))),
        Some(_) => Err(Broken::Protocol("a header without a body")),
        None => Err(Broken::Gone),
    }
}

/// Writes a reply; one that is larger than the caps becomes a fault.
pub(crate) fn write_reply(out: &mut impl Write, reply: &Reply, caps: &Caps) -> io::Result<()> {
    let size: usize = reply
        .parts
        .iter()
        .map(|part| 1 + part.name.len() + part.bytes.len())
        .sum();
    let names = reply.parts.iter().all(|part| part.name.len() <= 255);
    if size > caps.reply || reply.parts.len() > caps.parts || !names {
        write(out, FAULT, &[b"the result is larger than a reply may be"])?;
        return out.flush();
    }
    for Part { name, bytes } in &reply.parts {
        write(out, PART, &[&[name.len() as u8], name.as_bytes(), bytes])?;
    }
    write(out, END, &[])?;
    out.flush()
}

/// Reads a whole answer.
pub(crate) fn read_answer(from: &mut impl Read, caps: &Caps) -> Result<Answer, Broken> {
    let mut reply = Reply::default();
    let mut left = caps.reply;
    loop {
        match read(from, left.max(SHORT))? {
            None => return Err(Broken::Gone),
            Some((END, bytes)) if bytes.is_empty() => return Ok(Answer::Reply(reply)),
            Some((FAULT, message)) if message.len() <= SHORT => return Ok(Answer::Fault(message)),
            Some((PART, bytes)) => {
                left = left
                    .checked_sub(bytes.len())
                    .ok_or(Broken::Protocol("a reply is too long"))?;
                if reply.parts.len() >= caps.parts {
                    return Err(Broken::Protocol("a reply has too many parts"));
                }
                reply.parts.push(part(bytes)?);
            }
            Some(_) => return Err(Broken::Protocol("a message of another kind")),
        }
    }
}

fn part(mut bytes: Vec<u8>) -> Result<Part, Broken> {
    let broken = Broken::Protocol("a part without a name");
    let Some(&length) = bytes.first() else {
        return Err(broken);
    };
    let end = 1 + usize::from(length);
    let Some(Ok(name)) = bytes.get(1..end).map(str::from_utf8) else {
        return Err(broken);
    };
    let name = name.to_owned();
    bytes.drain(..end);
    Ok(Part { name, bytes })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAPS: Caps = Caps {
        header: 64,
        body: 256,
        reply: 256,
        parts: 3,
    };

    fn answer(bytes: &[u8]) -> Result<Reply, &'static str> {
        match read_answer(&mut &bytes[..], &CAPS) {
            Ok(Answer::Reply(reply)) => Ok(reply),
            Ok(Answer::Fault(_)) => Err("fault"),
            Err(Broken::Gone) => Err("gone"),
            Err(Broken::Protocol(what)) => Err(what),
        }
    }

    fn written(reply: &Reply) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_reply(&mut bytes, reply, &CAPS).unwrap();
        bytes
    }

    #[test]
    fn replies_go_through_and_too_large_ones_become_faults() {
        let reply = Reply::default().with("a", vec![1, 2]).with("", Vec::new());
        assert_eq!(answer(&written(&reply)), Ok(reply.clone()));
        assert_eq!(reply.part("a"), Some(&[1, 2][..]));
        let large = Reply::default().with("a", vec![0; 255]);
        assert_eq!(answer(&written(&large)), Err("fault"));
        let many = (0..4).fold(Reply::default(), |reply, _| reply.with("a", vec![]));
        assert_eq!(answer(&written(&many)), Err("fault"));
    }

    #[test]
    fn requests_go_through() {
        let mut bytes = Vec::new();
        write(&mut bytes, HEADER, &[b"what", b" to do"]).unwrap();
        write(&mut bytes, BODY, &[b"file"]).unwrap();
        let mut input = &bytes[..];
        let request = read_request(&mut input, &CAPS).ok().flatten().unwrap();
        assert_eq!(request, (b"what to do".to_vec(), b"file".to_vec()));
        assert!(matches!(read_request(&mut input, &CAPS), Ok(None)));
    }

    #[test]
    fn a_hostile_child_gets_no_more_than_the_caps() {
        let mut long = 257u32.to_le_bytes().to_vec();
        long.push(PART);
        // Within what a fault may have, beyond what a reply may have.
        long.extend([0; 257]);
        assert_eq!(answer(&long), Err("a reply is too long"));
        assert_eq!(
            answer(&[0xff, 0xff, 0xff, 0xff, PART]),
            Err("a message is too long or is none")
        );
        let part = [1, 0, 0, 0, PART, 0];
        assert_eq!(answer(&part.repeat(4)), Err("a reply has too many parts"));
        assert_eq!(answer(&[0, 0, 0, 0, PART]), Err("a part without a name"));
        assert_eq!(
            answer(&[2, 0, 0, 0, PART, 1, 0xff]),
            Err("a part without a name")
        );
        assert_eq!(
            answer(&[2, 0, 0, 0, PART, 9, b'a']),
            Err("a part without a name")
        );
        assert_eq!(answer(&[0, 0, 0, 0, 77]), Err("a message of another kind"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_reply_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = answer(&bytes);
            let _ = read_request(&mut &bytes[..], &CAPS);
        }

        #[test]
        fn every_reply_is_read_back_and_every_cut_one_is_gone(
            parts in prop::collection::vec(("[a-zä]{0,9}", prop::collection::vec(any::<u8>(), 0..60)), 0..3),
            cut in any::<prop::sample::Index>(),
        ) {
            let reply = parts.into_iter().fold(Reply::default(), |reply, (name, bytes)| reply.with(&name, bytes));
            let bytes = written(&reply);
            prop_assert_eq!(answer(&bytes), Ok(reply));
            prop_assert_eq!(answer(&bytes[..cut.index(bytes.len())]), Err("gone"));
        }
    }
}
