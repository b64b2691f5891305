"""Stable Diffusion 1, 2 and XL: the released models in every rule of their shape, but shallow and narrow."""

import numpy
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    UniPCMultistepScheduler,
)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.pipelines.stable_diffusion import pipeline_stable_diffusion_img2img, pipeline_stable_diffusion_inpaint
from diffusers.schedulers import scheduling_euler_ancestral_discrete
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from common import Fixture, byte_tokens, hashed, inputs, noise, philox, picture

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
PROMPTS = ["a red fox in the snow", "Ein Fuchs, zwei \u00c4pfel \u2014 \u72d0\u72f8!", "x " * 100]
CLASSES = {
    "euler": EulerDiscreteScheduler, "ddim": DDIMScheduler, "dpmpp-2m": DPMSolverMultistepScheduler,
    "unipc": UniPCMultistepScheduler, "euler-a": EulerAncestralDiscreteScheduler,
}
BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")


def tokenizer(pad):
    words = byte_tokens()
    words = words + [word + "</w>" for word in words]
    merges = ["t h", "th e</w>", "r e", "re d</w>", "o x</w>"]
    words += ["th", "the</w>", "re", "red</w>", "ox</w>", BEGIN, END]
    vocabulary = {word: index for index, word in enumerate(words)}
    merges = [tuple(merge.split(" ")) for merge in merges]
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=pad, model_max_length=77)


def text_encoder(cls, size, width, layers, activation, **options):
    return cls(CLIPTextConfig(
        vocab_size=size, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
        num_attention_heads=2, max_position_embeddings=77, hidden_act=activation, bos_token_id=0, eos_token_id=2,
        pad_token_id=1, **options))


def unet(widths, heads, text, **options):
    rows = len(widths)
    attends = options.pop("attends", [True] * (rows - 1) + [False])
    down = ["CrossAttnDownBlock2D" if row else "DownBlock2D" for row in attends]
    up = ["CrossAttnUpBlock2D" if row else "UpBlock2D" for row in reversed(attends)]
    return UNet2DConditionModel(
        in_channels=4, out_channels=4, down_block_types=down, up_block_types=up, block_out_channels=widths,
        attention_head_dim=heads, cross_attention_dim=text, norm_num_groups=8, **options)


def vae(factor):
    return AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3, latent_channels=4,
        block_out_channels=[16, 16, 32], layers_per_block=1, norm_num_groups=8, scaling_factor=factor,
        sample_size=32)


def first():
    """1.5: one kind of encoder, heads by one number, convolutions around attention."""
    words = tokenizer(END)
    return StableDiffusionPipeline(
        vae(0.18215), text_encoder(CLIPTextModel, len(words), 32, 2, "quick_gelu"), words,
        unet([16, 32, 32], 2, 32, layers_per_block=2, sample_size=8),
        PNDMScheduler(**BETAS, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1), None, None, None,
        requires_safety_checker=False)


def second():
    """2.1: predicts v, linear layers around attention, OpenCLIP."""
    words = tokenizer("!")
    return StableDiffusionPipeline(
        vae(0.18215), text_encoder(CLIPTextModel, len(words), 32, 2, "gelu"), words,
        unet([16, 32, 64], [1, 2, 4], 32, layers_per_block=1, sample_size=12, use_linear_projection=True,
             upcast_attention=True),
        DDIMScheduler(**BETAS, prediction_type="v_prediction", set_alpha_to_one=False, steps_offset=1,
                      clip_sample=False), None, None, None, requires_safety_checker=False)


def third(scheduler):
    """XL: two encoders, more layers of attention further in, sizes beside the time."""
    words, others = tokenizer(END), tokenizer("!")
    second = text_encoder(CLIPTextModelWithProjection, len(others), 24, 2, "gelu", projection_dim=20)
    return StableDiffusionXLPipeline(
        vae(0.13025), text_encoder(CLIPTextModel, len(words), 32, 2, "quick_gelu"), second, words, others,
        unet([16, 32, 48], [1, 2, 3], 56, layers_per_block=1, sample_size=16, use_linear_projection=True,
             attends=[False, True, True], transformer_layers_per_block=[1, 2, 3], addition_embed_type="text_time",
             addition_time_embed_dim=8, projection_class_embeddings_input_dim=68),
        scheduler, force_zeros_for_empty_prompt=True)


def fresh(seed):
    """Replaces the noise of ancestral steps by that of the crate's streams."""
    step = [0]

    def draw(shape, **_):
        step[0] += 1
        return torch.from_numpy(philox(seed, step[0], shape.numel()).reshape(shape))

    scheduling_euler_ancestral_discrete.randn_tensor = draw


def write(name, pipeline, groups):
    """`groups` are runs by the configuration that their scheduler is made from; None is the folder's own."""
    fixture = Fixture(name)
    pipeline = fixture.folder(pipeline)
    xl = hasattr(pipeline, "text_encoder_2")
    config = pipeline.scheduler.config
    for index, prompt in enumerate(PROMPTS):
        ids = [words(prompt, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids[0]
               for words in (pipeline.tokenizer, getattr(pipeline, "tokenizer_2", None)) if words]
        fixture.put(f"tokens.{index}", torch.cat(ids))
        states = pipeline.encode_prompt(
            prompt=prompt, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False)
        # Every fourth token, to keep the file small.
        fixture.put(f"text.{index}", states[0][0, ::4])
        if xl:
            fixture.put(f"pooled.{index}", states[2][0])
    width = pipeline.unet.config.cross_attention_dim
    for case, batch, rows, columns, length in (("odd", 2, 7, 5, 9), ("plain", 1, 8, 12, 4), ("small", 1, 2, 3, 1)):
        latents, text = inputs(case + " latents", batch, 4, rows, columns), inputs(case + " text", batch, length, width)
        time, added = torch.tensor([951.0, 12.25][:batch]), {}
        if xl:
            pooled = inputs(case + " pooled", batch, 20)
            sizes = torch.tensor([[512.0, 768, 0, 16, 1024, 832], [64, 48, 8, 0, 64, 48]][:batch])
            added = dict(added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes})
            fixture.put(f"unet.{case}.pooled", pooled)
            fixture.put(f"unet.{case}.sizes", sizes)
        fixture.put(f"unet.{case}.latents", latents)
        fixture.put(f"unet.{case}.text", text)
        fixture.put(f"unet.{case}.time", time)
        fixture.put(f"unet.{case}.out", pipeline.unet(latents, time, text, **added)[0])
    if not xl:
        latents, image = inputs("latents", 1, 4, 5, 3), inputs("picture", 1, 3, 24, 16).clamp(-1, 1)
        fixture.put("vae.latents", latents)
        fixture.put("vae.decoded", pipeline.vae.decode(latents).sample)
        fixture.put("vae.picture", image)
        fixture.put("vae.encoded", pipeline.vae.encode(image).latent_dist.mean)
    for scheduler, runs in groups:
        if scheduler:
            fixture.files["turbo_scheduler_config.json"] = scheduler.to_json_string()
        for seed, (run, sampler, width, height, scale, negative) in enumerate(runs, 7):
            # The released folders say so, whatever class they name.
            options = dict(clip_sample=False) if sampler == "ddim" else {}
            pipeline.scheduler = CLASSES[sampler].from_config(scheduler.config if scheduler else config, **options)
            fresh(seed)
            options = dict(
                prompt=PROMPTS[seed % 2], negative_prompt=negative, guidance_scale=scale, height=height, width=width,
                num_inference_steps=3, latents=noise(seed, 1, 4, height // 4, width // 4))
            fixture.put(f"run.{run}.picture", picture(pipeline(**options, output_type="np").images[0]))
    if name == "stable_diffusion_1":
        edit(fixture, pipeline, config)
    fixture.write()


def edit(fixture, pipeline, config):
    """From a picture, as a whole and where a mask says. The encoder's mean is taken, not a sample."""
    DiagonalGaussianDistribution.sample = lambda self, generator=None: self.mean
    width, height = 32, 24
    pixels = ((hashed("source", width * height * 3) + 1) * 127.5).astype("uint8").reshape(height, width, 3)
    mask = numpy.zeros((height, width), dtype="uint8")
    mask[8:20, 4:16] = 255
    fixture.put("source", torch.from_numpy(pixels.astype("int64")))
    fixture.put("mask", torch.from_numpy(mask.astype("int64")))
    drawn = noise(11, 1, 4, height // 4, width // 4)
    options = dict(prompt=PROMPTS[0], negative_prompt="blurry", guidance_scale=3.0, num_inference_steps=4,
                   output_type="np", image=Image.fromarray(pixels))
    whole, part = pipeline_stable_diffusion_img2img, pipeline_stable_diffusion_inpaint
    for name, kind, module, sampler, strength, extra in [
        ("image", StableDiffusionImg2ImgPipeline, whole, "euler", 0.75, {}),
        ("image multistep", StableDiffusionImg2ImgPipeline, whole, "dpmpp-2m", 0.5, {}),
        ("inpaint", StableDiffusionInpaintPipeline, part, "ddim", 0.75,
         dict(mask_image=Image.fromarray(mask), height=height, width=width)),
    ]:
        module.randn_tensor = lambda shape, **_: drawn.reshape(shape)
        clip = dict(clip_sample=False) if sampler == "ddim" else {}
        parts = dict(pipeline.components, scheduler=CLASSES[sampler].from_config(config, **clip))
        run = kind(**parts, requires_safety_checker=False)
        run.set_progress_bar_config(disable=True)
        fixture.put(f"run.{name}.picture", picture(run(**options, strength=strength, **extra).images[0]))


def main():
    write("stable_diffusion_1", first(), [(None, [
        ("square", "euler", 32, 32, 1.0, None), ("wide", "ddim", 40, 24, 7.5, "blurry"),
        ("tall", "dpmpp-2m", 24, 40, 3.0, None), ("plain", "unipc", 32, 24, 7.5, None),
        ("ancestral", "euler-a", 24, 24, 2.5, None)])])
    write("stable_diffusion_2", second(), [(None, [
        ("square", "ddim", 32, 32, 1.0, None), ("wide", "euler", 40, 24, 7.5, "blurry"),
        ("tall", "dpmpp-2m", 24, 40, 3.0, None)])])
    base = EulerDiscreteScheduler(**BETAS, timestep_spacing="leading", steps_offset=1)
    turbo = EulerAncestralDiscreteScheduler(**BETAS, timestep_spacing="trailing")
    write("stable_diffusion_xl", third(base), [
        (None, [
            ("square", "euler", 32, 32, 1.0, None), ("wide", "euler", 40, 24, 7.5, "blurry"),
            ("tall", "ddim", 24, 40, 5.0, None)]),
        (turbo, [
            ("turbo", "euler-a", 32, 32, 1.0, None), ("guided", "euler-a", 40, 24, 2.0, None),
            ("straight", "euler", 24, 24, 1.0, None)])])


main()
