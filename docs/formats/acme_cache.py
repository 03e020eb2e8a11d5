"""Decodes records of a DWCP ACME cache; see acme-cache.md beside this file. Standard library only."""
import base64, datetime, hashlib, pathlib, re, sys

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?!000)\d{3})?Z"
URL = r"(?=[^\n]{9,2048}\n)https://[!-~]+"
WORD = r"(?!-\n)[!-~]{1,320}"
PIN = r"sha256/[A-Za-z0-9+/]{43}="
FORMS = {
    "account": [("directory", URL), ("account", f"-|{URL}"), ("made", TIME), ("external", f"-|{WORD}"),
        ("contacts", r"-|(?!-[ \n])[!-~]{1,320}(?: (?!-[ \n])[!-~]{1,320}){0,7}"), ("key", r"[A-Za-z0-9+/]{2,}={0,2}")],
    "order": [("directory", URL), ("account", URL), ("order", URL), ("names", r"(?:DNS|IP|URI|EMAIL):[!-~]+(?: (?:DNS|IP|URI|EMAIL):[!-~]+){0,99}"),
        ("profile", f"-|{WORD}"), ("made", TIME), ("finalized-for", f"-|{PIN}")],
    "last": [("names", r"[0-9a-f]{64}"), ("directory", URL), ("account", URL), ("certificate", r"[\w-]+\.[\w-]+"), ("not-after", TIME),
        ("advice", f"-|{TIME} {TIME} {TIME} {TIME}"), ("explanation", f"-|{URL}")],
    "pause": [("directory", URL), ("from", TIME), ("to", TIME), ("failures", r"-|(?:[1-9]\d{0,2}|1000) [0-9a-f]{64}"), ("reason", r"(?!-\n| +\n)[ -~]{1,320}")],
}

def time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))

def digest(names: list[str]) -> str:
    return hashlib.sha256("".join(f"{len(n)}:{n}," for n in sorted(set(names))).encode()).hexdigest()

def decode(content: bytes) -> str:
    kind = re.match(rb"dwcp-acme-(account|order|last|pause) 1\n", content)
    if not kind or len(content) > 32 << 10:
        raise ValueError("not a record of version 1")
    kind = kind[1].decode()
    form = "".join(rf"{key} ({value})\n" for key, value in FORMS[kind])
    found = re.fullmatch(rf"dwcp-acme-{kind} 1\n{form}", content.decode(), re.ASCII)
    if not found:
        raise ValueError(f"not a record of an {kind}")
    value = dict(zip((key for key, _ in FORMS[kind]), found.groups()))
    for key in ("made", "not-after", "from", "to"):
        time(value.get(key, "1970-01-01T00:00:00Z"))
    if kind == "account":
        key = base64.b64decode(value["key"], validate=True)
        if base64.b64encode(key).decode() != value["key"] or len(key) > 1024:
            raise ValueError("not a key in base64")
        return f"account {value['account']} at {value['directory']}, key of {len(key)} bytes"
    if kind == "order":
        return f"order {value['order']} for {digest(value['names'].split())}, finalized for {value['finalized-for']}"
    if kind == "last":
        if value["advice"] == "-" and value["explanation"] != "-":
            raise ValueError("an explanation of nothing")
        told = f"certificate {value['certificate']} for {value['names']} until {value['not-after']}"
        if value["advice"] != "-":
            begin, end, at, _ = map(time, value["advice"].split())
            if end < begin:
                raise ValueError("the window ends before it begins")
            told += f", to be renewed at {at}"
        return told
    length = time(value["to"]) - time(value["from"])
    if not datetime.timedelta(0) <= length <= datetime.timedelta(hours=24):
        raise ValueError("no pause of at most 24 h")
    who = "as it asked" if value["failures"] == "-" else f"after {value['failures'].split()[0]} failures for {value['failures'].split()[1]}"
    return f"{value['directory']} is left alone for {length.total_seconds():g} s {who}: {value['reason']}"

if len(sys.argv) > 1:
    print(decode(pathlib.Path(sys.argv[1]).read_bytes()))
else:
    page = pathlib.Path(__file__).with_name("acme-cache.md").read_text()
    vectors = re.findall(r"^```\n(dwcp-acme-\w+ 1\n.*?)```$", page, re.M | re.S)
    for vector in vectors:
        print(decode(vector.encode()))
    account, _, order, last, pause, own = vectors
    if digest(["IP:192.0.2.1", "DNS:shop.example"]) not in last:
        print("WRONG: the digest of the names")
    for good, old, new in [
        (account, " 1\n", " 2\n"), (account, "https://", "http://"), (account, "Bgc=", "Bgc"), (account, "\nkey", "\r\nkey"), (account, "=\n", "="),
        (account, "=\n", "=\n\n"), (account, "00Z", "00.000Z"), (order, "DNS:", "dns:"), (order, "sha256/A", "sha256/"), (last, "-01-22T", "-01-19T"),
        (last, re.search("2027-01-20.*", last)[0], "-"), (pause, "22T13", "23T13"), (pause, "13:00", "11:00"), (pause, "rateLimited: too many new orders", "-"),
        (pause, "failures -", "failures 1"), (own, "failures 3", "failures 0"), (own, "failures 3", "failures 03"), (own, "failures 3", "failures 1001"),
    ]:
        try:
            print("WRONG: took", decode(good.replace(old, new).encode()))
        except ValueError:
            pass
