//! Tokenizers of model folders: `tokenizer.json`, or the older `vocab.json` and `merges.txt` put together as the
//! `transformers` library does it for the class that `tokenizer_config.json` names.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::DiffusionError;
use crate::folder::{read_json, read_limited};

/// Most bytes of a tokenizer's file.
const MOST_BYTES: u64 = 64 << 20;

/// How Qwen cuts text before its byte pairs.
const QWEN_PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// How CLIP does it.
const CLIP_PATTERN: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Text to token ids.
pub(crate) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The token that fills up, where one is named.
    pad: Option<u32>,
}

/// Token ids of a fixed number, and how many of them are not padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Padded {
    pub(crate) ids: Vec<u32>,
    pub(crate) used: usize,
}

#[derive(Deserialize)]
struct Config {
    tokenizer_class: Option<String>,
    #[serde(default)]
    added_tokens_decoder: BTreeMap<String, Added>,
    pad_token: Option<Token>,
    bos_token: Option<Token>,
    eos_token: Option<Token>,
    unk_token: Option<Token>,
}

#[derive(Clone, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the file's own switches")]
struct Added {
    content: String,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    special: bool,
}

/// `special_tokens_map.json`: where a folder does not list its added tokens, as older ones do not, what this file says
/// of a token counts more than the configuration. (Stable Diffusion 2 fills up with `!` by it alone.)
#[derive(Default, Deserialize)]
#[expect(clippy::struct_field_names, reason = "names of the file")]
struct Special {
    pad_token: Option<Token>,
    bos_token: Option<Token>,
    eos_token: Option<Token>,
    unk_token: Option<Token>,
}

impl Config {
    fn open(folder: &Path) -> Result<Self, DiffusionError> {
        let mut config: Self = read_json(&folder.join("tokenizer_config.json"))?;
        let map = folder.join("special_tokens_map.json");
        if config.added_tokens_decoder.is_empty() && map.is_file() {
            let special: Special = read_json(&map)?;
            config.pad_token = special.pad_token.or(config.pad_token);
            config.bos_token = special.bos_token.or(config.bos_token);
            config.eos_token = special.eos_token.or(config.eos_token);
            config.unk_token = special.unk_token.or(config.unk_token);
        }
        Ok(config)
    }
}

/// A token by its text, or with flags.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Token {
    Text(String),
    Full { content: String },
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Full { content: text } => text,
        }
    }
}

impl Tokenizer {
    /// Reads the tokenizer of a folder.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::Io`], [`DiffusionError::ModelFolder`] where its files are missing or contradict themselves.
    pub(crate) fn open(folder: &Path) -> Result<Self, DiffusionError> {
        let config = Config::open(folder)?;
        let whole = folder.join("tokenizer.json");
        let bytes = if whole.is_file() {
            read_limited(&whole, MOST_BYTES)?
        } else {
            assemble(folder, &config)?.to_string().into_bytes()
        };
        let invalid = |reason: String| DiffusionError::ModelFolder {
            path: folder.to_owned(),
            reason,
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|error| invalid(format!("its tokenizer cannot be read: {error}")))?;
        // Some files carry what was last used with them.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| invalid(error.to_string()))?;
        let pad = match &config.pad_token {
            Some(token) => Some(inner.token_to_id(token.text()).ok_or_else(|| {
                invalid(format!(
                    "its tokenizer does not know its own {}",
                    token.text()
                ))
            })?),
            None => None,
        };
        Ok(Self { inner, pad })
    }

    /// Ids of a text, special tokens that the tokenizer adds by itself among them.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::Compute`] where the text cannot be taken apart.
    pub(crate) fn ids(&self, text: &str) -> Result<Vec<u32>, DiffusionError> {
        let encoding = self
            .inner
            .encode(text, true)
            .map_err(|error| DiffusionError::Compute(format!("reading the prompt: {error}")))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Ids filled up or cut to `length`. What is cut keeps the last token, which ends the text for encoders that add
    /// one, where `keep_last` is set.
    ///
    /// # Errors
    ///
    /// As [`Tokenizer::ids`]; [`DiffusionError::Description`] where no token fills up.
    pub(crate) fn padded(
        &self,
        text: &str,
        length: usize,
        keep_last: bool,
    ) -> Result<Padded, DiffusionError> {
        let mut ids = self.ids(text)?;
        if ids.len() > length {
            let last = ids.last().copied();
            ids.truncate(length);
            if let (true, Some(last), Some(end)) = (keep_last, last, ids.last_mut()) {
                *end = last;
            }
        }
        let used = ids.len();
        let pad = self.pad.ok_or_else(|| {
            DiffusionError::Description("the tokenizer names no token that fills up".to_owned())
        })?;
        ids.resize(length, pad);
        Ok(Padded { ids, used })
    }
}

/// A `tokenizer.json` from its older parts.
fn assemble(folder: &Path, config: &Config) -> Result<Value, DiffusionError> {
    let class = config.tokenizer_class.as_deref().unwrap_or_default();
    let class = class.strip_suffix("Fast").unwrap_or(class);
    let missing = |reason: String| DiffusionError::ModelFolder {
        path: folder.to_owned(),
        reason,
    };
    if !matches!(class, "Qwen2Tokenizer" | "CLIPTokenizer") {
        return Err(missing(format!(
            "it has no tokenizer.json, and {class:?} cannot be made from other files; add tokenizer.json"
        )));
    }
    let vocabulary: BTreeMap<String, u32> = read_json(&folder.join("vocab.json"))?;
    let merges_path = folder.join("merges.txt");
    let merges = String::from_utf8(read_limited(&merges_path, MOST_BYTES)?)
        .map_err(|_| missing("its merges.txt is not UTF-8".to_owned()))?;
    let merges: Vec<[&str; 2]> = merges
        .lines()
        .filter(|line| !line.starts_with("#version") && !line.trim().is_empty())
        .map(|line| line.split_once(' ').map(|(a, b)| [a, b]))
        .collect::<Option<_>>()
        .ok_or_else(|| missing("a line of its merges.txt is not two words".to_owned()))?;
    let mut added: Vec<(u64, Added)> = Vec::new();
    for (id, token) in &config.added_tokens_decoder {
        let id = id
            .parse()
            .map_err(|_| missing(format!("{id:?} is no token id")))?;
        added.push((id, token.clone()));
    }
    added.sort_by_key(|(id, _)| *id);
    let added: Vec<Value> = added
        .into_iter()
        .map(|(id, token)| {
            json!({
                "id": id, "content": token.content, "single_word": token.single_word, "lstrip": token.lstrip,
                "rstrip": token.rstrip, "normalized": token.normalized, "special": token.special,
            })
        })
        .collect();
    let split = |pattern: &str, behaviour: &str, invert: bool| {
        json!({
            "type": "Split", "pattern": { "Regex": pattern }, "behavior": behaviour, "invert": invert,
        })
    };
    let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false });
    let model = |unknown: Option<&str>, suffix: &str| {
        json!({
            "type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": "",
            "end_of_word_suffix": suffix, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocabulary, "merges": merges,
        })
    };
    let (normalizer, pre_tokenizer, post_processor, model) = if class == "Qwen2Tokenizer" {
        (
            json!({ "type": "NFC" }),
            json!([split(QWEN_PATTERN, "Isolated", false), bytes]),
            Value::Null,
            model(None, ""),
        )
    } else {
        let known = |token: &Option<Token>| {
            let text = token
                .as_ref()
                .map_or("<|endoftext|>", Token::text)
                .to_owned();
            let id = vocabulary.get(&text).copied();
            id.map(|id| (text.clone(), id))
                .ok_or_else(|| missing(format!("its vocab.json lacks {text}")))
        };
        let (begin, end) = (known(&config.bos_token)?, known(&config.eos_token)?);
        let unknown = config
            .unk_token
            .as_ref()
            .map_or("<|endoftext|>", Token::text);
        (
            json!({ "type": "Sequence", "normalizers": [
                { "type": "NFC" },
                { "type": "Replace", "pattern": { "Regex": r"\s+" }, "content": " " },
                { "type": "Lowercase" },
            ] }),
            json!([split(CLIP_PATTERN, "Removed", true), bytes]),
            json!({ "type": "RobertaProcessing", "sep": end, "cls": begin, "trim_offsets": false,
                "add_prefix_space": false }),
            model(Some(unknown), "</w>"),
        )
    };
    Ok(json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": pre_tokenizer },
        "post_processor": post_processor, "decoder": { "type": "ByteLevel", "add_prefix_space": true,
            "trim_offsets": true, "use_regex": true },
        "model": model,
    }))
}
