"""The logs of the CMMC hashing guide: the script's own table, its traps, and a log that comes back."""

import hashlib
import re

import pytest

from quarterdeck.assessor import hashing_guide
from quarterdeck.assessor.hashing_guide import Difference, compare_hashes, parse_log

# The published verifier's (CMMCHashArchiveVerify).
PUBLISHED = re.compile(r"^SHA256\s+([A-Fa-f0-9]{64})\s+(.+)$")
# A line of a log that the script wrote on Windows.
SAMPLE = (
    "SHA256          91EEC762D9AC66047A4B068A0DC315A492E67B10C7660011A920A7E1DA673E01       C:\\Temp\\x\\x.xlsx"
)
OURS = {"artifacts/MT-2026-00001_5-0_a.txt": "ab" * 32, "artifacts/LOG_7-0_b.txt": "cd" * 32}


def test_a_row_is_the_scripts_row_byte_for_byte() -> None:
    sha256 = "91eec762d9ac66047a4b068a0dc315a492e67b10c7660011a920a7e1da673e01"
    log = hashing_guide.artifacts_log({"C:\\Temp\\x\\x.xlsx": sha256}).decode("ascii")
    lines = log.split("\r\n")
    assert lines[3] == SAMPLE
    assert lines[:3] == ["", "Algorithm       Hash" + " " * 67 + "Path", "---------       ----" + " " * 67 + "----"]
    assert lines[4:] == ["", "", ""]


def test_every_row_matches_the_published_verifier_and_the_second_log_has_one() -> None:
    log = hashing_guide.artifacts_log(OURS)
    rows = [line for line in log.decode("ascii").splitlines() if line.startswith("SHA256")]
    found = [PUBLISHED.match(row) for row in rows]
    assert {match[2]: match[1] for match in found if match} == {path: sha.upper() for path, sha in OURS.items()}
    second = [line for line in hashing_guide.hash_log(log).decode().splitlines() if line.startswith("SHA256")]
    assert second == [f"SHA256          {hashlib.sha256(log).hexdigest().upper()}{' ' * 7}CMMCAssessmentArtifacts.log"]


def theirs(root: str, *, separator: str = "\\", **changed: str) -> bytes:
    rows = {f"{root}{path.replace('/', separator)}": sha for path, sha in (OURS | changed).items()}
    return hashing_guide.artifacts_log(rows)


@pytest.mark.parametrize("root", ["C:\\Evidence\\HashedArtifacts\\", "\\\\nas\\share\\x\\", "/home/iris/h/", ""])
def test_a_log_of_any_folder_agrees(root: str) -> None:
    found = compare_hashes(OURS, parse_log(theirs(root)))
    assert (found.equal, found.differences) == (2, ())
    assert found.root == root.replace("\\", "/")


def test_windows_powershell_writes_utf_16_too() -> None:
    assert parse_log(b"\xff\xfe" + theirs("", separator="/").decode().encode("utf-16-le")).keys() == OURS.keys()


def test_what_differs_is_named_file_by_file() -> None:
    first, second = sorted(OURS)
    told = parse_log(theirs("C:\\x\\"))
    told[f"C:\\x\\{first}".replace("/", "\\")] = "ef" * 32
    del told[f"C:\\x\\{second}".replace("/", "\\")]
    told["C:\\x\\artifacts\\stranger.txt"] = "12" * 32
    assert compare_hashes(OURS, told).differences == (
        Difference("changed", first, OURS[first], "ef" * 32),
        Difference("missing", second, OURS[second], ""),
        Difference("unknown", "artifacts/stranger.txt", "", "12" * 32),
    )


def test_the_scripts_own_earlier_logs_are_no_artifacts() -> None:
    told = parse_log(theirs("C:\\x\\")) | {"C:\\x\\CMMCAssessmentArtifacts.log": "99" * 32}
    assert compare_hashes(OURS, told).differences == ()


@pytest.mark.parametrize("log", [b"", b"\xff" * 50, b"MD5  00  x\r\n", b"SHA256 zz x\r\n"])
def test_what_is_no_log_is_refused(log: bytes) -> None:
    with pytest.raises(ValueError, match="no row"):
        parse_log(log)


def test_one_path_with_two_hashes_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        parse_log(f"SHA256 {'ab' * 32} x\nSHA256 {'cd' * 32} x\n".encode())
