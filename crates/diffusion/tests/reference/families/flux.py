"""FLUX.1 schnell and dev: the released models in every rule of their shape, but a few layers deep and narrow."""

import inspect
import json
import pathlib
import tempfile

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from diffusers.loaders import single_file_utils
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

from common import Fixture, byte_tokens, inputs, noise, picture, weight

PROMPTS = ["a red fox in the snow", "Ein Fuchs, zwei \u00c4pfel \u2014 \u72d0\u72f8!", "the fox  and the hare " * 36]
# Shapes of the transformer; guidance; most tokens of T5.
MODELS = {
    "flux_schnell": dict(layers=2, singles=2, heads=2, size=128, axes=(16, 56, 56), guidance=False, most=256),
    "flux_dev": dict(layers=1, singles=3, heads=4, size=32, axes=(8, 12, 12), guidance=True, most=512),
}


def clip_tokenizer():
    words = byte_tokens()
    words += [word + "</w>" for word in words] + ["th", "the</w>", "fo", "fox</w>"]
    merges = ["t h", "th e</w>", "f o", "fo x</w>"]
    words += ["<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
        return CLIPTokenizer.from_pretrained(folder, pad_token="<|endoftext|>", model_max_length=77)


def t5_tokenizer():
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0), ("\u2581the", -3.0), ("\u2581fox", -4.0)]
    pieces += [("re", -4.5), ("\u2581a", -3.5), ("nd", -5.0)]
    pieces += [(character, -6.0 - index / 64) for index, character in enumerate("abcdefghijklmnopqrstuvwxyzEF,!\u00c4\u2014")]
    return T5Tokenizer(vocab=pieces, extra_ids=2)


def text_encoder(words, end):
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=77, hidden_act="quick_gelu", projection_dim=24, bos_token_id=0, eos_token_id=end)
    return CLIPTextModel(config)


def text_encoder_2(words):
    # Small heads: scores of T5 are not scaled, and with hashed weights large ones magnify the last digits of f32.
    config = T5Config(
        vocab_size=len(words) + 3, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=8,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    return T5EncoderModel(config)


def auto_encoder():
    return AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=(8, 8, 16, 16), layers_per_block=1, norm_num_groups=4, latent_channels=16,
        scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False)


def build(fixture, shape):
    schedule = dict(shift=1.0)
    if shape["guidance"]:
        schedule = dict(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, base_image_seq_len=256,
                        max_image_seq_len=4096)
    transformer = FluxTransformer2DModel(
        num_layers=shape["layers"], num_single_layers=shape["singles"], num_attention_heads=shape["heads"],
        attention_head_dim=shape["size"], joint_attention_dim=32, pooled_projection_dim=32,
        guidance_embeds=shape["guidance"], axes_dims_rope=shape["axes"])
    words, words_2 = clip_tokenizer(), t5_tokenizer()
    # The released files of schnell and dev say 2, which is not the id that their tokenizer ends a text with.
    end = len(words) - 1 if shape["guidance"] else 2
    pipeline = FluxPipeline(
        FlowMatchEulerDiscreteScheduler(**schedule), auto_encoder(), text_encoder(words, end), words,
        text_encoder_2(words_2), words_2, transformer)
    return fixture.folder(pipeline, max_shard_size="12MB")


def texts(fixture, pipeline, most):
    for index, prompt in enumerate(PROMPTS):
        for name, words, length in (("clip", pipeline.tokenizer, 77), ("t5", pipeline.tokenizer_2, most)):
            ids = words(prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
            fixture.put(f"tokens.{name}.{index}", ids.input_ids[0])
        states, pooled, _ = pipeline.encode_prompt(prompt=prompt, max_sequence_length=most)
        fixture.put(f"pooled.{index}", pooled[0])
        # The first tokens, the first of padding among them, and the last, which are far apart.
        fixture.put(f"text.{index}", torch.cat([states[0, :24], states[0, -8:]]))


def masked(fixture, pipeline):
    """Families other than this one hide padding."""
    ids = pipeline.tokenizer_2(PROMPTS[:2], padding=True, return_tensors="pt")
    fixture.put("masked.ids", ids.input_ids)
    fixture.put("masked.mask", ids.attention_mask)
    fixture.put("masked.out", pipeline.text_encoder_2(ids.input_ids, attention_mask=ids.attention_mask)[0])


def transformers(fixture, transformer, cases):
    for name, rows, columns, batch, length in cases:
        time, guidance = torch.tensor([0.83534, 0.2][:batch]), torch.tensor([3.5, 1.25][:batch])
        out = transformer(
            hidden_states=inputs(name + " image", batch, rows * columns, 64),
            encoder_hidden_states=inputs(name + " text", batch, length, 32),
            pooled_projections=inputs(name + " pooled", batch, 32), timestep=time,
            guidance=guidance if transformer.config.guidance_embeds else None,
            img_ids=FluxPipeline._prepare_latent_image_ids(1, rows, columns, "cpu", torch.float32),
            txt_ids=torch.zeros(length, 3))[0]
        fixture.put(f"transformer.{name}", out)


def original(fixture, transformer, shape):
    """The transformer from a file with the names of the first release, as diffusers reads one."""
    width = shape["heads"] * shape["size"]
    linears = {"img_in": (width, 64), "txt_in": (width, 32), "final_layer.linear": (64, width),
               "final_layer.adaLN_modulation.1": (2 * width, width)}
    for name, size in (("time_in", 256), ("vector_in", 32), ("guidance_in", 256)):
        linears |= {f"{name}.in_layer": (width, size), f"{name}.out_layer": (width, width)}
    norms = []
    for block in range(shape["layers"]):
        for stream in ("img", "txt"):
            name = f"double_blocks.{block}.{stream}"
            linears |= {f"{name}_mod.lin": (6 * width, width), f"{name}_attn.qkv": (3 * width, width),
                        f"{name}_attn.proj": (width, width), f"{name}_mlp.0": (4 * width, width),
                        f"{name}_mlp.2": (width, 4 * width)}
            norms.append(f"{name}_attn.norm")
    for block in range(shape["singles"]):
        name = f"single_blocks.{block}"
        linears |= {f"{name}.modulation.lin": (3 * width, width), f"{name}.linear1": (7 * width, width),
                    f"{name}.linear2": (width, 5 * width)}
        norms.append(f"{name}.norm")
    shapes = {f"{name}.weight": list(size) for name, size in linears.items()}
    shapes |= {f"{name}.bias": [size[0]] for name, size in linears.items()}
    shapes |= {f"{name}.{which}_norm.scale": [shape["size"]] for name in norms for which in ("query", "key")}
    fixture.weights["original.safetensors"] = shapes
    # The width is a number in the source.
    source = inspect.getsource(single_file_utils.convert_flux_transformer_checkpoint_to_diffusers)
    names = {"torch": torch}
    exec(source.replace("3072", str(width)), names)
    convert = names["convert_flux_transformer_checkpoint_to_diffusers"]
    transformer.load_state_dict(convert({name: weight(name, size) for name, size in shapes.items()}))
    transformers(fixture, transformer, [("original", 3, 4, 1, 5)])


def auto_encoders(fixture, vae):
    fixture.put("vae.decoded", vae.decode(inputs("latents", 1, 16, 6, 5)).sample)
    fixture.put("vae.encoded", vae.encode(inputs("picture", 1, 3, 48, 40).clamp(-1, 1)).latent_dist.mean)


def runs(fixture, pipeline, shape):
    cases = [("square", 48, 48, 0.0), ("wide", 80, 48, 0.0)]
    if shape["guidance"]:
        cases = [("square", 48, 48, 3.5), ("tall", 32, 80, 1.0), ("strong", 48, 32, 7.5)]
    for index, (name, width, height, scale) in enumerate(cases):
        start = noise(7 + index, 1, (height // 16) * (width // 16), 64)
        options = dict(prompt=PROMPTS[index % 2], guidance_scale=scale, height=height, width=width,
                       num_inference_steps=3, latents=start, max_sequence_length=shape["most"])
        fixture.put(f"run.{name}.picture", picture(pipeline(**options, output_type="np").images[0]))


def main():
    for name, shape in MODELS.items():
        fixture = Fixture(name)
        pipeline = build(fixture, shape)
        texts(fixture, pipeline, shape["most"])
        masked(fixture, pipeline)
        # An odd grid with two of a batch; one with little text.
        transformers(fixture, pipeline.transformer, [("odd", 5, 7, 2, 9), ("plain", 4, 6, 1, 1)])
        auto_encoders(fixture, pipeline.vae)
        runs(fixture, pipeline, shape)
        if shape["guidance"]:
            original(fixture, pipeline.transformer, shape)
        fixture.write()


main()
