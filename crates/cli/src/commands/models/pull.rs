//! `models pull`: which files, what is there already, and one after the other.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use colophon_gateway::{Hub, HubFile, HubModel, Secret};
use indicatif::{HumanBytes, ProgressBar};
use sha2::{Digest as _, Sha256};

use super::store::{self, Pulled, PulledFile, Store};
use crate::args::Pull;
use crate::commands::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::{clean, hex};

/// Ends the name of a file that is not complete.
const PART: &str = ".part";
/// Folders of a diffusers model that nothing here reads.
const UNUSED: [&str; 2] = ["safety_checker", "feature_extractor"];
/// Runs `models pull`.
pub fn run(context: &Context<'_>, store: &Store, options: &Pull) -> Result<Exit, Failure> {
    let short = options.repository.rsplit('/').next().unwrap_or_default();
    let name = options.name.clone().unwrap_or_else(|| short.to_lowercase());
    let (folder, partial) = (store.folder(&name)?, store.partial(&name)?);
    if folder.exists() {
        return Err(Failure::Request(format!(
            "a model {name} is there already; `colophon models remove {name}` deletes it, --name gives another name"
        )));
    }
    let token = match &options.token_file {
        Some(path) => Some(Secret::from_file(path)?),
        None => Secret::from_env("HF_TOKEN")?,
    };
    let roots = options.root_certificates.as_deref();
    let hub = Hub::new(&options.hub, token, options.allow_plain_http, roots)?;
    let model = hub.model(&options.repository, &options.revision)?;
    let accepted = license(context, options, &model)?;
    let wanted = wanted(&model)?;
    let mut pulled = Pulled::new(
        &options.hub,
        &options.repository,
        &model.revision,
        model.license.clone(),
        accepted,
    );
    fs::create_dir_all(&partial).map_err(Failure::file("make", &partial))?;
    let all: u64 = wanted.iter().map(|file| file.bytes).sum();
    context.printer.say(&format!(
        "{} at {}: {} files, {}",
        clean(&options.repository),
        &model.revision[..model.revision.len().min(12)],
        wanted.len(),
        HumanBytes(all)
    ))?;
    let bar = context.printer.bytes(all);
    let run = Run {
        context,
        hub: &hub,
        repository: &options.repository,
        revision: &model.revision,
        folder: &partial,
        bar: &bar,
    };
    for file in wanted {
        pulled.files.push(run.one(file)?);
    }
    bar.finish_and_clear();
    store::write(&partial, &pulled)?;
    fs::rename(&partial, &folder).map_err(Failure::file("put in place", &folder))?;
    context.printer.say(&format!(
        "pulled; use it by `colophon generate --model {name} PROMPT`"
    ))?;
    Ok(Exit::DONE)
}

/// Tells the licence; whether it had to be accepted and was.
fn license(context: &Context<'_>, options: &Pull, model: &HubModel) -> Result<bool, Failure> {
    let license = model.license.as_deref().map(clean);
    let is_free = license.as_deref().is_some_and(store::is_free);
    let shown = license.as_deref().unwrap_or("not told by its card");
    context.printer.say(&format!("licence: {shown}"))?;
    if is_free || options.accept_license {
        return Ok(!is_free);
    }
    Err(Failure::Request(format!(
        "the licence of {} ({shown}) may not allow every use, such as a commercial one; read it at the hub, then add --accept-license",
        clean(&options.repository)
    )))
}

/// What a diffusers pipeline of safetensors consists of.
fn wanted(model: &HubModel) -> Result<Vec<&HubFile>, Failure> {
    if !model
        .files
        .iter()
        .any(|file| file.path == "model_index.json")
    {
        return Err(Failure::Request(
            "that is no model in the layout of diffusers: it has no model_index.json; look for one that has".to_owned(),
        ));
    }
    let files: Vec<&HubFile> = model
        .files
        .iter()
        .filter(|file| is_wanted(&file.path))
        .collect();
    let has_weights = files.iter().any(|file| file.path.ends_with(".safetensors"));
    if !has_weights {
        return Err(Failure::Request(
            "that model has no weights in safetensors; others are programs that could do anything, and are not read".to_owned(),
        ));
    }
    Ok(files)
}

fn is_wanted(path: &str) -> bool {
    let Some((part, file)) = path.split_once('/') else {
        let lower = path.to_lowercase();
        return path == "model_index.json" || lower == "readme.md" || lower.starts_with("license");
    };
    if UNUSED.contains(&part) || file.contains('/') {
        return false;
    }
    let ends = |ends: &[&str]| ends.iter().any(|end| file.ends_with(end));
    // `model.fp16.safetensors` beside `model.safetensors`, and `model.fp16-00001-of-00002.safetensors`.
    let variants = ["fp16", "bf16", "fp32", "non_ema"];
    let words = file
        .split('.')
        .skip(1)
        .filter_map(|word| word.split('-').next());
    let variant = words.into_iter().any(|word| variants.contains(&word));
    let flax = file.starts_with("flax") || file.starts_with("openvino");
    !variant && !flax && ends(&[".json", ".txt", ".safetensors", ".model", ".jinja"])
}

/// One pull.
struct Run<'a> {
    context: &'a Context<'a>,
    hub: &'a Hub,
    repository: &'a str,
    revision: &'a str,
    folder: &'a Path,
    bar: &'a ProgressBar,
}

impl Run<'_> {
    /// A file as it is in the end, whether it was there or not.
    fn one(&self, file: &HubFile) -> Result<PulledFile, Failure> {
        self.bar.set_message(file.path.clone());
        let place: PathBuf = file.path.split('/').collect();
        let path = self.folder.join(place);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Failure::file("make", parent))?;
        }
        if path.is_file() {
            let found = store::hash(&path, &mut |count| self.tick(count))?;
            let (bytes, sha256) = found.ok_or_else(interrupted)?;
            if bytes == file.bytes && file.sha256.as_ref().is_none_or(|known| *known == sha256) {
                return Ok(pulled(file, sha256));
            }
            // Of another commit; the bar has counted it, which the next line takes back.
            self.bar.dec(bytes);
            fs::remove_file(&path).map_err(Failure::file("delete", &path))?;
        }
        let part = part_of(&path);
        let sha256 = self.fetch(file, &part)?;
        if let Some(known) = file.sha256.as_ref().filter(|known| **known != sha256) {
            fs::remove_file(&part).map_err(Failure::file("delete", &part))?;
            return Err(Failure::Request(format!(
                "{} is not what the hub announced (SHA-256 {sha256}, not {known}); it was deleted, run the command again",
                clean(&file.path)
            )));
        }
        fs::rename(&part, &path).map_err(Failure::file("put in place", &path))?;
        Ok(pulled(file, sha256))
    }

    /// Reads a file into `part`, going on where one broke off; its SHA-256.
    fn fetch(&self, file: &HubFile, part: &Path) -> Result<String, Failure> {
        let failed = |error| Failure::file("write", part)(error);
        let mut out = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(part)
            .map_err(failed)?;
        let mut from = out.seek(SeekFrom::End(0)).map_err(failed)?;
        if from > file.bytes {
            out.set_len(0).map_err(failed)?;
            from = 0;
        }
        let mut hasher = Sha256::new();
        if from > 0 && store::hash_into(part, &mut hasher, &mut |count| self.tick(count))?.is_none()
        {
            return Err(interrupted());
        }
        if from < file.bytes || file.bytes == 0 {
            let mut writing = Writing {
                out: &mut out,
                hasher: &mut hasher,
                failure: None,
                count: from,
            };
            self.receive(file, from, &mut writing)?;
            if let Some(error) = writing.failure {
                return Err(failed(error));
            }
            if self.context.interrupt.is_stopping() {
                return Err(interrupted());
            }
            let count = writing.count;
            if count != file.bytes {
                return Err(Failure::Request(format!(
                    "{} broke off after {count} of {} bytes; run the command again to go on",
                    clean(&file.path),
                    file.bytes
                )));
            }
        }
        out.sync_all().map_err(failed)?;
        Ok(hex(&hasher.finalize()))
    }

    fn receive(&self, file: &HubFile, from: u64, writing: &mut Writing<'_>) -> Result<(), Failure> {
        let writing = std::cell::RefCell::new(writing);
        let mut restart = || {
            self.bar.dec(from);
            writing.borrow_mut().restart();
        };
        let mut take =
            |piece: &[u8]| writing.borrow_mut().take(piece) && self.tick(piece.len() as u64);
        self.hub.read(
            self.repository,
            self.revision,
            file,
            from,
            &mut restart,
            &mut take,
        )?;
        Ok(())
    }

    /// Moves the bar; whether to go on.
    fn tick(&self, bytes: u64) -> bool {
        self.bar.inc(bytes);
        !self.context.interrupt.is_stopping()
    }
}

/// Where what comes goes.
struct Writing<'a> {
    out: &'a mut File,
    hasher: &'a mut Sha256,
    failure: Option<std::io::Error>,
    count: u64,
}

impl Writing<'_> {
    fn take(&mut self, piece: &[u8]) -> bool {
        self.hasher.update(piece);
        self.count += piece.len() as u64;
        match self.out.write_all(piece) {
            Ok(()) => true,
            Err(error) => {
                self.failure = Some(error);
                false
            }
        }
    }

    /// The hub does not go on in the middle of files.
    fn restart(&mut self) {
        *self.hasher = Sha256::new();
        self.count = 0;
        if let Err(error) = self.out.set_len(0) {
            self.failure = Some(error);
        }
    }
}

fn pulled(file: &HubFile, sha256: String) -> PulledFile {
    PulledFile {
        path: file.path.clone(),
        bytes: file.bytes,
        sha256,
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    PathBuf::from(name)
}

fn interrupted() -> Failure {
    Failure::Request("stopped; run the command again to go on".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_reads_is_wanted_and_nothing_else() {
        for path in [
            "model_index.json",
            "README.md",
            "LICENSE",
            "transformer/config.json",
            "transformer/diffusion_pytorch_model-00001-of-00009.safetensors",
            "transformer/diffusion_pytorch_model.safetensors.index.json",
            "tokenizer/merges.txt",
            "tokenizer_2/spiece.model",
            "vae/diffusion_pytorch_model.safetensors",
        ] {
            assert!(is_wanted(path), "{path}");
        }
        for path in [
            "flux1-schnell.safetensors",
            "unet/diffusion_pytorch_model.bin",
            "unet/diffusion_pytorch_model.fp16.safetensors",
            "text_encoder/model.fp16-00001-of-00002.safetensors",
            "text_encoder/model.safetensors.index.fp16.json",
            "unet/diffusion_pytorch_model.non_ema.safetensors",
            "unet/flax_model.msgpack",
            "safety_checker/model.safetensors",
            "text_encoder/openvino_model.json",
            "vae/nested/x.json",
            "image.png",
        ] {
            assert!(!is_wanted(path), "{path}");
        }
    }
}
