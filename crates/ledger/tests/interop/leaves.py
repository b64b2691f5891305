"""Checks schema and test vectors with public tools: cbor2 reads and writes, zcbor knows the schema."""

import hashlib
import json
import pathlib
import sys

import cbor2
import zcbor

folder = pathlib.Path(sys.argv[1])
vectors = json.loads((folder / "vectors.json").read_text(encoding="utf-8"))
schema = zcbor.DataTranslator.from_cddl((folder / "leaves.cddl").read_text(encoding="utf-8"), 16)


def plain(item):
    if isinstance(item, dict):
        return bytes.fromhex(item["bytes"])
    if isinstance(item, list):
        return [plain(each) for each in item]
    return item


for vector in vectors["leaves"]:
    leaf = bytes.fromhex(vector["leaf"])
    items = cbor2.loads(leaf)
    assert items == plain(vector["items"]), vector["name"]
    assert cbor2.dumps(items, canonical=True) == leaf, vector["name"]
    assert hashlib.sha256(b"\0" + leaf).hexdigest() == vector["leaf_hash"], vector["name"]
    schema.my_types["leaf"].validate_str(leaf)

# What the schema can tell; the form of the encoding it cannot.
form = {"time not in its shortest form", "array of indefinite length", "bytes left over"}
for vector in vectors["refused"]:
    if vector["why"] in form:
        continue
    try:
        schema.my_types["leaf"].validate_str(bytes.fromhex(vector["leaf"]))
    except zcbor.CddlValidationError:
        continue
    raise AssertionError(f"the schema takes: {vector['why']}")
print(f"{len(vectors['leaves'])} leaves agree")
