#!/usr/bin/env python3
"""Reads a join token; see join-token.md beside this file. Standard library only."""
import base64, hashlib, json, pathlib, re, sys


def plain(text):
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("not base64url without padding")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise ValueError("bits are left over")
    return data


def read(text):
    text = text.strip()
    if len(text) > 2048 or not text.startswith("dwcp1_"):
        raise ValueError("not a join token")
    body = plain(text[6:]).decode()
    token = json.loads(body)
    if list(token) != ["a", "s", "f", "t", "k"] or not all(isinstance(value, str) for value in token.values()):
        raise ValueError("not the fields of a join token")
    if json.dumps(token, separators=(",", ":"), ensure_ascii=False) != body:
        raise ValueError("not written as a join token is")
    port = re.fullmatch(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([1-9][0-9]{0,4})", token["a"])
    if not port or int(port.group(1)) > 65535:
        raise ValueError("the address is not HOST:PORT")
    if not token["s"].startswith("spiffe://") or not re.fullmatch(r"[0-9a-f]{64}", token["f"]):
        raise ValueError("no SPIFFE ID, or no fingerprint")
    if not re.fullmatch(r"[0-9a-f]{16}", token["t"]) or len(plain(token["k"])) != 32:
        raise ValueError("no identifier, or no secret")
    return token


if len(sys.argv) == 1:
    page = pathlib.Path(__file__).with_name("join-token.md").read_text()
    token = read(re.search(r"^dwcp1_\S+$", page, re.M).group())
    told = dict(re.findall(r"^(\w+): (\S+)$", page, re.M))
    kept = hashlib.sha256(plain(token["k"])).hexdigest()
    for name, found in [("address", token["a"]), ("server", token["s"]), ("root", token["f"]), ("id", token["t"]), ("kept", kept)]:
        print(name, found, "ok" if told[name] == found else "WRONG")
        assert told[name] == found
elif sys.argv[1:] == ["-"]:
    token = read(sys.stdin.read(4096))
    print("address", token["a"], "server", token["s"], "root", token["f"], "id", token["t"])
else:
    sys.exit("join_token.py [- < TOKEN]")
