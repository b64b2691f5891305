//! Where metadata stands in each container.

use colophon_signals::{Limits, Says, Source, read_metadata};

use super::build::*;
use super::{read, signal};

fn xmp(value: &str) -> String {
    packet(
        &format!(
            r#"xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{value}""#
        ),
        "",
    )
}

fn hex(data: &[u8]) -> String {
    data.iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn xmp_in_every_container() {
    let packet = xmp("trainedAlgorithmicMedia");
    let mut gif = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x21\xff\x0bXMP DataXMP".to_vec();
    gif.extend(packet.bytes());
    gif.extend((0..=255).rev().fold(vec![1], |mut all, byte| {
        all.push(byte);
        all
    }));
    gif.extend(b"\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b");
    let uuid = [
        &[
            0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3,
            0xaf, 0xac,
        ],
        packet.as_bytes(),
    ]
    .concat();
    let mut in_tiff = tiff(&[(0x2bc, 1, packet.clone().into_bytes())], &[], true);
    in_tiff.extend([0; 8]);
    let resources = [
        b"Photoshop 3.0\x008BIM\x04\x24\0\0".as_slice(),
        &(packet.len() as u32).to_be_bytes(),
        packet.as_bytes(),
    ]
    .concat();
    let profile = format!("\nxmp\n{:8}\n{}\n", packet.len(), hex(packet.as_bytes()));
    let mut stray = jpeg(&[]);
    stray.extend(packet.bytes());
    for (name, file) in [
        ("PNG tEXt", png_texts(&[("XML:com.adobe.xmp", &packet)])),
        (
            "PNG zTXt",
            png(&[packed_text("XML:com.adobe.xmp", &packet)]),
        ),
        (
            "PNG iTXt",
            png(&[international("XML:com.adobe.xmp", &packet)]),
        ),
        (
            "PNG raw profile",
            png(&[packed_text("Raw profile type xmp", &profile)]),
        ),
        ("JPEG", jpeg(&[app1_xmp(&packet)])),
        ("JPEG", jpeg(&[(0xed, resources)])),
        ("WebP", webp(&[(b"XMP ", packet.clone().into_bytes())])),
        ("GIF", gif),
        ("AVIF", avif(b"", &packet)),
        (
            "MP4",
            [
                boxed(b"ftyp", b"isom\0\0\0\0"),
                boxed(b"mdat", &[0; 99]),
                boxed(b"uuid", &uuid),
            ]
            .concat(),
        ),
        ("TIFF", in_tiff),
        (
            "JPEG XL",
            [
                boxed(b"JXL ", b"\r\n\x87\n"),
                boxed(b"ftyp", b"jxl \0\0\0\0"),
                boxed(b"xml ", packet.as_bytes()),
            ]
            .concat(),
        ),
        ("stray", stray),
        ("stray", packet.clone().into_bytes()),
    ] {
        let found = signal(&file, Source::Iptc);
        assert_eq!(found.says, Says::Generated);
        assert!(
            found.places[0].starts_with(name),
            "{name}: {:?}",
            found.places
        );
    }
}

#[test]
fn imagemagicks_profiles_in_png() {
    let exif = [
        b"Exif\0\0",
        tiff(&[ascii(0x10f, "Ideogram AI")], &[], true).as_slice(),
    ]
    .concat();
    let file = png(&[packed_text(
        "Raw profile type exif",
        &format!("\nexif\n{:8}\n{}\n", exif.len(), hex(&exif)),
    )]);
    signal(&file, Source::Ideogram);
    let (_, iim) = app13_iim(&[(110, "Made with Google AI")]);
    let iim = &iim[b"Photoshop 3.0\0".len()..];
    let file = png(&[packed_text(
        "Raw profile type iptc",
        &format!("\niptc\n{:8}\n{}\n", iim.len(), hex(iim)),
    )]);
    signal(&file, Source::Google);
}

#[test]
fn extended_xmp_is_put_together_in_order() {
    let guid = "0123456789ABCDEF0123456789ABCDEF";
    let main = packet(
        &format!(
            r#"xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{guid}""#
        ),
        "",
    );
    let rest = xmp("trainedAlgorithmicMedia");
    let part = |guid: &str, range: std::ops::Range<usize>| {
        let head = [
            b"http://ns.adobe.com/xmp/extension/\0".as_slice(),
            guid.as_bytes(),
        ]
        .concat();
        let sizes = [
            (rest.len() as u32).to_be_bytes(),
            (range.start as u32).to_be_bytes(),
        ]
        .concat();
        (
            0xe1,
            [head.as_slice(), &sizes, &rest.as_bytes()[range]].concat(),
        )
    };
    let (middle, end) = (rest.len() / 2, rest.len());
    let file = jpeg(&[
        app1_xmp(&main),
        part(guid, middle..end),
        part(guid, 0..middle),
        part("F".repeat(32).as_str(), 0..9),
    ]);
    assert_eq!(
        signal(&file, Source::Iptc).places,
        ["JPEG extended XMP Iptc4xmpExt:DigitalSourceType"]
    );
}

#[test]
fn the_same_source_in_two_places_is_one_signal() {
    let packet = xmp("trainedAlgorithmicMedia");
    let file = png(&[
        text("XML:com.adobe.xmp", &packet),
        (b"eXIf", tiff(&[(0x2bc, 1, packet.into_bytes())], &[], true)),
    ]);
    assert_eq!(read(&file).signals.len(), 1);
}

#[test]
fn a_pointer_to_a_remote_manifest_is_told() {
    let packet = packet(
        r#"xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="https://cai-manifests.adobe.com/manifests/a""#,
        "",
    );
    let findings = read(&jpeg(&[app1_xmp(&packet)]));
    assert_eq!(
        findings.remote_manifest.as_deref(),
        Some("https://cai-manifests.adobe.com/manifests/a")
    );
}

#[test]
fn dates_are_told_once_for_each_kind() {
    let packet = packet(
        r#"xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreateDate="2024-05-01T10:00:00Z" xmp:ModifyDate="2024-05-02" xmp:MetadataDate="2024-05-03T01:02""#,
        "",
    );
    let file = png(&[
        text("XML:com.adobe.xmp", &packet),
        (b"tIME", vec![0x07, 0xe8, 5, 4, 1, 2, 3]),
        text("Creation Time", "2024-05-01T10:00:00Z"),
    ]);
    let told: Vec<(&str, String)> = read(&file)
        .dates
        .into_iter()
        .map(|date| (date.what, date.when))
        .collect();
    assert_eq!(
        told,
        [
            ("modified", "2024-05-04T01:02:03Z".to_owned()),
            ("created", "2024-05-01T10:00:00Z".to_owned()),
            ("modified", "2024-05-02".to_owned()),
            ("metadata", "2024-05-03T01:02:00".to_owned()),
        ]
    );
}

#[test]
fn limits_hold_and_are_told() {
    let limits = Limits {
        piece_bytes: 1_000,
        metadata_bytes: 2_500,
        ..Limits::default()
    };
    let long = "x".repeat(100_000);
    let chunks: Vec<_> = (0..10).map(|_| packed_text("Comment", &long)).collect();
    let findings = read_metadata(&png(&chunks), &limits);
    assert!(
        findings
            .problems
            .iter()
            .any(|problem| problem.what == "limit"),
        "{findings:?}"
    );
    // What comes before the limit is read.
    let mut chunks = vec![text("hf-job-id", "1")];
    chunks.extend((0..10).map(|_| packed_text("Comment", &long)));
    assert_eq!(read_metadata(&png(&chunks), &limits).signals.len(), 1);
}
