"""Runs the schedulers of diffusers on a toy network and writes what they give.

    pip install --no-deps diffusers==0.42.1        # and torch, numpy and what these import
    python schedulers.py > schedulers.txt

The toy network and all inputs are made from an integer hash, so the Rust tests make the same ones
and only the results are kept. One line a case: name, then numbers. Cases:

    sigmas NAME      the noise levels of a scheduler (diffusers' own convention)
    steps NAME       its time steps
    run NAME         for each step the state after it, four values, scaled to
                     alpha^2 + sigma^2 = 1 where the scheduler's state is not
"""
import sys

import numpy as np
import torch
import diffusers
from diffusers import schedulers

VALUES = 4


def mix(value):
    """32-bit finaliser of MurmurHash3."""
    value &= 0xFFFFFFFF
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return value ^ (value >> 16)


def hashed(stream):
    """A batch of one: VALUES numbers in [-1, 1), exact in f32."""
    words = [mix(stream * 0x9E3779B9 + i) >> 8 for i in range(VALUES)]
    return torch.tensor([[w / 2**23 - 1 for w in words]])


def toy(state, alpha, sigma):
    """An estimate of the picture: bends with the state and the noise level."""
    return 0.6 * state * alpha + 0.3 * hashed(1) * torch.sqrt(state * state + sigma + 0.5)


def output(kind, state, alpha, sigma):
    """What a network of a kind would predict for that estimate."""
    picture = toy(state.double(), alpha, sigma)
    noise = (state.double() - alpha * picture) / sigma
    return {
        "epsilon": noise,
        "v_prediction": alpha * noise - sigma * picture,
        "flow_prediction": noise - picture,
        "sample": picture,
    }[kind].float()


def line(*words):
    print(*(w if isinstance(w, str) else f"{float(w):.9g}" for w in words))


def run(name, scheduler, kind, flow, variance_exploding=False, injected=False):
    """Steps through the scheduler's own levels; the state starts as `hashed(0)`."""
    sigmas = [float(s) for s in scheduler.sigmas] if hasattr(scheduler, "sigmas") else None
    if sigmas is None:  # DDIM keeps products of alphas
        products = [float(scheduler.alphas_cumprod[int(t)]) for t in scheduler.timesteps]
        sigmas = [((1 - p) / p) ** 0.5 for p in products] + [0.0]
    line("sigmas", name, *sigmas)
    line("steps", name, *scheduler.timesteps)

    def level(s):
        return (1 - s, s) if flow else (1 / (1 + s * s) ** 0.5, s / (1 + s * s) ** 0.5)

    scale = [1 / level(s)[0] if variance_exploding else 1.0 for s in sigmas]
    state = hashed(0) * scale[0]
    values = []
    for i, time in enumerate(scheduler.timesteps):
        alpha, sigma = level(sigmas[i])
        predicted = output(kind, state / scale[i], alpha, sigma)
        if injected:
            schedulers.scheduling_euler_ancestral_discrete.randn_tensor = \
                lambda *_, **__: hashed(100 + i)
        state = scheduler.step(predicted, time, state).prev_sample
        values += list(state[0] / scale[i + 1])
    line("run", name, *values)


def main():
    assert diffusers.__version__ == "0.42.1", diffusers.__version__
    train = dict(num_train_timesteps=1000)
    stable = dict(train, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")

    # Flow schedules.
    flow = schedulers.FlowMatchEulerDiscreteScheduler
    qwen = dict(train, shift=1.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9,
                base_image_seq_len=256, max_image_seq_len=8192, shift_terminal=0.02,
                time_shift_type="exponential")
    for name, tokens, steps in (("qwen-1328-50", 6889, 50), ("qwen-1024-20", 4096, 20),
                                ("qwen-1664x928-8", 6032, 8)):
        scheduler = flow(**qwen)
        mu = 0.5 + (tokens - 256) * (0.9 - 0.5) / (8192 - 256)
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
        line("sigmas", name, *scheduler.sigmas)
    scheduler = flow(**train, shift=3.0)
    scheduler.set_timesteps(28)
    line("sigmas", "sd3-28", *scheduler.sigmas)
    line("sigmas", "sd3-min", scheduler.sigma_min)

    # Stable Diffusion's schedules.
    for spacing, offset in (("leading", 1), ("trailing", 0), ("linspace", 0)):
        for steps in (7, 16, 20):
            scheduler = schedulers.EulerDiscreteScheduler(
                **stable, timestep_spacing=spacing, steps_offset=offset)
            scheduler.set_timesteps(steps)
            line("sigmas", f"sd-{spacing}-{steps}", *scheduler.sigmas)
            line("steps", f"sd-{spacing}-{steps}", *scheduler.timesteps)
    scheduler = schedulers.DPMSolverMultistepScheduler(**stable, use_karras_sigmas=True)
    scheduler.set_timesteps(12)
    line("sigmas", "sd-karras-12", *scheduler.sigmas)
    line("steps", "sd-karras-12", *scheduler.timesteps)

    # Solvers.
    scheduler = flow(**train, shift=2.5)
    scheduler.set_timesteps(6)
    run("flow-euler", scheduler, "flow_prediction", True)
    for kind in ("epsilon", "v_prediction", "sample"):
        scheduler = schedulers.DDIMScheduler(
            **stable, prediction_type=kind, clip_sample=False, steps_offset=1)
        scheduler.set_timesteps(8)
        run(f"ddim-{kind}", scheduler, kind, False)
        for short, cls in (("dpmpp-2m", schedulers.DPMSolverMultistepScheduler),
                           ("unipc", schedulers.UniPCMultistepScheduler)):
            for steps in (1, 2, 9, 20):
                scheduler = cls(**stable, prediction_type=kind)
                scheduler.set_timesteps(steps)
                run(f"{short}-{kind}-{steps}", scheduler, kind, False)
    for kind in ("epsilon", "v_prediction"):
        for short, cls, injected in (
                ("euler-a", schedulers.EulerAncestralDiscreteScheduler, True),
                ("euler", schedulers.EulerDiscreteScheduler, False)):
            scheduler = cls(**stable, prediction_type=kind)
            scheduler.set_timesteps(8)
            run(f"{short}-{kind}", scheduler, kind, False, True, injected)
    for short, cls in (("dpmpp-2m", schedulers.DPMSolverMultistepScheduler),
                       ("unipc", schedulers.UniPCMultistepScheduler)):
        for steps in (3, 10):
            scheduler = cls(**train, prediction_type="flow_prediction", use_flow_sigmas=True,
                            flow_shift=3.0)
            scheduler.set_timesteps(steps)
            run(f"{short}-flow-{steps}", scheduler, "flow_prediction", True)


if __name__ == "__main__":
    with torch.no_grad():
        sys.exit(main())
