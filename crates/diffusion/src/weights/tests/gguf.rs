//! GGUF against gguf-py, which defines the format; `tests/reference/formats.py` made the files.

use std::fmt::Write as _;

use candle_core::Tensor;

use super::*;
use crate::device::{Compute, DevicePreference};
use crate::families::reference::check_digests;
use crate::families::reference::model_folder::hashed;
use crate::nets::{Linear, Part};

const ROWS: usize = 10;
const COLUMNS: usize = 256;

/// What storing values from -1 to 1 may cost, relative to the root mean square of the values: the largest error of a
/// value, the root mean square of all errors, and that of a product's, whose other factor is rounded to eight bits.
struct Bound {
    name: &'static str,
    largest: f64,
    typical: f64,
    product: f64,
}

const fn bound(name: &'static str, largest: f64, typical: f64, product: f64) -> Bound {
    Bound {
        name,
        largest,
        typical,
        product,
    }
}

/// gguf-py quantises these from values that are known here.
const QUANTISED: [Bound; 8] = [
    bound("F32", 0.0, 0.0, 1e-6),
    bound("F16", 5e-4, 3e-4, 5e-4),
    bound("BF16", 4e-3, 2e-3, 4e-3),
    bound("Q4_0", 0.23, 0.065, 0.08),
    bound("Q4_1", 0.12, 0.065, 0.08),
    bound("Q5_0", 0.115, 0.033, 0.04),
    bound("Q5_1", 0.06, 0.033, 0.04),
    bound("Q8_0", 0.008, 0.0045, 0.01),
];
/// Of these it reads the blocks only.
const BLOCKS: [&str; 5] = ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"];
/// What rounding the other factor to eight bits may cost; blocks of any bytes differ much among themselves.
const ROUNDING: [f64; 2] = [6e-3, 1.2e-2];

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

/// Fails where a script has changed since it made the files.
pub(super) fn check_scripts() {
    let text = std::fs::read(reference().join("formats.json")).unwrap();
    let text: serde_json::Value = serde_json::from_slice(&text).unwrap();
    check_digests(&reference(), &text["scripts"]);
}

pub(super) fn file(name: &str) -> Vec<u8> {
    std::fs::read(reference().join(name)).unwrap()
}

/// gguf-py's values of all tensors that it reads.
fn expected() -> Weights {
    embedded(file("blocks.safetensors")).unwrap()
}

fn shapes(weights: &Weights) -> Vec<(String, Vec<usize>)> {
    let tensors = weights.tensors();
    tensors
        .map(|tensor| (tensor.name.to_owned(), tensor.shape.to_vec()))
        .collect()
}

pub(super) fn number(weights: &Weights, key: &str) -> Option<f64> {
    match weights.metadata.get(key) {
        Some(super::super::gguf::Value::Number(number)) => Some(*number),
        _ => None,
    }
}

fn rms(values: impl IntoIterator<Item = f64>) -> f64 {
    let squares: Vec<f64> = values.into_iter().map(|value| value * value).collect();
    (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
}

fn differences<'a>(a: &'a [f32], b: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b))
}

fn widen(values: &[f32]) -> impl Iterator<Item = f64> + '_ {
    values.iter().map(|value| f64::from(*value))
}

fn compute() -> Compute {
    Compute::open(DevicePreference::Cpu).unwrap()
}

#[test]
fn all_types_are_read_as_gguf_py_reads_them() {
    check_scripts();
    let expected = expected();
    for weights in [
        embedded(file("blocks.gguf")).unwrap(),
        Weights::open(&reference().join("blocks.gguf")).unwrap(),
    ] {
        for (name, shape) in shapes(&expected) {
            let (found, expected) = (weights.read(&name, &shape), expected.read(&name, &shape));
            let (found, expected) = (found.unwrap(), expected.unwrap());
            let largest = widen(&expected).fold(0.0, |most: f64, value| most.max(value.abs()));
            let difference =
                differences(&found, &expected).fold(0.0, |most: f64, d| most.max(d.abs()));
            assert!(
                difference <= 1e-6 * largest,
                "{name}: {difference} of {largest}"
            );
            let tensor = weights
                .tensor(&name, &shape, DType::F32, &Device::Cpu)
                .unwrap();
            assert_eq!(
                tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                found,
                "{name}"
            );
        }
        // The rest is known to be there and refused.
        let others = ["IQ4_NL.weight", "I32.weight", "F64.weight"];
        assert_eq!(
            weights.tensors().count(),
            expected.tensors().count() + others.len()
        );
        for (name, number) in others.into_iter().zip([20, 26, 28]) {
            let shape = weights.shape(name).unwrap().to_vec();
            let read = weights.read(name, &shape).map(drop);
            let tensor = weights
                .tensor(name, &shape, DType::F32, &Device::Cpu)
                .map(drop);
            let matrix = weights
                .matrix(name, &shape, DType::F32, &Device::Cpu)
                .map(drop);
            for found in [read, tensor, matrix] {
                let error = found.unwrap_err();
                assert!(
                    matches!(&error, DiffusionError::TensorType { found, .. } if *found == format!("GGUF type {number}")),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn what_a_file_tells_of_itself_is_kept() {
    let weights = embedded(file("blocks.gguf")).unwrap();
    assert_eq!(weights.text("general.architecture"), Some("flux"));
    assert_eq!(
        weights.text("general.name"),
        Some("Blocks of all kinds, Äpfel 狐狸")
    );
    for (key, expected) in [
        ("general.alignment", 64.0),
        ("test.uint8", 255.0),
        ("test.int8", -128.0),
        ("test.uint16", 65535.0),
        ("test.int16", -32768.0),
        ("test.uint32", 4_294_967_295.0),
        ("test.int32", -2_147_483_648.0),
        ("test.uint64", 9_007_199_254_740_992.0),
        ("test.int64", -9_007_199_254_740_992.0),
        ("test.float32", 0.5),
        ("test.float64", 1e-9),
        ("test.bool", 1.0),
    ] {
        assert_eq!(number(&weights, key), Some(expected), "{key}");
    }
    // Long texts and lists are passed over, whatever is in them.
    for key in [
        "test.long",
        "test.words",
        "test.numbers",
        "test.nested",
        "test.deeper",
    ] {
        assert!(weights.metadata.contains_key(key), "{key}");
        assert!(
            weights.text(key).is_none() && number(&weights, key).is_none(),
            "{key}"
        );
    }
}

/// Rows that are no whole blocks are written in another shape; the first one is what networks ask for.
#[test]
fn reshaped_tensors_have_their_first_shape() {
    let (weights, expected) = (embedded(file("blocks.gguf")).unwrap(), expected());
    assert_eq!(weights.shape("conv.weight").unwrap(), [16, 4, 2, 4]);
    let compute = compute();
    let part = Part::root(&weights, &compute);
    let linear = Linear::new(&part.at("narrow"), 24, 32, false).unwrap();
    let x = Tensor::from_vec(hashed("input", 3 * 24), (3, 24), &Device::Cpu).unwrap();
    let dense = expected.tensor("narrow.weight", &[32, 24], DType::F32, &Device::Cpu);
    let dense = x.matmul(&dense.unwrap().t().unwrap()).unwrap();
    let found = linear.forward(&x).unwrap();
    let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let largest =
        differences(&values(&found), &values(&dense)).fold(0.0, |most: f64, d| most.max(d.abs()));
    assert!(largest < 1e-5, "{largest}");
    // Such rows cannot be cut out of their blocks.
    let mut weights = weights;
    let parts = [("a".to_owned(), 2), ("b".to_owned(), 30)];
    let error = weights.split_rows("narrow.weight", &parts).unwrap_err();
    assert!(
        matches!(error, DiffusionError::TensorType { .. }),
        "{error}"
    );
}

/// The root mean square error of a product with blocks, relative to what a product of such factors is; the worst of one
/// row, which candle multiplies in a way of its own, and of several.
fn product_error(weights: &Weights, dense: &[f32], name: &str) -> f64 {
    let compute = compute();
    let part = Part::root(weights, &compute);
    let linear = Linear::new(&part.at(name), COLUMNS, ROWS, false).unwrap();
    let scale = rms(widen(dense)) * (COLUMNS as f64).sqrt();
    let dense = Tensor::from_slice(dense, (ROWS, COLUMNS), &Device::Cpu).unwrap();
    let errors = [1, 2, 5, 33].into_iter().map(|rows| {
        let factor = hashed(&format!("input {rows}"), rows * COLUMNS);
        let x = Tensor::from_slice(&factor, (rows, COLUMNS), &Device::Cpu).unwrap();
        let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let expected = values(&x.matmul(&dense.t().unwrap()).unwrap());
        let found = values(&linear.forward(&x).unwrap());
        rms(differences(&found, &expected)) / (scale * rms(widen(&factor)))
    });
    errors.fold(0.0, f64::max)
}

/// Prints what each type costs: stored, and multiplied with.
#[test]
fn every_type_keeps_what_it_has_bits_for() {
    let weights = embedded(file("blocks.gguf")).unwrap();
    let mut table = String::from(
        "| Type | Largest error | Allowed | RMS error | Allowed | RMS error of products | Allowed |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut failed = Vec::new();
    for Bound {
        name,
        largest,
        typical,
        product,
    } in QUANTISED
    {
        let tensor = format!("{name}.weight");
        let values = hashed(&format!("values {name}"), ROWS * COLUMNS);
        let found = weights.read(&tensor, &[ROWS, COLUMNS]).unwrap();
        let scale = rms(widen(&values));
        let most = differences(&found, &values).fold(0.0, |most: f64, d| most.max(d.abs())) / scale;
        let all = rms(differences(&found, &values)) / scale;
        let multiplied = product_error(&weights, &values, name);
        writeln!(table,
            "| {name} | {most:.1e} | {largest:.1e} | {all:.1e} | {typical:.1e} | {multiplied:.1e} | {product:.1e} |"
        ).unwrap();
        if !(most <= largest && all <= typical && multiplied <= product) {
            failed.push(name);
        }
    }
    // Against the values that the blocks stand for: what rounding the other factor costs.
    let expected = expected();
    let of_values = QUANTISED.iter().map(|bound| (bound.name, ROUNDING[0]));
    for (name, allowed) in of_values.chain(BLOCKS.map(|name| (name, ROUNDING[1]))) {
        let dense = expected
            .read(&format!("{name}.weight"), &[ROWS, COLUMNS])
            .unwrap();
        let multiplied = product_error(&weights, &dense, name);
        writeln!(
            table,
            "| {name}, values of blocks | | | | | {multiplied:.1e} | {allowed:.1e} |"
        )
        .unwrap();
        if multiplied.is_nan() || multiplied > allowed {
            failed.push(name);
        }
    }
    println!("{table}");
    assert!(failed.is_empty(), "{failed:?}");
}
