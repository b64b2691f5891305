mod damage;
mod fp8;
mod gguf;
mod gguf_damage;

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use proptest::prelude::*;

use super::*;

/// A safetensors file as its own library writes it.
fn written(tensors: &[(&str, safetensors::Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap();
        (*name, view)
    });
    safetensors::serialize(views, None).unwrap()
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn f32_file(name: &str, shape: &[usize], values: &[f32]) -> Vec<u8> {
    written(&[(name, safetensors::Dtype::F32, shape.to_vec(), f32s(values))])
}

/// A file of this header and data.
fn raw(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn embedded(bytes: Vec<u8>) -> Result<Weights, DiffusionError> {
    Weights::embedded("model.safetensors", bytes.leak())
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, Vec<u8>)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self) -> Result<Weights, DiffusionError> {
        Weights::open(self.0.path())
    }
}

#[test]
fn all_stored_types_are_read() {
    let values = [1.5_f32, -2.25, 0.0, 0.125, 65504.0, -0.5];
    let halves: Vec<u8> = values
        .iter()
        .flat_map(|v| half::f16::from_f32(*v).to_le_bytes())
        .collect();
    let brains: Vec<u8> = values
        .iter()
        .flat_map(|v| half::bf16::from_f32(*v).to_le_bytes())
        .collect();
    let bytes: Vec<u8> = [127_i8, -127, 1, 0, -1, 64]
        .iter()
        .map(|q| q.cast_unsigned())
        .collect();
    let shape = vec![2, 3];
    let weights = embedded(written(&[
        (
            "single",
            safetensors::Dtype::F32,
            shape.clone(),
            f32s(&values),
        ),
        ("half", safetensors::Dtype::F16, shape.clone(), halves),
        ("brain", safetensors::Dtype::BF16, shape.clone(), brains),
        ("quant", safetensors::Dtype::I8, shape.clone(), bytes),
        (
            "quant.scale",
            safetensors::Dtype::F32,
            vec![2],
            f32s(&[0.5, 0.25]),
        ),
        ("bool", safetensors::Dtype::BOOL, vec![1], vec![1]),
    ]))
    .unwrap();
    let brain: Vec<f32> = values
        .iter()
        .map(|v| half::bf16::from_f32(*v).to_f32())
        .collect();
    assert_eq!(weights.read("single", &[2, 3]).unwrap(), values);
    assert_eq!(weights.read("half", &[2, 3]).unwrap(), values);
    assert_eq!(weights.read("brain", &[2, 3]).unwrap(), brain);
    let quant = [63.5, -63.5, 0.5, 0.0, -0.25, 16.0];
    assert_eq!(weights.read("quant", &[2, 3]).unwrap(), quant);
    assert_eq!(weights.parameters(), 4 * 6 + 1);
    assert!(weights.contains("bool") && !weights.contains("boot"));
    assert_eq!(weights.tensors().count(), 6);

    // The same as tensors, in any precision.
    let device = Device::Cpu;
    for name in ["single", "half", "brain", "quant"] {
        for dtype in [DType::F32, DType::BF16] {
            let tensor = weights.tensor(name, &[2, 3], dtype, &device).unwrap();
            assert_eq!((tensor.dtype(), tensor.dims()), (dtype, &[2, 3][..]));
            let found = tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap();
            let mut expected = weights.read(name, &[2, 3]).unwrap();
            if dtype == DType::BF16 {
                expected = expected
                    .iter()
                    .map(|v| half::bf16::from_f32(*v).to_f32())
                    .collect();
            }
            assert_eq!(
                found.to_vec1::<f32>().unwrap(),
                expected,
                "{name} {dtype:?}"
            );
        }
    }
    let error = weights.read("bool", &[1]).unwrap_err();
    assert!(
        matches!(&error, DiffusionError::TensorType { found, .. } if found == "BOOL"),
        "{error}"
    );
    assert!(weights.tensor("bool", &[1], DType::F32, &device).is_err());
}

#[test]
fn what_a_network_does_not_find_is_named() {
    let weights = embedded(f32_file("block.weight", &[2, 2], &[1.0, 2.0, 3.0, 4.0])).unwrap();
    let tensor = "block.bias".to_owned();
    let missing = weights.read(&tensor, &[2]).unwrap_err();
    assert_eq!(missing, DiffusionError::TensorMissing { tensor });
    let (tensor, expected, found) = ("block.weight".to_owned(), vec![4, 1], vec![2, 2]);
    let shape = weights
        .tensor(&tensor, &[4, 1], DType::F32, &Device::Cpu)
        .unwrap_err();
    assert_eq!(
        shape,
        DiffusionError::TensorShape {
            tensor,
            expected,
            found
        }
    );
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let name = "w";
        let half = half::f16::from_f32(bad).to_le_bytes();
        let brain = half::bf16::from_f32(bad).to_le_bytes();
        let zero = [0_u8; 2];
        let weights = embedded(written(&[
            (
                "w",
                safetensors::Dtype::F32,
                vec![3],
                f32s(&[0.0, f32::MAX, bad]),
            ),
            ("h", safetensors::Dtype::F16, vec![2], [zero, half].concat()),
            (
                "b",
                safetensors::Dtype::BF16,
                vec![2],
                [zero, brain].concat(),
            ),
            ("q", safetensors::Dtype::I8, vec![2, 1], vec![1, 1]),
            (
                "q.scale",
                safetensors::Dtype::F32,
                vec![2],
                f32s(&[1.0, bad]),
            ),
        ]))
        .unwrap();
        assert_eq!(
            weights.read(name, &[3]).unwrap_err(),
            DiffusionError::TensorNotFinite {
                tensor: name.to_owned(),
                position: 2
            }
        );
        for (name, shape) in [("w", &[3][..]), ("h", &[2]), ("b", &[2]), ("q", &[2, 1])] {
            let read = weights.read(name, shape).unwrap_err();
            let loaded = weights
                .tensor(name, shape, DType::BF16, &Device::Cpu)
                .unwrap_err();
            assert!(
                matches!(read, DiffusionError::TensorNotFinite { .. }),
                "{read}"
            );
            assert_eq!(read, loaded);
        }
    }
}

#[test]
fn a_scale_must_be_there_and_fit() {
    let quant = |scales: &[f32]| {
        written(&[
            ("q", safetensors::Dtype::I8, vec![2, 2], vec![1; 4]),
            (
                "q.scale",
                safetensors::Dtype::F32,
                vec![scales.len()],
                f32s(scales),
            ),
        ])
    };
    assert_eq!(
        embedded(quant(&[1.0, 2.0]))
            .unwrap()
            .read("q", &[2, 2])
            .unwrap(),
        [1.0, 1.0, 2.0, 2.0]
    );
    let error = embedded(quant(&[1.0]))
        .unwrap()
        .read("q", &[2, 2])
        .unwrap_err();
    assert!(
        matches!(error, DiffusionError::TensorShape { .. }),
        "{error}"
    );
    let alone = written(&[("q", safetensors::Dtype::I8, vec![2, 2], vec![1; 4])]);
    let error = embedded(alone).unwrap().read("q", &[2, 2]).unwrap_err();
    assert_eq!(error.to_string().matches("q.scale").count(), 1, "{error}");
}

#[test]
fn a_folder_of_shards_is_one_set_of_weights() {
    let index = r#"{"metadata": {"total_size": 16},
        "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}"#;
    let folder = Folder::new(&[
        ("model.safetensors.index.json", index.into()),
        (
            "model-00001-of-00002.safetensors",
            f32_file("a", &[2], &[1.0, 2.0]),
        ),
        (
            "model-00002-of-00002.safetensors",
            f32_file("b", &[1, 2], &[3.0, 4.0]),
        ),
        ("unrelated.safetensors", b"not weights".to_vec()),
    ]);
    for path in [
        folder.0.path().to_owned(),
        folder.path("model.safetensors.index.json"),
    ] {
        let weights = Weights::open(&path).unwrap();
        assert_eq!(weights.read("a", &[2]).unwrap(), [1.0, 2.0]);
        assert_eq!(weights.read("b", &[1, 2]).unwrap(), [3.0, 4.0]);
        let files = weights.files().unwrap();
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].name, "model-00001-of-00002.safetensors");
    }
}

#[test]
fn an_index_that_lies_is_refused() {
    let a = || f32_file("a", &[1], &[1.0]);
    let index = |map: &str| format!("{{\"weight_map\": {map}}}").into_bytes();
    let open = |map: &str, files: &[(&str, Vec<u8>)]| {
        let mut all = vec![("m.index.json", index(map))];
        all.extend(files.iter().cloned());
        Folder::new(&all).open().unwrap_err()
    };
    let missing = open(
        r#"{"a": "a.safetensors", "z": "a.safetensors"}"#,
        &[("a.safetensors", a())],
    );
    assert_eq!(
        missing,
        DiffusionError::TensorMissing {
            tensor: "z".to_owned()
        }
    );
    let gone = open(r#"{"a": "gone.safetensors"}"#, &[]);
    assert!(matches!(gone, DiffusionError::Io { .. }), "{gone}");
    let two = [("a.safetensors", a()), ("b.safetensors", a())];
    let twice = open(r#"{"a": "a.safetensors", "b": "b.safetensors"}"#, &two);
    assert!(
        matches!(&twice, DiffusionError::TensorDuplicate { tensor, .. } if tensor == "a"),
        "{twice}"
    );
    let b = f32_file("b", &[1], &[1.0]);
    let swapped = open(
        r#"{"a": "b.safetensors", "b": "a.safetensors"}"#,
        &[("a.safetensors", a()), ("b.safetensors", b)],
    );
    assert!(
        swapped.to_string().contains("a is not in b.safetensors"),
        "{swapped}"
    );
    for outside in [
        "../a.safetensors",
        "/etc/passwd",
        "x/a.safetensors",
        "..",
        "",
        "..\\\\a",
    ] {
        let error = open(
            &format!("{{\"a\": \"{outside}\"}}"),
            &[("a.safetensors", a())],
        );
        assert!(
            error.to_string().contains("plain file name"),
            "{outside}: {error}"
        );
    }
    for broken in ["[]", "{", "{\"a\": 1}"] {
        let error = open(broken, &[]);
        assert!(
            matches!(error, DiffusionError::WeightsInvalid { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_folder_must_be_clear() {
    let file = || f32_file("a", &[1], &[1.0]);
    let one = Folder::new(&[("x.safetensors", file()), ("config.json", b"{}".to_vec())]);
    assert_eq!(one.open().unwrap().read("a", &[1]).unwrap(), [1.0]);
    assert!(
        Weights::open(&one.path("x.safetensors"))
            .unwrap()
            .contains("a")
    );
    for (files, part) in [
        (vec![], "no safetensors or GGUF file"),
        (
            vec![("x.safetensors", file()), ("y.safetensors", file())],
            "several weight files",
        ),
        (
            vec![("x.index.json", vec![]), ("y.index.json", vec![])],
            "several indices",
        ),
    ] {
        let error = Folder::new(&files).open().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = Weights::open(&one.path("absent.safetensors")).unwrap_err();
    assert!(matches!(error, DiffusionError::Io { .. }), "{error}");
}

#[test]
fn hashes_are_those_of_the_files() {
    let weights = embedded(raw("{}", b"")).unwrap();
    let files = weights.files().unwrap();
    let expected = WeightFile {
        name: "model.safetensors".to_owned(),
        bytes: 10,
        sha256: "411a485216e432ece6b9af94fa32154cf79a2a56d4f81266baa50063f45092bd".to_owned(),
    };
    assert_eq!(files, [expected]);
    // More than one chunk.
    let values = vec![0.25; 400_000];
    let bytes = f32_file("big", &[400_000], &values);
    let folder = Folder::new(&[("big.safetensors", bytes.clone())]);
    let (on_disk, in_memory) = (folder.open().unwrap(), embedded(bytes).unwrap());
    assert_eq!(
        on_disk.files().unwrap()[0].sha256,
        in_memory.files().unwrap()[0].sha256
    );
}

proptest! {
    /// Values survive being stored: exactly in F32, within half a step of the row in I8.
    #[test]
    fn values_survive(values in proptest::collection::vec(-1e6_f32..1e6, 1..40), rows in 1..5_usize) {
        let columns = values.len();
        let values: Vec<f32> = (0..rows).flat_map(|_| values.iter().copied()).collect();
        let weights = embedded(f32_file("w", &[rows, columns], &values)).unwrap();
        prop_assert_eq!(weights.read("w", &[rows, columns]).unwrap(), values.clone());

        let scales: Vec<f32> = values
            .chunks(columns)
            .map(|row| row.iter().fold(1e-6_f32, |most, v| most.max(v.abs())) / 127.0)
            .collect();
        let stored = values.iter().enumerate();
        let stored = stored.map(|(i, v)| ((v / scales[i / columns]).round() as i8).cast_unsigned());
        let weights = embedded(written(&[
            ("w", safetensors::Dtype::I8, vec![rows, columns], stored.collect()),
            ("w.scale", safetensors::Dtype::F32, vec![rows], f32s(&scales)),
        ]))
        .unwrap();
        let read = weights.read("w", &[rows, columns]).unwrap();
        for (i, (found, expected)) in read.iter().zip(&values).enumerate() {
            prop_assert!((found - expected).abs() <= scales[i / columns] * 0.501);
        }
    }

    /// The quick search for NaN and infinity finds what widening finds.
    #[test]
    fn both_searches_agree(bits in proptest::collection::vec(any::<u32>(), 1..9)) {
        let words: Vec<u8> = bits.iter().flat_map(|b| b.to_le_bytes()).collect();
        for stored in [StoredType::F32, StoredType::F16, StoredType::Bf16] {
            let wide = decode::to_f32("w", &stored, &words).map(drop);
            prop_assert_eq!(decode::check_finite("w", &stored, &words), wide);
        }
    }
}
