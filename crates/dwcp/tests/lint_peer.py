#!/usr/bin/env python3
"""pkilint's side of tests/lints.rs.

    lint_peer.py certificate FILE | crl FILE | ocsp FILE | chain ISSUER SUBJECT  [, …]

Jobs stand one after the other, parted by commas. Prints a JSON list with an object for every finding of severity WARNING or
above: job (its number), code, text. Of a PEM file with several certificates the first is read.
"""
import base64
import contextlib
import io
import json
import re
import sys
import tempfile
from pathlib import Path

from pkilint.bin import lint_crl, lint_ocsp_response, lint_pkix_cert, lint_pkix_signer_signee_cert_chain

TOOLS = {
    "certificate": (lint_pkix_cert, []),
    "crl": (lint_crl, ["--type", "CRL", "--profile", "PKIX"]),
    "ocsp": (lint_ocsp_response, []),
    "chain": (lint_pkix_signer_signee_cert_chain, []),
}


def der(path, place):
    data = Path(path).read_bytes()
    if found := re.search(rb"-----BEGIN [^-]*-----(.*?)-----END", data, re.DOTALL):
        data = base64.b64decode(found[1])
    place.write_bytes(data)
    return str(place)


def lint(kind, paths, directory):
    tool, options = TOOLS[kind]
    files = [der(path, directory / str(number)) for number, path in enumerate(paths)]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        severity = ["--severity", "WARNING", "--format", "JSON", "--document-format", "DER"]
        status = tool.main(["lint", *severity, *options, *files])
    results = json.loads(printed.getvalue())["results"]
    found = [
        {"code": one["code"], "text": f'{one["severity"]} {result["node_path"]} {one.get("message") or ""}'}
        for result in results
        for one in result["finding_descriptions"]
    ]
    # Its exit status is the number of findings: an answer that was not understood would say something else.
    assert status == min(len(found), 255), (kind, paths, status, found)
    return found


def main(words):
    jobs = [[]]
    for word in words:
        if word == ",":
            jobs.append([])
        else:
            jobs[-1].append(word)
    with tempfile.TemporaryDirectory() as directory:
        found = [
            {"job": number, **finding}
            for number, (kind, *paths) in enumerate(jobs)
            for finding in lint(kind, paths, Path(directory))
        ]
    print(json.dumps(found))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1:])
