"""Files that are in the package encrypted to its reader: counted apart from withheld ones, and their bytes are there.

What is inside is not opened here: the hash of the open bytes stands in the ledger and in `encrypted.csv`, so whoever
decrypts a file holds it against that with `sha256sum`.
"""

import csv
import io
from collections.abc import Sequence

from quarterdeck_verify import package
from quarterdeck_verify.members import Members

REASON = "encrypted"
LIST = "data/encrypted.csv"
HEADER = ("file", "method", "part", "parts", "sha256", "size", "seq", "ticket", "role", "name")
MAX_LIST = 16 << 20


def check_encrypted(members: Members, rows: Sequence[package.Withheld]) -> list[package.Withheld]:
    """Return the rows of withheld.csv that say `encrypted`; one whose encrypted file is not there is a finding."""
    claimed = [row for row in rows if row.reason == REASON]
    there = _listed(members) if claimed else set()
    for row in claimed:
        if row.sha256 not in there:
            sentence = f"{row.name} of entry {row.seq} is said to be encrypted, and the package has no such file whole."
            members.findings.add("encrypted.missing", LIST, sentence)
    return claimed


def _listed(members: Members) -> set[str]:
    """Return the SHA-256 of each file that encrypted.csv lists and of which every part stands in the package."""
    if LIST not in members.measured:
        return set()
    try:
        text = members.read(LIST, MAX_LIST).decode("ascii")
        header, *rows = csv.reader(io.StringIO(text))
        if tuple(header) != HEADER or not all(len(row) == len(HEADER) for row in rows):
            raise ValueError("it is not the list of encrypted files")
    except (ValueError, csv.Error) as problem:
        members.findings.add("member.malformed", LIST, f"It cannot be used: {problem}.")
        return set()
    parts: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        told = dict(zip(HEADER, row, strict=True))
        if package.PAYLOAD + told["file"] in members.measured:
            parts.setdefault((told["sha256"], told["parts"]), set()).add(told["part"])
    return {sha256 for (sha256, count), found in parts.items() if count == str(len(found))}
