#!/usr/bin/env python3
"""Reads a set of ticket keys and derives what is derived from it; see ticket-keys.md beside this file. Standard library only."""
import hashlib, hmac, pathlib, re, struct, sys


def extract(salt, secret):
    return hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()


def label(prk, name, context, length):
    name = b"dwcp1 " + name
    info = struct.pack(">HB", length, len(name)) + name + struct.pack(">H", len(context)) + context
    block, out, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        out, counter = out + block, counter + 1
    return out[:length]


def read(data):
    if len(data) < 8:
        raise ValueError("a set of ticket keys has at least 48 bytes")
    magic, version, count, reserved = struct.unpack(">4sBBH", data[:8])
    if magic != b"DWTK" or version != 1 or not 1 <= count <= 4 or reserved or len(data) != 16 + 32 * count:
        raise ValueError("not a set of ticket keys of version 1")
    secrets, name = data[8:-8], data[-8:]
    if label(extract(b"", secrets), b"ticket keys", b"", 8) != name:
        raise ValueError("the set was altered")
    return name, [secrets[at:at + 32] for at in range(0, len(secrets), 32)]


def key(secret, binding, epoch):
    context, prk = binding + struct.pack(">Q", epoch), extract(b"", secret)
    return label(prk, b"ticket name", context, 16), label(prk, b"ticket key", context, 32)


if len(sys.argv) == 3:
    binding, now = bytes.fromhex(sys.argv[1]), int(sys.argv[2])
    if len(binding) != 32:
        sys.exit("a binding has 32 bytes")
    set_name, secrets = read(sys.stdin.buffer.read(145))
    print("set", set_name.hex())
    for epoch in (now // 21600, now // 21600 - 1):
        for secret in secrets:
            print("epoch", epoch, "key", key(secret, binding, epoch)[0][:8].hex())
elif len(sys.argv) == 1:
    page = pathlib.Path(__file__).with_name("ticket-keys.md").read_text()
    vector = re.search(r"^44 57 54 4b[0-9a-f\s]+", page, re.M).group()
    set_name, secrets = read(bytes.fromhex("".join(vector.split())))
    print("set", set_name.hex(), "ok")
    told = re.findall(r"^secret \d: ([0-9a-f]{16})$", page, re.M)
    assert len(told) == len(secrets) == 2
    for at, (secret, expected) in enumerate(zip(secrets, told), 1):
        name = key(secret, b"\x42" * 32, 83000)[0][:8].hex()
        print("secret", at, "key", name, "ok" if name == expected else "WRONG")
        assert name == expected
else:
    sys.exit("ticket_keys.py [BINDING TIME < SET]")
