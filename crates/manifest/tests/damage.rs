//! Changed, cut and hostile files: each is called what it is.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

mod common;

use std::time::Duration;

use colophon_manifest::{
    Integrity, MAX_MANIFEST_BYTES, ManifestError, Reading, Signature, TrustAnchors,
    extract_manifest_bytes, read, sign,
};
use common::*;
use image::ImageFormat;

#[test]
fn every_changed_byte_outside_the_manifest_is_an_altered_file() {
    let keys = Keys::new();
    for (mime, format) in FORMATS {
        let signed = signed(&keys, mime, format);
        // WebP carries the manifest behind the pixels, the others before them.
        let pixels = match mime {
            "image/webp" => 12..signed.asset.len() - signed.manifest.len() - 16,
            _ => 128 + signed.manifest.len()..signed.asset.len(),
        };
        let tail = pixels.end - 12..pixels.end;
        for at in pixels.step_by(11).chain(tail) {
            let mut asset = signed.asset.clone();
            asset[at] ^= 0x10;
            let verdicts = report(&asset, mime, &keys.anchors()).verdicts;
            assert_eq!(
                verdicts.integrity.state,
                Integrity::FileAltered,
                "{mime} byte {at}: {verdicts:?}"
            );
            assert_eq!(
                verdicts.signature.state,
                Signature::Valid,
                "{mime} byte {at}"
            );
        }
        let mut longer = signed.asset.clone();
        longer.extend_from_slice(b"trailing");
        assert_eq!(
            report(&longer, mime, &keys.anchors())
                .verdicts
                .integrity
                .state,
            Integrity::FileAltered,
            "{mime}"
        );
    }
}

/// Inside the manifest a flip may hit the box structure, the claim, an assertion, the signature or
/// padding. Whatever it hits, the file never passes for sound and trusted, but for padding that
/// the specification leaves outside every hash.
#[test]
fn every_changed_byte_of_the_manifest_is_noticed() {
    let keys = Keys::new();
    let signed = signed(&keys, "image/png", ImageFormat::Png);
    let start = signed
        .asset
        .windows(4)
        .position(|window| window == b"caBX")
        .unwrap()
        + 4;
    let (mut unread, mut altered, mut broken_signature) = (0, 0, 0);
    let mut silent = Vec::new();
    for at in 0..signed.manifest.len() {
        let mut asset = signed.asset.clone();
        asset[start + at] ^= 0x01;
        match read(&asset, "image/png", &keys.anchors(), DEADLINE) {
            Ok(Reading::Manifest(report)) => {
                let verdicts = report.verdicts;
                let sound = matches!(
                    verdicts.integrity.state,
                    Integrity::Intact | Integrity::IntactWithGaps
                );
                match (sound, verdicts.signature.state) {
                    (true, Signature::Valid) => silent.push(at),
                    (_, Signature::Valid) => altered += 1,
                    _ => broken_signature += 1,
                }
            }
            Ok(_) => unread += 1,
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    assert!(unread > 0 && altered > 100 && broken_signature > 100);
    let in_padding = |at: &usize| {
        let around = &signed.manifest[at.saturating_sub(4)..(at + 5).min(signed.manifest.len())];
        around.windows(5).any(|window| window == [0; 5])
    };
    let other: Vec<_> = silent.iter().filter(|at| !in_padding(at)).collect();
    // The rest are lengths and labels of outer boxes that a reader does not need.
    assert!(other.len() < 24, "{other:?}");
}

#[test]
fn a_cut_file_never_passes() {
    let keys = Keys::new();
    for (mime, format) in FORMATS {
        let asset = signed(&keys, mime, format).asset;
        for length in (16..asset.len() - 1).step_by(211) {
            match read(&asset[..length], mime, &keys.anchors(), DEADLINE) {
                Ok(Reading::Manifest(report)) => assert_ne!(
                    report.verdicts.integrity.state,
                    Integrity::Intact,
                    "{mime} {length}"
                ),
                Ok(_) | Err(ManifestError::WrongFormat { .. }) => {}
                Err(error) => panic!("{mime} {length}: {error}"),
            }
        }
    }
}

fn png_chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[..], &kind, content, &[0; 4]].concat()
}

#[test]
fn oversized_manifest_data_is_refused_before_it_is_parsed() {
    let png = picture(ImageFormat::Png);
    let half = vec![0u8; MAX_MANIFEST_BYTES / 2 + 1];
    let two = [
        &png[..33],
        &png_chunk(*b"caBX", &half),
        &png_chunk(*b"caBX", &half),
        &png[33..],
    ]
    .concat();
    assert!(matches!(
        read(&two, "image/png", &TrustAnchors::none(), DEADLINE),
        Err(ManifestError::TooLarge { .. })
    ));

    let jpeg = picture(ImageFormat::Jpeg);
    let body = vec![0u8; 65_000];
    let segments: Vec<u8> = (1..=70u32)
        .flat_map(|sequence| {
            let length = u16::try_from(body.len() + 10).unwrap().to_be_bytes();
            [
                &[0xff, 0xeb][..],
                &length,
                b"JP",
                &[0, 1],
                &sequence.to_be_bytes(),
                &body,
            ]
            .concat()
        })
        .collect();
    let large = [&jpeg[..2], &segments, &jpeg[2..]].concat();
    assert!(matches!(
        read(&large, "image/jpeg", &TrustAnchors::none(), DEADLINE),
        Err(ManifestError::TooLarge { .. })
    ));
}

#[test]
fn garbage_in_place_of_a_manifest_is_unreadable_and_not_absent() {
    let png = picture(ImageFormat::Png);
    let store = [b"\x00\x00\x00\x40jumb\x00\x00\x00\x1ejumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71\x03c2pa\x00".as_slice(), &[7; 26]].concat();
    let mut crc = crc32(&[b"caBX".as_slice(), &store].concat())
        .to_be_bytes()
        .to_vec();
    let mut chunk = png_chunk(*b"caBX", &store);
    chunk.truncate(chunk.len() - 4);
    chunk.append(&mut crc);
    let asset = [&png[..33], &chunk, &png[33..]].concat();
    let reading = read(&asset, "image/png", &TrustAnchors::none(), DEADLINE).unwrap();
    assert!(matches!(reading, Reading::Unreadable { .. }), "{reading:?}");
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), step)
    })
}

#[test]
fn a_manifest_named_elsewhere_is_not_fetched() {
    let xmp = concat!(
        "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">",
        "<rdf:Description rdf:about=\"\" xmlns:dcterms=\"http://purl.org/dc/terms/\" dcterms:provenance=\"https://example.org/one.c2pa\"/>",
        "</rdf:RDF></x:xmpmeta>"
    );
    let length = u16::try_from(xmp.len() + 2).unwrap().to_be_bytes();
    let jpeg = picture(ImageFormat::Jpeg);
    let asset = [
        &jpeg[..2],
        &[0xff, 0xe1],
        &length,
        xmp.as_bytes(),
        &jpeg[2..],
    ]
    .concat();
    match read(&asset, "image/jpeg", &TrustAnchors::none(), DEADLINE).unwrap() {
        Reading::Remote { url } => assert_eq!(url, "https://example.org/one.c2pa"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_deadline_stops_the_reading() {
    let keys = Keys::new();
    let asset = signed(&keys, "image/png", ImageFormat::Png).asset;
    let reading = read(&asset, "image/png", &keys.anchors(), Duration::ZERO);
    assert!(
        matches!(reading, Err(ManifestError::Deadline { .. })),
        "{reading:?}"
    );
}

#[test]
fn the_wrong_type_is_said() {
    let png = picture(ImageFormat::Png);
    let reading = read(&png, "image/jpeg", &TrustAnchors::none(), DEADLINE);
    assert!(matches!(
        reading,
        Err(ManifestError::WrongFormat {
            expected: "image/jpeg"
        })
    ));
    for bytes in [&[][..], b"\xff", b"RIFF"] {
        for (mime, _) in FORMATS {
            assert!(matches!(
                extract_manifest_bytes(bytes, mime),
                Err(ManifestError::WrongFormat { .. })
            ));
        }
    }
}

#[test]
fn a_manifest_moved_to_another_picture_does_not_fit_it() {
    let keys = Keys::new();
    let signed = signed(&keys, "image/png", ImageFormat::Png);
    let other = image::RgbImage::from_pixel(96, 64, image::Rgb([9, 9, 9]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    other.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let foreign = sign(bytes.get_ref(), "image/png", &spec(), &keys).unwrap();
    let mut chunk = signed.asset[29 + 4..].to_vec();
    chunk.truncate(12 + signed.manifest.len());
    let moved = [&bytes.get_ref()[..33], &chunk, &bytes.get_ref()[33..]].concat();
    assert_eq!(
        extract_manifest_bytes(&moved, "image/png")
            .unwrap()
            .unwrap(),
        signed.manifest
    );
    assert_eq!(
        report(&moved, "image/png", &keys.anchors())
            .verdicts
            .integrity
            .state,
        Integrity::FileAltered
    );
    assert_eq!(
        report(&foreign.asset, "image/png", &keys.anchors())
            .verdicts
            .integrity
            .state,
        Integrity::Intact
    );
}

#[test]
fn a_broken_container_without_a_manifest_holds_no_manifest() {
    for (mime, format) in FORMATS {
        let picture = picture(format);
        for length in (16..picture.len()).step_by(173) {
            let reading = read(&picture[..length], mime, &TrustAnchors::none(), DEADLINE).unwrap();
            assert!(
                matches!(reading, Reading::Absent),
                "{mime} {length}: {reading:?}"
            );
        }
    }
}
