"""Reads C2PA files with two validators we did not write and prints their verdicts as JSON.

Usage: read.py MODULE ROOT.pem FILE...
MODULE is `c2pa` (the SDK's own bindings, of another version than ours) or `encypher_c2pa`
(an independent implementation). Prints one JSON object a file: state with the root as an
anchor, state without, failure codes of both; or why there is none. Exit code 3: the module is not installed.
"""

import json
import pathlib
import sys

MIME = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}


def with_sdk(path, root):
    import c2pa

    def state(settings):
        with c2pa.Context.from_json(json.dumps(settings)) as context:
            with c2pa.Reader(str(path), context=context) as reader:
                results = reader.get_validation_results()["activeManifest"]
                failures = [status["code"] for status in results["failure"]]
                return reader.get_validation_state(), failures

    config = "1.3.6.1.5.5.7.3.4\n1.3.6.1.4.1.62558.2.1\n"
    anchors = [{"trust_anchors": root, "trust_kind": "manifest", "trust_uri": "local"}]
    trust = {"anchors": anchors, "trust_config": config}
    offline = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
    anchored = state({**offline, "trust": trust})
    plain = state(offline)
    return anchored, plain


def with_encypher(path, root):
    import encypher_c2pa

    def state(**options):
        report = encypher_c2pa.verify(
            path.read_bytes(), MIME[path.suffix], telemetry=False, online=False, no_default_trust=True, **options
        )
        failures = [status["code"] for status in report["validation_results"]["failure"]]
        return report["validation_state"], failures

    return state(trust_pem=root), state(strict_conformance=True)


def main():
    module, root, *files = sys.argv[1:]
    read = {"c2pa": with_sdk, "encypher_c2pa": with_encypher}[module]
    root = pathlib.Path(root).read_text()
    try:
        __import__(module)
    except ImportError:
        sys.exit(3)
    for file in files:
        try:
            anchored, plain = read(pathlib.Path(file), root)
        except Exception as error:
            print(json.dumps({"error": str(error) or type(error).__name__}), flush=True)
            continue
        print(json.dumps({"anchored": anchored, "plain": plain}), flush=True)


main()
