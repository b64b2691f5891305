//! Bad input: a clear message, the right exit code, nothing lost and nothing half-written.

use std::io::Write as _;

use flate2::{Compression, Crc, write::ZlibEncoder};

use crate::support::{Bench, Ended, photo, png, scene, stamped};

/// A PNG from chunks, whatever they hold.
pub fn png_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        let mut crc = Crc::new();
        crc.update(*kind);
        crc.update(data);
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(*kind);
        bytes.extend(*data);
        bytes.extend(crc.sum().to_be_bytes());
    }
    bytes
}

pub fn header(width: u32, height: u32, depth: u8) -> Vec<u8> {
    [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[depth, 0, 0, 0, 0],
    ]
    .concat()
}

/// So many zeros, compressed.
pub fn zeros(count: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let block = vec![0; 1 << 20];
    let mut left = count;
    while left > 0 {
        let part = left.min(block.len());
        encoder.write_all(&block[..part]).unwrap();
        left -= part;
    }
    encoder.finish().unwrap()
}

/// Every command that takes a picture refuses this one with `message` and leaves nothing.
#[track_caller]
fn refused(name: &str, bytes: &[u8], message: &str) {
    let bench = Bench::new();
    bench.write(name, bytes);
    bench.run(&["keys", "init"]).code(0);
    let before = bench.names(".");
    let said = |ended: Ended| {
        ended.code(2).says(message);
    };
    said(bench.run(&["verify", name]));
    let report = bench
        .run(&["verify", "--json", name])
        .code(2)
        .json()
        .remove(0);
    assert_eq!(report["outcome"], "could-not-check");
    assert!(
        report["error"]["message"]
            .as_str()
            .unwrap()
            .contains(message),
        "{report}"
    );
    said(bench.run(&["stamp", name, "-o", "out.png"]));
    said(bench.run(&["watermark", "embed", name, "out.png"]));
    said(bench.run(&["watermark", "detect", name]));
    let line = bench
        .run(&["watermark", "detect", "--json", name])
        .code(2)
        .json()
        .remove(0);
    assert!(line["payload"].is_null() && line["error"].as_str().unwrap().contains(message));
    assert_eq!(bench.names("."), before, "nothing is left behind");
    assert_eq!(bench.run(&["ledger", "query"]).code(0).out, "");
}

#[test]
fn an_empty_file() {
    refused("empty.jpg", b"", "file is empty");
}

#[test]
fn a_truncated_file() {
    refused("cut.png", &png(&scene(1, 300, 300))[..20_000], "cut short");
    refused(
        "noise.jpg",
        &b"\x12\x34 no picture at all ".repeat(50),
        "no picture we know",
    );
}

#[test]
fn files_of_kinds_that_are_refused_by_name() {
    refused(
        "page.jpg",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "a PDF document",
    );
    refused(
        "scan.png",
        b"II*\0\x08\0\0\0\0\0\0\0\0\0\0\0",
        "a TIFF picture",
    );
    refused(
        "drawing.png",
        b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
        "an SVG drawing",
    );
    refused(
        "film.jpg",
        b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41",
        "video",
    );
}

#[test]
fn headers_of_65500_by_65500_pixels() {
    refused(
        "huge.png",
        &png_of(&[
            (b"IHDR", &header(65_500, 65_500, 8)),
            (b"IDAT", &zeros(1_000)),
            (b"IEND", b""),
        ]),
        "number of pixels",
    );
    let frame = [
        &[0xff, 0xd8, 0xff, 0xc0, 0, 11, 8][..],
        &65_500u16.to_be_bytes(),
        &65_500u16.to_be_bytes(),
        &[1, 1, 0x11, 0],
    ]
    .concat();
    refused(
        "huge.jpg",
        &[
            &frame[..],
            &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0xff, 0xd9],
        ]
        .concat(),
        "number of pixels",
    );
}

#[test]
fn a_30000_by_30000_picture_of_zeros() {
    let data = zeros((30_000 / 8 + 1) * 30_000);
    assert!(data.len() < 1_000_000, "a small file");
    refused(
        "zeros.png",
        &png_of(&[
            (b"IHDR", &header(30_000, 30_000, 1)),
            (b"IDAT", &data),
            (b"IEND", b""),
        ]),
        "number of pixels",
    );
}

#[test]
fn text_chunks_that_claim_a_gigabyte() {
    let mut claim = png_of(&[(b"IHDR", &header(300, 300, 8))]);
    claim.extend((1u32 << 30).to_be_bytes());
    claim.extend(b"tEXtComment\0abc");
    let bench = Bench::new();
    bench.write("claim.png", &claim);
    bench.run(&["verify", "claim.png"]).code(2);
    bench.run(&["stamp", "claim.png", "-o", "out.png"]).code(2);
    assert_eq!(bench.names("."), ["claim.png", "home"]);

    let bomb = [b"Comment\0\0", &zeros(64 << 20)[..]].concat();
    let rows = zeros(301 * 300);
    refused(
        "bomb.png",
        &png_of(&[
            (b"IHDR", &header(300, 300, 8)),
            (b"zTXt", &bomb),
            (b"IDAT", &rows),
            (b"IEND", b""),
        ]),
        "metadata in bytes",
    );
}

#[test]
fn a_folder_and_a_missing_file() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("folder.jpg")).unwrap();
    for (name, message) in [
        ("folder.jpg", "is a folder"),
        ("missing.jpg", "read missing.jpg"),
    ] {
        bench.run(&["verify", name]).code(2).says(message);
        bench
            .run(&["stamp", name, "-o", "out.jpg"])
            .code(2)
            .says(message);
        bench
            .run(&["watermark", "detect", name])
            .code(2)
            .says(message);
    }
    bench
        .run(&["stamp", "missing.jpg", "-o", "nowhere/out.jpg"])
        .code(2);
    bench.write("a.jpg", &photo(4));
    bench.run(&["stamp", "a.jpg", "-o", "folder.jpg"]).code(2);
    bench
        .run(&["stamp", "a.jpg", "-o", "nowhere/out.jpg"])
        .code(2)
        .says("nowhere");
    assert_eq!(bench.names("folder.jpg"), [""; 0]);
    assert_eq!(bench.names("."), ["a.jpg", "folder.jpg", "home"]);
}

#[cfg(unix)]
#[test]
fn an_unreadable_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let path = bench.write("secret.jpg", &photo(1));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_err() {
        bench
            .run(&["verify", "secret.jpg"])
            .code(2)
            .says("check the permissions");
        bench
            .run(&["stamp", "secret.jpg", "-o", "out.jpg"])
            .code(2)
            .says("check the permissions");
        return;
    }
    // Permissions do not bind the superuser, so the program runs as nobody, from a place that
    // nobody may enter.
    let program = bench.path("colophon");
    std::fs::copy(env!("CARGO_BIN_EXE_colophon"), &program).unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bench.path("."), open).unwrap();
    let ended = std::process::Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(program)
        .args(["--home", "home", "verify", "secret.jpg"])
        .current_dir(bench.path("."))
        .output();
    match ended {
        Ok(output) => {
            crate::support::Ended::from(output)
                .code(2)
                .says("check the permissions");
        }
        Err(_) if std::env::var_os("COLOPHON_REQUIRE_TOOLS").is_some() => {
            unreachable!("setpriv (util-linux) is missing")
        }
        Err(_) => println!("SKIPPED: setpriv (util-linux) is missing"),
    }
}

#[test]
fn a_wrong_extension_does_not_matter() {
    let bench = Bench::new();
    bench.write("picture.jpg", &png(&scene(8, 400, 300)));
    let report = bench
        .run(&["verify", "--json", "picture.jpg"])
        .json()
        .remove(0);
    assert_eq!(report["container"]["format"], "PNG");
    bench
        .run(&["stamp", "picture.jpg", "-o", "out.webp"])
        .code(0);
    assert_eq!(&bench.read("out.webp")[8..12], b"WEBP");
    bench
        .run(&["stamp", "picture.jpg", "-o", "out.gif"])
        .code(2)
        .says(".png, .jpg or .webp");
}

#[test]
fn an_output_that_exists() {
    let bench = Bench::new();
    bench.write("a.jpg", &photo(9));
    bench.write("out.jpg", b"precious");
    bench
        .run(&["stamp", "a.jpg", "-o", "out.jpg"])
        .code(2)
        .says("exists already");
    bench
        .run(&["watermark", "embed", "a.jpg", "out.jpg"])
        .code(2)
        .says("exists already");
    bench
        .run(&["stamp", "a.jpg", "-o", "a.jpg"])
        .code(2)
        .says("exists already");
    assert_eq!(bench.read("out.jpg"), b"precious");
    assert_eq!(bench.names("."), ["a.jpg", "home", "out.jpg"]);
    bench
        .run(&["stamp", "a.jpg", "-o", "out.jpg", "--overwrite"])
        .code(0);
    bench.run(&["verify", "out.jpg"]).code(0);
}

#[cfg(unix)]
#[test]
fn names_cannot_drive_the_terminal() {
    let bench = stamped();
    let name = "\u{1b}]0;owned\u{7}\u{1b}[2J.jpg";
    bench.write(name, &photo(2));
    for arguments in [
        &["verify", name][..],
        &["watermark", "detect", name],
        &["stamp", name, "-o", "no/x.jpg"],
    ] {
        let ended = bench.run(arguments);
        let control = |c: char| c.is_control() && c != '\n';
        assert!(
            !ended.out.contains(control) && !ended.err.contains(control),
            "{ended:?}"
        );
    }
}
