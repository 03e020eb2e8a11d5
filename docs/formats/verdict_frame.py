"""Decodes DWCP verdict frames; see verdict-frame.md beside this file. Standard library only."""
import pathlib, re, struct, sys

KINDS = {1: "policy", 2: "target", 3: "full", 4: "draining"}

def decode(frame: bytes) -> str:
    if len(frame) != 64:
        raise ValueError("a verdict frame has 64 bytes")
    magic, version, outcome, kind, wait, length, reserved, reason = struct.unpack(">4sBBHIB3s48s", frame)
    if magic != b"DWCV" or version != 1 or any(reserved) or length > 48 or any(reason[length:]):
        raise ValueError("not a verdict frame of version 1")
    if (outcome, kind, wait, length) == (0, 0, 0, 0):
        return "accepted"
    if outcome != 1 or kind == 0 or not re.fullmatch(rb"[a-z0-9_]+(\.[a-z0-9_]+)*", reason[:length]):
        raise ValueError("the frame contradicts itself")
    return f"refused: kind {kind} ({KINDS.get(kind, 'unknown')}), reason {reason[:length].decode()}, wait {wait} ms"

if len(sys.argv) > 1:
    print(decode(bytes.fromhex(sys.argv[1])))
else:
    page = pathlib.Path(__file__).with_name("verdict-frame.md").read_text()
    for vector in re.findall(r"^44574356[0-9a-f\s]{120,}", page, re.M):
        print(decode(bytes.fromhex(vector)))
