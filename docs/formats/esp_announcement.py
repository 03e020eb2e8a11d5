#!/usr/bin/env python3
"""Reads announcements of ESP epochs with nothing but the standard library, derives their key material, and checks the vectors of
esp-announcement.md. With an argument it reads that hexadecimal announcement."""
import hashlib
import hmac
import struct
import sys

MODES = {
    1: ("aes-256-gcm", 36),
    2: ("aes-128-gcm", 20),
    3: ("chacha20-poly1305", 36),
    4: ("aes-256-gcm-implicit-iv", 36),
    5: ("aes-128-gcm-implicit-iv", 20),
    6: ("chacha20-poly1305-implicit-iv", 36),
    7: ("aes-256-cbc-hmac-sha-256", 64),
    8: ("aes-256-cbc-hmac-sha-384", 80),
    9: ("aes-256-cbc-hmac-sha-512", 96),
}


def read(announcement):
    if len(announcement) != 44:
        raise ValueError("not 44 bytes")
    version, mode, flags, reserved, spi, epoch = struct.unpack(">BBBBII", announcement[:12])
    if version != 1 or mode not in MODES or flags & ~3 or reserved or spi < 256 or epoch == 0:
        raise ValueError("malformed")
    return {
        "mode": MODES[mode][0],
        "extended": bool(flags & 1),
        "transport": bool(flags & 2),
        "spi": spi,
        "epoch": epoch,
        "random": announcement[12:].hex(),
        "length": MODES[mode][1],
    }


def material(prk, initiator_seals, announcement, binding):
    """The key material: HKDF-Expand with SHA-256 under the labels of hkdf-label.md."""
    length = read(announcement)["length"]
    context = bytes([1 if initiator_seals else 2]) + announcement + binding
    label = b"dwcp1 esp packets"
    info = struct.pack(">HB", length, len(label)) + label + struct.pack(">H", len(context)) + context
    out, block = b"", b""
    for counter in range(1, 256):
        if len(out) >= length:
            break
        block = hmac.new(prk, block + info + bytes([counter]), "sha256").digest()
        out += block
    return out[:length]


def head(mode, flags, spi, epoch):
    return struct.pack(">BBBBII", 1, mode, flags, 0, spi, epoch)


RANDOM = bytes(range(0x40, 0x60))
VECTORS = [
    (head(1, 1, 0x1001, 7) + RANDOM, True, "1468d6c680e606bf69f355cce9cc9449724210a94ae9fbadeeff45633dcb8ea3cf4f8e67"),
    (head(1, 1, 0x1001, 7) + RANDOM, False, "f75b8ae9dcca9a51c05a1021fda75a225266152929fb9eabb865031d8cdc4caf8de42162"),
    (head(7, 2, 0xFFFFFFFF, 1) + RANDOM, True, "770f64a742d83e56c2519dde49ebac9bd0e491ef5e4cf837c1dfb719df58a682df4a009275500de4bfbf94cab4c3aa2ec906b136687ea6540e56c0d47742658f"),
]
REFUSED = [
    head(1, 1, 0x1001, 7) + RANDOM[1:],
    b"\2" + (head(1, 1, 0x1001, 7) + RANDOM)[1:],
    head(0, 1, 0x1001, 7) + RANDOM,
    head(10, 1, 0x1001, 7) + RANDOM,
    head(1, 4, 0x1001, 7) + RANDOM,
    head(1, 1, 255, 7) + RANDOM,
    head(1, 1, 0x1001, 0) + RANDOM,
]

if __name__ == "__main__":
    if len(sys.argv) > 1:
        for name, value in read(bytes.fromhex(sys.argv[1])).items():
            print(name, value)
        sys.exit()
    prk = hmac.new(b"\0" * 32, bytes(range(32)), hashlib.sha256).digest()
    for announcement, initiator_seals, expected in VECTORS:
        out = material(prk, initiator_seals, announcement, b"alice and bob").hex()
        print(read(announcement)["mode"], out, "ok" if out == expected else "WRONG")
    for announcement in REFUSED:
        try:
            read(announcement)
            print(announcement.hex(), "WRONG")
        except ValueError as error:
            print(announcement[:12].hex(), "refused:", error)
