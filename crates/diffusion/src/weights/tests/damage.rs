//! Files that are cut, damaged or made to harm.

use proptest::prelude::*;

use super::*;

#[test]
fn files_cut_anywhere_are_refused() {
    let whole = f32_file("tensor", &[4], &[1.0, 2.0, 3.0, 4.0]);
    for length in 0..whole.len() {
        let cut = whole[..length].to_vec();
        let folder = Folder::new(&[("m.safetensors", cut.clone())]);
        for error in [folder.open().unwrap_err(), embedded(cut).unwrap_err()] {
            let truncated = matches!(
                &error,
                DiffusionError::WeightsTruncated { found, expected, .. }
                    if *found == length as u64 && *expected > *found
            );
            assert!(truncated, "{length}: {error}");
        }
    }
}

#[test]
fn a_file_that_shrinks_after_opening_is_an_error() {
    let folder = Folder::new(&[("m.safetensors", f32_file("a", &[4], &[1.0; 4]))]);
    let weights = folder.open().unwrap();
    std::fs::write(folder.path("m.safetensors"), b"short").unwrap();
    assert!(matches!(
        weights.read("a", &[4]),
        Err(DiffusionError::Io { .. })
    ));
    assert!(matches!(weights.files(), Err(DiffusionError::Io { .. })));
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let tensor = |dtype: &str, shape: &str, from: &str, to: &str| {
        format!("{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{from},{to}]}}")
    };
    let good = tensor("F32", "[2]", "0", "8");
    let data = [0; 8];
    assert!(
        embedded(raw(
            &format!("{{\"__metadata__\":{{\"a\":\"b\"}},\"x\":{good}}}"),
            &data
        ))
        .is_ok()
    );
    let cases = [
        (
            format!("{{\"x\":{}}}", tensor("F32", "[3]", "0", "8")),
            "not those of shape",
        ),
        (
            format!("{{\"x\":{}}}", tensor("F32", "[2]", "8", "0")),
            "before its start",
        ),
        (
            format!(
                "{{\"x\":{}}}",
                tensor("F32", "[18446744073709551615,9]", "0", "8")
            ),
            "impossible shape",
        ),
        (
            format!("{{\"x\":{}}}", tensor("F32", "[1]", "4", "8")),
            "starts at byte 4, not at 0",
        ),
        (
            format!("{{\"x\":{}}}", tensor("F32", "[1]", "0", "4")),
            "4 bytes follow",
        ),
        (
            format!("{{\"x\":{good},\"y\":{good}}}"),
            "starts at byte 0, not at 8",
        ),
        (
            format!("{{\"x\":{}}}", tensor("F32", "[-2]", "0", "8")),
            "invalid value",
        ),
        ("{\"x\":{\"dtype\":\"F32\"}}".to_owned(), "missing field"),
        ("[1,2]".to_owned(), "an object of tensors"),
        ("{\"x\":".to_owned(), "EOF"),
        ("\u{0}\u{0}".to_owned(), "expected value"),
    ];
    for (header, part) in cases {
        let error = embedded(raw(&header, &data)).unwrap_err();
        assert!(
            matches!(error, DiffusionError::WeightsInvalid { .. }),
            "{header}: {error}"
        );
        assert!(error.to_string().contains(part), "{header}: {error}");
    }
    let twice = raw(&format!("{{\"x\":{good},\"x\":{good}}}"), &data);
    let error = embedded(twice).unwrap_err();
    assert!(
        matches!(&error, DiffusionError::TensorDuplicate { tensor, .. } if tensor == "x"),
        "{error}"
    );
    let huge = tensor("U8", "[2]", "0", "18446744073709551615");
    let error = embedded(raw(&format!("{{\"x\":{huge}}}"), &data)).unwrap_err();
    assert!(
        matches!(error, DiffusionError::WeightsTruncated { .. }),
        "{error}"
    );
}

#[test]
fn a_header_without_end_is_not_read() {
    let mut bytes = (MAX_HEADER_BYTES + 1).to_le_bytes().to_vec();
    bytes.extend(b"{}");
    let error = embedded(bytes).unwrap_err();
    assert!(
        matches!(error, DiffusionError::WeightsHeaderTooLong { found, .. } if found > MAX_HEADER_BYTES)
    );
    // A web page saved under the name of weights says so too: its first bytes are a huge length.
    let error = embedded(b"<!DOCTYPE html><html></html>".to_vec()).unwrap_err();
    assert!(
        matches!(error, DiffusionError::WeightsHeaderTooLong { .. }),
        "{error}"
    );
}

proptest! {
    /// Whatever the file says, it is read or refused.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = embedded(bytes);
    }

    /// One changed byte gives an error or weights, never a panic.
    #[test]
    fn any_damage_is_survived(place in any::<prop::sample::Index>(), value: u8) {
        let mut bytes = f32_file("tensor", &[2, 3], &[0.5; 6]);
        let place = place.index(bytes.len());
        bytes[place] = value;
        if let Ok(weights) = embedded(bytes) {
            let all: Vec<(String, Vec<usize>)> =
                weights.tensors().map(|t| (t.name.to_owned(), t.shape.to_vec())).collect();
            for (name, shape) in all {
                let _ = weights.read(&name, &shape);
            }
        }
    }
}

#[test]
fn a_file_that_is_written_to_while_in_use_is_an_error() {
    let file = f32_file("a", &[2], &[1.0, 2.0]);
    let folder = Folder::new(&[("model.safetensors", file.clone())]);
    let weights = folder.open().unwrap();
    assert_eq!(weights.read("a", &[2]).unwrap(), [1.0, 2.0]);
    let path = folder.path("model.safetensors");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let changed = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    changed.set_modified(later).unwrap();
    let error = weights.read("a", &[2]).unwrap_err().to_string();
    assert!(error.contains("changed while it was in use"), "{error}");
    // One that was put in its place by another name is another file.
    let weights = folder.open().unwrap();
    std::fs::write(folder.path("new"), file).unwrap();
    std::fs::rename(folder.path("new"), &path).unwrap();
    assert_eq!(weights.read("a", &[2]).unwrap(), [1.0, 2.0]);
}
