#!/usr/bin/env python3
"""Expands a dwcp label with nothing but the standard library, and checks the vectors of hkdf-label.md."""
import hashlib
import hmac
import struct


def extract(name, salt, secret):
    return hmac.new(salt or b"\0" * hashlib.new(name).digest_size, secret, name).digest()


def expand(name, prk, info, length):
    block, out, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), name).digest()
        out += block
        counter += 1
    return out[:length]


def expand_label(name, prk, label, context, length):
    label = b"dwcp1 " + label
    info = struct.pack(">HB", length, len(label)) + label + struct.pack(">H", len(context)) + context
    return expand(name, prk, info, length)


VECTORS = [
    ("sha256", "43d0cbfc27f22952e2bf177293bbd9b111defb71725617bbeb5b9f3220be578611e397e1"),
    ("sha384", "105486553b073d48a8fa2e5754348ba9a95d24eb07b200c9fae5eb98f96b10fb2f1fe5a1"),
]

if __name__ == "__main__":
    for name, expected in VECTORS:
        out = expand_label(name, extract(name, b"salt", bytes(range(32))), b"initiator seals", b"a and b", 36)
        print(name, out.hex(), "ok" if out.hex() == expected else "WRONG")
        assert out.hex() == expected
