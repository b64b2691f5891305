"""Asks a service for pictures with the official client: client.py BASE_URL KEY FOLDER.

FOLDER holds `photo.png` and `mask.png`; pictures are written into it. Prints one line of JSON a step. Exits with 3 when the
client is not installed.
"""

import base64
import json
import pathlib
import sys
import urllib.request

try:
    import openai
except ImportError:
    sys.exit(3)

FOLDER = pathlib.Path(sys.argv[3])


def step(name, ok, **more):
    print(json.dumps({"step": name, "ok": bool(ok), **more}), flush=True)


def keep(name, data):
    (FOLDER / name).write_bytes(data)
    return name


def unpacked(item):
    return base64.b64decode(item.b64_json, validate=True)


def refusal(kind, action):
    """The error of exactly this kind that an action raises."""
    try:
        action()
    except openai.OpenAIError as error:
        return error if type(error) is kind else None
    return None


def main():
    base_url, key = sys.argv[1:3]
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=300)
    images = client.images

    models = [model.id for model in client.models.list()]
    step("models", "tiny" in models and len(models) >= 2, models=models)
    step("model", client.models.retrieve("tiny").owned_by == "local")

    raw = images.with_raw_response.generate(
        prompt="a red fox in the snow", n=2, size="512x512", quality="low", background="transparent"
    )
    answer = raw.parse()
    files = [keep(f"py-{at}.png", unpacked(item)) for at, item in enumerate(answer.data)]
    fine = len(files) == 2 and answer.output_format == "png" and answer.size == "512x512"
    ignored = raw.headers.get("x-colophon-ignored")
    step("b64_json", fine and ignored == "background", files=files, ignored=ignored)

    answer = images.generate(
        prompt="a blue cup on a table",
        size="auto",
        response_format="url",
        output_format="jpeg",
        extra_body={"colophon": {"seed": 7, "steps": 4, "title": "A cup"}},
    )
    item = answer.data[0]
    with urllib.request.urlopen(item.url, timeout=60) as reply:
        kind, data = reply.headers["Content-Type"], reply.read()
    made = item.model_extra["colophon"]["generation"]
    fine = kind == "image/jpeg" and item.b64_json is None and made["seed"] == 7 and made["steps"] == 4
    step("url", fine, files=[keep("py-url.jpg", data)])

    partial, completed = [], []
    for event in images.generate(
        prompt="a yellow house", size="512x512", stream=True, partial_images=2, output_format="webp"
    ):
        if event.type == "image_generation.partial_image":
            partial.append(event.partial_image_index)
            data = unpacked(event)
        elif event.type == "image_generation.completed":
            completed.append(event.usage.total_tokens)
            data = unpacked(event)
    fine = partial == [0, 1] and completed == [0]
    step("stream", fine, files=[keep("py-stream.webp", data)], partial=partial)

    with open(FOLDER / "photo.png", "rb") as photo, open(FOLDER / "mask.png", "rb") as mask:
        answer = images.edit(
            image=photo, mask=mask, prompt="a red fox in the snow", model="tiny",
            extra_body={"colophon": {"seed": 7, "steps": 2}},
        )
    step("edit", len(answer.data) == 1, files=[keep("py-edit.png", unpacked(answer.data[0]))])

    def ask(**more):
        return lambda: images.generate(**{"prompt": "a fox", **more})

    error = refusal(openai.BadRequestError, ask(size="large"))
    step("bad size", error and error.param == "size" and error.code == "invalid_value", error=str(error))
    error = refusal(openai.BadRequestError, ask(n=11))
    step("bad count", error and error.param == "n", error=str(error))
    error = refusal(openai.NotFoundError, ask(model="dall-e-3"))
    step("bad model", error and error.code == "model_not_found", error=str(error))
    error = refusal(openai.PermissionDeniedError, ask(extra_body={"colophon": {"allow_unmarked": True}}))
    step("not allowed", error and error.code == "policy_refused", error=str(error))
    stranger = client.with_options(api_key="clp_nobody")
    error = refusal(openai.AuthenticationError, lambda: stranger.images.generate(prompt="a fox"))
    step("bad key", error and error.code == "invalid_api_key", error=str(error))
    error = refusal(
        openai.BadRequestError, lambda: images.edit(image=b"no picture", prompt="a fox", model="tiny")
    )
    step("bad picture", error and error.param == "image", error=str(error))


main()
