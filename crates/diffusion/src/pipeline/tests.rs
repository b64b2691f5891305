use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::family::{PredictionKind, TextTemplate, TimeConvention};
use crate::image::FloatImage;
use crate::info::SizeRule;
use crate::schedule::{Shift, SigmaSchedule};

/// Deviation of the toy's data.
const SPREAD: f32 = 0.1;

/// What a broken toy does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// NaN from the network, below this noise level.
    Latents(f32),
    Pixels,
    LatentShape,
    PictureSize,
}

/// Layers of Gaussian data: as many as the prompt has words, grey as the prompt's number says.
struct Toy {
    info: ModelInfo,
    family: Family,
    fault: Fault,
    encoded: Arc<AtomicUsize>,
    evaluated: Arc<AtomicUsize>,
}

/// Layers, and the mean of their data with and without the prompt.
struct Scene {
    layers: usize,
    means: [f32; 2],
}

impl Toy {
    fn new(guidance: GuidanceKind) -> Self {
        let info = ModelInfo {
            id: "toy".to_owned(),
            name: "Toy".to_owned(),
            version: "1".to_owned(),
            license: "MIT".to_owned(),
            parameters: 0,
            weights: Vec::new(),
            adapters: Vec::new(),
            training_data: Vec::new(),
            built_in: false,
            default_steps: 4,
            default_guidance: if guidance == GuidanceKind::None {
                1.0
            } else {
                2.0
            },
            default_sampler: SamplerKind::DpmPp2M,
            sizes: vec![Size::new(16, 8).unwrap()],
            size_rule: SizeRule {
                multiple_of: 8,
                min_side: 8,
                max_side: 64,
                max_pixels: 2048,
            },
        };
        let family = Family {
            name: "toy".to_owned(),
            text: TextTemplate {
                template: "{}".to_owned(),
                dropped_tokens: 0,
                max_tokens: 8,
                hidden_layers: vec![-1],
                empty_negative: String::new(),
            },
            time: TimeConvention::Sigma { scale: 1.0 },
            prediction: PredictionKind::Sample,
            schedule: SigmaSchedule::Flow {
                end: None,
                shift: Shift::Static(1.0),
                terminal: None,
            },
            guidance,
            latents: None,
            seeded_conditioning: false,
        };
        Self {
            info,
            family,
            fault: Fault::None,
            encoded: Arc::default(),
            evaluated: Arc::default(),
        }
    }

    fn broken(fault: Fault) -> Pipeline {
        let toy = Self {
            fault,
            ..Self::new(GuidanceKind::ClassifierFree)
        };
        Pipeline::new(toy).unwrap()
    }
}

impl Model for Toy {
    type Conditioning = Scene;

    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn family(&self) -> &Family {
        &self.family
    }

    fn encode(&self, request: &EncodeRequest<'_>) -> Result<Scene, DiffusionError> {
        self.encoded.fetch_add(1, Ordering::Relaxed);
        let mean = |text: &str| {
            text.split(' ')
                .find_map(|word| word.parse().ok())
                .unwrap_or(0.0)
        };
        Ok(Scene {
            layers: request.prompt.split(' ').count(),
            means: [
                mean(request.prompt),
                request.negative_prompt.map_or(0.0, mean),
            ],
        })
    }

    fn latent_shape(&self, _: Size, scene: &Scene) -> Vec<usize> {
        vec![scene.layers, 6, 5]
    }

    fn denoise(
        &self,
        latents: &Latents,
        time: f32,
        scene: &Scene,
        branch: Branch,
    ) -> Result<Latents, DiffusionError> {
        self.evaluated.fetch_add(1, Ordering::Relaxed);
        let mean = match branch {
            Branch::Conditional => scene.means[0],
            Branch::Unconditional => scene.means[1],
        };
        let alpha = 1.0 - time;
        let gain = alpha * SPREAD * SPREAD / ((alpha * SPREAD).powi(2) + time * time);
        let mut estimate = latents.clone();
        for value in &mut estimate.values {
            *value = mean + gain * (*value - alpha * mean);
        }
        match self.fault {
            Fault::Latents(level) if time < level => estimate.values[7] = f32::NAN,
            Fault::LatentShape => estimate.shape.reverse(),
            _ => {}
        }
        Ok(estimate)
    }

    fn decode(
        &self,
        latents: &Latents,
        size: Size,
        _: &Scene,
    ) -> Result<FloatImage, DiffusionError> {
        let pixels = 3 * size.pixels() as usize;
        let mut pixels: Vec<f32> = latents
            .values
            .iter()
            .copied()
            .cycle()
            .take(pixels)
            .collect();
        if self.fault == Fault::Pixels {
            pixels[0] = f32::INFINITY;
        }
        Ok(FloatImage {
            width: size.width(),
            height: size.height() + u32::from(self.fault == Fault::PictureSize),
            pixels,
        })
    }

    fn describe(&self, scene: &Scene) -> Option<String> {
        Some(format!("{} layers", scene.layers))
    }
}

fn request(prompt: &str) -> GenerateRequest {
    GenerateRequest::new(prompt, Seed(7))
}

fn generate(
    pipeline: &Pipeline,
    request: &GenerateRequest,
) -> Result<Vec<Generated>, DiffusionError> {
    pipeline.generate(request, &mut |_| {}, &CancelToken::new())
}

fn mean(picture: &Generated) -> f64 {
    let pixels = &picture.image.pixels;
    let sum: f64 = pixels.iter().map(|v| f64::from(*v)).sum();
    sum / 255.0 / pixels.len() as f64
}

#[test]
fn the_models_choices_fill_the_request() {
    let pipeline = Pipeline::new(Toy::new(GuidanceKind::ClassifierFree)).unwrap();
    let pictures = generate(&pipeline, &request("grey 0.3")).unwrap();
    let [picture] = pictures.as_slice() else {
        panic!("one picture")
    };
    assert_eq!((picture.image.width, picture.image.height), (16, 8));
    assert_eq!(picture.image.pixels.len(), 3 * 16 * 8);
    assert_eq!((picture.steps, picture.guidance), (4, 2.0));
    assert_eq!(
        (picture.sampler, picture.seed),
        (SamplerKind::DpmPp2M, Seed(7))
    );
    assert_eq!(picture.described.as_deref(), Some("2 layers"));
    assert_eq!(pipeline.info().id, "toy");
    assert_eq!(pipeline.family().name, "toy");
    assert!(format!("{pipeline:?}").contains("toy"));
}

#[test]
fn a_picture_does_not_depend_on_its_batch() {
    let pipeline = Pipeline::new(Toy::new(GuidanceKind::ClassifierFree)).unwrap();
    for sampler in SamplerKind::ALL {
        let mut together = request("two grey layers 0.4");
        together.sampler = Some(sampler);
        together.count = 3;
        let batch = generate(&pipeline, &together).unwrap();
        assert_eq!(batch.len(), 3);
        for (i, picture) in (0..).zip(&batch) {
            let alone = GenerateRequest {
                seed: Seed(7 + i),
                count: 1,
                ..together.clone()
            };
            assert_eq!(
                generate(&pipeline, &alone).unwrap(),
                std::slice::from_ref(picture),
                "{sampler}"
            );
        }
        assert_ne!(batch[0].image, batch[1].image);
    }
}

#[test]
fn every_sampler_finds_the_data() {
    let pipeline = Pipeline::new(Toy::new(GuidanceKind::None)).unwrap();
    for sampler in SamplerKind::ALL {
        let mut asked = request("0.5");
        asked.sampler = Some(sampler);
        asked.steps = Some(30);
        let found = mean(&generate(&pipeline, &asked).unwrap()[0]);
        assert!((found - 0.5).abs() < 0.06, "{sampler}: {found}");
    }
}

#[test]
fn guidance_counts_and_costs_a_second_evaluation() {
    let toy = Toy::new(GuidanceKind::ClassifierFree);
    let evaluated = Arc::clone(&toy.evaluated);
    let pipeline = Pipeline::new(toy).unwrap();
    let mut asked = request("0.2");
    asked.negative_prompt = Some("0.1".to_owned());
    // From 0.1 three times the way to 0.2.
    for (guidance, grey, evaluations) in [(3.0, 0.4, 16), (1.0, 0.2, 8), (0.0, 0.2, 8)] {
        evaluated.store(0, Ordering::Relaxed);
        asked.guidance = Some(guidance);
        asked.steps = Some(8);
        let found = mean(&generate(&pipeline, &asked).unwrap()[0]);
        assert!((found - grey).abs() < 0.06, "{guidance}: {found}");
        assert_eq!(evaluated.load(Ordering::Relaxed), evaluations);
    }
}

#[test]
fn a_prompt_is_encoded_once_unless_the_seed_counts() {
    for (seeded, times) in [(false, 1), (true, 3)] {
        let mut toy = Toy::new(GuidanceKind::None);
        toy.family.seeded_conditioning = seeded;
        let encoded = Arc::clone(&toy.encoded);
        let mut asked = request("0.5");
        asked.count = 3;
        generate(&Pipeline::new(toy).unwrap(), &asked).unwrap();
        assert_eq!(encoded.load(Ordering::Relaxed), times);
    }
}

#[test]
fn progress_is_told_step_by_step() {
    let pipeline = Pipeline::new(Toy::new(GuidanceKind::ClassifierFree)).unwrap();
    let mut asked = request("0.5");
    asked.count = 2;
    asked.previews_every = Some(2);
    let mut told = Vec::new();
    let cancel = CancelToken::new();
    pipeline
        .generate(&asked, &mut |progress| told.push(progress), &cancel)
        .unwrap();
    let places: Vec<_> = told.iter().map(|p| (p.picture, p.step)).collect();
    let expected: Vec<_> = (1..=2)
        .flat_map(|picture| (0..=4).map(move |step| (picture, step)))
        .collect();
    assert_eq!(places, expected);
    for (index, progress) in told.iter().enumerate() {
        assert_eq!((progress.of, progress.steps), (2, 4));
        assert_eq!(progress.remaining.is_none(), index == 0);
        assert_eq!(
            progress.preview.is_some(),
            progress.step == 2,
            "none with the last step"
        );
        if let Some(preview) = &progress.preview {
            assert_eq!((preview.width, preview.height), (16, 8));
        }
    }
    assert!(
        told.windows(2)
            .all(|pair| pair[0].elapsed <= pair[1].elapsed)
    );
    assert_eq!(told[9].remaining, Some(Duration::ZERO));
    assert_eq!(
        remaining(Duration::from_secs(6), 3, 5),
        Some(Duration::from_secs(4))
    );
    assert_eq!(remaining(Duration::from_secs(6), 0, 5), None);
}

#[test]
fn cancelling_stops_before_the_next_step() {
    let toy = Toy::new(GuidanceKind::None);
    let evaluated = Arc::clone(&toy.evaluated);
    let pipeline = Pipeline::new(toy).unwrap();
    let cancel = CancelToken::new();
    let mut stop = |progress: Progress| {
        if progress.step == 2 {
            cancel.clone().cancel();
        }
    };
    let stopped = pipeline.generate(&request("0.5"), &mut stop, &cancel);
    assert_eq!(stopped, Err(DiffusionError::Cancelled));
    assert_eq!(evaluated.load(Ordering::Relaxed), 2);
    let again = pipeline.generate(&request("0.5"), &mut |_| panic!("told nothing"), &cancel);
    assert_eq!(again, Err(DiffusionError::Cancelled));
}

#[test]
fn what_is_no_number_never_becomes_a_picture() {
    let mut asked = request("0.5");
    asked.previews_every = Some(1);
    let error = generate(&Toy::broken(Fault::Latents(0.6)), &asked).unwrap_err();
    let what = "latents after step 3".to_owned();
    assert_eq!(error, DiffusionError::NotFinite { what });
    let error = generate(&Toy::broken(Fault::Pixels), &asked).unwrap_err();
    assert!(matches!(error, DiffusionError::NotFinite { .. }), "{error}");
    for fault in [Fault::LatentShape, Fault::PictureSize] {
        let error = generate(&Toy::broken(fault), &asked).unwrap_err();
        assert!(
            matches!(error, DiffusionError::ModelShape { .. }),
            "{fault:?}: {error}"
        );
    }
}

#[test]
fn bad_requests_are_refused_before_anything_runs() {
    let toy = Toy::new(GuidanceKind::ClassifierFree);
    let encoded = Arc::clone(&toy.encoded);
    let pipeline = Pipeline::new(toy).unwrap();
    let size = |width, height| Some(Size::new(width, height).unwrap());
    let good = request("0.5");
    let with = |change: &dyn Fn(&mut GenerateRequest)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    let cases = [
        (with(&|r| r.prompt = " ".to_owned()), "prompt is empty"),
        (with(&|r| r.prompt = "word ".repeat(10_000)), "50000 bytes"),
        (with(&|r| r.prompt = "a\u{7}".to_owned()), "U+0007"),
        (
            with(&|r| r.negative_prompt = Some("\0".to_owned())),
            "negative prompt",
        ),
        (
            with(&|r| r.size = size(12, 8)),
            "multiples of 8 pixels, such as 16x8",
        ),
        (with(&|r| r.size = size(4, 8)), "sides from 8 to 64"),
        (with(&|r| r.size = size(16_384, 8)), "sides from 8 to 64"),
        (
            with(&|r| r.size = size(64, 64)),
            "4096 pixels are more than the 2048",
        ),
        (with(&|r| r.steps = Some(0)), "1 to 1000"),
        (with(&|r| r.steps = Some(1_001)), "1 to 1000"),
        (with(&|r| r.guidance = Some(-1.0)), "0 to 100"),
        (with(&|r| r.guidance = Some(101.0)), "0 to 100"),
        (with(&|r| r.guidance = Some(f32::NAN)), "0 to 100"),
        (with(&|r| r.count = 0), "1 to 256"),
        (with(&|r| r.count = 257), "1 to 256"),
        (with(&|r| r.previews_every = Some(0)), "previews_every"),
    ];
    for (bad, part) in cases {
        let error = generate(&pipeline, &bad).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(pipeline.check(&bad), Err(error));
    }
    pipeline.check(&good).unwrap();
    assert_eq!(encoded.load(Ordering::Relaxed), 0);
}

#[test]
fn what_a_model_does_not_take_is_refused_by_name() {
    let pipeline = Pipeline::new(Toy::new(GuidanceKind::None)).unwrap();
    let mut asked = request("0.5");
    asked.guidance = Some(4.0);
    let error = pipeline.check(&asked).unwrap_err().to_string();
    assert!(error.contains("Toy takes no guidance"), "{error}");
    asked.guidance = Some(1.0);
    asked.negative_prompt = Some("  ".to_owned());
    pipeline.check(&asked).unwrap();
    asked.negative_prompt = Some("blur".to_owned());
    let error = pipeline.check(&asked).unwrap_err().to_string();
    assert!(error.contains("Toy takes no negative prompt"), "{error}");
}

#[test]
fn a_model_must_be_able_to_make_its_own_sizes() {
    let mut none = Toy::new(GuidanceKind::None);
    none.info.sizes.clear();
    let mut odd = Toy::new(GuidanceKind::None);
    odd.info.sizes.push(Size::new(9, 9).unwrap());
    for toy in [none, odd] {
        let refused = Pipeline::new(toy).map(drop);
        assert!(
            matches!(refused, Err(DiffusionError::Description(_))),
            "{refused:?}"
        );
    }
}
