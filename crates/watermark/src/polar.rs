//! Polar code with successive-cancellation list decoding.
//!
//! Arıkan, "Channel Polarization", IEEE Trans. IT 55(7), 2009; list decoding in the LLR
//! domain after Balatsoukas-Stimming, Parizi and Burg, IEEE Trans. SP 63(19), 2015. The
//! frozen set follows the polarization-weight order (He et al., "Beta-Expansion", 2017),
//! which needs no channel model and no table.

/// Code length in coded bits.
pub const CODE_BITS: usize = 1024;
const LEVELS: usize = CODE_BITS.ilog2() as usize;

/// Indices of the `count` most reliable synthetic channels, ascending.
fn information_set(count: usize) -> Vec<usize> {
    let weight = |index: usize| -> f64 {
        (0..LEVELS)
            .filter(|bit| index >> bit & 1 == 1)
            .map(|bit| 2f64.powf(bit as f64 / 4.0))
            .sum()
    };
    let mut order: Vec<usize> = (0..CODE_BITS).collect();
    order.sort_by(|&a, &b| weight(b).total_cmp(&weight(a)));
    order.truncate(count);
    order.sort_unstable();
    order
}

/// A polar code of length [`CODE_BITS`] with a fixed set of information positions.
#[derive(Debug, Clone)]
pub struct PolarCode {
    information: Vec<usize>,
    is_information: Vec<bool>,
}

impl PolarCode {
    /// A code that carries `message_bits` bits (at most [`CODE_BITS`]).
    pub fn new(message_bits: usize) -> Self {
        let information = information_set(message_bits.min(CODE_BITS));
        let mut is_information = vec![false; CODE_BITS];
        for &position in &information {
            is_information[position] = true;
        }
        Self {
            information,
            is_information,
        }
    }

    /// Encodes `message` (as many bits as the code carries) into [`CODE_BITS`] bits.
    pub fn encode(&self, message: &[bool]) -> Vec<bool> {
        debug_assert_eq!(message.len(), self.information.len());
        let mut bits = vec![false; CODE_BITS];
        for (&position, &bit) in self.information.iter().zip(message) {
            bits[position] = bit;
        }
        polar_transform(&mut bits);
        bits
    }

    /// Decodes soft bits, positive for 0, into up to `list_size` messages, most likely first.
    pub fn decode_list(&self, llr: &[f32], list_size: usize) -> Vec<Vec<bool>> {
        debug_assert_eq!(llr.len(), CODE_BITS);
        let mut decoder = ListDecoder::new(llr, list_size);
        for index in 0..CODE_BITS {
            decoder.descend(index);
            if self.is_information[index] {
                decoder.fork(index);
            } else {
                decoder.freeze(index);
            }
            decoder.ascend(index);
        }
        let mut paths = decoder.paths;
        paths.sort_by(|a, b| a.metric.total_cmp(&b.metric));
        paths
            .iter()
            .map(|path| self.information.iter().map(|&i| path.decided[i]).collect())
            .collect()
    }
}

/// x = u F^(⊗n) over GF(2), in place, natural order.
fn polar_transform(bits: &mut [bool]) {
    let mut half = 1;
    while half < bits.len() {
        for block in bits.chunks_exact_mut(2 * half) {
            let (upper, lower) = block.split_at_mut(half);
            for (a, b) in upper.iter_mut().zip(lower) {
                *a ^= *b;
            }
        }
        half *= 2;
    }
}

/// One survivor of the list: soft values and partial sums of every level of the code tree.
#[derive(Clone)]
struct Path {
    metric: f32,
    /// Level `d` (0 = channel) holds `CODE_BITS >> d` values at `offset(d)`.
    soft: Vec<f32>,
    /// Partial sums of the left child at each level, same layout.
    left: Vec<bool>,
    /// Scratch: the bits that the finished subtree hands upwards.
    carry: Vec<bool>,
    decided: Vec<bool>,
}

/// Start of level `depth` in the flattened tree buffers.
const fn offset(depth: usize) -> usize {
    2 * CODE_BITS - ((2 * CODE_BITS) >> depth)
}

struct ListDecoder {
    paths: Vec<Path>,
    list_size: usize,
}

impl ListDecoder {
    fn new(llr: &[f32], list_size: usize) -> Self {
        let mut soft = vec![0.0; 2 * CODE_BITS];
        soft[..CODE_BITS].copy_from_slice(llr);
        let path = Path {
            metric: 0.0,
            soft,
            left: vec![false; 2 * CODE_BITS],
            carry: vec![false; CODE_BITS],
            decided: vec![false; CODE_BITS],
        };
        Self {
            paths: vec![path],
            list_size: list_size.max(1),
        }
    }

    /// Computes the soft value of leaf `index`, going down from the last shared ancestor.
    fn descend(&mut self, index: usize) {
        let top = if index == 0 {
            0
        } else {
            LEVELS - 1 - index.trailing_zeros() as usize
        };
        for path in &mut self.paths {
            for depth in top..LEVELS {
                let half = CODE_BITS >> (depth + 1);
                let right = index >> (LEVELS - 1 - depth) & 1 == 1;
                let (parents, children) = path.soft.split_at_mut(offset(depth + 1));
                let (a, b) = parents[offset(depth)..].split_at(half);
                let child = &mut children[..half];
                if right {
                    let sums = &path.left[offset(depth + 1)..][..half];
                    for i in 0..half {
                        child[i] = if sums[i] { b[i] - a[i] } else { b[i] + a[i] };
                    }
                } else {
                    for i in 0..half {
                        child[i] = a[i].signum() * b[i].signum() * a[i].abs().min(b[i].abs());
                    }
                }
            }
        }
    }

    fn freeze(&mut self, index: usize) {
        for path in &mut self.paths {
            let soft = path.soft[offset(LEVELS)];
            path.metric += (-soft).max(0.0);
            path.decided[index] = false;
        }
    }

    /// Splits every path on an information bit and keeps the best `list_size`.
    fn fork(&mut self, index: usize) {
        let mut choices: Vec<(f32, usize, bool)> = Vec::with_capacity(2 * self.paths.len());
        for (number, path) in self.paths.iter().enumerate() {
            let soft = path.soft[offset(LEVELS)];
            choices.push((path.metric + (-soft).max(0.0), number, false));
            choices.push((path.metric + soft.max(0.0), number, true));
        }
        choices.sort_by(|a, b| a.0.total_cmp(&b.0));
        choices.truncate(self.list_size);
        let mut uses = vec![0usize; self.paths.len()];
        for choice in &choices {
            uses[choice.1] += 1;
        }
        let mut old: Vec<Option<Path>> = std::mem::take(&mut self.paths)
            .into_iter()
            .map(Some)
            .collect();
        for (metric, number, bit) in choices {
            uses[number] -= 1;
            let taken = if uses[number] == 0 {
                old[number].take()
            } else {
                old[number].clone()
            };
            if let Some(mut path) = taken {
                path.metric = metric;
                path.decided[index] = bit;
                self.paths.push(path);
            }
        }
    }

    /// Hands the decided bit upwards as partial sums.
    fn ascend(&mut self, index: usize) {
        for path in &mut self.paths {
            path.carry[0] = path.decided[index];
            let mut depth = LEVELS;
            let mut width = 1;
            let mut position = index;
            // A right child completes its parent; the first left child on the way up stores.
            while position & 1 == 1 {
                let (sums, rest) = path.carry.split_at_mut(width);
                rest[..width].copy_from_slice(sums);
                for (sum, left) in sums.iter_mut().zip(&path.left[offset(depth)..]) {
                    *sum ^= left;
                }
                depth -= 1;
                width *= 2;
                position >>= 1;
            }
            if depth > 0 {
                path.left[offset(depth)..][..width].copy_from_slice(&path.carry[..width]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn soft(bits: &[bool]) -> Vec<f32> {
        bits.iter().map(|&b| if b { -1.0 } else { 1.0 }).collect()
    }

    /// Deterministic standard normal deviates (Box and Muller over a splitmix generator).
    fn noise(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed;
        let mut uniform = move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..count)
            .map(|_| {
                let (a, b) = (uniform().max(1e-12), uniform());
                ((-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
            })
            .collect()
    }

    proptest! {
        #[test]
        fn clean_words_decode(message in proptest::collection::vec(any::<bool>(), 96)) {
            let code = PolarCode::new(96);
            let decoded = code.decode_list(&soft(&code.encode(&message)), 4);
            prop_assert_eq!(&decoded[0], &message);
        }

        #[test]
        fn encoding_is_linear(
            a in proptest::collection::vec(any::<bool>(), 96),
            b in proptest::collection::vec(any::<bool>(), 96),
        ) {
            let code = PolarCode::new(96);
            let sum: Vec<bool> = a.iter().zip(&b).map(|(x, y)| x ^ y).collect();
            let words: Vec<bool> = code.encode(&a).iter().zip(code.encode(&b)).map(|(x, y)| x ^ y).collect();
            prop_assert_eq!(code.encode(&sum), words);
        }
    }

    #[test]
    fn decodes_at_sixteen_standard_deviations() {
        // z = 16.6 over 1024 dimensions: 0.26 of signal power to noise power per dimension.
        let code = PolarCode::new(96);
        let amplitude = 16.6 / (CODE_BITS as f32).sqrt();
        let mut failures = 0;
        for trial in 0..100 {
            let message: Vec<bool> = (0..96).map(|i| (trial * 31 + i * i * 7) % 5 < 2).collect();
            let word = code.encode(&message);
            let received: Vec<f32> = soft(&word)
                .iter()
                .zip(noise(trial as u64 + 1, CODE_BITS))
                .map(|(s, n)| 2.0 * amplitude * (amplitude * s + n))
                .collect();
            failures += usize::from(!code.decode_list(&received, 16).contains(&message));
        }
        assert!(failures <= 4, "{failures} of 100 words lost");
    }
}
