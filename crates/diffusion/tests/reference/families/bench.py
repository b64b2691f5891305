"""Times the networks of families in PyTorch, for `cargo xtask bench-diffusion --families`.

    python bench.py FOLDER THREADS [full]

Writes small models into FOLDER, one a family: true in the shape of heads and stages, with random weights. Then it prints
a line of JSON with its version and, of each model, a prompt to read. For each line `FAMILY PART SIDE` of its input,
where PART is `text`, `step` or `decode` of a picture with that side, it prints the seconds of one run.

With `full` there is one model, on the first NVIDIA device: Qwen-Image with its own transformer and auto-encoder in bf16,
and a text encoder of two layers.
"""

import json
import pathlib
import sys
import tempfile
import time

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

import diffusers
import transformers
from common import byte_tokens

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
diffusers.logging.set_verbosity_error()
diffusers.logging.disable_progress_bar()
torch.manual_seed(1)
WORDS = "a red fox and three small birds sit on an old wooden fence in the deep snow near two tall trees".split()
PROMPT = " ".join((WORDS * 3)[:52])
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
HEADS, SIZE, JOINT = 6, 128, 256
FULL = sys.argv[3:] == ["full"]
DEVICE, DTYPE = ("cuda", torch.bfloat16) if FULL else ("cpu", torch.float32)
LAYERS, BASE = 3, 48
if FULL:
    HEADS, JOINT, LAYERS, BASE = 24, 3584, 60, 96
    torch.set_default_dtype(DTYPE)
    torch.set_default_device(DEVICE)


def qwen_tokenizer(texts):
    """One token for each word of the texts."""
    words, merges = byte_tokens(), []
    for word in sorted({part for text in texts for part in text.replace(" ", " \u0120").split()}):
        for end in range(2, len(word) + 1):
            if word[:end] not in words and all(character in words for character in word):
                words.append(word[:end])
                merges.append(f"{word[:end - 1]} {word[end - 1]}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words + SPECIAL)}))
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
        return Qwen2Tokenizer.from_pretrained(folder, pad_token=SPECIAL[0], additional_special_tokens=SPECIAL[1:])


def qwen():
    transformer = QwenImageTransformer2DModel(
        num_layers=LAYERS, num_attention_heads=HEADS, attention_head_dim=SIZE, joint_attention_dim=JOINT)
    pipeline = QwenImagePipeline(None, None, None, None, transformer)
    words = qwen_tokenizer([pipeline.prompt_template_encode.replace("{}", " "), PROMPT, " " + PROMPT])
    text = {
        "vocab_size": max(words.get_vocab().values()) + 1, "hidden_size": JOINT, "intermediate_size": 4 * JOINT, "num_hidden_layers": 2 if FULL else 6,
        "num_attention_heads": JOINT // 64, "num_key_value_heads": JOINT // 128, "rope_theta": 1000000.0, "rms_norm_eps": 1e-6,
        "rope_scaling": {"mrope_section": [8, 12, 12], "rope_type": "default", "type": "default"},
        "max_position_embeddings": 4096, "hidden_act": "silu", "tie_word_embeddings": False,
    }
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": JOINT,
              "patch_size": 14, "window_size": 112, "fullatt_block_indexes": [0]}
    encoder = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision))
    scheduler = FlowMatchEulerDiscreteScheduler(
        shift=1.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, base_image_seq_len=256,
        max_image_seq_len=8192, shift_terminal=0.02, time_shift_type="exponential")
    return QwenImagePipeline(scheduler, AutoencoderKLQwenImage(base_dim=BASE), encoder, words, transformer)


def flux():
    words = byte_tokens()
    words += [word + "</w>" for word in words] + ["<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
        (folder / "merges.txt").write_text("#version: 0.2\n")
        clip_words = CLIPTokenizer.from_pretrained(folder, pad_token="<|endoftext|>", model_max_length=77)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    pieces += [(character, -6.0 - index / 64) for index, character in enumerate("abcdefghijklmnopqrstuvwxyz")]
    t5_words = T5Tokenizer(vocab=pieces, extra_ids=2)
    clip = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(words), hidden_size=256, intermediate_size=1024, num_hidden_layers=4, num_attention_heads=4,
        max_position_embeddings=77, hidden_act="quick_gelu", projection_dim=256, bos_token_id=0, eos_token_id=2))
    t5 = T5EncoderModel(T5Config(
        vocab_size=len(t5_words) + 3, d_model=JOINT, d_kv=64, d_ff=4 * JOINT, num_layers=6, num_heads=4,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False))
    vae = AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=(64, 128, 256, 256), layers_per_block=2, latent_channels=16, scaling_factor=0.3611,
        shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False)
    transformer = FluxTransformer2DModel(
        num_layers=1, num_single_layers=2, num_attention_heads=HEADS, attention_head_dim=SIZE,
        joint_attention_dim=JOINT, pooled_projection_dim=256, guidance_embeds=False)
    return FluxPipeline(FlowMatchEulerDiscreteScheduler(shift=1.0), vae, clip, clip_words, t5, t5_words, transformer)


class Qwen:
    def __init__(self, pipeline):
        self.pipeline = pipeline

    def text(self, _):
        self.states, _ = self.pipeline.encode_prompt(prompt=PROMPT)
        return self.states.shape[1]

    def step(self, side):
        grid = side // 16
        self.pipeline.transformer(
            hidden_states=torch.randn(1, grid * grid, 64), encoder_hidden_states=self.states,
            timestep=torch.tensor([0.5]), img_shapes=[[(1, grid, grid)]])

    def decode(self, side):
        self.pipeline.vae.decode(torch.randn(1, 16, 1, side // 8, side // 8))


class Flux:
    def __init__(self, pipeline):
        self.pipeline = pipeline

    def text(self, _):
        self.states, self.pooled, self.ids = self.pipeline.encode_prompt(prompt=PROMPT, max_sequence_length=256)
        return self.states.shape[1]

    def step(self, side):
        grid = side // 16
        self.pipeline.transformer(
            hidden_states=torch.randn(1, grid * grid, 64), encoder_hidden_states=self.states, txt_ids=self.ids,
            pooled_projections=self.pooled, timestep=torch.tensor([0.5]),
            img_ids=FluxPipeline._prepare_latent_image_ids(1, grid, grid, "cpu", torch.float32))

    def decode(self, side):
        self.pipeline.vae.decode(torch.randn(1, 16, side // 8, side // 8))


def main(folder, threads):
    torch.set_num_threads(threads)
    families = {}
    kinds = [("qwen-image", qwen, Qwen)] if FULL else [("qwen-image", qwen, Qwen), ("flux", flux, Flux)]
    for name, build, family in kinds:
        pipeline = build()
        pipeline.save_pretrained(f"{folder}/{name}", max_shard_size="8GB")
        families[name] = family(pipeline)
    with torch.inference_mode():
        tokens = {name: family.text(0) for name, family in families.items()}
        version = torch.__version__.split("+")[0]
        print(json.dumps({"version": version, "prompt": PROMPT, "tokens": tokens}), flush=True)
        for line in sys.stdin:
            name, part, side = line.split()
            run = getattr(families[name], part)
            begin = time.perf_counter()
            run(int(side))
            if FULL:
                torch.cuda.synchronize()
            print(time.perf_counter() - begin, flush=True)


main(sys.argv[1], int(sys.argv[2]))
