"""Decodes DWCP renewal schedules; see renewal-schedule.md beside this file. Standard library only."""
import datetime, pathlib, re, sys

TIME = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?!000)\d{3})?Z)"
WINDOW = r"(\d\d:\d\d\+(?:\d+h)?(?:\d+m)?)"
FORM = re.compile(
    r"dwcp-renewal 1\nserial ((?!00)(?:[0-9a-f]{2}){1,20})\nfailures (0|[1-9]\d{0,9})\n"
    rf"pause (?:-|{TIME} {TIME})\nordered (?:-|{TIME} {WINDOW})\n", re.ASCII)

def time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))

def window(text: str) -> None:
    opens, length = text.split("+")
    hour, minute = map(int, opens.split(":"))
    hours, minutes = re.fullmatch(r"(?:([1-9]\d?)h)?(?:([1-9]\d?)m)?", length).groups(default="0")
    lasts = int(hours) * 60 + int(minutes)
    if hour > 23 or minute > 59 or int(minutes) > 59 or not 1 <= lasts <= 1440:
        raise ValueError("no window")

def decode(content: bytes) -> str:
    found = FORM.fullmatch(content.decode()) if len(content) <= 512 else None
    if not found or int(found[2]) > 0xFFFFFFFF:
        raise ValueError("not a renewal schedule of version 1")
    serial, failures, start, end, ordered, span = found.groups()
    told = f"serial {serial}: {failures} failures"
    if start:
        if time(end) < time(start):
            raise ValueError("the pause ends before it begins")
        told += f", no attempt for {(time(end) - time(start)).total_seconds():g} s from {start}"
    if ordered:
        time(ordered), window(span)
        told += f", ordered for {ordered} in {span}"
    return told

if len(sys.argv) > 1:
    print(decode(pathlib.Path(sys.argv[1]).read_bytes()))
else:
    page = pathlib.Path(__file__).with_name("renewal-schedule.md").read_text()
    vectors = re.findall(r"^```\n(dwcp-renewal 1\n.*?)```$", page, re.M | re.S)
    for vector in vectors:
        print(decode(vector.encode()))
    for old, new in [("serial 2f", "serial 2F"), ("failures 0", "failures 02"), ("12:00:57.250Z", "11:00:00Z"), ("-\n", "-"), ("-\n", "-\n\n")]:
        try:
            print("WRONG: took", decode(vectors[0].replace(old, new).encode()))
        except ValueError:
            pass
