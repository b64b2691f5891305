//! Against diffusers and transformers; `tests/reference/families/stable_diffusion.py` made the numbers.

use candle_core::{Device, Tensor};

use super::*;
use crate::families::OpenOptions;
use crate::families::reference::{Fixture, Row, generate, largest, open, parts, row};
use crate::request::{GenerateRequest, Seed};
use crate::sampler::SamplerKind;
use crate::vae::AutoEncoder as _;
use config::Kind;

mod files;

const PROMPTS: [&str; 3] = [
    "a red fox in the snow",
    "Ein Fuchs, zwei Äpfel — 狐狸!",
    "x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x ",
];

/// Name, solver, width, height, guidance, negative prompt, seed; three steps each.
type Run = (
    &'static str,
    SamplerKind,
    (u32, u32),
    f32,
    Option<&'static str>,
    u64,
);

const FIRST: [Run; 5] = [
    ("square", SamplerKind::FlowEuler, (32, 32), 1.0, None, 7),
    ("wide", SamplerKind::Ddim, (40, 24), 7.5, Some("blurry"), 8),
    ("tall", SamplerKind::DpmPp2M, (24, 40), 3.0, None, 9),
    ("plain", SamplerKind::UniPc, (32, 24), 7.5, None, 10),
    (
        "ancestral",
        SamplerKind::EulerAncestral,
        (24, 24),
        2.5,
        None,
        11,
    ),
];
const SECOND: [Run; 3] = [
    ("square", SamplerKind::Ddim, (32, 32), 1.0, None, 7),
    (
        "wide",
        SamplerKind::FlowEuler,
        (40, 24),
        7.5,
        Some("blurry"),
        8,
    ),
    ("tall", SamplerKind::DpmPp2M, (24, 40), 3.0, None, 9),
];
const THIRD: [Run; 3] = [
    ("square", SamplerKind::FlowEuler, (32, 32), 1.0, None, 7),
    (
        "wide",
        SamplerKind::FlowEuler,
        (40, 24),
        7.5,
        Some("blurry"),
        8,
    ),
    ("tall", SamplerKind::Ddim, (24, 40), 5.0, None, 9),
];
const TURBO: [Run; 3] = [
    ("turbo", SamplerKind::EulerAncestral, (32, 32), 1.0, None, 7),
    (
        "guided",
        SamplerKind::EulerAncestral,
        (40, 24),
        2.0,
        None,
        8,
    ),
    ("straight", SamplerKind::FlowEuler, (24, 24), 1.0, None, 9),
];

/// Name, solver, strength, whether there is a mask; four steps from noise of seed 11.
const EDITS: [(&str, SamplerKind, f32, bool); 3] = [
    ("image", SamplerKind::FlowEuler, 0.75, false),
    ("image multistep", SamplerKind::DpmPp2M, 0.5, false),
    ("inpaint", SamplerKind::Ddim, 0.75, true),
];

fn edited(fixture: &Fixture, pipeline: &Pipeline) -> Row {
    largest(EDITS.iter().map(|(name, sampler, strength, masked)| {
        let source = fixture.source(*strength, *masked);
        let request = GenerateRequest {
            negative_prompt: Some("blurry".to_owned()),
            size: Some(Size::new(source.image.width, source.image.height).unwrap()),
            guidance: Some(3.0),
            steps: Some(4),
            sampler: Some(*sampler),
            source: Some(source),
            ..GenerateRequest::new(PROMPTS[0], Seed(11))
        };
        let expected = fixture.tensor(&format!("run.{name}.picture"));
        let found = pixels(pipeline, &request);
        row(
            "from a picture, with and without a mask",
            &found,
            &expected,
            1e-3,
        )
    }))
}

/// The picture of a request before rounding, `[height, width, 3]`.
fn pixels(pipeline: &Pipeline, request: &GenerateRequest) -> Tensor {
    let image = pipeline.unrounded(request).unwrap();
    let shape = (image.height as usize, image.width as usize, 3);
    let pixels = image.pixels.iter().map(|value| value.clamp(0.0, 1.0));
    let found = Tensor::from_iter(pixels, &Device::Cpu).unwrap();
    found.reshape(shape).unwrap()
}

fn request(run: &Run) -> GenerateRequest {
    let (_, sampler, (width, height), guidance, negative, seed) = *run;
    GenerateRequest {
        negative_prompt: negative.map(str::to_owned),
        size: Some(Size::new(width, height).unwrap()),
        guidance: Some(guidance),
        steps: Some(3),
        sampler: Some(sampler),
        ..GenerateRequest::new(PROMPTS[seed as usize % 2], Seed(seed))
    }
}

fn whole(fixture: &Fixture, pipeline: &Pipeline, runs: &[Run]) -> Vec<Row> {
    let row = |run: &Run| {
        let found = pixels(pipeline, &request(run));
        let expected = fixture.tensor(&format!("run.{}.picture", run.0));
        row("whole pipeline", &found, &expected, 1e-3)
    };
    runs.iter().map(row).collect()
}

fn readers(parts: &Parts<'_>, xl: bool) -> Readers {
    let reader = |suffix: &str| {
        let closed = Closed::open(parts, suffix).unwrap();
        closed.load(&parts.compute).unwrap()
    };
    if xl {
        Readers::Two {
            readers: Box::new([reader(""), reader("_2")]),
            zeros_for_empty: true,
        }
    } else {
        Readers::One(Box::new(reader("")))
    }
}

fn unet(parts: &Parts<'_>, streamed: bool) -> Unet {
    let weights = parts.weights("unet", None).unwrap().weights;
    let config = parts.folder.config("unet").unwrap();
    Unet::new(weights, config, &parts.compute, streamed).unwrap()
}

fn text_encoders(fixture: &Fixture, readers: &Readers) -> Row {
    let each = (0..PROMPTS.len()).flat_map(|index| {
        let ids: Vec<u32> = match readers {
            Readers::One(reader) => reader.ids(PROMPTS[index]).unwrap(),
            Readers::Two { readers, .. } => {
                let ids = readers
                    .iter()
                    .map(|reader| reader.ids(PROMPTS[index]).unwrap());
                ids.flatten().collect()
            }
        };
        assert_eq!(ids, fixture.integers(&format!("tokens.{index}")));
        let read = readers.read(PROMPTS[index]).unwrap();
        let every_fourth = Tensor::arange_step(0_u32, 77, 4, &Device::Cpu).unwrap();
        let states = read.states.get(0).unwrap();
        let states = states.index_select(&every_fourth, 0).unwrap();
        let mut rows = vec![row(
            "text encoders",
            &states,
            &fixture.tensor(&format!("text.{index}")),
            1e-4,
        )];
        if let Some(pooled) = read.pooled {
            let expected = fixture.tensor(&format!("pooled.{index}"));
            rows.push(row(
                "text encoders",
                &pooled.get(0).unwrap(),
                &expected,
                1e-4,
            ));
        }
        rows
    });
    largest(each)
}

fn network(fixture: &Fixture, unet: &Unet) -> Row {
    largest(["odd", "plain", "small"].map(|case| {
        let tensor = |part: &str| fixture.tensor(&format!("unet.{case}.{part}"));
        let added = fixture.has(&format!("unet.{case}.pooled")).then(|| {
            let sizes = tensor("sizes").flatten_all().unwrap();
            (tensor("pooled"), sizes.to_vec1().unwrap())
        });
        let text = Text {
            states: tensor("text"),
            added,
        };
        let time: Vec<f32> = tensor("time").to_vec1().unwrap();
        let found = unet.forward(&tensor("latents"), &time, &text).unwrap();
        row("network", &found, &tensor("out"), 1e-4)
    }))
}

fn auto_encoder(fixture: &Fixture, parts: &Parts<'_>) -> [Row; 2] {
    let weights = parts.weights("vae", None).unwrap().weights;
    let config = parts.folder.config("vae").unwrap();
    let vae = KlVae::new(&Part::exact(&weights, &parts.compute), &config).unwrap();
    let decoded = vae.decode(&fixture.tensor("vae.latents")).unwrap();
    let encoded = vae.encode(&fixture.tensor("vae.picture")).unwrap();
    [
        row(
            "auto-encoder, decoding",
            &decoded,
            &fixture.tensor("vae.decoded"),
            1e-4,
        ),
        row(
            "auto-encoder, encoding",
            &encoded,
            &fixture.tensor("vae.encoded"),
            1e-4,
        ),
    ]
}

fn model(name: &str, runs: &[Run], xl: bool) -> Vec<Row> {
    let fixture = Fixture::open(name);
    fixture.check_scripts();
    let folder = fixture.folder();
    let options = OpenOptions::default();
    let parts = parts(folder.path(), &options);
    let mut rows = vec![
        text_encoders(&fixture, &readers(&parts, xl)),
        network(&fixture, &unet(&parts, false)),
    ];
    if !xl {
        rows.extend(auto_encoder(&fixture, &parts));
    }
    let pipeline = open(folder.path());
    rows.push(largest(whole(&fixture, &pipeline, runs)));
    if fixture.has("source") {
        rows.push(edited(&fixture, &pipeline));
    }
    rows
}

/// Whole pipelines alone, on whatever device there is.
#[cfg(feature = "cuda")]
pub(crate) fn pipelines() -> Vec<(&'static str, Row)> {
    let models = [
        ("stable_diffusion_1", &FIRST[..]),
        ("stable_diffusion_2", &SECOND[..]),
        ("stable_diffusion_xl", &THIRD[..]),
    ];
    let row = |(name, runs): (&'static str, &[Run])| {
        let fixture = Fixture::open(name);
        let folder = fixture.folder();
        let rows = whole(&fixture, &open(folder.path()), runs);
        (name, largest(rows))
    };
    models.map(row).into()
}

pub(crate) fn first() -> Vec<Row> {
    model("stable_diffusion_1", &FIRST, false)
}

pub(crate) fn second() -> Vec<Row> {
    model("stable_diffusion_2", &SECOND, false)
}

pub(crate) fn xl() -> Vec<Row> {
    model("stable_diffusion_xl", &THIRD, true)
}

/// XL's folder with the scheduler of its distilled form.
pub(crate) fn turbo() -> Vec<Row> {
    let fixture = Fixture::open("stable_diffusion_xl");
    let folder = turbo_folder(&fixture);
    vec![largest(whole(&fixture, &open(folder.path()), &TURBO))]
}

fn turbo_folder(fixture: &Fixture) -> tempfile::TempDir {
    let folder = fixture.folder();
    let own = folder.path().join("turbo_scheduler_config.json");
    std::fs::rename(own, folder.path().join("scheduler/scheduler_config.json")).unwrap();
    folder
}
