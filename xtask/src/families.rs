//! Speed of the networks of the families beside `PyTorch`: the same weights, sizes and threads, one after the other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use colophon_diffusion::{
    CancelToken, DevicePreference, DiffusionError, GenerateRequest, OpenOptions, Pipeline, Seed,
    Size,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Pixels of a side: 1024 tokens.
const STEP_SIDE: u32 = 512;
const DECODE_SIDE: u32 = 256;
/// Times each is run, here and there in turn.
const RUNS: usize = 7;
const PARTS: [(&str, u32); 3] = [
    ("text", STEP_SIDE),
    ("step", STEP_SIDE),
    ("decode", DECODE_SIDE),
];

/// What the script says of itself when its models are written.
#[derive(Deserialize)]
struct Hello {
    version: String,
    prompt: String,
    tokens: BTreeMap<String, usize>,
}

/// The script that answers with seconds.
struct Torch {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Torch {
    fn start(folder: &Path, threads: usize, more: &[&str]) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../crates/diffusion/tests/reference/families/bench.py");
        let python = std::env::var_os("COLOPHON_PYTHON")
            .map_or_else(|| PathBuf::from("python3"), PathBuf::from);
        let mut child = Command::new(&python)
            .arg(script)
            .arg(folder)
            .arg(threads.to_string())
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} could not be started", python.display()))?;
        let input = child.stdin.take().context("no input of the script")?;
        let output = child.stdout.take().context("no output of the script")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    fn line<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            bail!("COLOPHON_PYTHON must name a Python with torch, diffusers and transformers");
        }
        serde_json::from_str(&line).with_context(|| format!("the script printed {line:?}"))
    }

    fn seconds(&mut self, family: &str, part: &str, side: u32) -> Result<f64> {
        writeln!(self.input, "{family} {part} {side}")?;
        self.line()
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // It ends by itself with its input; an error here has nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds until the first step, of the first step, and from the last step to the picture.
struct Here {
    text: f64,
    step: f64,
    decode: f64,
}

/// One run of a picture; `decoded` says whether to end it before the latents are decoded.
fn here(pipeline: &Pipeline, prompt: &str, side: u32, decoded: bool) -> Result<Here> {
    let mut request = GenerateRequest::new(prompt, Seed(1));
    (request.size, request.steps) = (Some(Size::new(side, side)?), Some(1));
    // One evaluation a step.
    request.guidance = pipeline
        .family()
        .guidance
        .takes_negative_prompt()
        .then_some(1.0);
    let cancel = CancelToken::default();
    let mut times = vec![Instant::now()];
    let mut progress = |at: colophon_diffusion::Progress| {
        times.push(Instant::now());
        if at.step == at.steps && !decoded {
            cancel.cancel();
        }
    };
    match pipeline.generate(&request, &mut progress, &cancel) {
        Err(DiffusionError::Cancelled) if !decoded => {}
        result => drop(result?),
    }
    times.push(Instant::now());
    let [start, read, stepped, end] = times[..] else {
        bail!(
            "a picture in one step was told of {} times",
            times.len() - 2
        );
    };
    let seconds = |from: Instant, to: Instant| (to - from).as_secs_f64();
    Ok(Here {
        text: seconds(start, read),
        step: seconds(read, stepped),
        decode: seconds(stepped, end),
    })
}

/// Sides of pictures that the full model is timed at.
const FULL_SIDES: [u32; 3] = [512, 1024, 1328];
/// Evaluations that are timed together; one more is taken off.
const FULL_STEPS: u32 = 4;

/// Times Qwen-Image in its full size with random weights on an NVIDIA device, beside PyTorch. `folder` takes 45 GB.
pub fn bench_full(folder: &Path) -> Result<()> {
    let mut torch = Torch::start(folder, rayon::current_num_threads(), &["full"])?;
    let hello: Hello = torch.line()?;
    let mut theirs = BTreeMap::new();
    for side in FULL_SIDES {
        for part in ["step", "decode"] {
            let runs = (0..4).map(|_| torch.seconds("qwen-image", part, side));
            let runs: Vec<f64> = runs.collect::<Result<_>>()?;
            theirs.insert((side, part), least(&runs[1..]));
            eprintln!(
                "PyTorch, {part} at {side} px: {:.1} ms",
                1e3 * least(&runs[1..])
            );
        }
    }
    // The device's memory is needed.
    drop(torch);
    let opened = Instant::now();
    let options = OpenOptions {
        device: DevicePreference::Cuda,
        streamed: Some(false),
        ..OpenOptions::default()
    };
    let pipeline = Pipeline::open(&folder.join("qwen-image"), &options)?;
    println!(
        "opened and hashed in {:.0} s\n",
        opened.elapsed().as_secs_f64()
    );
    println!(
        "| Qwen-Image, random bf16 weights | here | PyTorch {} | ratio |",
        hello.version
    );
    println!("| --- | ---: | ---: | ---: |");
    for side in FULL_SIDES {
        let (step, decode) = full(&pipeline, &hello.prompt, side)?;
        for (part, ours) in [("step", step), ("decode", decode)] {
            let theirs = theirs[&(side, part)];
            println!(
                "| {part} at {side} px | {:.1} ms | {:.1} ms | {:.2} |",
                1e3 * ours,
                1e3 * theirs,
                ours / theirs
            );
        }
    }
    Ok(())
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Seconds of an evaluation, and of what is left of a picture in one step: text and decoding. Only a whole picture
/// waits for the device.
fn full(pipeline: &Pipeline, prompt: &str, side: u32) -> Result<(f64, f64)> {
    let whole = |steps: u32| -> Result<f64> {
        let mut request = GenerateRequest::new(prompt, Seed(1));
        (request.size, request.steps) = (Some(Size::new(side, side)?), Some(steps));
        request.guidance = Some(1.0);
        let start = Instant::now();
        pipeline.generate(&request, &mut |_| (), &CancelToken::default())?;
        Ok(start.elapsed().as_secs_f64())
    };
    whole(1)?;
    let runs = (0..3).map(|_| Ok((whole(1)?, whole(1 + FULL_STEPS)?)));
    let runs: Vec<(f64, f64)> = runs.collect::<Result<_>>()?;
    let one = least(&runs.iter().map(|run| run.0).collect::<Vec<_>>());
    let many = least(&runs.iter().map(|run| run.1).collect::<Vec<_>>());
    let step = (many - one) / f64::from(FULL_STEPS);
    Ok((step, one - step))
}

/// Prints a table of medians.
pub fn bench() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let threads = rayon::current_num_threads();
    let mut torch = Torch::start(folder.path(), threads, &[])?;
    let hello: Hello = torch.line()?;
    println!(
        "| {threads} threads, f32, median of {RUNS} | here | PyTorch {} | ratio | least of both |",
        hello.version
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    for (family, tokens) in &hello.tokens {
        let pipeline = Pipeline::open(&folder.path().join(family), &OpenOptions::default())?;
        let mut times = [const { (Vec::new(), Vec::new()) }; PARTS.len()];
        // The first round warms up and does not count.
        for round in 0..=RUNS {
            let small = here(&pipeline, &hello.prompt, DECODE_SIDE, true)?;
            let large = here(&pipeline, &hello.prompt, STEP_SIDE, false)?;
            let ours = [large.text, large.step, small.decode];
            for ((part, side), (ours, times)) in PARTS.iter().zip(ours.iter().zip(&mut times)) {
                let theirs = torch.seconds(family, part, *side)?;
                if round > 0 {
                    times.0.push(*ours);
                    times.1.push(theirs);
                }
            }
        }
        for ((part, side), (ours, theirs)) in PARTS.iter().zip(&mut times) {
            ours.sort_by(f64::total_cmp);
            theirs.sort_by(f64::total_cmp);
            let (here, there) = (ours[RUNS / 2], theirs[RUNS / 2]);
            println!(
                "| {family} ({tokens} tokens of text), {part} at {side} px | {:.1} ms | {:.1} ms | {:.2} | {:.2} |",
                here * 1e3,
                there * 1e3,
                here / there,
                ours[0] / theirs[0]
            );
        }
    }
    Ok(())
}
