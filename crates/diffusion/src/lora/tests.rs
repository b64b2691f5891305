//! Names, settings and what is refused, on two small layers. That the numbers are peft's is tested with a network.

use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;

use super::*;
use crate::device::{Compute, DevicePreference};
use crate::families::reference::model_folder::{fixtures, gguf, hashed, safetensors, weight};
use crate::nets::{Linear, Part};

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

const LAYERS: [(&str, [usize; 2]); 2] = [("blocks.0.to_q", [6, 4]), ("out", [2, 6])];
const RANK: usize = 2;

/// The weights of a network of [`LAYERS`].
fn network(folder: &std::path::Path) -> Weights {
    let tensor = |(name, shape): &(&str, [usize; 2])| {
        let name = format!("{name}.weight");
        let values = weight(&name, shape);
        (name, (shape.to_vec(), values))
    };
    let path = folder.join("network.safetensors");
    std::fs::write(&path, safetensors(&LAYERS.iter().map(tensor).collect())).unwrap();
    Weights::open(&path).unwrap()
}

/// Factors of all layers, with these ends of their names.
fn factors(down: &str, up: &str) -> Tensors {
    let pair = |(name, [rows, columns]): &(&str, [usize; 2])| {
        let tensor = |end: &str, what: &str, shape: [usize; 2]| {
            let values = hashed(&format!("{name} {what}"), shape[0] * shape[1]);
            (format!("{name}{end}"), (shape.to_vec(), values))
        };
        [
            tensor(down, "down", [RANK, *columns]),
            tensor(up, "up", [*rows, RANK]),
        ]
    };
    LAYERS.iter().flat_map(pair).collect()
}

fn plain() -> Tensors {
    factors(".lora_A.weight", ".lora_B.weight")
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> LoraFile {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        LoraFile { path, scale: 1.0 }
    }

    /// The values of the network's layers with changes.
    fn changed(&self, files: &[LoraFile]) -> Result<Vec<Vec<f32>>, DiffusionError> {
        let mut weights = network(self.0.path());
        for file in files {
            let found = apply(file, &mut [Target::network(&mut weights, &[])])?;
            assert_eq!((found.layers, found.scale), (LAYERS.len(), file.scale));
            assert_eq!(found.file.sha256.len(), 64);
        }
        Ok(LAYERS
            .iter()
            .map(|(name, shape)| weights.read(&format!("{name}.weight"), shape).unwrap())
            .collect())
    }

    fn refused(&self, tensors: &Tensors, part: &str) {
        let file = self.file("bad.safetensors", &safetensors(tensors));
        let error = self.changed(&[file]).unwrap_err();
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

/// The same file with a text in its header.
fn with_metadata(tensors: &Tensors, text: &str) -> Vec<u8> {
    let bytes = safetensors(tensors);
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    header["__metadata__"] = serde_json::json!({ "format": "pt", "lora_adapter_metadata": text });
    let header = header.to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(&bytes[8 + length..]);
    file
}

fn renamed(tensors: &Tensors, name: impl Fn(&str) -> String) -> Tensors {
    let tensors = tensors.iter();
    tensors
        .map(|(old, tensor)| (name(old), tensor.clone()))
        .collect()
}

/// With an alpha beside each pair, as trainers other than peft write it.
fn with_alphas(mut tensors: Tensors, alpha: f32, layer: impl Fn(&str) -> String) -> Tensors {
    for (name, _) in LAYERS {
        tensors.insert(format!("{}.alpha", layer(name)), (vec![], vec![alpha]));
    }
    tensors
}

#[test]
fn all_dialects_say_the_same() {
    let place = Place::new();
    let before = |prefix: &'static str| move |name: &str| format!("{prefix}{name}");
    let flat = |prefix: &'static str| {
        move |name: &str| {
            let (layer, end) = name.split_once(".lora").unwrap_or((name, ""));
            let end = if end.is_empty() {
                String::new()
            } else {
                format!(".lora{end}")
            };
            format!("{prefix}{}{end}", layer.replace('.', "_"))
        }
    };
    // Alpha 3 of rank 2.
    let expected = place
        .changed(&[place.file(
            "expected.safetensors",
            &safetensors(&with_alphas(plain(), 3.0, str::to_owned)),
        )])
        .unwrap();
    let unchanged = place.changed(&[]).unwrap();
    assert_ne!(expected, unchanged);
    let mut files: Vec<(String, Tensors)> = Vec::new();
    for (down, up) in PAIRS {
        for prefix in [
            "",
            "transformer.",
            "unet.",
            "diffusion_model.",
            "model.diffusion_model.",
            "base_model.model.",
            "base_model.model.transformer.",
        ] {
            let tensors = renamed(&factors(down, up), before(prefix));
            let tensors = with_alphas(tensors, 3.0, before(prefix));
            files.push((format!("{prefix}NAME{down}"), tensors));
        }
    }
    for prefix in KOHYA {
        let tensors = renamed(&factors(PAIRS[0].0, PAIRS[0].1), flat(prefix));
        files.push((prefix.to_owned(), with_alphas(tensors, 3.0, flat(prefix))));
    }
    for (what, tensors) in files {
        let file = place.file("dialect.safetensors", &safetensors(&tensors));
        assert_eq!(place.changed(&[file]).unwrap(), expected, "{what}");
    }
    // And where peft keeps alpha.
    let settings = r#"{"peft_type": "LORA", "lora_alpha": 3, "r": 2, "alpha_pattern": {}}"#;
    let file = place.file("header.safetensors", &with_metadata(&plain(), settings));
    assert_eq!(place.changed(&[file]).unwrap(), expected);
    let tensors = renamed(&plain(), before("transformer."));
    let settings =
        r#"{"transformer.lora_alpha": 3, "transformer.r": 2, "text_encoder.lora_alpha": 7}"#;
    let file = place.file("pipeline.safetensors", &with_metadata(&tensors, settings));
    assert_eq!(place.changed(&[file]).unwrap(), expected);
    let tensors = renamed(&plain(), before("base_model.model."));
    place.file("adapter_config.json", br#"{"lora_alpha": 3.0, "r": 2}"#);
    let file = place.file("adapter_model.safetensors", &safetensors(&tensors));
    assert_eq!(place.changed(&[file]).unwrap(), expected);
    // Under another name the settings beside it are not its own: alpha is the rank then.
    let file = place.file("other.safetensors", &safetensors(&tensors));
    assert_ne!(place.changed(&[file]).unwrap(), expected);
}

#[test]
fn alphas_of_single_layers_and_the_other_rule_are_known() {
    let place = Place::new();
    let settings = |text: &str| {
        place.changed(&[place.file("header.safetensors", &with_metadata(&plain(), text))])
    };
    let with = |first: f32, second: f32| {
        let mut tensors = plain();
        for ((name, _), alpha) in LAYERS.iter().zip([first, second]) {
            tensors.insert(format!("{name}.alpha"), (vec![1], vec![alpha]));
        }
        let file = place.file("alphas.safetensors", &safetensors(&tensors));
        place.changed(&[file]).unwrap()
    };
    for pattern in ["to_q", "0.to_q", "blocks.0.to_q", "^blocks.0.to_q"] {
        let text = format!(r#"{{"lora_alpha": 3, "alpha_pattern": {{"{pattern}": 5}}}}"#);
        assert_eq!(settings(&text).unwrap(), with(5.0, 3.0), "{pattern}");
    }
    for pattern in ["_q", "^to_q", "locks.0.to_q", "blocks"] {
        let text = format!(r#"{{"lora_alpha": 3, "alpha_pattern": {{"{pattern}": 5}}}}"#);
        assert_eq!(settings(&text).unwrap(), with(3.0, 3.0), "{pattern}");
    }
    let text = r#"{"lora_alpha": 3, "use_rslora": true}"#;
    let (found, expected) = (
        settings(text).unwrap(),
        with(3.0 * 2f32.sqrt(), 3.0 * 2f32.sqrt()),
    );
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() < 1e-6);
    }
    for (text, part) in [
        ("{", "its lora_adapter_metadata"),
        (r#"{"lora_alpha": "x"}"#, "is no number"),
        (
            r#"{"lora_alpha": 1, "use_dora": true}"#,
            "made with use_dora",
        ),
        (r#"{"transformer.use_dora": true}"#, "made with use_dora"),
        (
            r#"{"lora_alpha": 1, "alpha_pattern": {"to_[qk]": 2}}"#,
            "the expression \"to_[qk]\"",
        ),
    ] {
        let error = settings(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn several_files_add_up_in_any_order() {
    let place = Place::new();
    let first = place.file("first.safetensors", &safetensors(&plain()));
    let tensors = with_alphas(plain(), 5.0, str::to_owned);
    let mut second = place.file("second.safetensors", &safetensors(&tensors));
    second.scale = -0.3;
    let (zero, one, two) = (
        place.changed(&[]).unwrap(),
        place.changed(std::slice::from_ref(&first)).unwrap(),
        place.changed(std::slice::from_ref(&second)).unwrap(),
    );
    let both = place.changed(&[first.clone(), second.clone()]).unwrap();
    let turned = place.changed(&[second, first]).unwrap();
    let all = |values: &[Vec<f32>]| -> Vec<f32> { values.concat() };
    let (zero, one, two, both) = (all(&zero), all(&one), all(&two), all(&both));
    for (index, turned) in all(&turned).iter().enumerate() {
        let sum = one[index] + two[index] - zero[index];
        assert!((both[index] - sum).abs() < 1e-5);
        assert!((both[index] - turned).abs() < 1e-6);
    }
}

#[test]
fn what_is_no_plain_change_of_this_model_is_refused() {
    let place = Place::new();
    let with = |name: &str, shape: &[usize]| {
        let mut tensors = plain();
        let count = shape.iter().product();
        tensors.insert(name.to_owned(), (shape.to_vec(), vec![0.5; count]));
        tensors
    };
    let without = |name: &str| {
        let mut tensors = plain();
        tensors.remove(name).unwrap();
        tensors
    };
    for (name, kind) in [
        ("out.dora_scale", "DoRA"),
        ("out.lora_magnitude_vector.weight", "DoRA"),
        ("out.hada_w1_a", "LoHa"),
        ("out.lokr_w1", "LoKr"),
        ("out.lora_mid.weight", "Tucker"),
        ("out.diff_b", "full differences"),
    ] {
        place.refused(&with(name, &[2]), kind);
    }
    place.refused(&with("out.lora_B.bias", &[2]), "such as out.lora_B.bias");
    place.refused(&with("lost.alpha", &[]), "such as lost.alpha");
    place.refused(
        &without("out.lora_B.weight"),
        "it has out.lora_A.weight, but not out.lora_B.weight",
    );
    place.refused(&without("out.lora_A.weight"), "such as out.lora_B.weight");
    place.refused(
        &renamed(&plain(), |name| name.replace("out", "in")),
        "the model has no layer in",
    );
    place.refused(&BTreeMap::new(), "no low-rank changes");
    // Too many inputs, too few outputs, lying on its side, no rank, a rank for nothing.
    for (end, shape) in [
        ("A", &[2, 7][..]),
        ("B", &[1, 2]),
        ("B", &[2, 3]),
        ("A", &[0, 6]),
        ("A", &[3, 6]),
        ("B", &[4]),
        ("B", &[0, usize::MAX]),
    ] {
        let tensors = with(&format!("out.lora_{end}.weight"), shape);
        place.refused(&tensors, "out is 2 x 6 in the model");
    }
    let mut turned = plain();
    let (shape, _) = turned.get_mut("blocks.0.to_q.lora_B.weight").unwrap();
    shape.reverse();
    place.refused(&turned, "blocks.0.to_q is 6 x 4 in the model");
    place.refused(&with("out.alpha", &[2]), "out.alpha has shape [2]");
    for bad in [f32::NAN, f32::INFINITY] {
        let mut tensors = plain();
        tensors.insert("out.alpha".to_owned(), (vec![], vec![bad]));
        place.refused(&tensors, "NaN or infinity");
    }
    for scale in [f32::NAN, f32::INFINITY, 10.1, -11.0] {
        let file = place.file("good.safetensors", &safetensors(&plain()));
        let error = place.changed(&[LoraFile { scale, ..file }]).unwrap_err();
        assert!(
            error.to_string().contains("is not from -10 to 10"),
            "{error}"
        );
    }
}

/// Of blocks the change is kept beside them: the layer's answer differs from that without it by the change alone.
#[test]
fn changes_beside_blocks_are_exact() {
    let text: serde_json::Value =
        serde_json::json!({ "weights": { "t/x": { "a.weight": [48, 64] } } });
    let place = Place::new();
    let path = place.file("network.gguf", &gguf(&text, "t", "test")).path;
    let (down, up) = (hashed("down", 3 * 64), hashed("up", 48 * 3));
    let tensors = BTreeMap::from([
        ("a.lora_A.weight".to_owned(), (vec![3, 64], down.clone())),
        ("a.lora_B.weight".to_owned(), (vec![48, 3], up.clone())),
        ("a.alpha".to_owned(), (vec![], vec![6.0])),
    ]);
    let mut file = place.file("change.safetensors", &safetensors(&tensors));
    file.scale = 0.7;
    let compute = Compute::open(DevicePreference::Cpu).unwrap();
    let x = Tensor::from_vec(hashed("input", 5 * 64), (5, 64), &Device::Cpu).unwrap();
    let answer = |weights: &Weights| {
        let part = Part::root(weights, &compute);
        let linear = Linear::new(&part.at("a"), 64, 48, false).unwrap();
        linear.forward(&x).unwrap()
    };
    let mut weights = Weights::open(&path).unwrap();
    let without = answer(&weights);
    apply(&file, &mut [Target::network(&mut weights, &[])]).unwrap();
    let found = (answer(&weights) - without).unwrap();
    let matrix = |values: Vec<f32>, shape| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    let change = (matrix(up, (48, 3)).matmul(&matrix(down, (3, 64))).unwrap() * 1.4).unwrap();
    let expected = x.matmul(&change.t().unwrap()).unwrap();
    let difference = (found - &expected).unwrap().abs().unwrap();
    let largest: f32 = difference
        .flatten_all()
        .unwrap()
        .max(0)
        .unwrap()
        .to_scalar()
        .unwrap();
    assert!(largest < 2e-5, "{largest}");
    // Read as values, the change is in them.
    let dense = weights
        .tensor("a.weight", &[48, 64], DType::F32, &Device::Cpu)
        .unwrap();
    let plain = Weights::open(&path).unwrap();
    let plain = plain
        .tensor("a.weight", &[48, 64], DType::F32, &Device::Cpu)
        .unwrap();
    let difference = ((dense - plain).unwrap() - change).unwrap().abs().unwrap();
    let largest: f32 = difference
        .flatten_all()
        .unwrap()
        .max(0)
        .unwrap()
        .to_scalar()
        .unwrap();
    assert!(largest < 1e-6, "{largest}");
}

proptest! {
    /// A file of peft's with changed bytes is put on or refused.
    #[test]
    fn any_damage_is_survived(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let place = Place::new();
        let path = fixtures(env!("CARGO_MANIFEST_DIR")).join("lora_pipeline.safetensors");
        let mut bytes = std::fs::read(path).unwrap();
        let header = usize::from(bytes[0]) + 256 * usize::from(bytes[1]);
        for (at, value) in changes {
            bytes[8 + at.index(header)] = value;
        }
        let file = place.file("damaged.safetensors", &bytes);
        let mut weights = network(place.0.path());
        let _ = apply(&file, &mut [Target::network(&mut weights, &[])]);
    }
}
