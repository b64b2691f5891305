//! Prompts to what the network is told: one text encoder of CLIP, or two side by side.

use candle_core::Tensor;

use crate::error::DiffusionError;
use crate::nets::Result;
use crate::text::{Clip, Tokenizer};

/// An encoder with the tokenizer of its vocabulary.
pub(crate) struct Reader {
    pub(crate) tokenizer: Tokenizer,
    pub(crate) clip: Clip,
    /// Tokens that every text is filled up or cut to, those that begin and end it among them.
    pub(crate) length: usize,
}

/// Which of the encoders' states is used.
pub(crate) enum Readers {
    /// The last of one encoder, after its final norm.
    One(Box<Reader>),
    /// The last but one of two, before the final norm.
    Two {
        readers: Box<[Reader; 2]>,
        /// Without a negative prompt all of its numbers are 0, instead of those of an empty text.
        zeros_for_empty: bool,
    },
}

/// A text that was read.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    /// `[1, tokens, width]`.
    pub(crate) states: Tensor,
    /// Of the second encoder, `[1, width]`.
    pub(crate) pooled: Option<Tensor>,
}

impl Reader {
    /// Padding is read like other tokens: the models were trained so.
    pub(crate) fn ids(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self.tokenizer.padded(text, self.length, true)?.ids)
    }
}

impl Readers {
    pub(crate) fn read(&self, text: &str) -> Result<Prompt> {
        match self {
            Self::One(reader) => Ok(Prompt {
                states: reader.clip.forward(&[reader.ids(text)?])?.last,
                pooled: None,
            }),
            Self::Two { readers, .. } => {
                let mut states = Vec::new();
                let mut pooled = None;
                for reader in readers.iter() {
                    let encoded = reader.clip.forward(&[reader.ids(text)?])?;
                    let before_last = encoded.states.iter().rev().nth(1).ok_or_else(|| {
                        DiffusionError::Description("a text encoder without layers".to_owned())
                    })?;
                    states.push(before_last.clone());
                    pooled = Some(encoded.pooled);
                }
                Ok(Prompt {
                    states: Tensor::cat(&states, 2)?,
                    pooled,
                })
            }
        }
    }

    /// The negative prompt; `with` is the prompt itself, for its shape.
    pub(crate) fn read_negative(&self, text: Option<&str>, with: &Prompt) -> Result<Prompt> {
        match (self, text) {
            (
                Self::Two {
                    zeros_for_empty: true,
                    ..
                },
                None,
            ) => Ok(Prompt {
                states: with.states.zeros_like()?,
                pooled: with.pooled.as_ref().map(Tensor::zeros_like).transpose()?,
            }),
            (_, text) => self.read(text.unwrap_or_default()),
        }
    }
}
