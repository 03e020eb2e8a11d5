#!/usr/bin/env python3
"""Opens what a DataEncryptor stored and sealed, with the standard library alone, and makes the vectors of data-encryptor.md.

PBKDF2 and AES-256-GCM only: Argon2id and the other algorithms are not in the standard library."""
import base64
import hashlib
import hmac
import struct
import unicodedata

from hkdf_label import expand_label, extract

# --- AES-256 (FIPS 197) and GCM (SP 800-38D), slow and plain -----------------------------------


def xtime(a):
    return (a << 1 ^ 0x11B if a & 0x80 else a << 1) & 0xFF


def product(a, b):
    out = 0
    while b:
        out ^= a if b & 1 else 0
        a, b = xtime(a), b >> 1
    return out


def sbox_entry(byte):
    inverse = next((x for x in range(256) if product(byte, x) == 1), 0)
    out = 0x63
    for shift in range(5):
        out ^= (inverse << shift | inverse >> 8 - shift) & 0xFF
    return out


SBOX = [sbox_entry(byte) for byte in range(256)]


def round_keys(key):
    words, rcon = [key[at:at + 4] for at in range(0, 32, 4)], 1
    while len(words) < 60:
        word = words[-1]
        if len(words) % 8 == 0:
            word = bytes(SBOX[b] for b in word[1:] + word[:1])
            word, rcon = bytes([word[0] ^ rcon]) + word[1:], xtime(rcon)
        elif len(words) % 8 == 4:
            word = bytes(SBOX[b] for b in word)
        words.append(bytes(a ^ b for a, b in zip(words[-8], word)))
    return [b"".join(words[at:at + 4]) for at in range(0, 60, 4)]


def aes(keys, block):
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number, key in enumerate(keys[1:], 1):
        state = [SBOX[state[(at + 4 * (at % 4)) % 16]] for at in range(16)]
        if number < 14:
            columns = [state[at:at + 4] for at in range(0, 16, 4)]
            state = [
                xtime(c[row]) ^ xtime(c[(row + 1) % 4]) ^ c[(row + 1) % 4] ^ c[(row + 2) % 4] ^ c[(row + 3) % 4]
                for c in columns for row in range(4)
            ]
        state = [a ^ b for a, b in zip(state, key)]
    return bytes(state)


def ghash(h, data):
    out = 0
    for at in range(0, len(data), 16):
        x, v, out = out ^ int.from_bytes(data[at:at + 16], "big"), h, 0
        for bit in range(127, -1, -1):
            out ^= v if x >> bit & 1 else 0
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
    return out


def padded(data):
    return data + bytes(-len(data) % 16)


def gcm(key, nonce, aad, data, opening):
    """What comes out, and the tag."""
    keys = round_keys(key)
    stream = b"".join(aes(keys, nonce + struct.pack(">I", 2 + at)) for at in range(len(data) // 16 + 1))
    out = bytes(a ^ b for a, b in zip(data, stream))
    hashed = padded(aad) + padded(data if opening else out) + struct.pack(">QQ", 8 * len(aad), 8 * len(data))
    tag = ghash(int.from_bytes(aes(keys, bytes(16)), "big"), hashed).to_bytes(16, "big")
    return out, bytes(a ^ b for a, b in zip(tag, aes(keys, nonce + b"\0\0\0\1")))


def seal(key, nonce, aad, plaintext):
    ciphertext, tag = gcm(key, nonce, aad, plaintext, False)
    return nonce + ciphertext + tag


def unseal(key, aad, sealed):
    plaintext, tag = gcm(key, sealed[:12], aad, sealed[12:-16], True)
    assert hmac.compare_digest(tag, sealed[-16:]), "not authentic"
    return plaintext


# --- the format --------------------------------------------------------------------------------


def b64(data):
    return base64.b64encode(data).decode().rstrip("=")


def unb64(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))


def schedule(passphrase, header):
    """The key, its id, the key that older keys are under, and what makes commitments."""
    magic, form, algorithm, phc = header.split(" ")
    empty, kdf, iterations, salt = phc.split("$")
    assert (magic, form, algorithm, kdf) == ("dwcp-data-1", "tink", "aes-256-gcm", "pbkdf2-sha256")
    spaces = (" " if unicodedata.category(char) == "Zs" else char for char in passphrase)
    text = unicodedata.normalize("NFC", "".join(spaces)).encode()
    derived = hashlib.pbkdf2_hmac("sha256", text, unb64(salt), int(iterations[2:]), 32)
    prk = extract("sha256", b"", derived)

    def expand(label, context, length):
        return expand_label("sha256", prk, label, context.encode(), length)

    return (
        expand(b"data key", header, 32),
        expand(b"data key id", header, 4),
        expand(b"data older keys", header, 32),
        lambda older: expand(b"data commitment", f"{header} {older}", 32),
    )


def keys_of(passphrase, stored):
    """The keys by id."""
    words = stored.split(" ")
    header, commitment, older = " ".join(words[:4]), words[4], "".join(words[5:])
    key, key_id, older_key, commit = schedule(passphrase, header)
    assert hmac.compare_digest(commit(older), unb64(commitment)), "wrong passphrase"
    found = {key_id: key}
    entries = unseal(older_key, header.encode(), unb64(older)) if older else b""
    while entries:
        assert entries[:2] == b"\1\1", "only Tink's form and AES-256-GCM here"
        found[entries[2:6]], entries = entries[6:38], entries[38:]
    return found


def decrypt(found, sealed, aad):
    assert sealed[:1] == b"\1"
    return unseal(found[sealed[1:5]], aad, sealed[5:])


# --- vectors -----------------------------------------------------------------------------------

OLD = "correct horse battery staple", "dwcp-data-1 tink aes-256-gcm $pbkdf2-sha256$i=600000$AAECAwQFBgcICQoLDA0ODw"
NEW = "Zürich im Regen", "dwcp-data-1 tink aes-256-gcm $pbkdf2-sha256$i=600001$EBESExQVFhcYGRobHB0eHw"


def vectors():
    old_key, old_id, _, _ = schedule(*OLD)
    new_key, new_id, older_key, commit = schedule(*NEW)
    older = b64(seal(older_key, bytes(range(12)), NEW[1].encode(), b"\1\1" + old_id + old_key))
    stored = f"{NEW[1]} {b64(commit(older))} {older}"
    old = b"\1" + old_id + seal(old_key, bytes(range(16, 28)), b"context", b"the bridge is closed")
    new = b"\1" + new_id + seal(new_key, bytes(range(32, 44)), b"context", b"the bridge is open")
    return stored, old, new


if __name__ == "__main__":
    # FIPS 197 appendix C.3, and GCM against SP 800-38D's test case 14.
    assert aes(round_keys(bytes(range(32))), bytes(0x11 * at for at in range(16))).hex() == (
        "8ea2b7ca516745bfeafc49904b496089")
    assert seal(bytes(32), bytes(12), b"", bytes(16))[12:].hex() == (
        "cea7403d4d606b6e074ec5d3baf39d18" "d0d1c8a799996bf0265b98b5d48ab919")
    stored, old, new = vectors()
    print(stored, old.hex(), new.hex(), sep="\n")
    found = keys_of(NEW[0], stored)
    assert decrypt(found, old, b"context") == b"the bridge is closed"
    assert decrypt(found, new, b"context") == b"the bridge is open"
    try:
        keys_of("Zürich in Regen", stored)
    except AssertionError as refused:
        print("another passphrase:", refused)
