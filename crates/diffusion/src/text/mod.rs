//! Prompts to numbers: tokenizers, and the language models whose hidden states condition a picture.

mod clip;
#[cfg(test)]
mod interop;
mod qwen;
mod t5;
mod tokenizer;

pub(crate) use clip::{Clip, ClipConfig};
pub(crate) use qwen::{Qwen, QwenConfig, there};
pub(crate) use t5::{T5, T5Config};
pub(crate) use tokenizer::Tokenizer;
