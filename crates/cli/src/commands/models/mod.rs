//! `models`: pulled, listed, checked, removed, described; and opened for `generate`.

mod pull;
mod store;

use std::path::{Path, PathBuf};

use colophon_diffusion::memory::{Available, MemoryPlan};
use colophon_diffusion::{Inspection, ModelInfo, Pipeline};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::Context;
use crate::args::{Info, ModelParts, Models};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{ALERT, FAINT, GOOD, STRONG, styled};
use crate::text::{clean, counted};

pub use store::Store;

/// Runs `models`.
pub fn run(context: &Context<'_>, command: &Models) -> Result<Exit, Failure> {
    let store = Store::new(context.home()?.models());
    match command {
        Models::List { json } => list(context, &store, *json),
        Models::Pull(options) => pull::run(context, &store, options),
        Models::Verify { name, json } => verify(context, &store, name, *json),
        Models::Remove { name } => remove(context, &store, name),
        Models::Info(options) => info(context, options),
    }
}

/// Opens a model by its folder or its name.
///
/// # Errors
/// [`Failure::Request`] where there is none; [`Failure::Diffusion`].
pub fn open(context: &Context<'_>, model: &str, parts: &ModelParts) -> Result<Pipeline, Failure> {
    let folder = find(context, model)?;
    let bar = context.printer.waiting(format!("loading {}", clean(model)));
    let pipeline = Pipeline::open(&folder, &parts.options());
    bar.finish_and_clear();
    let pipeline = pipeline?;
    let license = &pipeline.info().license;
    let accepted =
        || store::is_pulled(&folder) && store::read(&folder).is_ok_and(|pulled| pulled.accepted);
    if !store::is_free(license) && !accepted() {
        context.printer.note(&format!(
            "the licence of this model is {}; it may not allow every use, such as a commercial one",
            clean(license)
        ));
    }
    Ok(pipeline)
}

/// The licence of a pulled model, as far as it was told.
pub fn license(folder: &Path) -> Option<String> {
    store::is_pulled(folder)
        .then(|| store::read(folder).ok())
        .flatten()
        .and_then(|pulled| pulled.license)
}

/// A folder as it is, else that of a pulled model.
fn find(context: &Context<'_>, model: &str) -> Result<PathBuf, Failure> {
    let given = Path::new(model);
    if given.is_dir() {
        return Ok(given.to_owned());
    }
    let looks_like_a_path = given.components().count() > 1 || given.is_file();
    let store = Store::new(context.home()?.models());
    if !looks_like_a_path {
        let folder = store.folder(model)?;
        if folder.is_dir() {
            return Ok(folder);
        }
        return Err(Failure::Request(format!(
            "there is no model {model}; put its folder at {}, or get it by `colophon models pull OWNER/NAME`",
            folder.display()
        )));
    }
    Err(Failure::Request(format!(
        "{model} is no folder; name one as diffusers saves models, and single files by --transformer beside it"
    )))
}

fn list(context: &Context<'_>, store: &Store, as_json: bool) -> Result<Exit, Failure> {
    let printer = context.printer;
    let models = store.list()?;
    if as_json {
        for (name, pulled) in &models {
            printer.json(&json!({
                "name": name, "repository": pulled.repository, "revision": pulled.revision,
                "license": pulled.license, "bytes": pulled.bytes(), "files": pulled.files.len(),
            }))?;
        }
        return Ok(Exit::DONE);
    }
    for (name, pulled) in &models {
        printer.say(&styled(STRONG, name))?;
        let license = pulled.license.as_deref().unwrap_or("not told");
        let line = format!(
            "  {} at {}, licence {}, {}, {}",
            clean(&pulled.repository),
            clean(pulled.revision.get(..12).unwrap_or(&pulled.revision)),
            clean(license),
            counted(pulled.files.len(), "file"),
            HumanBytes(pulled.bytes())
        );
        printer.say(&styled(FAINT, &line))?;
    }
    for name in store.broken_off()? {
        printer.say(&format!(
            "{name}: not complete; the pull can be gone on with"
        ))?;
    }
    if models.is_empty() {
        printer.say("No model was pulled; the built-in one needs none. `colophon models pull OWNER/NAME` gets one.")?;
    }
    Ok(Exit::DONE)
}

fn verify(
    context: &Context<'_>,
    store: &Store,
    name: &str,
    as_json: bool,
) -> Result<Exit, Failure> {
    let folder = store.folder(name)?;
    if !store::is_pulled(&folder) {
        return Err(Failure::Request(format!(
            "there is no pulled model {name}; `colophon models list` tells which there are"
        )));
    }
    let pulled = store::read(&folder)?;
    let bar = context.printer.bytes(pulled.bytes());
    let mut findings: Vec<(String, &str)> = Vec::new();
    for file in &pulled.files {
        let path = file
            .path
            .split('/')
            .fold(folder.clone(), |path, part| path.join(part));
        if !path.is_file() {
            findings.push((file.path.clone(), "missing"));
            continue;
        }
        let found = store::hash(&path, &mut |count| {
            bar.inc(count);
            !context.interrupt.is_stopping()
        })?;
        let Some((bytes, sha256)) = found else {
            return Err(Failure::Request(
                "stopped before all files were read".to_owned(),
            ));
        };
        if bytes != file.bytes || sha256 != file.sha256 {
            findings.push((file.path.clone(), "changed"));
        }
    }
    bar.finish_and_clear();
    let printer = context.printer;
    if as_json {
        let findings: Vec<Value> = findings
            .iter()
            .map(|(path, what)| json!({ "file": path, "is": what }))
            .collect();
        printer.json(&json!({
            "name": name, "revision": pulled.revision, "files": pulled.files.len(), "findings": findings,
        }))?;
    } else if findings.is_empty() {
        let all = counted(pulled.files.len(), "file");
        printer.say(&styled(GOOD, &format!("{name}: {all}, all as pulled")))?;
    } else {
        for (path, what) in &findings {
            printer.say(&styled(ALERT, &format!("{}: {what}", clean(path))))?;
        }
        printer.say(&format!("remove {name} and pull it again"))?;
    }
    Ok(if findings.is_empty() {
        Exit::DONE
    } else {
        Exit::FINDING
    })
}

fn remove(context: &Context<'_>, store: &Store, name: &str) -> Result<Exit, Failure> {
    let mut removed = false;
    for folder in [store.folder(name)?, store.partial(name)?] {
        // What was put here by hand is not ours to delete.
        let ours = store::is_pulled(&folder) || folder == store.partial(name)?;
        if folder.is_dir() && ours {
            std::fs::remove_dir_all(&folder).map_err(Failure::file("delete", &folder))?;
            removed = true;
        }
    }
    if !removed {
        return Err(Failure::Request(format!(
            "there is no pulled model {name}; folders that were put there by hand are left alone"
        )));
    }
    context.printer.say(&format!("removed {name}"))?;
    Ok(Exit::DONE)
}

fn info(context: &Context<'_>, options: &Info) -> Result<Exit, Failure> {
    let folder = find(context, &options.model)?;
    let found = Pipeline::inspect(&folder, &options.parts.options(), options.size)?;
    if options.json {
        context.printer.json(&as_json(&found))?;
        return Ok(Exit::DONE);
    }
    let printer = context.printer;
    let ModelInfo { name, license, .. } = &found.info;
    printer.say(&styled(STRONG, &clean(name)))?;
    let sizes: Vec<String> = found.info.sizes.iter().map(ToString::to_string).collect();
    let bytes: u64 = found.info.weights.iter().map(|file| file.bytes).sum();
    for line in [
        format!("family      {}", found.family.name),
        format!("licence     {}", clean(license)),
        format!(
            "weights     {:.2} billion, {} in {}",
            found.info.parameters as f64 / 1e9,
            HumanBytes(bytes),
            counted(found.info.weights.len(), "file")
        ),
        format!("made for    {}", sizes.join(", ")),
        format!(
            "by default  {}, {}, guidance {}",
            counted(found.info.default_steps as usize, "step"),
            found.info.default_sampler,
            found.info.default_guidance
        ),
    ] {
        printer.say(&format!("  {line}"))?;
    }
    for adapter in &found.info.adapters {
        let line = format!(
            "changed by  {} x {} in {}",
            clean(&adapter.file.name),
            adapter.scale,
            counted(adapter.layers, "layer")
        );
        printer.say(&format!("  {line}"))?;
    }
    printer.say(&format!(
        "  memory at {}, on the {}:",
        found.size, found.device
    ))?;
    for (how, plan) in [("resident", &found.resident), ("streamed", &found.streamed)] {
        printer.say(&format!("    {how}  {}", plan_line(plan)))?;
    }
    printer.say(&format!("    free      {}", Available::now()))?;
    Ok(Exit::DONE)
}

fn plan_line(plan: &MemoryPlan) -> String {
    format!(
        "{} at the peak: weights {}, a step {}, decoding {}",
        HumanBytes(plan.peak()),
        HumanBytes(plan.weights),
        HumanBytes(plan.activations),
        HumanBytes(plan.decode)
    )
}

fn as_json(found: &Inspection) -> Value {
    let plan = |plan: &MemoryPlan| {
        json!({
            "peak": plan.peak(), "weights": plan.weights, "activations": plan.activations, "decode": plan.decode,
        })
    };
    let info = &found.info;
    let files: Vec<Value> = info
        .weights
        .iter()
        .map(|file| json!({ "file": file.name, "bytes": file.bytes }))
        .collect();
    let adapters: Vec<Value> = info
        .adapters
        .iter()
        .map(|adapter| json!({ "file": adapter.file.name, "scale": adapter.scale, "layers": adapter.layers }))
        .collect();
    json!({
        "id": info.id, "name": info.name, "family": found.family.name, "license": info.license,
        "parameters": info.parameters, "weights": files, "adapters": adapters, "sizes": info.sizes,
        "default_steps": info.default_steps, "default_guidance": info.default_guidance,
        "default_sampler": info.default_sampler, "size": found.size, "device": found.device,
        "memory": { "resident": plan(&found.resident), "streamed": plan(&found.streamed) },
    })
}
