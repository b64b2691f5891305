"""FLUX.2 klein: the released models in every rule of their shape, but narrow; the text encoder as deep as is used."""

import json
import pathlib
import tempfile

import numpy
import torch
from diffusers import (
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
)
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3ForCausalLM

import common
from common import Fixture, byte_tokens, hashed, inputs, noise, picture

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# Added to Qwen3's vocabulary like the special ones, but ordinary text.
THOUGHT = ["<think>", "</think>"]
PROMPTS = ["a red fox in the snow", "Ein Fuchs, zwei Äpfel \u2014 \u72d0\u72f8!", "x"]
# What Qwen3's template makes of a single message of a user.
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
    "{% endif %}"
)
# Rows of the 512 hidden states that are kept: the prompt's, and some that fill up.
ROWS = [*range(0, 72, 3), 200, 511]

plain = common.weight


def weight(name, shape):
    """Variances are positive."""
    if name.endswith("running_var"):
        values = hashed(name, shape[0]) * numpy.float32(0.5) + numpy.float32(1.0)
        return torch.from_numpy(values)
    return plain(name, shape)


common.weight = weight


def tokenizer():
    words = byte_tokens() + ["he", "th", "the", "\u0120the"]
    merges = ["h e", "t h", "t he", "\u0120 the"]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        vocabulary = {word: index for index, word in enumerate(words + SPECIAL)}
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
        made = Qwen2Tokenizer.from_pretrained(folder, pad_token=SPECIAL[0], additional_special_tokens=SPECIAL[1:])
    made.add_tokens(THOUGHT)
    made.chat_template = TEMPLATE
    return made


def text_encoder(size):
    return Qwen3ForCausalLM(Qwen3Config(
        vocab_size=size, hidden_size=32, intermediate_size=48, num_hidden_layers=29, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, rope_theta=1000000.0, rms_norm_eps=1e-6, max_position_embeddings=4096,
        tie_word_embeddings=True))


def main():
    fixture = Fixture("flux2")
    words = tokenizer()
    transformer = Flux2Transformer2DModel(
        num_layers=2, num_single_layers=2, num_attention_heads=2, joint_attention_dim=96, guidance_embeds=False)
    vae = AutoencoderKLFlux2(
        block_out_channels=[8, 16, 16, 16], decoder_block_out_channels=[8, 12, 16, 16], norm_num_groups=4)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
    pipeline = Flux2KleinPipeline(scheduler, vae, text_encoder(len(words)), words, transformer)
    pipeline = fixture.folder(pipeline)
    words, transformer, vae = pipeline.tokenizer, pipeline.transformer, pipeline.vae

    fixture.put("rows", torch.tensor(ROWS))
    for index, prompt in enumerate(PROMPTS):
        message = [{"role": "user", "content": prompt}]
        text = words.apply_chat_template(message, tokenize=False, add_generation_prompt=True, enable_thinking=False)
        fixture.put(f"tokens.{index}", words(text, return_tensors="pt").input_ids[0])
        states, _ = pipeline.encode_prompt(prompt=prompt)
        fixture.put(f"text.{index}", states[0, ROWS])

    # An odd grid and two of a batch; a single picture.
    cases = {"odd": ((5, 7), 2, 9), "plain": ((4, 6), 1, 5)}
    for name, (grid, batch, length) in cases.items():
        image = inputs(f"{name} image", batch, grid[0] * grid[1], 128)
        text = inputs(f"{name} text", batch, length, 96)
        time = torch.tensor([0.97, 0.29][:batch])
        out = transformer(
            hidden_states=image, encoder_hidden_states=text, timestep=time,
            img_ids=pipeline._prepare_latent_ids(torch.zeros(batch, 1, *grid)),
            txt_ids=pipeline._prepare_text_ids(text), return_dict=False)[0]
        fixture.put(f"transformer.{name}.image", image)
        fixture.put(f"transformer.{name}.grid", torch.tensor(grid))
        fixture.put(f"transformer.{name}.text", text)
        fixture.put(f"transformer.{name}.time", time)
        fixture.put(f"transformer.{name}.out", out)

    latents = inputs("latents", 1, 32, 6, 5)
    fixture.put("vae.latents", latents)
    fixture.put("vae.decoded", vae.decode(latents).sample)
    image = inputs("picture", 1, 3, 48, 40).clamp(-1, 1)
    fixture.put("vae.picture", image)
    fixture.put("vae.encoded", vae.encode(image).latent_dist.mean)

    runs = [("square", 48, 48, 1.0, None), ("wide", 64, 48, 4.0, "blurry"), ("strong", 48, 64, 7.5, "")]
    for index, (name, width, height, scale, negative) in enumerate(runs):
        rows, columns = height // 16, width // 16
        start = noise(7 + index, 1, rows * columns, 128).mT.reshape(1, 128, rows, columns)
        against = None if negative is None else pipeline.encode_prompt(prompt=negative)[0]
        options = dict(prompt=PROMPTS[index % 2], negative_prompt_embeds=against, guidance_scale=scale,
                       height=height, width=width, num_inference_steps=3, latents=start)
        fixture.put(f"run.{name}.picture", picture(pipeline(**options, output_type="np").images[0]))
    fixture.write()


main()
