//! Prompts to numbers: tokenizers, and the language models whose hidden states condition a picture.

mod clip;
mod qwen;
mod tokenizer;

pub(crate) use clip::{Clip, ClipConfig};
pub(crate) use qwen::{Qwen, QwenConfig, there};
pub(crate) use tokenizer::{Padded, Tokenizer};
