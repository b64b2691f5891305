//! 8-bit floats against torch, which defines them; `tests/reference/formats.py` made the file.

use super::gguf::{check_scripts, file};
use super::*;

#[test]
fn all_values_are_those_of_torch() {
    check_scripts();
    let weights = embedded(file("fp8.safetensors")).unwrap();
    let found = weights.read("all.weight", &[254]).unwrap();
    let expected = weights.read("expected.all", &[254]).unwrap();
    let bits =
        |values: &[f32]| -> Vec<u32> { values.iter().map(|value| value.to_bits()).collect() };
    assert_eq!(bits(&found), bits(&expected));
    // The other two of the 256 are NaN, and refused wherever they stand.
    for dtype in [DType::F32, DType::BF16] {
        let error = weights
            .tensor("nan.weight", &[2], dtype, &Device::Cpu)
            .unwrap_err();
        assert!(
            matches!(error, DiffusionError::TensorNotFinite { position: 0, .. }),
            "{error}"
        );
    }
}

#[test]
fn scaled_values_are_those_of_torch() {
    let weights = embedded(file("fp8.safetensors")).unwrap();
    let shape = [24, 16];
    for name in ["plain", "comfy", "comfy_row", "half", "vllm"] {
        let found = weights.read(&format!("{name}.weight"), &shape).unwrap();
        let expected = weights.read(&format!("expected.{name}"), &shape).unwrap();
        assert_eq!(found, expected, "{name}");
        let tensor = weights
            .tensor(&format!("{name}.weight"), &shape, DType::F32, &Device::Cpu)
            .unwrap();
        assert_eq!(
            tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            expected
        );
    }
    let error = weights.read("many.weight", &shape).unwrap_err();
    assert!(
        matches!(&error, DiffusionError::TensorShape { tensor, found, .. }
            if tensor == "many.weight_scale" && found == &[24, 1]),
        "{error}"
    );
}

/// A weight of 8 bits with a scale of this type, shape and bytes.
fn scaled(dtype: safetensors::Dtype, shape: &[usize], bytes: Vec<u8>) -> Weights {
    let eight = safetensors::Dtype::F8_E4M3;
    embedded(written(&[
        ("x.weight", eight, vec![2], vec![0x38, 0xb8]),
        ("x.scale_weight", dtype, shape.to_vec(), bytes),
    ]))
    .unwrap()
}

#[test]
fn a_scale_that_is_none_is_refused() {
    let read = |weights: &Weights| weights.read("x.weight", &[2]);
    let single = safetensors::Dtype::F32;
    let found = read(&scaled(single, &[1, 1], f32s(&[0.5]))).unwrap();
    assert_eq!(found, [0.5, -0.5]);
    for (shape, values) in [(&[2][..], &[1.0, 1.0][..]), (&[0], &[])] {
        let error = read(&scaled(single, shape, f32s(values))).unwrap_err();
        assert!(
            matches!(error, DiffusionError::TensorShape { .. }),
            "{error}"
        );
    }
    for bad in [f32::NAN, f32::INFINITY] {
        let error = read(&scaled(single, &[], f32s(&[bad]))).unwrap_err();
        assert!(
            matches!(error, DiffusionError::TensorNotFinite { .. }),
            "{error}"
        );
    }
    // Scales that want a scale themselves would never end.
    for dtype in [
        safetensors::Dtype::F8_E4M3,
        safetensors::Dtype::I8,
        safetensors::Dtype::U8,
    ] {
        let error = read(&scaled(dtype, &[1], vec![0x38])).unwrap_err();
        assert!(
            matches!(error, DiffusionError::TensorType { .. }),
            "{error}"
        );
    }
}

proptest! {
    /// One changed byte gives an error or weights, never a panic.
    #[test]
    fn any_damage_is_survived(place in any::<prop::sample::Index>(), value: u8) {
        let mut bytes = file("fp8.safetensors");
        let place = place.index(bytes.len().min(4000));
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
