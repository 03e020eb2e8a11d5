#!/usr/bin/env python3
"""Opens streams sealed by `dwcp encrypt file`, with nothing but the package `cryptography`. See streams.md.

    stream_open.py tink|c2sp KEYSET.json IN OUT [ASSOCIATED-DATA]    KEYSET.json: a clear Tink keyset
    stream_open.py                                                   checks the vectors of streams.md
"""
import base64
import json
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

TAG = 16


def protobuf(data):
    """The fields of a message: numbers for varints, bytes for the rest."""
    fields, at = {}, 0

    def varint(at):
        value = shift = 0
        while True:
            byte = data[at]
            value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                return value, at

    while at < len(data):
        tag, at = varint(at)
        value, at = varint(at)
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        fields[tag >> 3] = value
    return fields


def tink(key, data, aad):
    params = protobuf(key[2])
    size, hash_type = params[2], {3: hashes.SHA256(), 4: hashes.SHA512()}[params[3]]
    head = 8 + size
    if len(data) < head + TAG or data[0] != head:
        raise InvalidTag("no header of this key")
    salt, prefix = data[1 : 1 + size], data[1 + size : head]
    aes = AESGCM(HKDF(hash_type, size, salt, aad).derive(key[3]))
    out, at, index = b"", head, 0
    while True:
        end = min(at + params[1] - (head if index == 0 else 0), len(data))
        last = end == len(data)
        nonce = prefix + index.to_bytes(4, "big") + bytes([last])
        out += aes.decrypt(nonce, data[at:end], b"")
        if last:
            return out
        at, index = end, index + 1


def c2sp(key, data, aad):
    salt, commitment, chunks = data[:24], data[24:56], data[56:]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + aad
    derived = HKDFExpand(hashes.SHA512(), 76, info).derive(key[3])
    if len(key[3]) != 32 or derived[44:] != commitment or len(chunks) % (16384 + TAG) < TAG:
        raise InvalidTag("another key, or a stream that is cut short")
    aes, base = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big")
    parts = range(0, len(chunks), 16384 + TAG)
    nonces = ((base ^ index).to_bytes(12, "big") for index in range(len(parts)))
    return b"".join(aes.decrypt(next(nonces), chunks[at : at + 16384 + TAG], b"") for at in parts)


def open_stream(form, keyset, data, aad):
    for entry in keyset["key"]:
        if entry["status"] == "ENABLED":
            try:
                return form(protobuf(base64.b64decode(entry["keyData"]["value"])), data, aad)
            except InvalidTag:
                pass
    raise SystemExit("no key of the keyset opens this stream")


VECTORS = [
    (
        tink,
        "28648b65430a5ddc2aa9af91ba3c14eeffb4b448df6e1213a854742798cd938ce5f0685ac0339a1964c9346abe954844"
        "011f00fdf02b988546f3b05ae4ced85a0df6b99a5d"
    ),
    (
        c2sp,
        "d2f43415f4a54560f498c5a944d303cd9856f98e3eafec0adcc3cec7cf73798cb3a692aeffaeadbab00f2756a8c643ad"
        "ab592a05686500c3794f8b0e6db0fa3181a2694d0c65a6a9f43441fd00fdf96174bc2d169d"
    ),
]

if __name__ == "__main__":
    if len(sys.argv) >= 5:
        form = {"tink": tink, "c2sp": c2sp}[sys.argv[1]]
        aad = (sys.argv[5:] or [""])[0].encode()
        opened = open_stream(form, json.load(open(sys.argv[2])), open(sys.argv[3], "rb").read(), aad)
        open(sys.argv[4], "wb").write(opened)
    else:
        key = {2: b"\x08\x80\x20\x10\x20\x18\x03", 3: bytes(range(32))}
        for form, sealed in VECTORS:
            opened = form(key, bytes.fromhex(sealed), b"dwcp/ctx")
            print(form.__name__, opened, "ok" if opened == b"hello, stream" else "WRONG")
            assert opened == b"hello, stream"
