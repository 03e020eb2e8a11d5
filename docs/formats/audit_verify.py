#!/usr/bin/env python3
"""Checks an audit log of dwcp-audit; written from docs/formats/audit-log.md alone, standard library only.

usage: audit_verify.py DIR      exit status 0: holds, 7: does not hold, 1: can not be read
"""
import hashlib
import json
import os
import re
import sys

MAX_LINE = 64 * 1024


class Broken(Exception):
    pass


def labelled(label, *parts):
    state = hashlib.sha256()
    for part in (label, *parts):
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


def split(line, member, what):
    match = re.fullmatch(rb'(.*),"' + member + rb'":"([0-9a-f]{64})"\}', line, re.DOTALL)
    if not match:
        raise Broken(f"{what}: does not end in its hash")
    return match.group(1), bytes.fromhex(match.group(2).decode())


def members(line, what):
    def unique(pairs):
        names = [name for name, _ in pairs]
        if len(names) != len(set(names)):
            raise Broken(f"{what}: a member twice")
        return dict(pairs)

    try:
        return json.loads(line.decode("utf-8"), object_pairs_hook=unique)
    except ValueError:
        raise Broken(f"{what}: not JSON") from None


def checkpoint(directory):
    with open(os.path.join(directory, "head"), "rb") as file:
        text = file.read(1025)
    if len(text) > 1024 or not text.endswith(b"\n"):
        raise Broken("head: not one short line")
    body, check = split(text[:-1], b"check", "head")
    if labelled(b"dwcp-audit checkpoint v1", body) != check:
        raise Broken("head: its check does not match")
    head = members(text[:-1], "head")
    if head["version"] != 1:
        raise Broken("head: a version this program does not know")
    return head


def lines(path):
    with open(path, "rb") as file:
        offset = 0
        while line := file.readline(MAX_LINE + 1):
            yield offset, line
            offset += len(line)


def verify(directory):
    head = checkpoint(directory)
    last = max((int(n[4:16]) for n in os.listdir(directory) if re.fullmatch(r"log-\d{12}\.jsonl", n)), default=0)
    sequence, previous, torn = 0, bytes(32), 0
    for number in range(1, max(last, head["segment"]) + 1):
        name = f"log-{number:012}.jsonl"
        path = os.path.join(directory, name)
        if not os.path.isfile(path):
            raise Broken(f"{name}: missing")
        for count, (offset, line) in enumerate(lines(path), 1):
            where = f"{name}, line {count}, byte {offset}, where entry {sequence + 1} is due"
            try:
                if not line.endswith(b"\n"):
                    raise Broken(f"{where}: the line does not end")
                body, digest = split(line[:-1], b"hash", where)
                if labelled(b"dwcp-audit entry v1", (sequence + 1).to_bytes(8, "big"), previous, body) != digest:
                    raise Broken(f"{where}: the hash does not match")
                entry = members(line[:-1], where)
                if entry["seq"] != sequence + 1 or entry["prev"] != previous.hex():
                    raise Broken(f"{where}: does not follow the entry before it")
                place = (number, offset + len(line), digest.hex())
                if entry["seq"] == head["seq"] and place != (head["segment"], head["length"], head["hash"]):
                    raise Broken(f"{where}: not the entry the checkpoint names")
            except Broken:
                # What a power loss left of a write that was never acknowledged, at the very end.
                if number == last and sequence >= head["seq"] and (not line.endswith(b"\n") or b"\0" in line):
                    torn = os.path.getsize(path) - offset
                    break
                raise
            sequence, previous = sequence + 1, digest
    if sequence < head["seq"]:
        raise Broken(f"the log ends at entry {sequence}, entry {head['seq']} had been acknowledged")
    return f"holds: {sequence} entries, {sequence - head['seq']} unconfirmed, {torn} bytes torn, tip {previous.hex()}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(verify(sys.argv[1]))
    except (Broken, KeyError, TypeError) as broken:
        print(f"does not hold: {broken}")
        sys.exit(7)
    except OSError as error:
        print(f"can not be read: {error}")
        sys.exit(1)
