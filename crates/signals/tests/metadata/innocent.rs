//! Files that look alike and say nothing: each has a part of some dialect.

use colophon_signals::{Class, Says, Source};

use super::build::*;
use super::labels::samsung_block;
use super::{field, is_personal, read, signal};

fn nothing(file: &[u8]) {
    let found = read(file).signals;
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn texts_that_are_no_parameters() {
    for (key, value) in [
        ("prompt", "Please enter your name"),
        ("prompt", r#"{"question": "How many?", "inputs": {}}"#),
        ("workflow", r#"{"nodes": [1, 2, 3]}"#),
        ("workflow", "review, then publish"),
        ("parameters", "alpha = 0.5; beta = 2"),
        ("parameters", r#"{"width": 10, "seed": 3}"#),
        ("Description", "Job ID: 4711 of the scanner"),
        ("Description", "run with --ar to archive, --v for verbose"),
        ("AIGC", "the AI game conference"),
        ("AIGC", r#"{"name": "conference"}"#),
        (
            "Comment",
            r#"{"steps": 12, "scale": 3, "note": "knitting"}"#,
        ),
        ("Comment", "AIGC{not a label}"),
        ("Title", "AI generated image"),
        ("Source", "archive"),
        ("Software", "Adobe Photoshop 25.0 (Windows)"),
        ("Software", "gnome-screenshot"),
        ("Dream", "last night I was a fox"),
        ("Author", "Sora Tanaka"),
        (
            "sd-metadata",
            r#"{"card": "SanDisk", "image": {"number": 4}}"#,
        ),
        ("invokeai_metadata", r#"{"a": 1}"#),
        ("negative_prompt", "text"),
        ("Raw profile type xmp", "\nxmp\n 4\n3c3c3c3c\n"),
    ] {
        nothing(&png_texts(&[(key, value)]));
    }
}

#[test]
fn exif_and_xmp_of_people_and_programs() {
    let exif = |tags: &[Tag]| jpeg(&[app1_exif(&tiff(tags, &[], true))]);
    for tags in [
        vec![ascii(0x131, "Adobe Photoshop Lightroom Classic 13.2")],
        vec![ascii(0x131, "Imagen"), ascii(0x13b, "Leonardo")],
        vec![ascii(0x10e, "Una imagen de la casa; Gemini und Firefly")],
        vec![ascii(0x13b, "4800156b-8880-4786-9056-7ca3da449d8c")],
        vec![
            ascii(0x13b, "4800156b-8880-4786-9056-7ca3da449d8c"),
            ascii(0x10e, "Signature: J. Doe"),
        ],
        vec![ascii(0x10f, "Black Forest Labs of Photography")],
        vec![ascii(
            0x10e,
            r#"{"product":"capcut","exportType":"export","aigc_label_type":0}"#,
        )],
        vec![ascii(0x10f, "Canon"), ascii(0x110, "EOS R5")],
    ] {
        nothing(&exif(&tags));
    }
    for attributes in [
        r#"xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:Credit="Google Arts""#,
        r#"xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Canva""#,
        r#"xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="http://example.com/trainedAlgorithmicMedia""#,
        r#"xmlns:a="http://example.com/" a:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia""#,
        r#"xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigImageGUID="2b6e053b-9a65-4ca9-9e13-b6f4465164d4""#,
    ] {
        nothing(&jpeg(&[app1_xmp(&packet(attributes, ""))]));
    }
    // A generated picture among the ingredients does not make the picture one.
    let ingredient = packet(
        "",
        "<xmpMM:Ingredients><rdf:Bag><rdf:li rdf:parseType='Resource'><Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType></rdf:li></rdf:Bag></xmpMM:Ingredients>",
    );
    nothing(&jpeg(&[app1_xmp(&ingredient)]));
    nothing(&mp4(&[
        ("comment", "vid:v10025g"),
        ("AigcInfo", r#"{"aigc_label_type":0}"#),
    ]));
}

fn camera(software: &str) -> Vec<u8> {
    let rational = |above: u32, below: u32| [above.to_be_bytes(), below.to_be_bytes()].concat();
    let first = [
        ascii(0x10f, "NIKON CORPORATION"),
        ascii(0x110, "NIKON Z 6_3"),
        ascii(0x131, software),
    ];
    let exif = [
        (0x829a, 5, rational(1, 250)),
        (0x829d, 5, rational(28, 10)),
        (0x8827, 3, 400_u16.to_be_bytes().to_vec()),
        ascii(0x9003, "2024:05:01 10:00:00"),
        ascii(0x9011, "+02:00"),
        (0x920a, 5, rational(50, 1)),
        ascii(0xa431, "6012345"),
    ];
    tiff(&first, &exif, true)
}

#[test]
fn cameras_are_weak_and_only_whole() {
    let found = signal(&jpeg(&[app1_exif(&camera("Ver.01.00"))]), Source::Camera);
    assert_eq!((found.class, found.says), (Class::Weak, Says::Captured));
    assert_eq!(
        (field(&found, "FNumber"), field(&found, "ISO")),
        ("2.8", "400")
    );
    assert!(is_personal(&found, "BodySerialNumber"));
    let findings = read(&jpeg(&[app1_exif(&camera("Ver.01.00"))]));
    assert_eq!(
        (findings.dates[0].what, findings.dates[0].when.as_str()),
        ("captured", "2024-05-01T10:00:00+02:00")
    );
    // Exposure data beside the name of a generator are not believed.
    let file = jpeg(&[app1_exif(&camera("Midjourney"))]);
    assert!(
        read(&file)
            .signals
            .iter()
            .all(|signal| signal.source != Source::Camera)
    );
}

#[test]
fn motion_photos_second_pictures_and_fill_are_no_problem() {
    let film = [
        boxed(b"ftyp", b"mp42\0\0\0\0isom"),
        boxed(b"mdat", &[1; 40]),
    ]
    .concat();
    let gain_map = jpeg(&[app1_xmp(&packet(
        r#"xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/" h:Version="1.0""#,
        "",
    ))]);
    for trailer in [
        film,
        gain_map,
        vec![0; 64],
        samsung_block("Image_UTC_Data", "1700000000000"),
    ] {
        let file = [jpeg(&[(0xe2, b"MPF\0II*\0".to_vec())]), trailer.clone()].concat();
        let findings = read(&file);
        assert_eq!(
            (findings.trailing_bytes, findings.problems.len()),
            (trailer.len() as u64, 0),
            "{findings:?}"
        );
    }
    let unknown = read(&[png(&[]), b"PK\x03\x04 a zip".to_vec()].concat());
    assert_eq!(unknown.problems[0].what, "trailing-data");
}
