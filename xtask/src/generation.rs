//! Pictures of the embedded model to look at and to judge, and its speed beside `PyTorch`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use colophon_diffusion::{CancelToken, GenerateRequest, Pipeline, Seed, Size};
use image::{RgbImage, imageops};

/// Prompts of the contact sheet; none is a caption the model was trained on word for word.
const PROMPTS: &str = include_str!("../data/contact-sheet.txt");
/// Pictures in a row of the sheet.
const COLUMNS: u32 = 8;
/// Pixels of a picture's side on the sheet.
const SIDE: u32 = 224;
/// What is timed: a background and three objects.
const TIMED: &str = "a red fox, a tree and a small yellow house in the snow";
/// Times each is run; the least counts, since other work only adds.
const RUNS: usize = 7;

/// Draws each prompt once and writes all of them as one picture.
pub fn contact_sheet(out: &Path, prompts: Option<&Path>) -> Result<()> {
    let text = match prompts {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?,
        None => PROMPTS.to_owned(),
    };
    let pipeline = Pipeline::embedded()?;
    let prompts: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let rows = (prompts.len() as u32).div_ceil(COLUMNS);
    let mut sheet = RgbImage::from_pixel(COLUMNS * SIDE, rows * SIDE, image::Rgb([255; 3]));
    for (number, prompt) in prompts.iter().enumerate() {
        let picture = draw(&pipeline, prompt, 1 + number as u64)?;
        let small = imageops::resize(&picture, SIDE, SIDE, imageops::FilterType::Lanczos3);
        let place = |i: u32| i64::from(i * SIDE);
        let number = number as u32;
        imageops::replace(
            &mut sheet,
            &small,
            place(number % COLUMNS),
            place(number / COLUMNS),
        );
    }
    sheet
        .save(out)
        .with_context(|| format!("cannot write {}", out.display()))?;
    println!("{} prompts, {}", prompts.len(), out.display());
    Ok(())
}

/// Draws each line of a file into `FOLDER/000.png` and so on.
pub fn draw_all(prompts: &Path, folder: &Path) -> Result<()> {
    let text = std::fs::read_to_string(prompts)
        .with_context(|| format!("cannot read {}", prompts.display()))?;
    std::fs::create_dir_all(folder)?;
    let pipeline = Pipeline::embedded()?;
    for (number, prompt) in text.lines().enumerate() {
        let picture = draw(&pipeline, prompt, number as u64)?;
        picture.save(folder.join(format!("{number:03}.png")))?;
    }
    Ok(())
}

fn draw(pipeline: &Pipeline, prompt: &str, seed: u64) -> Result<RgbImage> {
    let request = GenerateRequest::new(prompt, Seed(seed));
    let pictures = pipeline
        .generate(&request, &mut |_| (), &CancelToken::default())
        .with_context(|| format!("cannot draw {prompt:?}"))?;
    let picture = pictures.into_iter().next().context("no picture")?;
    let image = picture.image;
    RgbImage::from_raw(image.width, image.height, image.pixels).context("pixels of another size")
}

/// The embedded model here and in `PyTorch`: same weights, same layers, same steps, same threads.
pub fn bench() -> Result<()> {
    let pipeline = Pipeline::embedded()?;
    let size = Size::new(512, 512)?;
    let mut request = GenerateRequest::new(TIMED, Seed(1));
    request.size = Some(size);
    let ours = |steps: u32| -> Result<f64> {
        let mut request = request.clone();
        request.steps = Some(steps);
        let mut least = f64::INFINITY;
        for _ in 0..RUNS {
            let begin = Instant::now();
            pipeline.generate(&request, &mut |_| (), &CancelToken::default())?;
            least = least.min(begin.elapsed().as_secs_f64());
        }
        Ok(least)
    };
    let steps = pipeline.info().default_steps;
    let guidance = pipeline.info().default_guidance;
    let threads = rayon::current_num_threads();
    let (whole, one) = (ours(steps)?, ours(1)?);
    let step = (whole - one) / f64::from(steps - 1);
    let theirs = torch(steps, guidance, threads)?;
    println!(
        "| 512 x 512, 4 layers, {steps} steps, {threads} threads, f32 | here | PyTorch {} | ratio |",
        theirs.version
    );
    println!("| --- | ---: | ---: | ---: |");
    let row = |name: &str, ours: f64, theirs: f64| {
        println!(
            "| {name} | {:.0} ms | {:.0} ms | {:.2} |",
            ours * 1e3,
            theirs * 1e3,
            ours / theirs
        );
    };
    row("one step of the painter", step, theirs.step);
    row("reading, decoding, composing", one - step, theirs.rest);
    row("whole picture", whole, theirs.whole);
    Ok(())
}

/// What the script beside the training code measured, in seconds.
#[derive(serde::Deserialize)]
struct Torch {
    version: String,
    step: f64,
    rest: f64,
    whole: f64,
}

fn torch(steps: u32, guidance: f32, threads: usize) -> Result<Torch> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/diffusion");
    let python =
        std::env::var_os("COLOPHON_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let output = Command::new(&python)
        .arg(root.join("training/bench_torch.py"))
        .arg(root.join("assets/miniature"))
        .args([
            steps.to_string(),
            guidance.to_string(),
            threads.to_string(),
            RUNS.to_string(),
        ])
        .output()
        .with_context(|| format!("{} could not be started", python.display()))?;
    if !output.status.success() {
        bail!(
            "PyTorch could not be timed; COLOPHON_PYTHON must name a Python with torch, numpy and safetensors:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    serde_json::from_slice(&output.stdout).context("the script printed something else")
}
