#!/usr/bin/env python3
"""Reads the records of tokens and members; see enrolment.md beside this file. Standard library only."""
import hashlib, json, pathlib, re, sys

TOKEN = ["version", "id", "secret_sha256", "name", "allow", "created", "expires", "spent", "revoked"]
MEMBER = ["version", "identity", "names", "ttl", "serials", "token", "joined", "renewed"]
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z"


def read(line, fields):
    record = json.loads(line)
    if json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n" != line:
        raise ValueError("not written as a record is")
    if list(record) != fields or record["version"] != 1:
        raise ValueError("not the fields of version 1")
    return record


def token(line):
    record = read(line, TOKEN)
    if not re.fullmatch("[0-9a-f]{16}", record["id"]) or not re.fullmatch("[0-9a-f]{64}", record["secret_sha256"]):
        raise ValueError("no identifier, or no digest")
    if not re.fullmatch(TIME, record["created"]) or not re.fullmatch(TIME, record["expires"]):
        raise ValueError("no time")
    spent, revoked = record["spent"], record["revoked"]
    if spent is not None and (revoked is not None or list(spent) != ["at", "pin", "identity"]):
        raise ValueError("not what became of a token")
    return record, "spent" if spent else "revoked" if revoked else "open"


def member(line):
    record = read(line, MEMBER)
    if not 1 <= len(record["serials"]) <= 2 or not 1 <= len(record["names"]) <= 64:
        raise ValueError("not the serials or names of a member")
    if "URI:" + record["identity"] not in record["names"]:
        raise ValueError("the identity is not among the names")
    return record, hashlib.sha256(record["identity"].lower().encode()).hexdigest()


if len(sys.argv) == 1:
    page = pathlib.Path(__file__).with_name("enrolment.md").read_text()
    blocks = re.findall(r"### Vectors of (\w+)\n.*?```json\n(.*?)```", page, re.S)
    assert [name for name, _ in blocks] == ["tokens", "members"]
    told = iter(re.findall(r"^(?:became|file): (\w+)$", page, re.M))
    for name, block in blocks:
        for line in block.splitlines(keepends=True):
            record, found = (token if name == "tokens" else member)(line)
            expected = next(told)
            print(name, record.get("id") or record["identity"], found, "ok" if found == expected else "WRONG")
            assert found == expected
elif len(sys.argv) == 3 and sys.argv[1] in ("token", "member"):
    data = pathlib.Path(sys.argv[2]).read_bytes()[: (128 << 10) + 1].decode()
    record, found = (token if sys.argv[1] == "token" else member)(data)
    print(record.get("id") or record["identity"], found)
else:
    sys.exit("enrolment_records.py [token FILE | member FILE]")
