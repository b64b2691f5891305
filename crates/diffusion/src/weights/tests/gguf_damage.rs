//! GGUF files of all versions, cut, damaged or made to harm.

use std::io::Cursor;

use candle_core::quantized::gguf_file::Content;

use super::gguf::{file, number};
use super::*;

/// A file as its parts, so that each can be wrong.
#[derive(Clone)]
struct Parts {
    version: u32,
    pairs: Vec<(&'static str, u32, Vec<u8>)>,
    /// Name, axes with the fastest first, type, start.
    tensors: Vec<(&'static str, Vec<u64>, u32, u64)>,
    data: Vec<u8>,
    alignment: usize,
}

impl Parts {
    /// Lengths and counts have 32 bits in version 1.
    fn length(&self, length: u64) -> Vec<u8> {
        if self.version == 1 {
            (length as u32).to_le_bytes().to_vec()
        } else {
            length.to_le_bytes().to_vec()
        }
    }

    fn text(&self, text: &str) -> Vec<u8> {
        [self.length(text.len() as u64), text.as_bytes().to_vec()].concat()
    }

    fn bytes(&self) -> Vec<u8> {
        let (tensors, pairs) = (self.tensors.len() as u64, self.pairs.len() as u64);
        let mut bytes = [b"GGUF".to_vec(), self.version.to_le_bytes().to_vec()].concat();
        bytes.extend([self.length(tensors), self.length(pairs)].concat());
        for (key, kind, value) in &self.pairs {
            bytes.extend([self.text(key), kind.to_le_bytes().to_vec(), value.clone()].concat());
        }
        for (name, axes, kind, start) in &self.tensors {
            bytes.extend(self.text(name));
            bytes.extend((axes.len() as u32).to_le_bytes());
            bytes.extend(axes.iter().flat_map(|axis| self.length(*axis)));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(start.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(self.alignment), 0);
        bytes.extend(&self.data);
        bytes
    }

    fn refused(&self, part: &str) {
        let error = embedded(self.bytes()).unwrap_err();
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

/// Two rows of a block of `Q8_0` with scales 0.5 and 2, and three single values.
fn small(version: u32) -> Parts {
    let block = |scale: f32| {
        let mut block = half::f16::from_f32(scale).to_le_bytes().to_vec();
        block.extend(0..32);
        block
    };
    let mut data = [block(0.5), block(2.0)].concat();
    data.resize(96, 0);
    data.extend(f32s(&[1.0, -2.0, 3.5]));
    let mut parts = Parts {
        version,
        pairs: Vec::new(),
        tensors: vec![("blocks", vec![32, 2], 8, 0), ("single", vec![3], 0, 96)],
        data,
        alignment: 32,
    };
    let words = [
        8_u32.to_le_bytes().to_vec(),
        parts.length(2),
        parts.text("one"),
        parts.text(""),
    ];
    let inner = |numbers: &[u8]| {
        [
            0_u32.to_le_bytes().to_vec(),
            parts.length(numbers.len() as u64),
            numbers.to_vec(),
        ]
        .concat()
    };
    let nested = [
        9_u32.to_le_bytes().to_vec(),
        parts.length(2),
        inner(&[1, 2]),
        inner(&[]),
    ];
    parts.pairs = vec![
        ("general.architecture", 8, parts.text("flux")),
        ("a.number", 5, (-7_i32).to_le_bytes().to_vec()),
        ("a.list", 9, words.concat()),
        ("a.nest", 9, nested.concat()),
    ];
    parts
}

/// Reads all tensors; of those that were announced none can be larger than the file.
fn read_all(weights: &Weights, length: usize) {
    let all: Vec<(String, Vec<usize>)> = weights
        .tensors()
        .map(|t| (t.name.to_owned(), t.shape.to_vec()))
        .collect();
    for (name, shape) in all {
        if weights.read(&name, &shape).is_ok() {
            let values: usize = shape.iter().product();
            assert!(values * 84 <= length * 256, "{name} {shape:?}");
        }
        let _ = weights.tensor(&name, &shape, DType::BF16, &Device::Cpu);
        let _ = weights.matrix(&name, &shape, DType::F32, &Device::Cpu);
    }
}

#[test]
fn all_versions_are_read_as_candle_reads_them() {
    for version in 1..=3 {
        let bytes = small(version).bytes();
        let weights = embedded(bytes).unwrap();
        // It knows no arrays in arrays.
        let mut plain = small(version);
        plain.pairs.pop();
        let mut plain = Cursor::new(plain.bytes());
        let content = Content::read(&mut plain).unwrap();
        for (name, shape) in [("blocks", &[2, 32][..]), ("single", &[3])] {
            let tensor = content.tensor(&mut plain, name, &Device::Cpu).unwrap();
            assert_eq!(tensor.shape().dims(), shape);
            let values = tensor.dequantize(&Device::Cpu).unwrap();
            let values: Vec<f32> = values.flatten_all().unwrap().to_vec1().unwrap();
            assert_eq!(
                weights.read(name, shape).unwrap(),
                values,
                "{version} {name}"
            );
        }
        assert_eq!(weights.text("general.architecture"), Some("flux"));
        assert_eq!(number(&weights, "a.number"), Some(-7.0));
        assert!(weights.metadata.contains_key("a.nest"));
    }
    // Version 2 is written as 3; the other order of bytes is not read.
    let mut written = file("blocks.gguf");
    written[4] = 2;
    assert_eq!(embedded(written).unwrap().tensors().count(), 20);
    for version in [0_u32, 4, 3_u32.swap_bytes(), u32::MAX] {
        let mut bytes = small(3).bytes();
        bytes[4..8].copy_from_slice(&version.to_le_bytes());
        let error = embedded(bytes).unwrap_err().to_string();
        assert!(
            error.contains(&format!("version {version} is not known")),
            "{error}"
        );
    }
}

#[test]
fn files_cut_anywhere_are_refused() {
    for whole in [small(1).bytes(), small(3).bytes()] {
        for length in 0..whole.len() {
            let error = embedded(whole[..length].to_vec()).unwrap_err();
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
fn impossible_counts_are_refused_before_memory_is_taken() {
    let whole = small(3).bytes();
    for (place, part) in [
        (8, "tensors, more than"),
        (16, "metadata values, more than"),
    ] {
        for count in [1 << 21, 1 << 40, u64::MAX] {
            let mut bytes = whole.clone();
            bytes[place..place + 8].copy_from_slice(&count.to_le_bytes());
            let error = embedded(bytes).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        // So many are allowed, but are not there.
        let mut bytes = whole.clone();
        bytes[place..place + 8].copy_from_slice(&(1_u64 << 16).to_le_bytes());
        assert!(embedded(bytes).is_err());
    }
    let value = |kind: u32, bytes: &[Vec<u8>]| {
        let mut parts = small(3);
        parts.pairs = vec![("key", kind, bytes.concat())];
        embedded(parts.bytes()).map(|_| ()).unwrap_err()
    };
    let (kind, length) = (
        |kind: u32| kind.to_le_bytes().to_vec(),
        |length: u64| length.to_le_bytes().to_vec(),
    );
    for count in [1 << 30, 1 << 60, u64::MAX] {
        for error in [
            value(8, &[length(count)]),
            value(9, &[kind(0), length(count)]),
            value(9, &[kind(12), length(count)]),
            value(9, &[kind(8), length(count)]),
            value(9, &[kind(8), length(1), length(count)]),
            value(9, &[kind(9), length(count)]),
        ] {
            let known = matches!(
                error,
                DiffusionError::WeightsTruncated { .. } | DiffusionError::WeightsInvalid { .. }
            );
            assert!(known, "{error}");
        }
    }
    for unknown in [13, 255, u32::MAX] {
        let error = value(unknown, &[length(1)]).to_string();
        assert!(
            error.contains(&format!("a value of type {unknown}")),
            "{error}"
        );
        let error = value(9, &[kind(unknown), length(1)]).to_string();
        assert!(
            error.contains(&format!("an array of type {unknown}")),
            "{error}"
        );
    }
    let deep: Vec<Vec<u8>> = (0..100).map(|_| [kind(9), length(1)].concat()).collect();
    let error = value(9, &deep).to_string();
    assert!(error.contains("an array of type 9"), "{error}");
    let mut parts = small(3);
    let long: &'static str = "x".repeat(70_000).leak();
    parts.pairs[0].0 = long;
    parts.refused("a name of 70000 bytes");
}

#[test]
fn impossible_shapes_are_refused() {
    let shaped = |axes: &[u64], kind: u32| {
        let mut parts = small(3);
        parts.tensors = vec![("x", axes.to_vec(), kind, 0)];
        parts
    };
    shaped(&[u64::MAX, 2], 0).refused("the impossible shape");
    shaped(&[1 << 62], 0).refused("the impossible shape");
    shaped(&[1 << 33, 1 << 33], 8).refused("the impossible shape");
    // Nothing is in it, but its other axes cannot be counted.
    shaped(&[1 << 40, 1 << 40, 0], 0).refused("the impossible shape");
    // No whole blocks: 33 of 32, 128 of 256, and a single value.
    shaped(&[33], 8).refused("the impossible shape");
    shaped(&[128, 2], 12).refused("the impossible shape");
    shaped(&[], 8).refused("the impossible shape");
    shaped(&[1; 9], 0).refused("x has 9 axes");
    shaped(&[1 << 40], 0).refused("cut short");
    let empty = embedded(shaped(&[0], 0).bytes()).unwrap();
    assert!(empty.read("x", &[0]).unwrap().is_empty());
    let empty = embedded(shaped(&[32, 0], 8).bytes()).unwrap();
    assert!(empty.read("x", &[0, 32]).unwrap().is_empty());
}

#[test]
fn alignments_are_kept_or_refused() {
    let aligned = |kind: u32, value: &[u8], alignment: usize| {
        let mut parts = small(3);
        parts
            .pairs
            .push(("general.alignment", kind, value.to_vec()));
        parts.alignment = alignment;
        parts
    };
    for alignment in [1_u32, 8, 32, 64, 4096, 1 << 20] {
        let parts = aligned(4, &alignment.to_le_bytes(), alignment as usize);
        let weights = embedded(parts.bytes()).unwrap();
        assert_eq!(weights.read("single", &[3]).unwrap(), [1.0, -2.0, 3.5]);
    }
    for (kind, value) in [
        (4, 0_u32.to_le_bytes().to_vec()),
        (4, u32::MAX.to_le_bytes().to_vec()),
        (10, u64::MAX.to_le_bytes().to_vec()),
        (5, (-32_i32).to_le_bytes().to_vec()),
        (6, f32::NAN.to_le_bytes().to_vec()),
        (6, f32::INFINITY.to_le_bytes().to_vec()),
        (8, [&1_u64.to_le_bytes()[..], b"8"].concat()),
    ] {
        aligned(kind, &value, 32).refused("its alignment is impossible");
    }
}

#[test]
fn tensors_over_each_other_are_refused() {
    let placed = |starts: [u64; 2]| {
        let mut parts = small(3);
        for (tensor, start) in parts.tensors.iter_mut().zip(starts) {
            tensor.3 = start;
        }
        parts
    };
    placed([0, 0]).refused("within the tensor before it");
    placed([0, 64]).refused("within the tensor before it");
    placed([64, 96]).refused("within the tensor before it");
    placed([0, 97]).refused("cut short");
    placed([0, 1 << 50]).refused("cut short");
    placed([0, u64::MAX - 12]).refused("cut short");
    placed([0, u64::MAX]).refused("the impossible shape");
    // Gaps are allowed.
    assert!(embedded(placed([0, 84]).bytes()).is_ok());
    let mut twice = small(3);
    twice.tensors[1].0 = "blocks";
    let error = embedded(twice.bytes()).unwrap_err();
    assert!(
        matches!(&error, DiffusionError::TensorDuplicate { tensor, .. } if tensor == "blocks"),
        "{error}"
    );
    let mut names = small(3).bytes();
    let place = names.windows(6).position(|w| w == b"single").unwrap();
    names[place] = 0xff;
    let error = embedded(names).unwrap_err().to_string();
    assert!(error.contains("a name is not UTF-8"), "{error}");
}

#[test]
fn an_original_shape_must_have_as_many_values() {
    let original = |kind: u32, numbers: &[Vec<u8>]| {
        let mut parts = small(3);
        let count = (numbers.len() as u64).to_le_bytes().to_vec();
        let value = [kind.to_le_bytes().to_vec(), count, numbers.concat()].concat();
        parts.pairs.push(("comfy.gguf.orig_shape.blocks", 9, value));
        parts
    };
    let axes = |axes: &[i32]| -> Vec<Vec<u8>> {
        axes.iter()
            .map(|axis| axis.to_le_bytes().to_vec())
            .collect()
    };
    let weights = embedded(original(5, &axes(&[4, 4, 4])).bytes()).unwrap();
    assert_eq!(weights.read("blocks", &[4, 4, 4]).unwrap()[33], 2.0);
    assert!(
        weights
            .matrix("blocks", &[4, 4, 4], DType::F32, &Device::Cpu)
            .is_ok()
    );
    for wrong in [&[4, 4][..], &[], &[-1, -64], &[0, 64], &[i32::MAX; 8]] {
        original(5, &axes(wrong)).refused("cannot have had the shape");
    }
    let nan = vec![f32::NAN.to_le_bytes().to_vec(); 2];
    original(6, &nan).refused("cannot have had the shape");
    let huge = vec![u64::MAX.to_le_bytes().to_vec(); 3];
    original(10, &huge).refused("cannot have had the shape");
    // More axes than anything has are not looked at.
    let weights = embedded(original(5, &axes(&[1; 9])).bytes()).unwrap();
    assert_eq!(weights.shape("blocks").unwrap(), [2, 32]);
}

#[test]
fn a_scale_that_is_no_number_is_refused() {
    for bad in [half::f16::NAN, half::f16::INFINITY, half::f16::NEG_INFINITY] {
        let mut parts = small(3);
        parts.data[34..36].copy_from_slice(&bad.to_le_bytes());
        let weights = embedded(parts.bytes()).unwrap();
        let read = weights.read("blocks", &[2, 32]).map(drop);
        let matrix = weights.matrix("blocks", &[2, 32], DType::F32, &Device::Cpu);
        let tensor = weights.tensor("blocks", &[2, 32], DType::BF16, &Device::Cpu);
        for found in [read, matrix.map(drop), tensor.map(drop)] {
            let (tensor, position) = ("blocks".to_owned(), 32);
            assert_eq!(
                found.unwrap_err(),
                DiffusionError::TensorNotFinite { tensor, position }
            );
        }
    }
}

/// Every byte of a small file, each changed in every bit.
#[test]
fn every_changed_bit_is_survived() {
    for whole in [small(1).bytes(), small(3).bytes()] {
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[place] ^= 1 << bit;
                if let Ok(weights) = embedded(bytes) {
                    read_all(&weights, whole.len());
                }
            }
        }
    }
}

proptest! {
    /// What follows the first bytes of a GGUF file is read or refused.
    #[test]
    fn any_bytes_are_read_or_refused(version in 1..4_u32, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let head = [b"GGUF".to_vec(), version.to_le_bytes().to_vec()].concat();
        let bytes = [head, bytes].concat();
        let length = bytes.len();
        if let Ok(weights) = embedded(bytes) {
            read_all(&weights, length);
        }
    }

    /// The same of a few changes to a file with everything in it.
    #[test]
    fn any_damage_is_survived(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = file("blocks.gguf");
        let (length, header) = (bytes.len(), 7104);
        for (place, value) in changes {
            bytes[place.index(header)] = value;
        }
        if let Ok(weights) = embedded(bytes) {
            read_all(&weights, length);
        }
    }

    /// And of a cut.
    #[test]
    fn any_cut_is_refused(length in 0..46_000_usize) {
        let mut bytes = file("blocks.gguf");
        bytes.truncate(length);
        prop_assert!(embedded(bytes).is_err());
    }
}
