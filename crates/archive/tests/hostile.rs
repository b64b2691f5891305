//! Archives as strangers make them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Cursor, Write as _};

use colophon_archive::{ArchiveError, Bounds, Found, Unreadable, pack_zip, read_tar, read_zip};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const BOUNDS: Bounds = Bounds {
    entries: 50,
    entry_bytes: 100_000,
    total_bytes: 300_000,
};

fn zip(bytes: &[u8]) -> Result<Vec<Found>, ArchiveError> {
    let mut all = Vec::new();
    read_zip(Cursor::new(bytes), BOUNDS, &|_, _| true, |found| {
        all.push(found);
        Ok::<_, ArchiveError>(())
    })?;
    Ok(all)
}

fn tar(bytes: &[u8]) -> Result<Vec<Found>, ArchiveError> {
    let mut all = Vec::new();
    read_tar(bytes, BOUNDS, &|_, _| true, |found| {
        all.push(found);
        Ok::<_, ArchiveError>(())
    })?;
    Ok(all)
}

fn file(name: &str, bytes: &[u8]) -> Found {
    Found::File {
        name: name.to_owned(),
        bytes: bytes.to_vec(),
    }
}

fn deflated(files: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tarred(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // Names that `append_data` would refuse, as strangers write them.
        header.as_old_mut().name[..name.len().min(100)]
            .copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn what_is_packed_comes_back() {
    let files: [(&str, &[u8]); 3] = [("b.jpg", b"two"), ("a/x.png", &[7; 5000]), ("c", b"")];
    let packed = pack_zip(files).unwrap();
    assert_eq!(packed, pack_zip(files).unwrap());
    let expected: Vec<Found> = files
        .iter()
        .map(|(name, bytes)| file(name, bytes))
        .collect();
    assert_eq!(zip(&packed).unwrap(), expected);
    assert_eq!(zip(&deflated(&files)).unwrap(), expected);
    assert_eq!(tar(&tarred(&files)).unwrap(), expected);
}

#[test]
fn names_are_labels_and_what_hides_is_passed_over() {
    let files: [(&str, &[u8]); 4] = [
        ("../../etc/cron.d/x.jpg", b"1"),
        ("/abs.jpg", b"2"),
        ("__MACOSX/._abs.jpg", b"3"),
        (".hidden/z.jpg", b"4"),
    ];
    let expected = [
        file("etc/cron.d/x.jpg", b"1"),
        file("abs.jpg", b"2"),
        Found::Passed,
        Found::Passed,
    ];
    assert_eq!(tar(&tarred(&files)).unwrap(), expected);
    assert_eq!(zip(&deflated(&files)).unwrap(), expected);
}

#[test]
fn links_and_folders_are_never_followed() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .add_directory("d", SimpleFileOptions::default())
        .unwrap();
    writer
        .add_symlink("d/passwd.jpg", "/etc/passwd", SimpleFileOptions::default())
        .unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    assert_eq!(zip(&bytes).unwrap(), [Found::Passed]);

    let mut builder = tar::Builder::new(Vec::new());
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Fifo,
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder
            .append_link(&mut header, "x.jpg", "/etc/passwd")
            .unwrap();
    }
    let bytes = builder.into_inner().unwrap();
    assert_eq!(
        tar(&bytes).unwrap(),
        [Found::Passed, Found::Passed, Found::Passed]
    );
}

#[test]
fn bombs_cost_no_more_than_the_bounds() {
    // 40 MB of zeros pack to 40 KB.
    let zeros = vec![0; 40_000_000];
    let bomb = deflated(&[("a.png", &zeros), ("b.png", b"fine")]);
    assert!(bomb.len() < 100_000);
    let large = Found::Trouble {
        name: "a.png".to_owned(),
        why: Unreadable::TooLarge(BOUNDS.entry_bytes),
    };
    assert_eq!(zip(&bomb).unwrap(), [large, file("b.png", b"fine")]);

    let hundred = vec![1; 90_000];
    let names: Vec<String> = (0..4).map(|number| format!("{number}.png")).collect();
    let many: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &*hundred))
        .collect();
    assert!(matches!(
        zip(&deflated(&many)),
        Err(ArchiveError::TooLarge(300_000))
    ));
    assert!(matches!(
        tar(&tarred(&many)),
        Err(ArchiveError::TooLarge(300_000))
    ));

    let names: Vec<String> = (0..51).map(|number| format!("{number}.png")).collect();
    let many: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    assert!(matches!(
        zip(&deflated(&many)),
        Err(ArchiveError::TooManyEntries(50))
    ));
    assert!(matches!(
        tar(&tarred(&many)),
        Err(ArchiveError::TooManyEntries(50))
    ));
    let names: Vec<String> = (0..5000)
        .map(|number| format!("{number:0200}.png"))
        .collect();
    let many: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    let error = zip(&deflated(&many)).unwrap_err().to_string();
    assert!(
        error.contains("list of files"),
        "the list is not held: {error}"
    );
}

#[test]
fn an_encrypted_or_damaged_file_costs_a_row_not_the_archive() {
    let mut bytes = deflated(&[("a.png", &[9; 3000]), ("b.png", b"fine")]);
    // The flag of encryption, in both headers of the first entry.
    let central = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let mut encrypted = bytes.clone();
    encrypted[6] |= 1;
    encrypted[central + 8] |= 1;
    let found = zip(&encrypted).unwrap();
    assert!(
        matches!(
            &found[0],
            Found::Trouble {
                why: Unreadable::Encrypted,
                ..
            }
        ),
        "{found:?}"
    );
    assert_eq!(found[1], file("b.png", b"fine"));

    // The check sum of the first.
    bytes[central + 16] ^= 1;
    bytes[14] ^= 1;
    let found = zip(&bytes).unwrap();
    assert!(
        matches!(
            &found[0],
            Found::Trouble {
                why: Unreadable::Damaged,
                ..
            }
        ),
        "{found:?}"
    );
    assert_eq!(found[1], file("b.png", b"fine"));
}

#[test]
fn long_names_of_a_tar_are_read_within_bounds() {
    let long = format!("{}/x.jpg", "d".repeat(150));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    builder.append_data(&mut header, &long, &b"1"[..]).unwrap();
    assert_eq!(
        tar(&builder.into_inner().unwrap()).unwrap(),
        [file(&long, b"1")]
    );

    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append_pax_extensions([("path", &b"p/y.jpg"[..])])
        .unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(1);
    header.set_path("short").unwrap();
    header.set_cksum();
    builder.append(&header, &b"2"[..]).unwrap();
    assert_eq!(
        tar(&builder.into_inner().unwrap()).unwrap(),
        [file("p/y.jpg", b"2")]
    );

    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(200_000);
    header.set_cksum();
    builder.append(&header, &vec![b'a'; 200_000][..]).unwrap();
    assert!(matches!(
        tar(&builder.into_inner().unwrap()),
        Err(ArchiveError::Damaged(_))
    ));
}

#[test]
fn archives_that_break_off_are_refused() {
    let whole = tarred(&[("a.jpg", &[1; 2000]), ("b.jpg", &[2; 2000])]);
    assert!(matches!(tar(&whole[..3000]), Err(ArchiveError::Damaged(_))));
    let whole = deflated(&[("a.jpg", &[1; 2000])]);
    assert!(matches!(
        zip(&whole[..whole.len() - 30]),
        Err(ArchiveError::Damaged(_))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = zip(&bytes);
        let _ = tar(&bytes);
    }

    #[test]
    fn a_changed_archive_is_read_or_refused(at in any::<proptest::sample::Index>(), to in any::<u8>(), cut in any::<proptest::sample::Index>()) {
        let files: [(&str, &[u8]); 2] = [("a.jpg", &[1; 600]), ("b/c.jpg", b"two")];
        for mut bytes in [deflated(&files), pack_zip(files).unwrap()] {
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(found) = zip(&bytes) {
                prop_assert!(found.len() <= BOUNDS.entries);
            }
            let _ = zip(&bytes[..cut.index(bytes.len())]);
        }
        let mut bytes = tarred(&files);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = tar(&bytes);
    }
}
