"""Low-rank changes on the tiny Qwen-Image transformer of `qwen_image.py`, made by peft as diffusers calls it.

lora_adapter.safetensors is what `save_lora_adapter` writes, and lora_pipeline.safetensors what the pipeline does,
which has other names and alphas of single layers; lora.safetensors has what the transformer gives with them. Needs
peft and what it imports (pip install --no-deps peft==0.21.2 accelerate) beside the others.
"""

import pathlib
import sys
import tempfile

import torch
from diffusers import QwenImagePipeline, QwenImageTransformer2DModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from common import HERE, Fixture, hashed, inputs, weight

LAYERS = [
    "transformer_blocks.0.attn.to_q", "transformer_blocks.0.attn.add_k_proj", "transformer_blocks.0.img_mlp.net.0.proj",
    "transformer_blocks.1.attn.to_out.0", "transformer_blocks.1.txt_mlp.net.2", "proj_out",
]


def numbers(transformer, adapter):
    """Both factors from their names; trainers start with `lora_B` of 0."""
    for name, value in transformer.named_parameters():
        if "lora_" in name:
            factor = 0.15 if "lora_B" in name else (3.0 / value.shape[1]) ** 0.5
            values = torch.from_numpy(hashed(f"{adapter} {name}", value.numel())).reshape(value.shape)
            value.copy_(values * factor)


def forward(transformer):
    """The fixture qwen_image has the same, without changes, under the name `transformer.plain`."""
    return transformer(
        hidden_states=inputs("plain image", 1, 24, 64), encoder_hidden_states=inputs("plain text", 1, 5, 64),
        encoder_hidden_states_mask=None, timestep=torch.tensor([0.83534]), img_shapes=[[(1, 4, 6)]])[0]


def save(folder, transformer, name):
    """As diffusers writes it: by the transformer itself, and by the pipeline with its own prefix."""
    with tempfile.TemporaryDirectory() as written:
        if name == "adapter":
            transformer.save_lora_adapter(written, adapter_name=name)
        else:
            QwenImagePipeline.save_lora_weights(
                written, transformer_lora_layers=get_peft_model_state_dict(transformer, adapter_name=name),
                transformer_lora_adapter_metadata=transformer.peft_config[name].to_dict())
        (path,) = pathlib.Path(written).glob("*.safetensors")
        (folder / f"lora_{name}.safetensors").write_bytes(path.read_bytes())


def main():
    fixture = Fixture("lora")
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    transformer = QwenImageTransformer2DModel(
        num_layers=2, num_attention_heads=2, attention_head_dim=128, joint_attention_dim=64)
    weights = transformer.state_dict().items()
    transformer.load_state_dict({name: weight(name, list(value.shape)) for name, value in weights})
    transformer.eval()
    fixture.put("plain", forward(transformer))
    configs = {
        "adapter": LoraConfig(r=4, lora_alpha=8, target_modules=LAYERS),
        # Ranks and alphas of single layers, and the other rule for the factor.
        "pipeline": LoraConfig(
            r=2, lora_alpha=3, use_rslora=True, target_modules=LAYERS[:2] + LAYERS[-1:],
            rank_pattern={"attn.to_q": 3}, alpha_pattern={"add_k_proj": 5, "^proj_out": 1}),
    }
    for name, config in configs.items():
        transformer.add_adapter(config, adapter_name=name)
        # A set by now, which each run would write in another order.
        transformer.peft_config[name].target_modules = sorted(config.target_modules)
        numbers(transformer, name)
        save(folder, transformer, name)
        for scale in (1.0, 0.7):
            transformer.set_adapters([name], [scale])
            fixture.put(f"{name}.{scale}", forward(transformer))
        transformer.delete_adapters([name])
    # What is read again from the file is the same, so the file says everything.
    def load(name):
        prefix = None if name == "adapter" else "transformer"
        transformer.load_lora_adapter(
            folder / f"lora_{name}.safetensors", prefix=prefix, adapter_name=name, use_safetensors=True)

    for name in configs:
        load(name)
        difference = (forward(transformer) - fixture.tensors[f"{name}.1.0"]).abs().max()
        assert difference < 1e-6, (name, difference)
        transformer.delete_adapters([name])
    for name in configs:
        load(name)
    transformer.set_adapters(list(configs), [0.7, 1.0])
    fixture.put("both", forward(transformer))
    fixture.files, fixture.weights = {}, {}
    fixture.write()


main()
