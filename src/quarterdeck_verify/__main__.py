"""The command `python3 -I verify.pyz PACKAGE --signers FILE --anchor FILE`: offline, reads only, always a sentence.

Exit codes: 0 INTACT, 1 ALTERED, 2 wrong usage or unreadable input of the caller, 3 UNANCHORED.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from quarterdeck_verify import report, signers
from quarterdeck_verify.arguments import add_outside
from quarterdeck_verify.findings import plain
from quarterdeck_verify.signers import Signer
from quarterdeck_verify.trust import Anchor, read_anchor
from quarterdeck_verify.verification import verify
from quarterdeck_verify.witness import MAX_KEYS_BYTES, parse_keys

USAGE = 2
MAX_ANCHOR_BYTES = 32 << 20


def main(argv: Sequence[str] | None = None) -> int:
    """Verify one package as the arguments say, print the report, return the exit code."""
    arguments = _parser().parse_args(argv)
    path: Path = arguments.package
    try:
        pins = _read_pins(arguments.signers, path)
        anchors = [_read_anchor(file, path) for file in arguments.anchor]
        witnesses = [key for file in arguments.witness for key in parse_keys(_read(file, path, MAX_KEYS_BYTES))]
        roots = [_root(file, path) for file in arguments.tsa_root]
        result = verify(path, pins, anchors, witnesses=witnesses, tsa_roots=roots)
        render = report.as_json if arguments.json else report.as_text
        sys.stdout.write(render(result, str(path)))
        sys.stdout.flush()
    except (OSError, ValueError) as problem:
        print(f"verify: {plain(_sentence(problem), 600)}", file=sys.stderr)
        return USAGE
    return result.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify",
        description="Verify a Quarterdeck package, offline. The verdict is about integrity alone.",
        epilog="Exit codes: 0 INTACT, 1 ALTERED, 2 wrong usage, 3 UNANCHORED (no pin or no outside anchor).",
    )
    parser.add_argument("package", type=Path, help="package.zip or the unpacked folder")
    add_outside(parser)
    parser.add_argument(
        "--witness", type=Path, action="append", default=[], metavar="FILE",
        help="keys of witnesses, `name+id+key` a line, that you got from them: their cosignatures then are anchors",
    )  # fmt: skip
    parser.add_argument(
        "--tsa-root", type=Path, action="append", default=[], metavar="FILE",
        help="root certificate (PEM) of a time-stamping authority, from elsewhere: proves the time; needs openssl",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _read_pins(files: Sequence[Path], package: Path) -> list[Signer]:
    return [line for file in files for line in signers.parse(_read(file, package, signers.MAX_BYTES))]


def _read_anchor(file: Path, package: Path) -> Anchor:
    return read_anchor(str(file), _read(file, package, MAX_ANCHOR_BYTES))


def _root(file: Path, package: Path) -> Path:
    if b"-----BEGIN CERTIFICATE-----" not in _read(file, package, MAX_ANCHOR_BYTES):
        raise ValueError(f"{file} holds no certificate in PEM form")
    return file


def _read(file: Path, package: Path, limit: int) -> bytes:
    if package.is_dir() and file.resolve().is_relative_to(package.resolve()):
        raise ValueError(f"{file} comes from inside the package and proves nothing; use a copy that you got elsewhere")
    with file.open("rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{file} is too long to be what it should be")
    return data


def _sentence(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.filename is not None:
        return f"{problem.filename} cannot be read: {problem.strerror}"
    return str(problem)


if __name__ == "__main__":
    sys.exit(main())
