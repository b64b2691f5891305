//! Settings: defaults, overlaid by `config.toml` in the home.

mod written;

use std::fmt;
use std::path::{Path, PathBuf};

use colophon_imaging::Limits;
use colophon_manifest::{ListKind, TrustAnchors};
use serde::{Deserialize, Serialize};

use crate::{EmbedOptions, Home, ProvenanceError};
use written::Lines;
pub use written::{Origin, Written, WrittenValue};

/// Name of the list that holds the home's own root.
pub(crate) const LOCAL_LIST: &str = "local";
/// Longest settings file read, bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Whether a setting's value was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueOrigin {
    /// Built in.
    Default,
    /// `config.toml`.
    File,
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: ValueOrigin,
}

impl<T> Setting<T> {
    fn new(given: Option<T>, default: T) -> Self {
        match given {
            Some(value) => Self {
                value,
                origin: ValueOrigin::File,
            },
            None => Self {
                value: default,
                origin: ValueOrigin::Default,
            },
        }
    }
}

/// A further list of trust anchors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorList {
    /// Its name in reports; `local` is taken by the home's own root.
    pub name: String,
    /// `official`, `legacy` or `local` (added on this machine).
    pub kind: AnchorKind,
    /// File of PEM certificates, relative to the home.
    pub path: PathBuf,
}

/// Where a list of trust anchors comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnchorKind {
    /// The C2PA trust list.
    Official,
    /// The interim trust list.
    Legacy,
    /// Added on this machine.
    Local,
}

/// How strong marks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// For pictures that are looked at closely and handled gently.
    Subtle,
    /// As weak as lasts through ordinary handling.
    #[default]
    Standard,
    /// For pictures that will be cropped deeply or compressed hard.
    Strong,
}

impl Strength {
    /// The limits behind the name.
    pub fn options(self) -> EmbedOptions {
        match self {
            Self::Subtle => EmbedOptions::subtle(),
            Self::Standard => EmbedOptions::default(),
            Self::Strong => EmbedOptions::strong(),
        }
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subtle => "subtle",
            Self::Standard => "standard",
            Self::Strong => "strong",
        })
    }
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Organisation in new certificates.
    pub organisation: Setting<String>,
    /// Common name in new certificates.
    pub common_name: Setting<String>,
    /// Country in new certificates.
    pub country: Setting<String>,
    /// Origin of a new ledger; made from its key when `None`.
    pub ledger_origin: Setting<Option<String>>,
    /// Strength of marks that are made unasked.
    pub strength: Setting<Strength>,
    /// Lowest JPEG quality that is chosen unasked, 1..=100.
    pub jpeg_quality_floor: Setting<u8>,
    /// Largest file read, bytes.
    pub max_bytes: Setting<u64>,
    /// Largest picture decoded, pixels.
    pub max_pixels: Setting<u64>,
    /// Longest time for reading a manifest, milliseconds.
    pub manifest_deadline_ms: Setting<u64>,
    /// Address of the time-stamp authority for manifests (`signing.timestamp_url`); none by default,
    /// which works offline.
    pub timestamp_url: Setting<Option<String>>,
    /// Whether nothing is issued without a time-stamp once one is asked for
    /// (`signing.timestamp_required`).
    pub timestamp_required: Setting<bool>,
    /// Further lists of trust anchors.
    pub trust_anchors: Setting<Vec<AnchorList>>,
    /// What is set for `colophon serve`, as written: the table `serve`.
    pub serve: Vec<Written>,
    /// Lines of what the file says.
    lines: Lines,
}

/// One line of `config show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownSetting {
    /// Its name in `config.toml`.
    pub name: &'static str,
    /// Its value as text.
    pub value: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// `config.toml` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    organisation: Option<String>,
    common_name: Option<String>,
    country: Option<String>,
    ledger_origin: Option<String>,
    strength: Option<Strength>,
    jpeg_quality_floor: Option<u8>,
    max_bytes: Option<u64>,
    max_pixels: Option<u64>,
    manifest_deadline_ms: Option<u64>,
    trust_anchors: Option<Vec<AnchorList>>,
    #[serde(default)]
    signing: SigningFile,
    /// Understood by the service alone, which refuses what it does not know.
    #[serde(default)]
    #[expect(dead_code, reason = "taken up with its lines by `Lines`")]
    serve: toml::Table,
}

/// The table `signing`. Never a PIN, token or passphrase: those are in files of their own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningFile {
    timestamp_url: Option<String>,
    timestamp_required: Option<bool>,
}

impl Config {
    /// The settings of a home, or the defaults for none or for a home without `config.toml`.
    ///
    /// # Errors
    /// [`ProvenanceError::Config`] for a file that cannot be read, an unknown name or a value out
    /// of range.
    pub fn load(home: Option<&Home>) -> Result<Self, ProvenanceError> {
        let Some(path) = home.map(Home::config_file) else {
            return Ok(Self::from_file(File::default()));
        };
        let bad = |reason: String| ProvenanceError::Config {
            path: path.clone(),
            reason,
        };
        let text = read_text(&path)?.unwrap_or_default();
        let file = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let mut config = Self::from_file(file);
        config.lines = Lines::of(&text);
        config.serve = std::mem::take(&mut config.lines.serve);
        config.check().map_err(bad)?;
        Ok(config)
    }

    fn from_file(file: File) -> Self {
        let keys = colophon_keys::InitOptions::local(0);
        let limits = Limits::default();
        Self {
            organisation: Setting::new(file.organisation, keys.organisation),
            common_name: Setting::new(file.common_name, keys.common_name),
            country: Setting::new(file.country, keys.country),
            ledger_origin: Setting::new(file.ledger_origin.map(Some), None),
            strength: Setting::new(file.strength, Strength::default()),
            jpeg_quality_floor: Setting::new(file.jpeg_quality_floor, 90),
            max_bytes: Setting::new(file.max_bytes, limits.max_bytes),
            max_pixels: Setting::new(file.max_pixels, limits.max_pixels),
            manifest_deadline_ms: Setting::new(file.manifest_deadline_ms, 5_000),
            timestamp_url: Setting::new(file.signing.timestamp_url.map(Some), None),
            timestamp_required: Setting::new(file.signing.timestamp_required, true),
            trust_anchors: Setting::new(file.trust_anchors, Vec::new()),
            serve: Vec::new(),
            lines: Lines::default(),
        }
    }

    fn check(&self) -> Result<(), String> {
        if !(1..=100).contains(&self.jpeg_quality_floor.value) {
            return Err("jpeg_quality_floor must be within 1 to 100".to_owned());
        }
        if self.max_bytes.value == 0 || self.max_pixels.value == 0 {
            return Err("max_bytes and max_pixels must be 1 or more".to_owned());
        }
        if self.manifest_deadline_ms.value == 0 {
            return Err("manifest_deadline_ms must be 1 or more".to_owned());
        }
        let named_local = |list: &AnchorList| list.name == LOCAL_LIST;
        if self.trust_anchors.value.iter().any(named_local) {
            return Err(
                "a trust list cannot be called `local`: that is the home's own root".to_owned(),
            );
        }
        Ok(())
    }

    /// Bounds for reading and decoding.
    pub fn limits(&self) -> Limits {
        Limits {
            max_bytes: self.max_bytes.value,
            max_pixels: self.max_pixels.value,
            ..Limits::default()
        }
    }

    /// Every setting, for showing.
    pub fn shown(&self) -> Vec<ShownSetting> {
        fn shown<T>(
            lines: &Lines,
            name: &'static str,
            setting: &Setting<T>,
            text: impl Fn(&T) -> String,
        ) -> ShownSetting {
            ShownSetting {
                name,
                value: text(&setting.value),
                origin: match setting.origin {
                    ValueOrigin::Default => Origin::Default,
                    ValueOrigin::File => Origin::File {
                        line: lines.lines.get(name).copied().unwrap_or(1),
                    },
                },
            }
        }
        let of = &self.lines;
        let lists = |lists: &Vec<AnchorList>| {
            let names: Vec<&str> = lists.iter().map(|list| list.name.as_str()).collect();
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        };
        let origin = |origin: &Option<String>| {
            origin
                .clone()
                .unwrap_or_else(|| "made from the ledger's key".to_owned())
        };
        vec![
            shown(of, "organisation", &self.organisation, String::clone),
            shown(of, "common_name", &self.common_name, String::clone),
            shown(of, "country", &self.country, String::clone),
            shown(of, "ledger_origin", &self.ledger_origin, origin),
            shown(of, "strength", &self.strength, Strength::to_string),
            shown(
                of,
                "jpeg_quality_floor",
                &self.jpeg_quality_floor,
                u8::to_string,
            ),
            shown(of, "max_bytes", &self.max_bytes, u64::to_string),
            shown(of, "max_pixels", &self.max_pixels, u64::to_string),
            shown(
                of,
                "manifest_deadline_ms",
                &self.manifest_deadline_ms,
                u64::to_string,
            ),
            shown(of, "signing.timestamp_url", &self.timestamp_url, |url| {
                url.clone().unwrap_or_else(|| "none".to_owned())
            }),
            shown(
                of,
                "signing.timestamp_required",
                &self.timestamp_required,
                bool::to_string,
            ),
            shown(of, "trust_anchors", &self.trust_anchors, lists),
        ]
    }

    /// Adds the configured lists to `anchors`.
    pub(crate) fn add_anchors(
        &self,
        home: &Home,
        mut anchors: TrustAnchors,
    ) -> Result<TrustAnchors, ProvenanceError> {
        for list in &self.trust_anchors.value {
            let path = home.root.join(&list.path);
            let pem = read_text(&path)?.ok_or_else(|| ProvenanceError::Config {
                path: path.clone(),
                reason: format!(
                    "the trust list `{}` names this file, which does not exist",
                    list.name
                ),
            })?;
            let kind = match list.kind {
                AnchorKind::Official => ListKind::Official,
                AnchorKind::Legacy => ListKind::Legacy,
                AnchorKind::Local => ListKind::Local,
            };
            anchors = anchors.with_list(&list.name, kind, &pem)?;
        }
        Ok(anchors)
    }
}

/// A text file no longer than settings are; `None` if there is none.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>, ProvenanceError> {
    read_text_of(path, MAX_CONFIG_BYTES)
}

/// A text file of at most `limit` bytes; `None` if there is none.
pub(crate) fn read_text_of(path: &Path, limit: u64) -> Result<Option<String>, ProvenanceError> {
    let failed = |source| ProvenanceError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(about) if about.len() > limit => {
            return Err(ProvenanceError::Config {
                path: path.to_owned(),
                reason: format!("it is longer than {limit} bytes"),
            });
        }
        Ok(_) => {}
    }
    std::fs::read_to_string(path).map(Some).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<Config, ProvenanceError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        Config::load(Some(&Home::new(folder.path())))
    }

    #[test]
    fn a_value_in_the_file_says_so() {
        let config =
            loaded("organisation = \"Example\"\njpeg_quality_floor = 93\nstrength = \"strong\"\n")
                .unwrap();
        assert_eq!(
            config.organisation,
            Setting {
                value: "Example".to_owned(),
                origin: ValueOrigin::File
            }
        );
        assert_eq!(config.strength.value.options(), EmbedOptions::strong());
        assert_eq!(config.country.origin, ValueOrigin::Default);
        let shown = config.shown();
        let floor = shown
            .iter()
            .find(|line| line.name == "jpeg_quality_floor")
            .unwrap();
        assert_eq!(
            (floor.value.as_str(), &floor.origin),
            ("93", &Origin::File { line: 2 })
        );
    }

    #[test]
    fn no_home_and_no_file_mean_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let absent = Config::load(Some(&Home::new(folder.path()))).unwrap();
        assert_eq!(absent, Config::load(None).unwrap());
        assert_eq!(absent.limits(), Limits::default());
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (text, part) in [
            ("jpeg_quality_floor = 0", "jpeg_quality_floor"),
            ("max_pixels = 0", "max_pixels"),
            ("strength = \"loud\"", "standard"),
            ("manifest_deadline_ms = 0", "manifest_deadline_ms"),
            ("organization = \"x\"", "organization"),
            ("[signing]\npin = \"1\"", "pin"),
            (
                "[[trust_anchors]]\nname = \"local\"\nkind = \"local\"\npath = \"x\"",
                "local",
            ),
            ("organisation = ", "line 1"),
        ] {
            let message = loaded(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
