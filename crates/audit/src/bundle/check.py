"""Checks record.leaf, record.tlog-proof, manifest.c2pa and, if named, the picture. Usage: check.py [PICTURE]

Needs Python 3 and the package "cryptography". Formats: c2sp.org/signed-note, tlog-checkpoint, tlog-proof,
tlog-cosignature; RFC 6962 section 2.1 (tree), RFC 8949 (CBOR).
"""

import base64
import hashlib
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def fail(why):
    sys.exit("NOT PROVEN: " + why)


def sha256(data):
    return hashlib.sha256(data).digest()


def decode(text):
    """Base64 in its one spelling."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        fail("a line is not base64")
    return data


def parse_key(text):
    """A verifier key: name, key id, type byte and public key; the id must belong to the rest."""
    name, key_id, data = text.strip().split("+", 2)
    data = decode(data)
    if sha256(name.encode() + b"\n" + data)[:4].hex() != key_id:
        fail("the id of the key " + name + " does not belong to it")
    return name, bytes.fromhex(key_id), data[0], Ed25519PublicKey.from_public_bytes(data[1:])


def verify_note(note, key):
    """Returns the note's text, and when it was cosigned (0 for a plain signature); None without this signature."""
    name, key_id, kind, public_key = key
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.rstrip("\n").split("\n"):
        dash, signer, blob = line.split(" ")
        blob = decode(blob)
        if dash != "—" or signer != name or blob[:4] != key_id:
            continue
        message, time, signature = text.encode(), 0, blob[4:]
        if kind == 4:
            time, signature = int.from_bytes(blob[4:12], "big"), blob[12:]
            message = b"cosignature/v1\ntime %d\n" % time + message
        try:
            public_key.verify(signature, message)
        except InvalidSignature:
            fail("the signature of " + name + " is wrong")
        return text, time
    return None


def climb(leaf_hash, index, size, path):
    """The root of the tree of this size that has the leaf at this index (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        fail("the record lies outside of the tree")
    node, last, root = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            fail("the proof is too long")
        if node % 2 == 1 or node == last:
            root = sha256(b"\x01" + sibling + root)
            while node % 2 == 0 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            root = sha256(b"\x01" + root + sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        fail("the proof is too short")
    return root


def cbor(data):
    """One item of the kinds that records use, and what follows it."""
    kind, small = data[0] >> 5, data[0] & 31
    data = data[1:]
    if kind == 7:
        return None, data
    if small >= 24:
        width = 1 << (small - 24)
        small, data = int.from_bytes(data[:width], "big"), data[width:]
    if kind == 0:
        return small, data
    if kind == 1:
        return -1 - small, data
    if kind in (2, 3):
        item = data[:small]
        return (item.hex() if kind == 2 else item.decode()), data[small:]
    items = []
    for _ in range(small):
        item, data = cbor(data)
        items.append(item)
    return items, data


def main():
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    log_key = parse_key(open("log.vkey", encoding="utf-8").read())
    head, checkpoint = open("record.tlog-proof", encoding="utf-8").read().split("\n\n", 1)
    lines = head.split("\n")
    if lines.pop(0) != "c2sp.org/tlog-proof@v1":
        fail("not a tlog-proof file")
    if lines[0].startswith("extra "):
        lines.pop(0)
    index = int(lines.pop(0).removeprefix("index "))
    path = [decode(line) for line in lines]

    opened = verify_note(checkpoint, log_key)
    if opened is None:
        fail("the checkpoint is not signed by " + log_key[0])
    origin, size, root = opened[0].split("\n")[:3]
    if origin != log_key[0]:
        fail("the checkpoint is of another log")
    leaf = open("record.leaf", "rb").read()
    if climb(sha256(b"\x00" + leaf), index, int(size), path) != decode(root):
        fail("the record is not the one at its place in the log")

    record, rest = cbor(leaf)
    if rest:
        fail("the record has bytes behind its end")
    names = ["type", "version", "issued_at (Unix seconds)", "kind (1 generate, 2 stamp)", "generator", "source_type",
             "asset_sha256", "manifest_sha256", "manifest_id", "signer_key_id", "policy_sha256", "width", "height",
             "watermark_commitment", "private_commitment"]
    for name, value in zip(names, record):
        print(name + ":", value)
    for value in record[len(names):]:
        print("further:", value)
    if os.path.exists("manifest.c2pa") and sha256(open("manifest.c2pa", "rb").read()).hex() != record[7]:
        fail("manifest.c2pa is not the manifest of the record")
    if len(sys.argv) > 1 and sha256(open(os.path.join(START, sys.argv[1]), "rb").read()).hex() != record[6]:
        fail("the picture is not the issued file")
    if os.path.exists("witness-policy.txt"):
        for line in open("witness-policy.txt", encoding="utf-8"):
            words = line.split()
            if len(words) >= 3 and words[0] == "witness":
                found = verify_note(checkpoint, parse_key(words[2]))
                print("witness", words[1] + ":", "cosigned at %d (Unix seconds)" % found[1] if found else "did not cosign")
    print("record %d of the log %s with %s entries: PROVEN" % (index, origin, size))


START = os.getcwd()
try:
    main()
except (ValueError, IndexError, OverflowError, RecursionError, OSError) as error:
    fail("a file cannot be read: %s" % error)
