"""Building `verify.pyz`: this package as one file that any Python 3.11 runs, the same bytes at every build."""

import hashlib
from pathlib import Path

from quarterdeck_verify import zipformat
from quarterdeck_verify.container import measure

_START = b"""import sys

if sys.version_info < (3, 11):
    sys.exit("verify: this needs Python 3.11 or newer, this is " + sys.version.split()[0])

from quarterdeck_verify.__main__ import main

sys.exit(main())
"""
_SHEBANG = b"#!/usr/bin/env python3\n"


def build_zipapp(target: Path) -> None:
    """Write the stand-alone verifier to `target`, to be run as `python3 -I verify.pyz`."""
    target.write_bytes(zipapp())


def digest() -> str:
    """Return the SHA-256 of the stand-alone verifier that this version makes, in hexadecimal."""
    return hashlib.sha256(zipapp()).hexdigest()


def zipapp() -> bytes:
    """Return the stand-alone verifier's bytes."""
    sources = {f"quarterdeck_verify/{file.name}": file.read_bytes() for file in Path(__file__).parent.glob("*.py")}
    sources["__main__.py"] = _START
    records, offset = [], len(_SHEBANG)
    out = bytearray(_SHEBANG)
    for name in sorted(sources):
        found = measure(sources[name])
        raw = name.encode("ascii")
        records.append(zipformat.central_header(raw, found.size, found.crc, offset))
        out += zipformat.local_header(raw, found.size, found.crc) + sources[name]
        offset = len(out)
    directory = b"".join(records)
    return bytes(out) + directory + zipformat.end_records(len(records), len(directory), offset)
