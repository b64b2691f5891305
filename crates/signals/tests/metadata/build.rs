//! Files, byte by byte.

use std::io::Write;

/// A PNG with chunks between header and pixels.
pub fn png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut all: Vec<(&[u8; 4], Vec<u8>)> =
        vec![(b"IHDR", vec![0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0])];
    all.extend(chunks.iter().cloned());
    all.push((b"IDAT", zlib(&[0, 0, 0, 0])));
    all.push((b"IEND", Vec::new()));
    for (kind, data) in all {
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(kind);
        file.extend(&data);
        // Readers of metadata do not look at checksums.
        file.extend([0; 4]);
    }
    file
}

pub fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub fn text(keyword: &str, value: &str) -> (&'static [u8; 4], Vec<u8>) {
    (
        b"tEXt",
        [keyword.as_bytes(), &[0], value.as_bytes()].concat(),
    )
}

pub fn packed_text(keyword: &str, value: &str) -> (&'static [u8; 4], Vec<u8>) {
    (
        b"zTXt",
        [keyword.as_bytes(), &[0, 0], &zlib(value.as_bytes())].concat(),
    )
}

pub fn international(keyword: &str, value: &str) -> (&'static [u8; 4], Vec<u8>) {
    (
        b"iTXt",
        [
            keyword.as_bytes(),
            &[0, 0, 0],
            b"en\0",
            b"\0",
            value.as_bytes(),
        ]
        .concat(),
    )
}

/// A PNG with these texts.
pub fn png_texts(texts: &[(&str, &str)]) -> Vec<u8> {
    png(&texts
        .iter()
        .map(|(keyword, value)| text(keyword, value))
        .collect::<Vec<_>>())
}

/// A JPEG with segments (marker's second byte, content) and a little entropy-coded data.
pub fn jpeg(segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    for (marker, data) in segments {
        file.extend([0xff, *marker]);
        file.extend((data.len() as u16 + 2).to_be_bytes());
        file.extend(data);
    }
    file.extend([
        0xff, 0xda, 0, 4, 1, 2, 0x12, 0xff, 0x00, 0x34, 0xff, 0xd0, 0x56, 0xff, 0xd9,
    ]);
    file
}

pub fn app1_exif(tiff: &[u8]) -> (u8, Vec<u8>) {
    (0xe1, [b"Exif\0\0", tiff].concat())
}

pub fn app1_xmp(packet: &str) -> (u8, Vec<u8>) {
    (
        0xe1,
        [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat(),
    )
}

pub fn app13_iim(sets: &[(u8, &str)]) -> (u8, Vec<u8>) {
    let mut iim = Vec::new();
    for (set, value) in sets {
        iim.extend([0x1c, 2, *set]);
        iim.extend((value.len() as u16).to_be_bytes());
        iim.extend(value.as_bytes());
    }
    let mut data = b"Photoshop 3.0\x008BIM\x04\x04\0\0".to_vec();
    data.extend((iim.len() as u32).to_be_bytes());
    data.extend(iim);
    (0xed, data)
}

/// An extended WebP with chunks after the pixels.
pub fn webp(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    let mut all: Vec<(&[u8; 4], Vec<u8>)> =
        vec![(b"VP8X", vec![0; 10]), (b"VP8L", vec![0x2f, 0, 0])];
    all.extend(chunks.iter().cloned());
    for (kind, mut data) in all {
        body.extend(kind);
        body.extend((data.len() as u32).to_le_bytes());
        if data.len() % 2 == 1 {
            data.push(0);
        }
        body.extend(data);
    }
    [
        b"RIFF".as_slice(),
        &(body.len() as u32).to_le_bytes(),
        &body,
    ]
    .concat()
}

/// One box of ISO base media files.
pub fn boxed(kind: &[u8], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), kind, content].concat()
}

/// An MP4 with items by key (`mdta`), after its media.
pub fn mp4(items: &[(&str, &str)]) -> Vec<u8> {
    let mut keys = vec![0, 0, 0, 0];
    keys.extend((items.len() as u32).to_be_bytes());
    let mut list = Vec::new();
    for (index, (key, value)) in items.iter().enumerate() {
        keys.extend(boxed(b"mdta", key.as_bytes()));
        let data = boxed(
            b"data",
            &[&[0, 0, 0, 1, 0, 0, 0, 0], value.as_bytes()].concat(),
        );
        list.extend(boxed(&(index as u32 + 1).to_be_bytes(), &data));
    }
    let handler = boxed(b"hdlr", &[0; 25]);
    let meta = boxed(
        b"meta",
        &[
            &[0; 4],
            handler.as_slice(),
            &boxed(b"keys", &keys),
            &boxed(b"ilst", &list),
        ]
        .concat(),
    );
    let moov = boxed(b"moov", &boxed(b"udta", &meta));
    [
        boxed(b"ftyp", b"isom\0\0\0\0isom"),
        boxed(b"mdat", &[0x55; 300]),
        moov,
    ]
    .concat()
}

/// An AVIF whose items are an EXIF block and an XMP packet.
pub fn avif(tiff: &[u8], packet: &str) -> Vec<u8> {
    let exif = [&[0, 0, 0, 0], tiff].concat();
    let entry = |id: u16, kind: &[u8; 4], rest: &[u8]| {
        boxed(
            b"infe",
            &[
                &[2, 0, 0, 0],
                id.to_be_bytes().as_slice(),
                &[0, 0],
                kind,
                rest,
            ]
            .concat(),
        )
    };
    let infos = [
        entry(1, b"Exif", b"\0"),
        entry(2, b"mime", b"\0application/rdf+xml\0"),
    ]
    .concat();
    let iinf = boxed(b"iinf", &[&[0, 0, 0, 0, 0, 2], infos.as_slice()].concat());
    let ftyp = boxed(b"ftyp", b"avif\0\0\0\0avifmif1");
    let build = |first: u32| {
        let mut iloc = vec![0, 0, 0, 0, 0x44, 0, 0, 2];
        for (id, offset, length) in [
            (1_u16, first, exif.len()),
            (2, first + exif.len() as u32, packet.len()),
        ] {
            iloc.extend(id.to_be_bytes());
            iloc.extend([0, 0, 0, 1]);
            iloc.extend(offset.to_be_bytes());
            iloc.extend((length as u32).to_be_bytes());
        }
        let meta = boxed(
            b"meta",
            &[&[0; 4], iinf.as_slice(), &boxed(b"iloc", &iloc)].concat(),
        );
        [ftyp.clone(), meta].concat()
    };
    let head = build(0).len() as u32 + 8;
    [
        build(head),
        boxed(b"mdat", &[exif.as_slice(), packet.as_bytes()].concat()),
    ]
    .concat()
}

/// An entry of a TIFF directory: tag, type, bytes.
pub type Tag = (u16, u16, Vec<u8>);

pub fn ascii(tag: u16, value: &str) -> Tag {
    (tag, 2, [value.as_bytes(), &[0]].concat())
}

/// `UserComment` in UTF-16.
pub fn comment(value: &str, big_endian: bool) -> Tag {
    let units = value.encode_utf16();
    let units: Vec<u8> = if big_endian {
        units.flat_map(u16::to_be_bytes).collect()
    } else {
        units.flat_map(u16::to_le_bytes).collect()
    };
    (0x9286, 7, [b"UNICODE\0".as_slice(), &units].concat())
}

/// A TIFF structure with a first and an EXIF directory.
pub fn tiff(first: &[Tag], exif: &[Tag], big_endian: bool) -> Vec<u8> {
    let short = |value: u16| {
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let long = |value: u32| {
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let directory = |tags: &[Tag], at: usize| {
        let (mut entries, mut data) = (short(tags.len() as u16).to_vec(), Vec::new());
        let after = at + 2 + 12 * tags.len() + 4;
        for (tag, kind, value) in tags {
            let size = match kind {
                3 => 2,
                4 => 4,
                5 => 8,
                _ => 1,
            };
            entries.extend(short(*tag));
            entries.extend(short(*kind));
            entries.extend(long((value.len() / size) as u32));
            if value.len() <= 4 {
                entries.extend(value);
                entries.extend(vec![0; 4 - value.len()]);
            } else {
                entries.extend(long((after + data.len()) as u32));
                data.extend(value);
            }
        }
        entries.extend([0; 4]);
        [entries, data].concat()
    };
    let mut first = first.to_vec();
    first.push((0x8769, 4, long(0).to_vec()));
    let exif_at = 8 + directory(&first, 8).len();
    *first.last_mut().unwrap() = (0x8769, 4, long(exif_at as u32).to_vec());
    let head: &[u8] = if big_endian { b"MM\0\x2a" } else { b"II\x2a\0" };
    [
        head,
        &long(8),
        &directory(&first, 8),
        &directory(exif, exif_at),
    ]
    .concat()
}

/// An XMP packet around the attributes and elements of one description.
pub fn packet(attributes: &str, elements: &str) -> String {
    format!(
        r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"#
    )
}
