#!/usr/bin/env python3
"""Tink's side of tests/tink.rs: keysets (JSON or binary), messages and streams, all in files.

    tink_peer.py new TEMPLATE KEYSET                      a clear keyset of one key
    tink_peer.py show KEYSET                              ids and states of the keys as Tink reads them
    tink_peer.py seal|open KEYSET AAD IN OUT [IN OUT …]           streams
    tink_peer.py encrypt|decrypt KEYSET AAD IN OUT [IN OUT …]     messages

Exit status 0: all done, 7: Tink refused one (the others after it are not tried).
"""
import base64
import json
import os
import sys

import tink
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from tink import aead, json_proto_keyset_format, proto_keyset_format, secret_key_access, streaming_aead

PIECE = 1 << 20
TYPE = "type.googleapis.com/google.crypto.tink."


class Chacha:
    """Tink in Go and Java has this key type, Tink in Python has not: the same with the package `cryptography`."""

    def __init__(self, keyset):
        keys = [key for key in keyset["key"] if key["status"] == "ENABLED"]
        self.keys = {b"\1" + key["keyId"].to_bytes(4, "big"): self.cipher(key) for key in keys}
        self.primary = b"\1" + keyset["primaryKeyId"].to_bytes(4, "big")

    @staticmethod
    def cipher(key):
        value = base64.b64decode(key["keyData"]["value"])
        # Field 2 of ChaCha20Poly1305Key, 32 bytes, and nothing else: version 0 is not written.
        assert value[:2] == b"\x12\x20" and len(value) == 34 and key["outputPrefixType"] == "TINK", key
        return ChaCha20Poly1305(value[2:])

    @staticmethod
    def new():
        key_id = int.from_bytes(os.urandom(4), "big") | 1
        value = base64.b64encode(b"\x12\x20" + os.urandom(32)).decode()
        data = {"typeUrl": TYPE + "ChaCha20Poly1305Key", "value": value, "keyMaterialType": "SYMMETRIC"}
        key = {"keyData": data, "status": "ENABLED", "keyId": key_id, "outputPrefixType": "TINK"}
        return json.dumps({"primaryKeyId": key_id, "key": [key]})

    def encrypt(self, plaintext, aad):
        nonce = os.urandom(12)
        return self.primary + nonce + self.keys[self.primary].encrypt(nonce, plaintext, aad)

    def decrypt(self, sealed, aad):
        cipher = self.keys.get(sealed[:5])
        if cipher is None:
            raise InvalidTag("no key of this id")
        return cipher.decrypt(sealed[5:17], sealed[17:], aad)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def handle(path):
    keyset = read(path)
    if keyset.startswith(b"{"):
        return json_proto_keyset_format.parse(keyset.decode(), secret_key_access.TOKEN)
    return proto_keyset_format.parse(keyset, secret_key_access.TOKEN)


def messages(path):
    keyset = json.loads(read(path))
    # A destroyed key has no data.
    if any(key.get("keyData", {}).get("typeUrl") == TYPE + "ChaCha20Poly1305Key" for key in keyset["key"]):
        return Chacha(keyset)
    return handle(path).primitive(aead.Aead)


def new(template, path):
    if template == "CHACHA20_POLY1305":
        text = Chacha.new()
    else:
        templates = [aead.aead_key_templates, streaming_aead.streaming_aead_key_templates]
        found = next(getattr(t, template) for t in templates if hasattr(t, template))
        text = json_proto_keyset_format.serialize(tink.new_keyset_handle(found), secret_key_access.TOKEN)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def show(path):
    for key in handle(path).keyset_info().key_info:
        print(key.key_id, {1: "ENABLED", 2: "DISABLED", 3: "DESTROYED"}[key.status])


def copy(source, sink):
    while piece := source.read(PIECE):
        sink.write(piece)


def seal(primitive, aad, source, target):
    with open(source, "rb") as clear, primitive.new_encrypting_stream(open(target, "wb"), aad) as sealed:
        copy(clear, sealed)


def unseal(primitive, aad, source, target):
    with primitive.new_decrypting_stream(open(source, "rb"), aad) as sealed, open(target, "wb") as clear:
        copy(sealed, clear)


def main(verb, *rest):
    if verb in ("new", "show"):
        return {"new": new, "show": show}[verb](*rest)
    keyset, aad, *paths = rest
    aad = aad.encode()
    streams = verb in ("seal", "open")
    primitive = handle(keyset).primitive(streaming_aead.StreamingAead) if streams else messages(keyset)
    for source, target in zip(paths[::2], paths[1::2], strict=True):
        try:
            if streams:
                {"seal": seal, "open": unseal}[verb](primitive, aad, source, target)
            else:
                with open(target, "wb") as file:
                    file.write(getattr(primitive, verb)(read(source), aad))
        except (tink.TinkError, InvalidTag) as error:
            print(f"refused {source}: {error}", file=sys.stderr)
            sys.exit(7)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    aead.register()
    streaming_aead.register()
    main(*sys.argv[1:])
