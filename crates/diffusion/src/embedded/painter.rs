//! The painter: a flow transformer over the latents of single layers.

use candle_core::{Device, Tensor};

use super::nets::{
    Linear, Part, Result, SwiGlu, attention, join_heads, rms, rms_weighted, split_heads,
};

/// Patches of a side of a layer.
pub(super) const GRID: usize = 6;
/// Components of a patch.
pub(super) const LATENT: usize = 224;
const WIDTH: usize = 320;
const DEPTH: usize = 8;
const HEADS: usize = 5;
const HIDDEN: usize = 864;
/// Tokens in front of the patches: what to draw, and its colour.
const EXTRA: usize = 2;
/// Width of the code of what to draw.
const CODE: usize = 512;
/// Sinusoids of the time, half cosines and half sines.
const TIME: usize = 256;

pub(super) struct Painter {
    code: Tensor,
    colour: Tensor,
    time1: Linear,
    time2: Linear,
    signal: Linear,
    code_in: Linear,
    draft: Linear,
    embed: Linear,
    place: Tensor,
    blocks: Vec<Block>,
    final_modulation: Tensor,
    exit: Linear,
    cos: Tensor,
    sin: Tensor,
}

struct Block {
    modulation: Tensor,
    qkv: Linear,
    q_norm: Tensor,
    k_norm: Tensor,
    out: Linear,
    mlp: SwiGlu,
}

/// What the layers of a picture show: one row of each table a layer.
pub(super) struct Condition {
    /// `[layers, 320]`.
    what: Tensor,
    /// `[layers, 320]`.
    colour: Tensor,
    /// What the code alone says of the latents, `[layers, 36, 224]`.
    draft: Tensor,
}

impl Painter {
    /// `rows` and `colours` are the sizes of the tables without their last row, which means "not
    /// said".
    pub(super) fn new(part: &Part<'_>, rows: usize, colours: usize) -> Result<Self> {
        let linear = |name: &str, input, output| Linear::new(&part.at(name), input, output, true);
        let (cos, sin) = rotary(part.device())?;
        let blocks = (0..DEPTH).map(|i| Block::new(&part.at(&format!("blocks.{i}"))));
        let places = GRID * GRID;
        Ok(Self {
            code: part.tensor("code.weight", &[rows + 1, CODE])?,
            colour: part.tensor("colour.weight", &[colours + 1, WIDTH])?,
            code_in: linear("code_in", CODE, WIDTH)?,
            draft: linear("draft", CODE, places * LATENT)?,
            place: part.tensor("place", &[places, WIDTH])?,
            time1: linear("time1", TIME, WIDTH)?,
            time2: linear("time2", WIDTH, WIDTH)?,
            signal: linear("signal", WIDTH, 6 * WIDTH)?,
            embed: linear("embed", 2 * LATENT, WIDTH)?,
            blocks: blocks.collect::<Result<_>>()?,
            final_modulation: part.tensor("final_modulation", &[2, WIDTH])?,
            exit: linear("final", WIDTH, LATENT)?,
            cos,
            sin,
        })
    }

    /// The condition of layers: (row, colour) of each.
    pub(super) fn condition(&self, layers: &[(u32, u32)]) -> Result<Condition> {
        let table = |table: &Tensor, ids: Vec<u32>| -> Result<Tensor> {
            let ids = Tensor::from_vec(ids, layers.len(), table.device())?;
            Ok(table.index_select(&ids, 0)?)
        };
        let code = table(&self.code, layers.iter().map(|layer| layer.0).collect())?;
        let colour = table(&self.colour, layers.iter().map(|layer| layer.1).collect())?;
        Ok(Condition {
            what: self.code_in.forward(&rms(&code)?)?,
            draft: self
                .draft
                .forward(&code)?
                .reshape((layers.len(), GRID * GRID, LATENT))?,
            colour,
        })
    }

    /// The condition that says nothing, for guidance.
    pub(super) fn unconditional(&self, layers: usize) -> Result<Condition> {
        let row = (self.code.dim(0)? - 1) as u32;
        let colour = (self.colour.dim(0)? - 1) as u32;
        self.condition(&vec![(row, colour); layers])
    }

    /// Clean latents expected from noisy ones; `x` is `[layers, 36, 224]`, `time` the noise level
    /// in 0..=1.
    pub(super) fn forward(&self, x: &Tensor, time: f32, condition: &Condition) -> Result<Tensor> {
        let layers = x.dim(0)?;
        let time = self
            .time2
            .forward(&self.time1.forward(&sinusoids(time, x.device())?)?.silu()?)?;
        let signal = (&condition.what + &condition.colour)?
            .broadcast_add(&time)?
            .silu()?;
        let modulation = self.signal.forward(&signal)?.reshape((layers, 6, WIDTH))?;
        let extra = Tensor::stack(&[&condition.what, &condition.colour], 1)?;
        let patches = Tensor::cat(&[x, &condition.draft], 2)?;
        let patches = self.embed.forward(&patches)?.broadcast_add(&self.place)?;
        let mut h = Tensor::cat(&[&extra, &patches], 1)?;
        for block in &self.blocks {
            h = block.forward(&h, &modulation, &self.cos, &self.sin)?;
        }
        let last = signal.unsqueeze(1)?.broadcast_add(&self.final_modulation)?;
        let h = modulated(&h.narrow(1, EXTRA, GRID * GRID)?.contiguous()?, &last, 0)?;
        Ok((self.exit.forward(&h)? + &condition.draft)?)
    }
}

impl Block {
    fn new(part: &Part<'_>) -> Result<Self> {
        Ok(Self {
            modulation: part.tensor("modulation", &[6, WIDTH])?,
            qkv: Linear::new(&part.at("qkv"), WIDTH, 3 * WIDTH, false)?,
            q_norm: part.tensor("q_norm", &[WIDTH / HEADS])?,
            k_norm: part.tensor("k_norm", &[WIDTH / HEADS])?,
            out: Linear::new(&part.at("out"), WIDTH, WIDTH, false)?,
            mlp: SwiGlu::new(part, WIDTH, HIDDEN)?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        modulation: &Tensor,
        cos: &Tensor,
        sin: &Tensor,
    ) -> Result<Tensor> {
        let modulation = modulation.broadcast_add(&self.modulation)?;
        let gate = |i: usize| modulation.narrow(1, i, 1);
        let [q, k, v] = split_heads(&self.qkv.forward(&modulated(x, &modulation, 0)?)?, HEADS)?;
        let turn = |x: &Tensor, norm: &Tensor| -> Result<Tensor> {
            let x = rms_weighted(x, norm)?.contiguous()?;
            Ok(candle_nn::rotary_emb::rope_i(&x, cos, sin)?)
        };
        let h = attention(&turn(&q, &self.q_norm)?, &turn(&k, &self.k_norm)?, &v)?;
        let x = (x + self
            .out
            .forward(&join_heads(&h)?)?
            .broadcast_mul(&gate(2)?)?)?;
        let h = self.mlp.forward(&modulated(&x, &modulation, 3)?)?;
        Ok((&x + h.broadcast_mul(&gate(5)?)?)?)
    }
}

/// `rms(x) * (1 + scale) + shift`, with shift and scale in rows `first` and `first + 1`.
fn modulated(x: &Tensor, modulation: &Tensor, first: usize) -> Result<Tensor> {
    let scale = (modulation.narrow(1, first + 1, 1)? + 1.0)?;
    let shift = modulation.narrow(1, first, 1)?;
    Ok(rms(x)?.broadcast_mul(&scale)?.broadcast_add(&shift)?)
}

/// `[1, 256]`: cosines, then sines, of 1000 t at 128 frequencies from 1 down to 1/10000.
fn sinusoids(time: f32, device: &Device) -> Result<Tensor> {
    let half = TIME / 2;
    let angle = |i: usize| 1000.0 * time * (-(10_000f32.ln()) * i as f32 / half as f32).exp();
    let cosines = (0..half).map(|i| angle(i).cos());
    let values: Vec<f32> = cosines.chain((0..half).map(|i| angle(i).sin())).collect();
    Ok(Tensor::from_vec(values, (1, TIME), device)?)
}

/// Rotary tables `[38, 32]`: half of the pairs turn with the row, half with the column, the tokens
/// in front with neither.
fn rotary(device: &Device) -> Result<(Tensor, Tensor)> {
    let pairs = WIDTH / HEADS / 4;
    let mut angles = vec![0f32; EXTRA * 2 * pairs];
    for row in 0..GRID {
        for column in 0..GRID {
            for place in [row, column] {
                let turn = |i: usize| place as f32 * 100f32.powf(-(i as f32) / pairs as f32);
                angles.extend((0..pairs).map(turn));
            }
        }
    }
    let shape = (EXTRA + GRID * GRID, 2 * pairs);
    let table = |f: fn(f32) -> f32| {
        let values: Vec<f32> = angles.iter().map(|angle| f(*angle)).collect();
        Tensor::from_vec(values, shape, device)
    };
    Ok((table(f32::cos)?, table(f32::sin)?))
}
