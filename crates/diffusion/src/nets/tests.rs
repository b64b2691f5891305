use candle_core::{D, DType, Device, Tensor};
use proptest::prelude::*;

use super::*;
use crate::device::Compute;
use crate::weights::Weights;

fn random(shape: &[usize]) -> Tensor {
    Tensor::randn(0.0_f32, 1.0, shape, &Device::Cpu).unwrap()
}

fn values(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let pairs = values(a).into_iter().zip(values(b));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// All scores at once: what the pieces are held against.
fn plain(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let scale = (q.dim(D::Minus1)? as f64).powf(-0.5);
    let scores = (q.contiguous()?.matmul(&k.t()?.contiguous()?)? * scale)?;
    Ok(candle_nn::ops::softmax_last_dim(&scores)?.matmul(&v.contiguous()?)?)
}

/// Weights as a file of these tensors holds them.
fn weights(tensors: &[(&str, &Tensor)]) -> Weights {
    let views: Vec<(String, Tensor)> = tensors
        .iter()
        .map(|(name, tensor)| ((*name).to_owned(), (*tensor).clone()))
        .collect();
    let bytes = safetensors::serialize(views, None).unwrap();
    Weights::embedded("test", bytes.leak()).unwrap()
}

#[test]
fn attention_in_pieces_is_attention() {
    // Enough keys that the scores do not fit at once.
    let (q, k, v) = (
        random(&[1, 2, 4500, 8]),
        random(&[1, 2, 4400, 8]),
        random(&[1, 2, 4400, 8]),
    );
    let pieces = attention(&q, &k, &v, None, None).unwrap();
    assert!(largest_difference(&pieces, &plain(&q, &k, &v).unwrap()) < 1e-5);
}

#[test]
fn hidden_keys_do_not_count() {
    let (q, k, v) = (
        random(&[2, 2, 3, 8]),
        random(&[2, 2, 6, 8]),
        random(&[2, 2, 6, 8]),
    );
    let there = Tensor::new(
        &[[1.0_f32, 1.0, 1.0, 1.0, 0.0, 0.0], [1.0; 6]],
        &Device::Cpu,
    )
    .unwrap();
    let masked = attention(&q, &k, &v, Some(&Mask::keys(&there).unwrap()), None).unwrap();
    let first = |x: &Tensor, keys: usize| x.narrow(0, 0, 1).unwrap().narrow(2, 0, keys).unwrap();
    let short = plain(&first(&q, 3), &first(&k, 4), &first(&v, 4)).unwrap();
    assert!(largest_difference(&masked.narrow(0, 0, 1).unwrap(), &short) < 1e-6);
    let all = plain(&q, &k, &v).unwrap();
    let second = |x: &Tensor| x.narrow(0, 1, 1).unwrap();
    assert!(largest_difference(&second(&masked), &second(&all)) < 1e-6);
}

#[test]
fn causal_attention_does_not_look_ahead() {
    let (q, k, v) = (
        random(&[1, 1, 5, 4]),
        random(&[1, 1, 5, 4]),
        random(&[1, 1, 5, 4]),
    );
    let mask = Mask::causal(5, None, &Device::Cpu).unwrap();
    let all = attention(&q, &k, &v, Some(&mask), None).unwrap();
    for tokens in 1..=5 {
        let front = |x: &Tensor| x.narrow(2, 0, tokens).unwrap();
        let last = q.narrow(2, tokens - 1, 1).unwrap();
        let alone = plain(&last, &front(&k), &front(&v)).unwrap();
        assert!(largest_difference(&all.narrow(2, tokens - 1, 1).unwrap(), &alone) < 1e-6);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Our convolution is candle's, for any size, stride and padding.
    #[test]
    fn convolutions_are_candles(
        batch in 1..3_usize, input in 1..5_usize, output in 1..5_usize, height in 1..12_usize, width in 1..12_usize,
        side in prop::sample::select(vec![1_usize, 2, 3, 5]), stride in 1..4_usize,
        top in 0..3_usize, left in 0..3_usize, bottom in 0..3_usize, right in 0..3_usize,
    ) {
        prop_assume!(height + top + bottom >= side && width + left + right >= side);
        let (kernel, bias) = (random(&[output, input, side, side]), random(&[output]));
        let weights = weights(&[("weight", &kernel), ("bias", &bias)]);
        let compute = Compute::cpu();
        let part = Part::root(&weights, &compute);
        let padding = Padding { top, left, bottom, right };
        let conv = Conv2d::new(&part, input, output, side, stride, padding).unwrap();
        let x = random(&[batch, input, height, width]);
        let padded = x.pad_with_zeros(2, top, bottom).unwrap().pad_with_zeros(3, left, right).unwrap();
        let expected = padded.contiguous().unwrap().conv2d(&kernel, 0, stride, 1, 1).unwrap();
        let expected = expected.broadcast_add(&bias.reshape((1, output, 1, 1)).unwrap()).unwrap();
        prop_assert!(largest_difference(&conv.forward(&x).unwrap(), &expected) < 1e-4);
    }

    /// The same where pictures are large enough for Winograd's filtering, which rounds more.
    #[test]
    fn filtered_convolutions_are_candles(
        batch in 1..3_usize, input in 1..20_usize, output in 1..20_usize, height in 13..30_usize, width in 13..30_usize,
        biased: bool,
    ) {
        let (kernel, bias) = (random(&[output, input, 3, 3]), random(&[output]));
        let mut tensors = vec![("weight", &kernel)];
        tensors.extend(biased.then_some(("bias", &bias)));
        let weights = weights(&tensors);
        let compute = Compute::cpu();
        let part = Part::root(&weights, &compute);
        let conv = Conv2d::new(&part, input, output, 3, 1, Padding::even(1)).unwrap();
        let x = random(&[batch, input, height, width]);
        let mut expected = x.conv2d(&kernel, 1, 1, 1, 1).unwrap();
        if biased {
            expected = expected.broadcast_add(&bias.reshape((1, output, 1, 1)).unwrap()).unwrap();
        }
        prop_assert!(largest_difference(&conv.forward(&x).unwrap(), &expected) < 5e-4);
    }

    /// Fused norms are the plain ones, whether a modulation is one for all tokens or one for each.
    #[test]
    fn modulated_norms_are_their_definitions(
        batch in 1..3_usize, tokens in 1..40_usize, width in 2..600_usize, each: bool,
    ) {
        let x = (random(&[batch, tokens, width]) + 3.0).unwrap();
        let y = random(&[batch, tokens, width]);
        let all = random(&[batch, if each { tokens } else { 1 }, 3 * width]);
        let [shift, scale, gate] = pieces::<3>(&all).unwrap();
        let mean = x.mean_keepdim(2).unwrap();
        let centred = x.broadcast_sub(&mean).unwrap();
        let variance = (centred.sqr().unwrap().mean_keepdim(2).unwrap() + 1e-6).unwrap();
        let normed = centred.broadcast_div(&variance.sqrt().unwrap()).unwrap();
        let modulated = normed.broadcast_mul(&(&scale + 1.0).unwrap()).unwrap().broadcast_add(&shift).unwrap();
        prop_assert!(largest_difference(&layer_norm(&x, 1e-6).unwrap(), &normed) < 1e-4);
        let found = modulated_norm(&x, 1e-6, &shift, &scale).unwrap();
        prop_assert!(largest_difference(&found, &modulated) < 2e-4);
        let sum = (&x + y.broadcast_mul(&gate).unwrap()).unwrap();
        prop_assert!(largest_difference(&gated_sum(&x, &y, &gate).unwrap(), &sum) < 1e-5);
    }

    /// Norms of pictures, and SiLU after them in the same pass.
    #[test]
    fn norms_of_pictures_are_their_definitions(
        batch in 1..3_usize, groups in 1..4_usize, each in 1..5_usize, height in 1..40_usize, width in 1..40_usize,
    ) {
        let channels = groups * each;
        let x = random(&[batch, channels, height, width]);
        let (weight, bias) = (random(&[channels]), random(&[channels]));
        let weights = weights(&[("weight", &weight), ("bias", &bias), ("gamma", &weight)]);
        let compute = Compute::cpu();
        let part = Part::root(&weights, &compute);
        let group = GroupNorm::new(&part, groups, channels, 1e-5).unwrap();
        let reference = candle_nn::GroupNorm::new(weight.clone(), bias, channels, groups, 1e-5).unwrap();
        let expected = candle_core::Module::forward(&reference, &x).unwrap();
        prop_assert!(largest_difference(&group.forward(&x).unwrap(), &expected) < 1e-4);
        prop_assert!(largest_difference(&group.silu(&x).unwrap(), &expected.silu().unwrap()) < 1e-4);

        let pixel = PixelNorm::new(&part, channels).unwrap();
        let length = x.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap();
        let gamma = (weight * (channels as f64).sqrt()).unwrap().reshape((1, channels, 1, 1)).unwrap();
        let expected = x.broadcast_div(&length).unwrap().broadcast_mul(&gamma).unwrap();
        prop_assert!(largest_difference(&pixel.forward(&x).unwrap(), &expected) < 1e-5);
        prop_assert!(largest_difference(&pixel.silu(&x).unwrap(), &expected.silu().unwrap()) < 1e-5);
    }
}

#[test]
fn a_convolution_without_room_is_refused() {
    let kernel = random(&[1, 1, 5, 5]);
    let weights = weights(&[("weight", &kernel)]);
    let compute = Compute::cpu();
    let conv = Conv2d::new(
        &Part::root(&weights, &compute),
        1,
        1,
        5,
        1,
        Padding::even(0),
    )
    .unwrap();
    let error = conv
        .forward(&random(&[1, 1, 3, 9]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("convolution"), "{error}");
}

#[test]
fn pixels_are_doubled() {
    let x = Tensor::new(&[[[[1.0_f32, 2.0], [3.0, 4.0]]]], &Device::Cpu).unwrap();
    let expected = [
        1., 1., 2., 2., 1., 1., 2., 2., 3., 3., 4., 4., 3., 3., 4., 4.,
    ];
    assert_eq!(values(&upsample(&x).unwrap()), expected);
}

#[test]
fn streamed_blocks_are_all_seen_in_order_and_read_ahead() {
    for streamed in [false, true] {
        let blocks = Blocks::new(5, streamed, |index| Ok(10 * index)).unwrap();
        let mut seen = Vec::new();
        blocks
            .each(|index, block| {
                seen.push((index, *block));
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, [(0, 0), (1, 10), (2, 20), (3, 30), (4, 40)]);
    }
    let refused = |index: usize| {
        if index == 3 {
            Err(crate::error::DiffusionError::Description(
                "third".to_owned(),
            ))
        } else {
            Ok(index)
        }
    };
    assert!(Blocks::new(5, false, refused).is_err());
    let blocks = Blocks::new(5, true, refused).unwrap();
    let mut last = 0;
    let error = blocks.each(|index, _| {
        last = index;
        Ok(())
    });
    assert!(error.unwrap_err().to_string().contains("third"));
    assert_eq!(last, 2);
}

#[test]
fn norms_are_what_their_definitions_say() {
    let x = random(&[2, 8, 3, 3]);
    let (weight, bias) = (random(&[8]), random(&[8]));
    let weights = weights(&[("weight", &weight), ("bias", &bias)]);
    let compute = Compute::cpu();
    let part = Part::root(&weights, &compute);
    let group = GroupNorm::new(&part, 2, 8, 1e-6).unwrap();
    let reference = candle_nn::GroupNorm::new(weight.clone(), bias.clone(), 8, 2, 1e-6).unwrap();
    let expected = candle_core::Module::forward(&reference, &x).unwrap();
    assert!(largest_difference(&group.forward(&x).unwrap(), &expected) < 1e-5);
    assert!(GroupNorm::new(&part, 3, 8, 1e-6).is_err());

    let rows = random(&[4, 8]);
    let norm = LayerNorm::new(&part, 8, 1e-5).unwrap();
    let plain = layer_norm(&rows, 1e-5).unwrap();
    let plain = plain
        .broadcast_mul(&weight)
        .unwrap()
        .broadcast_add(&bias)
        .unwrap();
    assert!(largest_difference(&norm.forward(&rows).unwrap(), &plain) < 1e-5);
}

#[test]
fn half_precision_keeps_statistics_wide() {
    // A mean that bf16 cannot hold beside the differences.
    let x = Tensor::new(&[256.0_f32, 258.0, 260.0, 262.0], &Device::Cpu)
        .unwrap()
        .unsqueeze(0)
        .unwrap();
    let half = layer_norm(&x.to_dtype(DType::BF16).unwrap(), 1e-6).unwrap();
    assert_eq!(half.dtype(), DType::BF16);
    let expected = layer_norm(&x, 1e-6).unwrap();
    assert!(largest_difference(&half.to_dtype(DType::F32).unwrap(), &expected) < 1e-2);
}
