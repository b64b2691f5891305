"""Qwen-Image: the released models in every rule of their shape, but two layers deep and narrow."""

import json
import pathlib
import tempfile

import numpy
import torch
from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    QwenImageImg2ImgPipeline,
    QwenImageInpaintPipeline,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.pipelines.qwenimage import pipeline_qwenimage_img2img, pipeline_qwenimage_inpaint
from PIL import Image
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer

from common import Fixture, byte_tokens, hashed, inputs, noise, picture

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PROMPTS = ["a red fox in the snow", "Ein Fuchs, zwei Äpfel \u2014 \u72d0\u72f8!", "x"]


def tokenizer():
    words = byte_tokens() + ["he", "th", "the", "\u0120the"]
    merges = ["h e", "t h", "t he", "\u0120 the"]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        vocabulary = {word: index for index, word in enumerate(words + SPECIAL)}
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
        return Qwen2Tokenizer.from_pretrained(folder, pad_token=SPECIAL[0], additional_special_tokens=SPECIAL[1:])


def text_encoder(size):
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": size, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "rope_theta": 1000000.0, "rms_norm_eps": 1e-6,
            "rope_scaling": {"mrope_section": [2, 3, 3], "rope_type": "default", "type": "default"},
            "max_position_embeddings": 4096, "hidden_act": "silu", "tie_word_embeddings": False,
        },
        vision_config={
            "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 64,
            "patch_size": 14, "window_size": 112, "fullatt_block_indexes": [0],
        },
    )
    return Qwen2_5_VLForConditionalGeneration(config)


def main():
    fixture = Fixture("qwen_image")
    words = tokenizer()
    transformer = QwenImageTransformer2DModel(
        num_layers=2, num_attention_heads=2, attention_head_dim=128, joint_attention_dim=64)
    vae = AutoencoderKLQwenImage(base_dim=8)
    scheduler = FlowMatchEulerDiscreteScheduler(
        shift=1.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, base_image_seq_len=256,
        max_image_seq_len=8192, shift_terminal=0.02, time_shift_type="exponential")
    pipeline = QwenImagePipeline(scheduler, vae, text_encoder(len(words)), words, transformer)
    pipeline = fixture.folder(pipeline, max_shard_size="12MB")
    words, transformer, vae = pipeline.tokenizer, pipeline.transformer, pipeline.vae

    for index, prompt in enumerate(PROMPTS):
        ids = words(pipeline.prompt_template_encode.format(prompt), return_tensors="pt")
        fixture.put(f"tokens.{index}", ids.input_ids[0])
        states, _ = pipeline.encode_prompt(prompt=prompt)
        fixture.put(f"text.{index}", states[0])

    # An odd grid with text of different lengths; one of a batch; two pictures, as editing has them.
    cases = {"odd": ([(5, 7)], 2, 9, [9, 6]), "plain": ([(4, 6)], 1, 5, None), "two": ([(3, 4), (5, 2)], 1, 7, None)}
    for name, (grids, batch, length, used) in cases.items():
        tokens = sum(rows * columns for rows, columns in grids)
        image, states = inputs(name + " image", batch, tokens, 64), inputs(name + " text", batch, length, 64)
        time = torch.tensor([0.83534, 0.2][:batch])
        mask = None
        if used:
            mask = torch.zeros(batch, length, dtype=torch.long)
            for row, count in zip(mask, used):
                row[:count] = 1
            fixture.put(f"transformer.{name}.mask", mask)
        out = transformer(
            hidden_states=image, encoder_hidden_states=states, encoder_hidden_states_mask=mask, timestep=time,
            img_shapes=[[(1, *grid) for grid in grids]] * batch)[0]
        own = grids[0][0] * grids[0][1]
        fixture.put(f"transformer.{name}.image", image)
        fixture.put(f"transformer.{name}.text", states)
        fixture.put(f"transformer.{name}.time", time)
        fixture.put(f"transformer.{name}.grids", torch.tensor(grids))
        fixture.put(f"transformer.{name}.out", out[:, :own])

    latents = inputs("latents", 1, 16, 6, 5)
    fixture.put("vae.latents", latents)
    fixture.put("vae.decoded", vae.decode(latents.unsqueeze(2)).sample[:, :, 0])
    image = inputs("picture", 1, 3, 48, 40).clamp(-1, 1)
    fixture.put("vae.picture", image)
    fixture.put("vae.encoded", vae.encode(image.unsqueeze(2)).latent_dist.mean[:, :, 0])

    runs = [("square", 48, 48, 1.0, None), ("wide", 80, 48, 4.0, "blurry"), ("strong", 48, 80, 7.5, " ")]
    for index, (name, width, height, scale, negative) in enumerate(runs):
        start = noise(7 + index, 1, (height // 16) * (width // 16), 64)
        options = dict(prompt=PROMPTS[index % 2], negative_prompt=negative, true_cfg_scale=scale, height=height,
                       width=width, num_inference_steps=3, latents=start)
        fixture.put(f"run.{name}.latents", pipeline(**options, output_type="latent").images[0])
        fixture.put(f"run.{name}.picture", picture(pipeline(**options, output_type="np").images[0]))

    edit(fixture, pipeline)
    fixture.write()


def edit(fixture, pipeline):
    """From a picture, as a whole and where a mask says. The encoder's mean is taken, not a sample."""
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mean
    width, height = 48, 64
    pixels = ((hashed("source", width * height * 3) + 1) * 127.5).astype("uint8").reshape(height, width, 3)
    mask = numpy.zeros((height, width), dtype="uint8")
    mask[16:48, 8:32] = 255
    fixture.put("source", torch.from_numpy(pixels.astype("int64")))
    fixture.put("mask", torch.from_numpy(mask.astype("int64")))
    packed = noise(11, 1, (height // 16) * (width // 16), 64)
    drawn = pipeline._unpack_latents(packed, height, width, pipeline.vae_scale_factor).transpose(1, 2)
    options = dict(prompt=PROMPTS[0], negative_prompt="blurry", true_cfg_scale=3.0, height=height, width=width,
                   num_inference_steps=4, output_type="np", image=Image.fromarray(pixels))
    for name, module, extra in [
        ("image", pipeline_qwenimage_img2img, dict(strength=0.6)),
        ("inpaint", pipeline_qwenimage_inpaint, dict(strength=0.8, mask_image=Image.fromarray(mask))),
    ]:
        module.randn_tensor = lambda shape, **_: drawn.reshape(shape)
        kind = QwenImageImg2ImgPipeline if name == "image" else QwenImageInpaintPipeline
        run = kind(**pipeline.components)
        run.set_progress_bar_config(disable=True)
        fixture.put(f"run.{name}.picture", picture(run(**options, **extra).images[0]))


main()
