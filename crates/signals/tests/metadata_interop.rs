//! Files that other people's libraries wrote: Pillow, piexif, Exiv2 and ExifTool.
//!
//! `COLOPHON_PYTHON` names the interpreter that has the modules of `interop/requirements.txt`,
//! `COLOPHON_EXIFTOOL` the program; `python3` and `exiftool` otherwise.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its ground gives way"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use colophon_signals::{Class, Findings, Limits, Says, Source, read_metadata};

/// Says what is skipped; fails where everything is required.
fn skip(why: &str) {
    assert!(
        std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() != Ok("1"),
        "required: {why}"
    );
    eprintln!("SKIPPED: {why}");
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn read(file: &Path) -> Findings {
    read_metadata(&std::fs::read(file).unwrap(), &Limits::default())
}

fn declared(file: &Path, source: Source, tool: Option<&str>) {
    let findings = read(file);
    assert!(
        findings.problems.is_empty(),
        "{}: {:?}",
        file.display(),
        findings.problems
    );
    let found = findings
        .signals
        .iter()
        .find(|signal| signal.source == source);
    let found = found.unwrap_or_else(|| panic!("{}: {findings:#?}", file.display()));
    assert_eq!(
        (found.class, found.says),
        (Class::Declared, Says::Generated),
        "{}",
        file.display()
    );
    assert_eq!(found.tool.as_deref(), tool, "{}", file.display());
}

#[test]
fn pillow_piexif_and_exiv2() {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let folder = folder("python");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/write.py");
    let output = match Command::new(&python).arg(script).arg(&folder).output() {
        Err(error) => return skip(&format!("{python}: {error}")),
        Ok(output) if output.status.code() == Some(3) => {
            return skip(&format!(
                "{python}: {}",
                String::from_utf8_lossy(&output.stdout)
            ));
        }
        Ok(output) => output,
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for (names, source, tool) in [
        (
            "web-ui.text.png web-ui.packed.png web-ui.international.png web-ui.jpg web-ui.webp",
            Source::WebUi,
            Some("piexif_model"),
        ),
        (
            "comfyui.png comfyui.webp",
            Source::ComfyUi,
            Some("pillow.safetensors"),
        ),
        ("fooocus.jpg fooocus.webp", Source::Fooocus, Some("jugger")),
        (
            "flux.jpg flux.png flux.tif",
            Source::BlackForestLabs,
            Some("flux-schnell"),
        ),
        (
            "iptc.png iptc.webp iptc.jpg",
            Source::Iptc,
            Some("Pillow XMP"),
        ),
        ("label.png label.jpg", Source::Tc260, Some("Doubao")),
        ("midjourney.gif", Source::Midjourney, Some("Midjourney")),
        ("google.jpg google.png google.webp", Source::Google, None),
    ] {
        for name in names.split(' ') {
            declared(&folder.join(name), source, tool);
        }
    }
    // IPTC-IIM and XMP say the same, once.
    let google = read(&folder.join("google.jpg"));
    assert_eq!(
        google
            .signals
            .iter()
            .filter(|signal| signal.source == Source::Google)
            .count(),
        1
    );
    assert_eq!(
        google
            .signals
            .iter()
            .find(|signal| signal.source == Source::Google)
            .unwrap()
            .places
            .len(),
        2
    );
    assert_eq!(google.dates[0].when, "2026-05-01T10:00:00Z");
}

/// The smallest pictures of each container.
const JPEG: &[u8] = &[
    0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0xff, 0xc0, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0, 0xff,
    0xc4, 0, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xc4, 0, 20, 16, 1, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 0x3f, 0, 0x54, 0xdf,
    0xff, 0xd9,
];
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 10, b'I', b'D', b'A', b'T', 0x78, 0x9c,
    0x63, 0x60, 0, 0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae,
    0x42, 0x60, 0x82,
];

#[test]
fn exiftool() {
    let program = std::env::var("COLOPHON_EXIFTOOL").unwrap_or_else(|_| "exiftool".to_owned());
    if let Err(error) = Command::new(&program).arg("-ver").output() {
        return skip(&format!("{program}: {error}"));
    }
    let folder = folder("exiftool");
    let write = |name: &str, arguments: &[&str]| {
        let path = folder.join(name);
        std::fs::write(&path, if name.ends_with("png") { PNG } else { JPEG }).unwrap();
        let output = Command::new(&program)
            .args(["-q", "-overwrite_original"])
            .args(arguments)
            .arg(&path)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        path
    };
    let kind = "-XMP-iptcExt:DigitalSourceType=http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
    for extension in ["jpg", "png"] {
        let path = write(
            &format!("type.{extension}"),
            &[kind, "-XMP-xmp:CreatorTool=Colophon 0.1.0"],
        );
        declared(&path, Source::Iptc, Some("Colophon 0.1.0"));
        let path = write(
            &format!("credit.{extension}"),
            &[
                "-IPTC:Credit=Made with Google AI",
                "-XMP-photoshop:Credit=Made with Google AI",
            ],
        );
        declared(&path, Source::Google, None);
        let comment = "-ExifIFD:UserComment=a fox Steps: 1.\nSteps: 20, Sampler: Euler, Seed: 7, Model: größe";
        for order in ["MM", "II"] {
            let path = write(
                &format!("comment-{order}.{extension}"),
                &[
                    "-api",
                    &format!("ByteOrder={order}"),
                    &format!("-ExifByteOrder={order}"),
                    comment,
                ],
            );
            declared(&path, Source::WebUi, Some("größe"));
        }
        let path = write(
            &format!("camera.{extension}"),
            &[
                "-Make=Canon",
                "-Model=EOS R5",
                "-ExposureTime=1/125",
                "-FNumber=4",
                "-ISO=100",
                "-FocalLength=35",
                "-DateTimeOriginal=2024:05:01 10:00:00",
                "-GPSLatitude=48.1",
                "-GPSLatitudeRef=N",
            ],
        );
        let findings = read(&path);
        assert_eq!(
            (findings.signals[0].source, findings.signals[0].says),
            (Source::Camera, Says::Captured)
        );
        assert!(
            findings.signals[0]
                .fields
                .iter()
                .any(|field| field.name == "GPS" && field.personal)
        );
        assert_eq!(findings.dates[0].when, "2024-05-01T10:00:00");
    }
}
