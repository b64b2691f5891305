//! Labels, credit lines and signs of vendors.

use colophon_signals::{Class, Says, Source};

use super::build::*;
use super::{field, is_personal, read, signal};

const LABEL: &str = r#"{"Label":"1","ContentProducer":"001191110102MACQD9K64010000","ProduceID":"cc75f5e9","ReservedCode1":"","ContentPropagator":"","PropagateID":"","ReservedCode2":""}"#;
const SPACE: &str = r#"xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/""#;

fn escaped(text: &str) -> String {
    text.replace('"', "&quot;")
}

#[test]
fn gb_45438_in_its_placements() {
    let wrapped = format!(r#"{{"AIGC":{LABEL}}}"#);
    let element = packet(
        SPACE,
        &format!("<TC260:AIGC>{}</TC260:AIGC>", escaped(LABEL)),
    );
    let attribute = packet(&format!(r#"{SPACE} TC260:AIGC="{}""#, escaped(LABEL)), "");
    let single = packet(&format!("{SPACE} TC260:AIGC='{LABEL}'"), "");
    let other_prefix = packet(
        &format!(
            r#"xmlns:q="http://www.tc260.org.cn/ns/AIGC/1.0/" q:AIGC="{}""#,
            escaped(&wrapped)
        ),
        "",
    );
    for file in [
        png(&[international("XML:com.adobe.xmp", &element)]),
        jpeg(&[app1_xmp(&attribute)]),
        jpeg(&[app1_xmp(&single)]),
        webp(&[(b"XMP ", other_prefix.into_bytes())]),
        png_texts(&[("AIGC", LABEL)]),
        png_texts(&[("AIGC", &wrapped)]),
        png_texts(&[("UserComment", &wrapped)]),
        jpeg(&[app1_exif(&tiff(&[], &[comment(&wrapped, true)], true))]),
        jpeg(&[app1_exif(&tiff(&[], &[ascii(0x9286, &wrapped)], true))]),
        jpeg(&[app1_exif(&tiff(&[ascii(0x10e, &wrapped)], &[], false))]),
        jpeg(&[(0xe5, format!("AIGC{LABEL}").into_bytes())]),
        mp4(&[("AIGC", LABEL)]),
        mp4(&[("AIGC", &wrapped)]),
    ] {
        let found = signal(&file, Source::Tc260);
        assert_eq!(
            (found.class, found.says),
            (Class::Declared, Says::Generated),
            "{found:?}"
        );
        assert_eq!((found.tool.as_deref(), found.note), (Some("Doubao"), None));
        assert!(is_personal(&found, "ProduceID") && !is_personal(&found, "ContentProducer"));
    }
}

#[test]
fn malformed_labels_are_read_and_told() {
    // A packet instruction that ends `??>`, as Doubao and Jimeng write it, and an end tag missing.
    let instruction = packet(
        SPACE,
        &format!("<TC260:AIGC>{}</TC260:AIGC>", escaped(LABEL)),
    )
    .replace("\"?>", "\"??>");
    assert_eq!(
        signal(
            &png_texts(&[("XML:com.adobe.xmp", &instruction)]),
            Source::Tc260
        )
        .note,
        None
    );
    let quotes = packet(&format!(r#"{SPACE} TC260:AIGC="{LABEL}""#), "");
    let cut_json = format!("AIGC{}", &LABEL[..120]);
    let bad_json = LABEL.replace(r#""ProduceID":"#, r#""ProduceID: "#);
    for file in [
        jpeg(&[app1_xmp(&quotes)]),
        jpeg(&[(0xe5, cut_json.into_bytes())]),
        png_texts(&[("AIGC", &bad_json)]),
    ] {
        let found = signal(&file, Source::Tc260);
        assert_eq!(
            (found.says, found.note),
            (Says::Generated, Some("label-malformed"))
        );
        assert_eq!(found.tool.as_deref(), Some("Doubao"));
    }
    // Outside of any segment, in a file cut short.
    let mut stray = jpeg(&[]);
    stray.truncate(6);
    stray.extend(format!("....AIGC{LABEL}").bytes());
    assert_eq!(signal(&stray, Source::Tc260).says, Says::Generated);
}

#[test]
fn labels_of_other_grades_and_hands() {
    let suspected = LABEL.replace(r#""Label":"1""#, r#""Label":"3""#);
    assert_eq!(
        signal(&png_texts(&[("AIGC", &suspected)]), Source::Tc260).says,
        Says::PossiblyGenerated
    );
    let tencent = r#"{"AIGC":{"ServiceProvider":"Tencent","ServiceUser":"u-1","Time":"2026-01-02","ContentId":"c-9"}}"#;
    let found = signal(
        &jpeg(&[app1_exif(&tiff(&[ascii(0x10e, tencent)], &[], false))]),
        Source::Tc260,
    );
    assert_eq!(found.tool.as_deref(), Some("Tencent"));
    assert!(is_personal(&found, "ServiceUser"));
    let export = r#"{"product":"dreamina","exportType":"generation","source_info":"{\"aigc_info\":{\"aigc_label_type\":1}}"}"#;
    let found = signal(
        &jpeg(&[app1_exif(&tiff(&[], &[comment(export, true)], true))]),
        Source::ByteDance,
    );
    assert_eq!(
        (found.tool.as_deref(), found.says),
        (Some("Dreamina"), Says::Generated)
    );
    let tiktok = mp4(&[("AigcInfo", r#"{"aigc_label_type":2}"#)]);
    assert_eq!(signal(&tiktok, Source::ByteDance).says, Says::Generated);
}

const EXT: &str = r#"xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/""#;

fn with_type(kind: &str, more: &str) -> String {
    packet(
        &format!(
            r#"{EXT} Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{kind}" {more}"#
        ),
        "",
    )
}

#[test]
fn iptc_2025_1_and_what_we_write_ourselves() {
    let own = with_type(
        "trainedAlgorithmicMedia",
        r#"Iptc4xmpExt:AISystemUsed="flux1-dev" Iptc4xmpExt:AISystemVersionUsed="1.0" Iptc4xmpExt:AIPromptInformation="a fox" xmp:CreatorTool="Colophon 0.1.0""#,
    );
    let found = signal(&jpeg(&[app1_xmp(&own)]), Source::Iptc);
    assert_eq!(
        (found.class, found.says),
        (Class::Declared, Says::Generated)
    );
    assert_eq!(
        (found.tool.as_deref(), found.version.as_deref()),
        (Some("flux1-dev"), Some("1.0"))
    );
    assert_eq!(field(&found, "CreatorTool"), "Colophon 0.1.0");
    assert!(is_personal(&found, "AIPromptInformation"));
    let system_only = packet(&format!(r#"{EXT} Iptc4xmpExt:AISystemUsed="X""#), "");
    assert_eq!(
        signal(&jpeg(&[app1_xmp(&system_only)]), Source::Iptc).says,
        Says::Generated
    );
    for (kind, says) in [
        (
            "compositeWithTrainedAlgorithmicMedia",
            Says::PartlyGenerated,
        ),
        ("digitalCapture", Says::Captured),
        ("algorithmicMedia", Says::Made),
        ("composite", Says::PossiblyGenerated),
    ] {
        assert_eq!(
            signal(
                &png_texts(&[("XML:com.adobe.xmp", &with_type(kind, ""))]),
                Source::Iptc
            )
            .says,
            says
        );
    }
}

#[test]
fn google_and_meta_credits() {
    let xmp = with_type(
        "trainedAlgorithmicMedia",
        r#"photoshop:Credit="Made with Google AI""#,
    );
    let edited = with_type(
        "compositeWithTrainedAlgorithmicMedia",
        r#"photoshop:Credit="Edited with Google AI""#,
    );
    for (file, says) in [
        (jpeg(&[app1_xmp(&xmp)]), Says::Generated),
        (jpeg(&[app1_xmp(&edited)]), Says::PartlyGenerated),
        (
            jpeg(&[app13_iim(&[(110, "Made with Google AI")])]),
            Says::Generated,
        ),
    ] {
        let findings = read(&file);
        assert_eq!(
            (
                findings.signals[0].class,
                signal(&file, Source::Google).says
            ),
            (Class::Declared, says)
        );
        assert_eq!(findings.unreadable_marks[0].name, "SynthID");
    }
    let meta = with_type(
        "trainedAlgorithmicMedia",
        r#"photoshop:Credit="Imagined with AI""#,
    );
    assert_eq!(
        signal(&jpeg(&[app1_xmp(&meta)]), Source::Meta).class,
        Class::Declared
    );
    assert_eq!(
        signal(
            &jpeg(&[app13_iim(&[(110, "Imagined with AI")])]),
            Source::Meta
        )
        .class,
        Class::Weak
    );
}

#[test]
fn signs_in_exif() {
    let exif = |tags: &[Tag]| jpeg(&[app1_exif(&tiff(tags, &[], false))]);
    let flux = |task: &str| {
        exif(&[
            ascii(0x10e, "a fox"),
            ascii(0x10f, "Black Forest Labs"),
            ascii(0x110, "flux-dev"),
            ascii(0x131, &format!("AI generated;{task};flux")),
        ])
    };
    let found = signal(&flux("txt2img"), Source::BlackForestLabs);
    assert_eq!(
        (found.class, found.says, found.tool.as_deref()),
        (Class::Declared, Says::Generated, Some("flux-dev"))
    );
    assert!(is_personal(&found, "ImageDescription"));
    assert_eq!(
        signal(&flux("img2img"), Source::BlackForestLabs).says,
        Says::PartlyGenerated
    );

    let signature = format!("Signature: {}", "IoR6YcSlkWo/83bl+".repeat(20));
    let grok = exif(&[
        ascii(0x10e, &signature),
        ascii(0x13b, "4800156b-8880-4786-9056-7ca3da449d8c"),
    ]);
    let found = signal(&grok, Source::XAi);
    assert_eq!(
        (found.class, found.note),
        (Class::Declared, Some("vendor-signature-unverifiable"))
    );
    assert!(is_personal(&found, "Artist"));
    assert_eq!(
        signal(&exif(&[ascii(0x10f, "Ideogram AI")]), Source::Ideogram).class,
        Class::Declared
    );
    assert_eq!(
        signal(&exif(&[ascii(0x131, "reve.com")]), Source::Reve).class,
        Class::Declared
    );
    let aphrodite = signal(&exif(&[ascii(0x131, "Aphrodite AI v1.0")]), Source::Other);
    assert_eq!(
        (aphrodite.tool.as_deref(), aphrodite.version.as_deref()),
        (Some("Aphrodite AI"), Some("1.0"))
    );
    let job = signal(&png_texts(&[("hf-job-id", "6a0b-1")]), Source::HuggingFace);
    assert_eq!((job.class, job.says), (Class::Weak, Says::Unstated));
}

/// Samsung's block with one entry.
pub fn samsung_block(name: &str, value: &str) -> Vec<u8> {
    let mut data = vec![0, 0, 0x91, 0x0d];
    data.extend((name.len() as u32).to_le_bytes());
    data.extend(name.bytes().chain(value.bytes()));
    let mut directory = b"SEFH\x6b\0\0\0\x01\0\0\0\0\0\x91\x0d".to_vec();
    directory.extend((data.len() as u32).to_le_bytes());
    directory.extend((data.len() as u32).to_le_bytes());
    let length = (directory.len() as u32).to_le_bytes();
    [data.as_slice(), &directory, &length, b"SEFT"].concat()
}

#[test]
fn samsungs_trailer() {
    let info = r#"{"genImageVersion":"v1","connectorType":"srvg","genAIType":8}"#;
    let edits = r#"{"originalPath":"/x","adjustmentValue":"{\"genAIType\":5}"}"#;
    for (picture, name, value) in [
        (jpeg(&[]), "PEg_Info", info),
        (png(&[]), "PEg_Info", info),
        (webp(&[]), "PhotoEditor_Re_Edit_Data", edits),
    ] {
        let file = [picture, samsung_block(name, value)].concat();
        let found = signal(&file, Source::Samsung);
        assert_eq!(
            (found.class, found.says),
            (Class::Declared, Says::PartlyGenerated)
        );
        let findings = read(&file);
        assert!(findings.problems.is_empty() && findings.trailing_bytes > 50);
    }
    let none = [
        jpeg(&[]),
        samsung_block("PhotoEditor_Re_Edit_Data", r#"{"genAIType":0}"#),
    ]
    .concat();
    assert!(read(&none).signals.is_empty());
}
