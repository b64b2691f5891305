//! The words behind `cargo xtask robustness`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// How strongly our mark is embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strength {
    /// For pictures that are looked at closely.
    Subtle,
    /// What `colophon stamp` does.
    #[default]
    Standard,
    /// For pictures that will be handled roughly.
    Strong,
}

/// What to measure, and where the results go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Folder of pictures.
    pub photos: PathBuf,
    /// Long side, in pixels, to which every picture is brought first; `None` keeps its size.
    pub size: Option<u32>,
    /// Strength of our mark.
    pub strength: Strength,
    /// Only attacks whose group or name contains this, in lower case.
    pub only: Option<String>,
    /// Only so many pictures, the first by name.
    pub limit: Option<usize>,
    /// Whether the attacks are applied to unmarked pictures too, to count false alarms.
    pub false_alarms: bool,
    /// Whether the other watermarks that can be run are measured beside ours.
    pub peers: bool,
    /// Path of an autoencoder's checkpoints up to `_encoder.pth` and `_decoder.pth`.
    pub autoencoder: Option<PathBuf>,
    /// So many ids, besides those of the pictures, among which marks too weak to be read are
    /// looked up; `None` looks nothing up.
    pub issued: Option<usize>,
    /// Folder for the curves.
    pub plot: Option<PathBuf>,
    /// File for every figure.
    pub json: Option<PathBuf>,
    /// File for the tables.
    pub markdown: Option<PathBuf>,
}

impl Options {
    /// Reads `--name value` pairs and switches.
    pub fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            false_alarms: true,
            ..Self::default()
        };
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("{word} needs a value"))
            };
            match word {
                "--photos" => options.photos = value()?.into(),
                "--size" => options.size = Some(number(value()?)?),
                "--strength" => options.strength = strength(value()?)?,
                "--only" => options.only = Some(value()?.to_lowercase()),
                "--limit" => options.limit = Some(number(value()?)?),
                "--marked-only" => options.false_alarms = false,
                "--peers" => options.peers = true,
                "--autoencoder" => options.autoencoder = Some(value()?.into()),
                "--issued" => options.issued = Some(number(value()?)?),
                "--plot" => options.plot = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                "--markdown" => options.markdown = Some(value()?.into()),
                _ => bail!("robustness does not know {word}"),
            }
        }
        if options.photos.as_os_str().is_empty() {
            bail!("--photos DIR is needed");
        }
        if options.peers {
            // One of them takes seconds for a picture.
            options.limit = options.limit.or(Some(8));
            options.size = options.size.or(Some(768));
        }
        Ok(options)
    }

    /// Whether an attack was asked for.
    pub fn wants(&self, group: &str, name: &str) -> bool {
        let label = format!("{group}: {name}").to_lowercase();
        self.only.as_ref().is_none_or(|part| label.contains(part))
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T> {
    match word.parse() {
        Ok(number) => Ok(number),
        Err(_) => bail!("{word} is not a whole number"),
    }
}

fn strength(word: &str) -> Result<Strength> {
    match word {
        "subtle" => Ok(Strength::Subtle),
        "standard" => Ok(Strength::Standard),
        "strong" => Ok(Strength::Strong),
        _ => bail!("--strength is subtle, standard or strong"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_options() {
        let words = [
            "--photos",
            "p",
            "--size",
            "768",
            "--only",
            "JPEG",
            "--strength",
            "strong",
            "--peers",
            "--autoencoder",
            "taesd/taef2",
            "--issued",
            "9",
        ];
        let options = Options::parse(&words).unwrap();
        assert_eq!(
            (options.size, options.strength, options.peers),
            (Some(768), Strength::Strong, true)
        );
        assert_eq!(
            (options.autoencoder, options.issued),
            (Some("taesd/taef2".into()), Some(9))
        );
        let options = Options::parse(&words[..8]).unwrap();
        assert!(options.wants("codec", "JPEG 50") && !options.wants("codec", "WebP 50"));
        assert!(options.false_alarms);
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        for (words, reason) in [
            (&["--size", "768"][..], "--photos"),
            (&["--photos", "p", "--size", "x"], "x is not"),
            (&["--photos", "p", "--limit"], "needs a value"),
            (&["--photos", "p", "--frob"], "--frob"),
        ] {
            let error = Options::parse(words).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
