//! Nothing that a file holds makes the reader panic or take long.

use std::time::{Duration, Instant};

use colophon_signals::{Limits, read_metadata};
use proptest::prelude::*;

use super::build::*;
use super::labels::samsung_block;

fn seeds() -> Vec<Vec<u8>> {
    let xmp = packet(
        r#"xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" TC260:AIGC="{&quot;Label&quot;:&quot;1&quot;}""#,
        "<dc:title>x</dc:title>",
    );
    let exif = tiff(
        &[ascii(0x10f, "Nikon"), ascii(0x131, "ComfyUI 1.0")],
        &[comment("Steps: 1, Seed: 2, Size: 1x1", true)],
        true,
    );
    vec![
        png(&[text("parameters", "Steps: 1, Seed: 2, Size: 1x1"), packed_text("Comment", "{\"a\":[1]}"), international("XML:com.adobe.xmp", &xmp), (b"eXIf", exif.clone())]),
        [jpeg(&[app1_exif(&exif), app1_xmp(&xmp), app13_iim(&[(110, "x"), (55, "20240501")])]), samsung_block("PEg_Info", "{\"genAIType\":1}")].concat(),
        webp(&[(b"EXIF", exif.clone()), (b"XMP ", xmp.clone().into_bytes())]),
        mp4(&[("AIGC", "{\"Label\":\"1\"}"), ("comment", "x")]),
        avif(&exif, &xmp),
        exif,
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x21\xfe\x03abc\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b".to_vec(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_metadata(&bytes, &Limits::default());
    }

    #[test]
    fn damaged_files(which in 0_usize..7, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<prop::sample::Index>()) {
        let mut file = seeds().swap_remove(which);
        for (at, byte) in &changes {
            let at = at.index(file.len());
            file[at] = *byte;
        }
        read_metadata(&file, &Limits::default());
        file.truncate(cut.index(file.len()));
        read_metadata(&file, &Limits::default());
    }
}

/// A directory that points at itself, and one that has as many entries as can be.
fn directories() -> Vec<(&'static str, Vec<u8>)> {
    let mut cycle = b"II\x2a\0\x08\0\0\0".to_vec();
    cycle.extend([1, 0, 0x69, 0x87, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
    let mut many = b"MM\0\x2a\0\0\0\x08\xff\xff".to_vec();
    for _ in 0..65_535 {
        many.extend([0x01, 0x0e, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 8]);
    }
    vec![("cycle", cycle), ("many entries", many)]
}

/// Files whose parts repeat what costs most; each takes time linear in its size, with a wide margin for
/// busy machines.
#[test]
fn work_grows_no_faster_than_the_file() {
    let size = 2 << 20;
    let repeated = |part: &str| part.repeat(size / part.len());
    let files: Vec<(&str, Vec<u8>)> = vec![
        (
            "tags without end",
            png_texts(&[("XML:com.adobe.xmp", &repeated("<a b "))]),
        ),
        (
            "attributes",
            png_texts(&[("XML:com.adobe.xmp", &format!("<a:b {}", repeated("c='d' ")))]),
        ),
        (
            "name spaces",
            png_texts(&[(
                "XML:com.adobe.xmp",
                &format!(
                    "<rdf:RDF>{}",
                    repeated("<rdf:Description xmlns:a='b' a:c='d'/>")
                ),
            )]),
        ),
        (
            "entities",
            png_texts(&[("XML:com.adobe.xmp", &repeated("&&&&amp;&#"))]),
        ),
        ("labels", repeated("AIGC{\"Label\":").into_bytes()),
        ("packets", repeated("<x:xmpmeta>").into_bytes()),
        ("braces", png_texts(&[("Comment", &repeated("{\"a\":"))])),
        (
            "steps",
            png_texts(&[("parameters", &repeated("\nSteps: 1, "))]),
        ),
        (
            "flags",
            png_texts(&[("Description", &repeated("--ar 1:1 Job ID:"))]),
        ),
        ("empty chunks", png(&vec![(b"tEXt", Vec::new()); size / 12])),
        (
            "markers",
            [b"\xff\xd8".as_slice(), &[0xff, 0xd0].repeat(size / 2)].concat(),
        ),
        (
            "boxes",
            [
                boxed(b"ftyp", b"isom\0\0\0\0"),
                boxed(b"moov", &boxed(b"free", b"").repeat(size / 8)),
            ]
            .concat(),
        ),
        (
            "sub-blocks",
            [
                b"GIF89a\x01\0\x01\0\0\0\0\x21\xfe".as_slice(),
                &[1, b'x'].repeat(size / 2),
            ]
            .concat(),
        ),
        (
            "properties",
            png(&vec![
                text(
                    "XML:com.adobe.xmp",
                    &format!(
                        "<rdf:RDF><rdf:Description {}/>",
                        "dc:description='Job ID: 2b6e053b-9a65-4ca9-9e13-b6f4465164d4' "
                            .repeat(4_000)
                    )
                );
                50
            ]),
        ),
        (
            "values",
            png_texts(
                &[(
                    "Comment",
                    format!("{{\"a\":[{}1]}}", "{},".repeat(60_000)).as_str(),
                ); 50],
            ),
        ),
        (
            "bomb",
            png(&vec![packed_text("Comment", &"x".repeat(8 << 20)); 30]),
        ),
    ];
    for (name, file) in files.into_iter().chain(directories()) {
        let start = Instant::now();
        read_metadata(&file, &Limits::default());
        assert!(
            start.elapsed() < Duration::from_secs(3),
            "{name}: {:?}",
            start.elapsed()
        );
    }
}
