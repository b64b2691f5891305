"""Drives an images server with the official client: client.py BASE_URL KEY.

Prints one line of JSON a step. Exits with 3 when the client is not installed.
"""

import base64
import json
import struct
import sys
import time
import urllib.request

try:
    import openai
except ImportError:
    sys.exit(3)


def step(name, ok, **more):
    print(json.dumps({"step": name, "ok": bool(ok), **more}))


def size(png):
    """Width and height of a whole PNG."""
    whole = png.startswith(b"\x89PNG\r\n\x1a\n") and png.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", png[16:24]) if whole else None


def refusal(kind, action):
    """The error of this kind that an action raises."""
    try:
        action()
    except kind as error:
        return error
    return None


def main():
    base_url, key = sys.argv[1:]
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=2, timeout=20)
    once = client.with_options(max_retries=0)

    step("models", [model.id for model in client.models.list()] == ["test-model"])

    begun = time.monotonic()
    answer = client.images.generate(prompt="a fox", n=1, size="64x48", model="test-model")
    waited = time.monotonic() - begun
    step("retried", len(answer.data) == 1 and waited >= 1, waited=waited)

    answer = client.images.generate(
        prompt="a fox", n=2, size="64x48", model="test-model", response_format="b64_json"
    )
    sizes = [size(base64.b64decode(item.b64_json, validate=True)) for item in answer.data]
    fine = sizes == [(64, 48), (64, 48)] and isinstance(answer.created, int)
    step("b64_json", fine and all(item.url is None for item in answer.data), sizes=sizes)

    answer = client.images.generate(
        prompt="a fox",
        size="32x32",
        extra_body={"seed": 7, "num_inference_steps": 4, "negative_prompt": "blur"},
    )
    step("extra fields", size(base64.b64decode(answer.data[0].b64_json)) == (32, 32))

    answer = client.images.generate(prompt="a fox", size="64x48", response_format="url")
    with urllib.request.urlopen(answer.data[0].url, timeout=20) as reply:
        kind, picture = reply.headers["Content-Type"], reply.read()
    step("url", kind == "image/png" and size(picture) == (64, 48))

    error = refusal(
        openai.BadRequestError, lambda: once.images.generate(prompt="a fox", size="large")
    )
    fine = error is not None and error.param == "size" and error.code == "invalid_value"
    step("bad size", fine and error.type == "invalid_request_error", error=str(error))

    error = refusal(openai.BadRequestError, lambda: once.images.generate(prompt="a fox", n=11))
    step("bad count", error is not None and error.param == "n", error=str(error))

    stranger = once.with_options(api_key="sk-other")
    error = refusal(
        openai.AuthenticationError, lambda: stranger.images.generate(prompt="a fox")
    )
    step("bad key", error is not None and error.code == "invalid_api_key", error=str(error))

    error = refusal(openai.NotFoundError, lambda: once.embeddings.create(model="m", input="x"))
    step("unknown endpoint", error is not None, error=str(error))


main()
