"""Files that are in the package encrypted to its reader: counted apart from withheld ones, and their bytes are there.

What is inside is not opened here: the hash of the open bytes stands in the ledger and in `encrypted.csv`, so whoever
decrypts a file holds it against that with `sha256sum`.
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence

from quarterdeck_verify import package
from quarterdeck_verify.members import Members

REASON = "encrypted"
LIST = "data/encrypted.csv"
FOLDER = "encrypted/"
HEADER = ("file", "method", "part", "parts", "sha256", "size", "seq", "ticket", "role", "name")
MAX_LIST = 16 << 20


def check_encrypted(members: Members, rows: Sequence[package.Withheld]) -> list[package.Withheld]:
    """Return the rows of withheld.csv that say `encrypted`; one whose encrypted file is not there is a finding."""
    claimed = [row for row in rows if row.reason == REASON]
    there = _listed(members) if claimed else {}
    for row in claimed:
        # No encryption makes a file shorter: what is, holds something else.
        if there.get(row.sha256, -1) < row.size:
            sentence = f"{row.name} of entry {row.seq} is said to be encrypted, and the package has no such file whole."
            members.findings.add("encrypted.missing", LIST, sentence)
    return claimed


def _listed(members: Members) -> dict[str, int]:
    """Return the SHA-256 of each file that encrypted.csv lists and that stands here whole, with its encrypted size."""
    if LIST not in members.measured:
        return {}
    try:
        text = members.read(LIST, MAX_LIST).decode("ascii")
        header, *rows = csv.reader(io.StringIO(text))
        if tuple(header) != HEADER or not all(len(row) == len(HEADER) for row in rows):
            raise ValueError("it is not the list of encrypted files")
    except (ValueError, csv.Error) as problem:
        members.findings.add("member.malformed", LIST, f"It cannot be used: {problem}.")
        return {}
    return _whole(members, [dict(zip(HEADER, row, strict=True)) for row in rows])


def _whole(members: Members, rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
    """Return how many encrypted bytes stand for each hash whose every part is there as a file of its own.

    A file that stands for two recordings holds one of them at most.
    """
    files = Counter(told["file"] for told in rows)
    parts: dict[tuple[str, str], dict[str, int]] = {}
    for told in rows:
        found = members.measured.get(package.PAYLOAD + told["file"])
        if found is not None and files[told["file"]] == 1 and told["file"].startswith(FOLDER):
            parts.setdefault((told["sha256"], told["parts"]), {})[told["part"]] = found.size
    return {
        sha256: sum(sizes.values())
        for (sha256, count), sizes in parts.items()
        if count == str(len(sizes)) and set(sizes) == {str(one) for one in range(1, len(sizes) + 1)}
    }
