//! The reader: what a prompt asks for.

use candle_core::{D, Tensor};

use super::nets::{Linear, Part, Result, SwiGlu, attention, join_heads, rms_weighted, split_heads};
use super::words::{self, LONGEST, TRIGRAMS, Vocabulary};

const WIDTH: usize = 128;
const DEPTH: usize = 3;
const HEADS: usize = 4;
const HIDDEN: usize = 352;

/// What the network may answer, one length a question.
#[derive(Clone, Copy)]
pub(super) struct Answers {
    pub(super) concepts: usize,
    pub(super) counts: usize,
    pub(super) colours: usize,
    pub(super) sizes: usize,
    pub(super) relations: usize,
    pub(super) kinds: usize,
    pub(super) styles: usize,
}

/// One kind of object that a prompt names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    /// Number in the list of concepts.
    pub(super) concept: usize,
    /// How many, from 1.
    pub(super) count: usize,
    /// 0 for its own colour, else from 1 in the list of colours.
    pub(super) colour: usize,
    pub(super) size: usize,
    /// To the mention before.
    pub(super) relation: usize,
}

/// What a prompt asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) mentions: Vec<Mention>,
    /// 0 where none is named, else from 1 in the list of backgrounds.
    pub(super) kind: usize,
    /// Colour of the background: 0 where none is named.
    pub(super) kind_colour: usize,
    /// 0 where none is named, else from 1 in the list of styles.
    pub(super) style: usize,
}

pub(super) struct Reader {
    vocabulary: Vocabulary,
    word: Tensor,
    /// Rows of [`WIDTH`], averaged here: a word has a handful.
    trigram: Vec<f32>,
    place: Tensor,
    start: Tensor,
    blocks: Vec<Block>,
    norm: Tensor,
    heads: Heads,
}

/// One row a word, or one for the whole prompt (`kind` and what follows).
pub(super) struct Logits {
    pub(super) concept: Tensor,
    count: Tensor,
    colour: Tensor,
    size: Tensor,
    relation: Tensor,
    pub(super) kind: Tensor,
    kind_colour: Tensor,
    pub(super) style: Tensor,
}

struct Heads {
    concept: Linear,
    count: Linear,
    colour: Linear,
    size: Linear,
    relation: Linear,
    kind: Linear,
    kind_colour: Linear,
    style: Linear,
}

struct Block {
    norm1: Tensor,
    norm2: Tensor,
    qkv: Linear,
    out: Linear,
    mlp: SwiGlu,
}

impl Reader {
    pub(super) fn new(part: &Part<'_>, vocabulary: Vocabulary, answers: Answers) -> Result<Self> {
        let head = |name: &str, output| {
            Linear::new(&part.at(&format!("answers.{name}")), WIDTH, output, true)
        };
        let blocks = (0..DEPTH).map(|i| Block::new(&part.at(&format!("blocks.{i}"))));
        Ok(Self {
            word: part.tensor("word.weight", &[vocabulary.len() + 1, WIDTH])?,
            trigram: part.values("trigram.weight", &[TRIGRAMS, WIDTH])?,
            place: part.tensor("place.weight", &[LONGEST + 1, WIDTH])?,
            start: part.tensor("start", &[WIDTH])?,
            blocks: blocks.collect::<Result<_>>()?,
            norm: part.tensor("norm", &[WIDTH])?,
            heads: Heads {
                concept: head("concept", answers.concepts + 1)?,
                count: head("count", answers.counts)?,
                colour: head("colour", answers.colours + 1)?,
                size: head("size", answers.sizes)?,
                relation: head("relation", answers.relations)?,
                kind: head("kind", answers.kinds + 1)?,
                kind_colour: head("kind_colour", answers.colours + 1)?,
                style: head("style", answers.styles + 1)?,
            },
            vocabulary,
        })
    }

    /// Reads a prompt. Where it names no object that is surely known and no background, the likeliest
    /// object of all words is taken.
    pub(super) fn read(&self, prompt: &str) -> Result<Reading> {
        let mut words = words::split(prompt);
        words.truncate(LONGEST);
        if words.is_empty() {
            return Ok(Reading::default());
        }
        let answers = self.answers(&words)?;
        let one = |logits: &Tensor| -> Result<usize> { Ok(best(logits)?[0]) };
        let mut reading = Reading {
            mentions: Vec::new(),
            kind: one(&answers.kind)?,
            kind_colour: one(&answers.kind_colour)?,
            style: one(&answers.style)?,
        };
        let mut named = best(&answers.concept)?;
        if reading.kind == 0 && named.iter().all(|concept| *concept == 0) {
            let (word, concept) = likeliest(&answers.concept)?;
            named[word] = concept;
        }
        let count = best(&answers.count)?;
        let colour = best(&answers.colour)?;
        let size = best(&answers.size)?;
        let relation = best(&answers.relation)?;
        for (i, concept) in named.into_iter().enumerate() {
            if concept > 0 {
                reading.mentions.push(Mention {
                    concept: concept - 1,
                    count: count[i] + 1,
                    colour: colour[i],
                    size: size[i],
                    relation: relation[i],
                });
            }
        }
        Ok(reading)
    }

    /// The network's answers to all questions, as logits.
    pub(super) fn answers(&self, words: &[String]) -> Result<Logits> {
        let x = self.states(words)?;
        let per_word = x.narrow(0, 1, words.len())?.contiguous()?;
        let whole = x.narrow(0, 0, 1)?.contiguous()?;
        let heads = &self.heads;
        Ok(Logits {
            concept: heads.concept.forward(&per_word)?,
            count: heads.count.forward(&per_word)?,
            colour: heads.colour.forward(&per_word)?,
            size: heads.size.forward(&per_word)?,
            relation: heads.relation.forward(&per_word)?,
            kind: heads.kind.forward(&whole)?,
            kind_colour: heads.kind_colour.forward(&whole)?,
            style: heads.style.forward(&whole)?,
        })
    }

    /// `[words + 1, 128]`; the first row is the prompt's as a whole.
    fn states(&self, words: &[String]) -> Result<Tensor> {
        let device = self.word.device();
        let ids: Vec<u32> = words.iter().map(|word| self.vocabulary.id(word)).collect();
        let ids = Tensor::from_vec(ids, words.len(), device)?;
        let grams: Vec<f32> = words.iter().flat_map(|word| self.grams(word)).collect();
        let grams = Tensor::from_vec(grams, (words.len(), WIDTH), device)?;
        let words_in = (self.word.index_select(&ids, 0)? + grams)?;
        let x = Tensor::cat(&[&self.start.unsqueeze(0)?, &words_in], 0)?;
        let mut x = (x + self.place.narrow(0, 0, words.len() + 1)?)?.unsqueeze(0)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        rms_weighted(&x.squeeze(0)?, &self.norm)
    }

    /// Mean of the vectors of a word's trigrams.
    fn grams(&self, word: &str) -> Vec<f32> {
        let grams = words::trigrams(word);
        let mut mean = vec![0.0; WIDTH];
        for gram in &grams {
            let row = &self.trigram[*gram as usize * WIDTH..][..WIDTH];
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += value / grams.len() as f32;
            }
        }
        mean
    }
}

impl Block {
    fn new(part: &Part<'_>) -> Result<Self> {
        Ok(Self {
            norm1: part.tensor("norm1", &[WIDTH])?,
            norm2: part.tensor("norm2", &[WIDTH])?,
            qkv: Linear::new(&part.at("qkv"), WIDTH, 3 * WIDTH, false)?,
            out: Linear::new(&part.at("out"), WIDTH, WIDTH, false)?,
            mlp: SwiGlu::new(part, WIDTH, HIDDEN)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [q, k, v] = split_heads(&self.qkv.forward(&rms_weighted(x, &self.norm1)?)?, HEADS)?;
        let h = self.out.forward(&join_heads(&attention(&q, &k, &v)?)?)?;
        let x = (x + h)?;
        let h = self.mlp.forward(&rms_weighted(&x, &self.norm2)?)?;
        Ok((&x + h)?)
    }
}

/// The place of each row's largest value.
fn best(logits: &Tensor) -> Result<Vec<usize>> {
    let best: Vec<u32> = logits.argmax(D::Minus1)?.to_vec1()?;
    Ok(best.into_iter().map(|place| place as usize).collect())
}

/// Row and column of the probability that is largest, the first column left out.
fn likeliest(logits: &Tensor) -> Result<(usize, usize)> {
    let rows: Vec<Vec<f32>> = candle_nn::ops::softmax_last_dim(logits)?.to_vec2()?;
    let all = rows.iter().enumerate().flat_map(|(row, values)| {
        let known = values.iter().enumerate().skip(1);
        known.map(move |(column, value)| (row, column, *value))
    });
    let (row, column, _) = all.fold(
        (0, 1, f32::MIN),
        |most, next| {
            if next.2 > most.2 { next } else { most }
        },
    );
    Ok((row, column))
}
