"""The C2SP tlog-witness protocol from both sides, written from the specifications and sharing no code with the
program under test: RFC 6962 by its recursive definitions, signatures by `cryptography`.

    witness.py client URL WITNESS_VKEY   a log that asks a witness
    witness.py witness LOG_VKEY          a witness; prints its address and its key
"""

import base64
import hashlib
import http.server
import struct
import sys
import time
import urllib.error
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def sha256(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


def leaf_hash(data):
    return sha256(b"\x00" + data)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root(leaves):
    """MTH of RFC 6962 section 2.1."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(root(leaves[:k]), root(leaves[k:]))


def consistency(m, leaves, complete=True):
    """SUBPROOF of RFC 6962 section 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if complete else [root(leaves)]
    k = split(n)
    if m <= k:
        return consistency(m, leaves[:k], complete) + [root(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [root(leaves[:k])]


def roots_of(m, n, proof, old_root, complete=True):
    """Old and new root that a consistency proof leads to, following the recursion of SUBPROOF backwards."""
    if m == n:
        if complete:
            return old_root, old_root
        first = proof.pop(0)
        return first, first
    k = split(n)
    if m <= k:
        old, new = roots_of(m, k, proof, old_root, complete)
        return old, node_hash(new, proof.pop(0))
    old, new = roots_of(m - k, n - k, proof, old_root, False)
    left = proof.pop(0)
    return node_hash(left, old), node_hash(left, new)


def key_id(name, kind, public):
    return sha256(name.encode() + b"\n" + bytes([kind]) + public)[:4]


class Signer:
    def __init__(self, name, seed, kind):
        self.name, self.kind = name, kind
        self.key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.key.public_key().public_bytes_raw()

    def vkey(self):
        number = key_id(self.name, self.kind, self.public).hex()
        return f"{self.name}+{number}+{b64(bytes([self.kind]) + self.public)}"

    def line(self, signature):
        return f"\u2014 {self.name} {b64(key_id(self.name, self.kind, self.public) + signature)}\n"


def parse_vkey(text):
    name, number, data = text.strip().split("+", 2)
    data = base64.b64decode(data)
    assert key_id(name, data[0], data[1:]).hex() == number
    return name, data[0], data[1:]


def signature_of(lines, name, kind, public):
    for line in lines.splitlines():
        dash, who, data = line.split(" ")
        data = base64.b64decode(data)
        if dash == "\u2014" and who == name and data[:4] == key_id(name, kind, public):
            return data[4:]
    return None


def checkpoint(origin, leaves):
    return f"{origin}\n{len(leaves)}\n{b64(root(leaves))}\n"


def cosigned_text(text, seconds):
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def post(url, body):
    request = urllib.request.Request(url + "/add-checkpoint", data=body.encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def client(url, vkey):
    name, kind, public = parse_vkey(vkey)
    assert kind == 4
    log = Signer("python.example/log", bytes([7]) * 32, 1)
    leaves = [leaf_hash(str(n).encode()) for n in range(8)]

    def body(old, proof, text, signer=log):
        signed = text + "\n" + signer.line(signer.key.sign(text.encode()))
        return f"old {old}\n" + "".join(b64(h) + "\n" for h in proof) + "\n" + signed

    done, old = [], 0
    for size in [1, 3, 8]:
        text = checkpoint(log.name, leaves[:size])
        proof = consistency(old, leaves[:size]) if old else []
        status, _, lines = post(url, body(old, proof, text))
        assert status == 200, (status, lines)
        signature = signature_of(lines, name, kind, public)
        (seconds,) = struct.unpack(">Q", signature[:8])
        assert abs(seconds - time.time()) < 600
        Ed25519PublicKey.from_public_bytes(public).verify(signature[8:], cosigned_text(text, seconds))
        done.append(str(size))
        old = size
    other = Signer("python.example/log", bytes([8]) * 32, 1)
    unknown = Signer("elsewhere.example", bytes([7]) * 32, 1)
    grown = leaves + [leaf_hash(b"8")]
    text = checkpoint(log.name, grown)
    refused = [
        post(url, body(8, consistency(8, grown), text, other)),
        post(url, body(0, [], checkpoint(unknown.name, leaves), unknown)),
        post(url, body(3, consistency(3, grown), text)),
        post(url, body(8, [leaf_hash(b"lie")], text)),
    ]
    assert refused[2][1]["Content-Type"] == "text/x.tlog.size" and refused[2][2] == "8\n"
    print("cosigned", *done, "refused", *(answer[0] for answer in refused))


def witness(vkey):
    log_name, log_kind, log_public = parse_vkey(vkey)
    own = Signer("python.example/witness", bytes([9]) * 32, 4)
    state = {"size": 0, "root": sha256(b"")}

    def decide(body):
        head, rest = body.split("\n\n", 1)
        text, lines = rest.split("\n\n", 1)
        text += "\n"
        first, *proof = head.split("\n")
        old = int(first.removeprefix("old "))
        origin, size, root_line = text.splitlines()[:3]
        if origin != log_name:
            return 404, None, ""
        signature = signature_of(lines, log_name, log_kind, log_public)
        try:
            Ed25519PublicKey.from_public_bytes(log_public).verify(signature or b"", text.encode())
        except InvalidSignature:
            return 403, None, ""
        size, new_root = int(size), base64.b64decode(root_line)
        if old > size:
            return 400, None, ""
        if old != state["size"] or (old == size and new_root != state["root"]):
            return 409, "text/x.tlog.size", f"{state['size']}\n"
        if old:
            try:
                proof = [base64.b64decode(line) for line in proof]
                found = roots_of(old, size, proof, state["root"])
            except IndexError:
                return 422, None, ""
            if proof or found != (state["root"], new_root):
                return 422, None, ""
        state.update(size=size, root=new_root)
        seconds = int(time.time())
        signature = struct.pack(">Q", seconds) + own.key.sign(cosigned_text(text, seconds))
        return 200, None, own.line(signature)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, kind, text = decide(body) if self.path == "/add-checkpoint" else (404, None, "")
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind or "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    print(own.vkey(), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    {"client": client, "witness": witness}[sys.argv[1]](*sys.argv[2:])
