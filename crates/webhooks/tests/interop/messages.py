"""Checks messages from standard input, JSON, and prints one of its own.

Shared secrets by the `standardwebhooks` package; that package has no key pairs, so those by `cryptography` and the
specification. Exit code 3: a module is missing.
"""

import base64
import json
import sys
from datetime import datetime, timezone

try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from standardwebhooks.webhooks import Webhook
except ImportError:
    sys.exit(3)

given = json.load(sys.stdin)
headers, body = given["headers"], given["body"]
Webhook(given["secret"]).verify(body, headers)

content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
public = Ed25519PublicKey.from_public_bytes(base64.b64decode(given["public"].removeprefix("whpk_")))
pairs = [text.split(",") for text in headers["webhook-signature"].split(" ")]
for signature in (value for version, value in pairs if version == "v1a"):
    public.verify(base64.b64decode(signature), content)

now = datetime.now(tz=timezone.utc)
body = json.dumps({"type": "job.completed", "data": {"ä": 1}})
key = Ed25519PrivateKey.generate()
stamp = int(now.timestamp())
answer = {
    "id": "msg_python",
    "timestamp": stamp,
    "body": body,
    "v1": Webhook(given["secret"]).sign("msg_python", now, body),
    "v1a": "v1a," + base64.b64encode(key.sign(f"msg_python.{stamp}.{body}".encode())).decode(),
    "public": "whpk_" + base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode(),
    "versions": sorted(version for version, _ in pairs),
}
print(json.dumps(answer))
