"""Judges a COSE receipt with PyPI's scitt-cose.

usage: receipt.py RECEIPT LEAF KEY

Prints PROVEN and ends with 0, or ends with 1.
"""

import pathlib
import sys

from scitt_cose.receipt import verify_receipt

receipt, leaf, key = (pathlib.Path(name).read_bytes() for name in sys.argv[1:])
result = verify_receipt(receipt, leaf_entry_hex=leaf.hex(), log_public_key_pem=key)
print("PROVEN" if result.ok else "NOT PROVEN")
sys.exit(0 if result.ok else 1)
