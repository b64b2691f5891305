"""Judges COSE receipts with PyPI's scitt-cose.

usage: receipts.py FOLDER

FOLDER holds cases.json, a list of {"receipt", "key", and either "leaf" or "old_root" and "new_root"}: names of a
receipt's file and of a PEM key's, and what the receipt is about in hexadecimal. Prints one JSON line a case:
{"ok": bool, "root": hex or null}. Then makes a receipt of its own, theirs.cose, for leaf 2 of five, and prints
{"key": hex of its public key}.
"""

import json
import pathlib
import sys

import cbor2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from scitt_cose import merkle
from scitt_cose.cose_sign1 import CoseError, strict_decode, verify_sign1
from scitt_cose.receipt import build_receipt, verify_receipt


def consistency(receipt, old_root, new_root, key):
    """scitt-cose has no one call for receipts of consistency, but every part of one."""
    protected, unprotected, payload, _ = strict_decode(receipt).value
    if payload is not None or cbor2.loads(protected)[395] != 1:
        raise CoseError("another kind of receipt")
    (proof,) = unprotected[396][-2]
    old, new, path = cbor2.loads(proof)
    nodes = [node.hex() for node in path]
    if not merkle.verify_consistency(old_root, new_root, old, new, nodes):
        raise CoseError("the consistency proof is wrong")
    payload = bytes.fromhex(new_root)
    understood = {1, 2, 395}
    verify_sign1(receipt, public_key_pem=key, detached_payload=payload, understood_labels=understood)
    return new_root


def main():
    folder = pathlib.Path(sys.argv[1])
    for case in json.loads((folder / "cases.json").read_text()):
        receipt = (folder / case["receipt"]).read_bytes()
        key = (folder / case["key"]).read_bytes()
        if "leaf" in case:
            result = verify_receipt(receipt, leaf_entry_hex=case["leaf"], log_public_key_pem=key)
            ok, root = result.ok, result.root
        else:
            try:
                root = consistency(receipt, case["old_root"], case["new_root"], key)
                ok = True
            except Exception:  # whatever a mangled receipt provokes, it is refused
                ok, root = False, None
        print(json.dumps({"ok": ok, "root": root if ok else None}))

    leaves = [f"leaf number {i}".encode().hex() for i in range(5)]
    secret = Ed25519PrivateKey.generate()
    pem = secret.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    theirs = build_receipt(
        leaf_entry_hex=leaves[2],
        leaf_index=2,
        tree_entries_hex=leaves,
        alg="EdDSA",
        log_private_key_pem=pem,
        iss="https://ledger.example.org",
        sub="record 2",
        kid=b"theirs",
    )
    (folder / "theirs.cose").write_bytes(theirs)
    public = secret.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    print(json.dumps({"key": public.hex()}))


main()
