"""The networks. Tensor names here are the names in the weights file."""
import math

import torch
import torch.nn.functional as F
from torch import nn

GRID, LATENT = 6, 224
EPS = 1e-6


def rms(x, weight):
    return F.rms_norm(x, (x.shape[-1],), weight, EPS)


class Block(nn.Module):
    """Attention and SwiGLU, modulated by one signal that all blocks share plus a bias of this block's own."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.modulation = nn.Parameter(torch.zeros(6, width))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_norm = nn.Parameter(torch.ones(width // heads))
        self.k_norm = nn.Parameter(torch.ones(width // heads))
        self.out = nn.Linear(width, width, bias=False)
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x, signal, cos, sin):
        shift1, scale1, gate1, shift2, scale2, gate2 = (signal + self.modulation).unsqueeze(2).unbind(1)
        h = rms(x, None) * (1 + scale1) + shift1
        b, n, w = h.shape
        q, k, v = self.qkv(h).view(b, n, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = rotate(rms(q, self.q_norm), cos, sin), rotate(rms(k, self.k_norm), cos, sin)
        h = attention(q, k, v).transpose(1, 2).reshape(b, n, w)
        x = x + gate1 * self.out(h)
        h = rms(x, None) * (1 + scale2) + shift2
        gate, up = self.gate_up(h).chunk(2, -1)
        return x + gate2 * self.down(F.silu(gate) * up)


def attention(q, k, v, mask=None):
    """Written out: for 38 tokens PyTorch's fused kernel takes five times as long backwards on a CPU."""
    scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e4)
    return scores.softmax(-1).to(v.dtype) @ v


def rotate(x, cos, sin):
    """Rotary embedding on adjacent pairs."""
    a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(x.dtype)


def rotary(extra, head):
    """cos and sin, (extra + 36, head / 2): first half of the pairs by row, second by column; none for `extra`."""
    pairs = head // 4
    frequency = 100.0 ** (-torch.arange(pairs, dtype=torch.float32) / pairs)
    row, column = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
    place = torch.stack([row.flatten(), column.flatten()], 1).float()
    angle = torch.cat([place[:, :1] * frequency, place[:, 1:] * frequency], 1)
    angle = torch.cat([torch.zeros(extra, 2 * pairs), angle])
    return angle.cos(), angle.sin()


class Painter(nn.Module):
    """Predicts the clean latents of one layer from noisy ones. Condition: what (a row a sprite), and its colour."""

    def __init__(self, rows, colours, width=320, depth=8, heads=5, hidden=864, code=512):
        super().__init__()
        self.width = width
        # The last row of each table means "not said": what guidance compares with.
        self.code = nn.Embedding(rows + 1, code)
        self.code_in = nn.Linear(code, width)
        # A draft straight from the code. It starts as principal components of the art, so that the blocks learn
        # what is left: colours, details, scenes.
        self.draft = nn.Linear(code, GRID * GRID * LATENT)
        self.colour = nn.Embedding(colours + 1, width)
        self.time1 = nn.Linear(256, width)
        self.time2 = nn.Linear(width, width)
        self.signal = nn.Linear(width, 6 * width)
        self.embed = nn.Linear(2 * LATENT, width)
        self.place = nn.Parameter(torch.randn(GRID * GRID, width) * 0.3)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(depth))
        self.final_modulation = nn.Parameter(torch.zeros(2, width))
        self.final = nn.Linear(width, LATENT)
        cos, sin = rotary(2, width // heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        nn.init.zeros_(self.code.weight)
        nn.init.normal_(self.colour.weight, std=0.5)
        nn.init.normal_(self.signal.weight, std=0.02)
        nn.init.zeros_(self.signal.bias)
        nn.init.normal_(self.final.weight, std=0.01)
        nn.init.zeros_(self.final.bias)
        with torch.no_grad():
            for block in self.blocks:
                block.modulation[2] = block.modulation[5] = 0.2

    def forward(self, x, t, code, colour):
        """x (B, 36, 224), t (B,) noise level in 0..1, code (B, 512) and colour (B, width) as embeddings."""
        angle = 1000 * t[:, None] * torch.exp(-math.log(10000) * torch.arange(128, device=t.device) / 128)
        time = self.time2(F.silu(self.time1(torch.cat([angle.cos(), angle.sin()], -1))))
        draft = self.draft(code).view(-1, GRID * GRID, LATENT)
        what = self.code_in(rms(code, None))
        c = F.silu(time + what + colour)
        signal = self.signal(c).view(-1, 6, self.width)
        patches = self.embed(torch.cat([x, draft], -1)) + self.place
        h = torch.cat([torch.stack([what, colour], 1), patches], 1)
        for block in self.blocks:
            h = block(h, signal, self.cos, self.sin)
        shift, scale = (c.unsqueeze(1) + self.final_modulation).chunk(2, 1)
        return draft + self.final(rms(h[:, 2:], None) * (1 + scale) + shift)


class Reader(nn.Module):
    """Reads a prompt: for every word what it heads (concept, count, colour, size, relation), and for the whole the
    background (kind, colour) and the style. A word is a learned vector plus the mean of those of its trigrams."""

    HEADS = ["concept", "count", "colour", "size", "relation", "kind", "kind_colour", "style"]

    def __init__(self, words, trigrams, sizes, width=128, depth=3, heads=4, hidden=352, longest=65):
        super().__init__()
        self.heads = heads
        self.word = nn.Embedding(words, width)
        self.trigram = nn.EmbeddingBag(trigrams, width, mode="mean")
        self.place = nn.Embedding(longest, width)
        self.start = nn.Parameter(torch.randn(width) * 0.3)
        self.blocks = nn.ModuleList(ReaderBlock(width, heads, hidden) for _ in range(depth))
        self.norm = nn.Parameter(torch.ones(width))
        self.answers = nn.ModuleDict({name: nn.Linear(width, size) for name, size in zip(self.HEADS, sizes)})
        for table in (self.word, self.trigram, self.place):
            nn.init.normal_(table.weight, std=0.3)

    def forward(self, words, trigrams, offsets, mask):
        """words (B, N) ids, 0 for unknown; trigrams of all words in a row with offsets; mask (B, N + 1)."""
        b, n = words.shape
        x = self.word(words) + self.trigram(trigrams, offsets).view(b, n, -1)
        x = torch.cat([self.start.expand(b, 1, -1), x], 1) + self.place.weight[: n + 1]
        for block in self.blocks:
            x = block(x, mask)
        x = rms(x, self.norm)
        return {name: self.answers[name](x[:, 1:] if k < 5 else x[:, 0]) for k, name in enumerate(self.HEADS)}


class ReaderBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.Parameter(torch.ones(width)), nn.Parameter(torch.ones(width))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x, mask):
        b, n, w = x.shape
        q, k, v = self.qkv(rms(x, self.norm1)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        h = attention(q, k, v, mask[:, None, None]).transpose(1, 2).reshape(b, n, w)
        x = x + self.out(h)
        gate, up = self.gate_up(rms(x, self.norm2)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Decoder(nn.Module):
    """Latents of one layer as a 96 x 96 picture -> 384 x 384 premultiplied RGBA in -1..1."""

    def __init__(self, width=128, fine=56, depth=5):
        super().__init__()
        self.entry = nn.Conv2d(16, width, 3, padding=1)
        self.blocks = nn.ModuleList(ConvBlock(width) for _ in range(depth))
        self.widen = nn.Conv2d(width, 4 * fine, 1)
        self.fine_entry = nn.Conv2d(4, fine, 3, padding=1)
        self.fine_blocks = nn.ModuleList([ConvBlock(fine)])
        self.exit = nn.Conv2d(fine, 64, 3, padding=1)
        nn.init.zeros_(self.exit.weight)
        nn.init.zeros_(self.exit.bias)

    def forward(self, x):
        h = self.entry(F.pixel_unshuffle(x, 2))
        for block in self.blocks:
            h = block(h)
        h = F.pixel_shuffle(self.widen(F.relu(h)), 2) + self.fine_entry(x)
        for block in self.fine_blocks:
            h = block(h)
        return F.pixel_shuffle(self.exit(F.relu(h)), 4) + x.repeat_interleave(4, 2).repeat_interleave(4, 3)


class ConvBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.3)

    def forward(self, x):
        return x + self.second(F.relu(self.first(F.relu(x))))
