#!/usr/bin/env python3
"""Opens keyring files and envelopes, see keyring.md beside this file. Standard library and `cryptography` 44 or later.

keyring_open.py FILE KEY    KEY holds the passphrase, or is the key file; writes the clear keyset as Tink's JSON, or the secret
keyring_open.py             checks the vectors of keyring.md
"""
import base64, contextlib, hashlib, hmac, json, pathlib, re, struct, sys, unicodedata
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

def field(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data

def expand_label(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """HKDF-SHA-256 as in hkdf-label.md; one block is enough."""
    label, prk = b"dwcp1 " + label, hmac.digest(bytes(32), secret, "sha256")
    info = struct.pack(">HB", length, len(label)) + label + struct.pack(">H", len(context)) + context
    return hmac.digest(prk, info + b"\x01", "sha256")[:length]

def derive(phc: str, passphrase: bytes) -> bytes:
    with contextlib.suppress(UnicodeDecodeError):
        text = "".join(" " if unicodedata.category(c) == "Zs" else c for c in passphrase.decode())
        passphrase = unicodedata.normalize("NFC", text).encode()
    salt = base64.b64decode(phc.rsplit("$", 1)[1] + "==")
    if match := re.fullmatch(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$[^$]+", phc):
        memory, passes, lanes = map(int, match.groups())
        assert memory <= 1 << 21 and passes <= 10 and lanes <= 16, "that is more than is ever computed"
        return Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(passphrase)
    rounds = int(re.fullmatch(r"\$pbkdf2-sha256\$i=(\d{1,7})\$[^$]+", phc)[1])
    return hashlib.pbkdf2_hmac("sha256", passphrase, salt, rounds, 32)

def unwrap(key: dict, purpose: str, given: bytes) -> bytes:
    """The data key, from a passphrase or the text of a key file."""
    if key["kind"] == "passphrase":
        source = key["parameters"]["kdf"]
        secret = derive(source, re.sub(rb"\r?\n\Z", b"", given))
    else:
        source = key["parameters"]["key"]
        lines = [line.split() for line in given.decode().splitlines() if line.startswith("dwcp-kek-1 ")]
        secret = next(base64.b64decode(line[3]) for line in lines if line[1] == source)
    binding = field(source.encode()) + field(purpose.encode())
    commitment, wrapped = base64.b64decode(key["parameters"]["commitment"]), base64.b64decode(key["wrapped"])
    assert hmac.compare_digest(commitment, expand_label(secret, b"kek commit", binding, 32)), "wrong key"
    return AESGCM(expand_label(secret, b"kek wrap", binding, 32)).decrypt(wrapped[:12], wrapped[12:], binding)

def aad(document: dict) -> bytes:
    made, key = document["wrapping"]["made"], document["wrapping"]["key"]
    envelope = [b"dwcp envelope 1", document.get("purpose", "").encode()]
    out = b"".join(map(field, [b"dwcp keyring 1"] if "dwcpKeyring" in document else envelope))
    out += field(made.encode()) + field(key["kind"].encode()) + struct.pack(">I", len(key["parameters"]))
    for name, value in sorted(key["parameters"].items()):
        out += field(name.encode()) + field(value.encode())
    out += field(base64.b64decode(key["wrapped"]))
    if history := document.get("history"):
        out += struct.pack(">I", len(history))
        for entry in history:
            times = field(entry.get("created", "").encode()) + field(entry.get("changed", "").encode())
            out += struct.pack(">II", entry["keyId"], entry["destroyed"]) + times + struct.pack(">Q", entry.get("sealed", 0))
    return out

def open_document(text: str, given: bytes) -> bytes:
    """The binary keyset of a keyring file, or the secret of an envelope."""
    document = json.loads(text)
    assert document.get("dwcpKeyring", document.get("dwcpEnvelope")) == 1, "another version"
    data_key = unwrap(document["wrapping"]["key"], document.get("purpose", "keyring"), given)
    sealed = base64.b64decode(document.get("encryptedKeyset", document.get("sealed")))
    return AESGCM(data_key).decrypt(sealed[:12], sealed[12:], aad(document))

def fields(data: bytes):  # of a protocol buffer: their numbers and values
    at = 0
    def varint() -> int:
        nonlocal at
        end = next(i for i in range(at, len(data)) if data[i] < 128) + 1
        digits, at = data[at:end], end
        return sum((digit & 127) << 7 * i for i, digit in enumerate(digits))
    while at < len(data):
        tag, value = varint(), varint()
        if tag & 7 == 2:
            at, value = at + value, data[at:at + value]
        yield tag >> 3, value

def tink_json(keyset: bytes) -> bytes:
    key = lambda k, d: {"keyData": {"typeUrl": d[1].decode(), "value": base64.b64encode(d[2]).decode(), "keyMaterialType": "SYMMETRIC"},
        "status": ("ENABLED", "DISABLED")[k[2] - 1], "keyId": k[3], "outputPrefixType": ("TINK", "LEGACY", "RAW", "CRUNCHY")[k[4] - 1]}
    keys = [dict(fields(value)) for number, value in fields(keyset) if number == 2]
    out = {"primaryKeyId": dict(fields(keyset))[1], "key": [key(k, dict(fields(k[1]))) for k in keys]}
    return json.dumps(out, indent=2).encode() + b"\n"

if __name__ == "__main__":
    if len(sys.argv) == 3:
        text, given = pathlib.Path(sys.argv[1]).read_text(), pathlib.Path(sys.argv[2]).read_bytes()
        opened = open_document(text, given)
        sys.stdout.buffer.write(tink_json(opened) if "dwcpKeyring" in json.loads(text) else opened)
    else:
        page = pathlib.Path(__file__).with_name("keyring.md").read_text()
        given = re.search(r"^passphrase +(.+)$", page, re.M)[1].encode()
        opened = re.findall(r"^opened +([0-9a-f]+)$", page, re.M)
        for text, expected in zip(re.findall(r"^```json\n(.*?)^```", page, re.M | re.S), opened, strict=True):
            assert open_document(text, given).hex() == expected, "WRONG"
            print("ok")
