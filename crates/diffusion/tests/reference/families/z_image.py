"""Z-Image: the released models in every rule of their shape, but few layers deep and narrow."""

import json
import pathlib
import tempfile

import numpy
import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    ZImageImg2ImgPipeline,
    ZImageInpaintPipeline,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.pipelines.z_image import pipeline_z_image_img2img, pipeline_z_image_inpaint
from PIL import Image
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3Model

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
    return Qwen3Model(Qwen3Config(
        vocab_size=size, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, rope_theta=1000000.0, rms_norm_eps=1e-6, max_position_embeddings=4096,
        tie_word_embeddings=True))


def main():
    fixture = Fixture("z_image")
    words = tokenizer()
    transformer = ZImageTransformer2DModel(
        dim=384, n_layers=2, n_refiner_layers=2, n_heads=3, n_kv_heads=3, cap_feat_dim=64)
    vae = AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[8, 16, 16, 16], layers_per_block=2, latent_channels=16, norm_num_groups=4,
        scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    pipeline = ZImagePipeline(scheduler, vae, text_encoder(len(words)), words, transformer)
    pipeline = fixture.folder(pipeline)
    words, transformer, vae = pipeline.tokenizer, pipeline.transformer, pipeline.vae

    for index, prompt in enumerate(PROMPTS):
        message = [{"role": "user", "content": prompt}]
        text = words.apply_chat_template(message, tokenize=False, add_generation_prompt=True, enable_thinking=True)
        fixture.put(f"tokens.{index}", words(text, return_tensors="pt").input_ids[0])
        states, _ = pipeline.encode_prompt(prompt=prompt, do_classifier_free_guidance=False)
        fixture.put(f"text.{index}", states[0])

    # An odd grid of tokens; tokens and words that need no filling up; two of a batch with texts of different lengths.
    cases = {"odd": ((5, 7), [9]), "full": ((4, 8), [32]), "two": ((3, 4), [40, 6])}
    for name, ((rows, columns), lengths) in cases.items():
        image = inputs(f"{name} image", len(lengths), 16, 2 * rows, 2 * columns)
        text = [inputs(f"{name} text {index}", length, 64) for index, length in enumerate(lengths)]
        time = torch.tensor([0.03, 0.71][: len(lengths)])
        out = transformer(list(image.unsqueeze(2)), time, text, return_dict=False)[0]
        fixture.put(f"transformer.{name}.image", image)
        fixture.put(f"transformer.{name}.time", time)
        for index, states in enumerate(text):
            fixture.put(f"transformer.{name}.text.{index}", states)
        fixture.put(f"transformer.{name}.out", torch.stack(out).squeeze(2))

    latents = inputs("latents", 1, 16, 6, 5)
    fixture.put("vae.latents", latents)
    fixture.put("vae.decoded", vae.decode(latents).sample)
    image = inputs("picture", 1, 3, 48, 40).clamp(-1, 1)
    fixture.put("vae.picture", image)
    fixture.put("vae.encoded", vae.encode(image).latent_dist.mean)

    # The scale here is one less than the crate's.
    runs = [("square", 48, 48, 0.0, None), ("wide", 80, 48, 3.0, "blurry"), ("strong", 48, 80, 6.5, "")]
    for index, (name, width, height, scale, negative) in enumerate(runs):
        start = noise(7 + index, 1, 16, height // 8, width // 8)
        options = dict(prompt=PROMPTS[index % 2], negative_prompt=negative, guidance_scale=scale, height=height,
                       width=width, num_inference_steps=3, latents=start)
        fixture.put(f"run.{name}.picture", picture(pipeline(**options, output_type="np").images[0]))
    edit(fixture, pipeline)
    fixture.write()


def edit(fixture, pipeline):
    """From a picture, as a whole and where a mask says. The encoder's mean is taken, not a sample."""
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mean
    width, height = 32, 48
    pixels = ((hashed("source", width * height * 3) + 1) * 127.5).astype("uint8").reshape(height, width, 3)
    mask = numpy.zeros((height, width), dtype="uint8")
    mask[16:32, 8:24] = 255
    fixture.put("source", torch.from_numpy(pixels.astype("int64")))
    fixture.put("mask", torch.from_numpy(mask.astype("int64")))
    drawn = noise(11, 1, 16, height // 8, width // 8)
    options = dict(prompt=PROMPTS[0], negative_prompt="blurry", guidance_scale=2.0, height=height, width=width,
                   num_inference_steps=4, output_type="np", image=Image.fromarray(pixels))
    for name, module, kind, extra in [
        ("image", pipeline_z_image_img2img, ZImageImg2ImgPipeline, dict(strength=0.6)),
        ("inpaint", pipeline_z_image_inpaint, ZImageInpaintPipeline,
         dict(strength=0.8, mask_image=Image.fromarray(mask))),
    ]:
        module.randn_tensor = lambda shape, **_: drawn.reshape(shape)
        run = kind(**pipeline.components)
        run.set_progress_bar_config(disable=True)
        fixture.put(f"run.{name}.picture", picture(run(**options, **extra).images[0]))


main()
