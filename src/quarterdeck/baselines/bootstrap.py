"""The one command that a `measure` certificate allows on a target: run the collector with this hash, nothing else.

The command is the certificate's force-command, so that code and arguments are both fixed by the signer. The program
reads exactly the collector's bytes from its standard input, checks them and runs them; it writes nothing to disk.
"""

import hashlib
import re
import shlex
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from quarterdeck.kernel.names import is_watched_root

_PROGRAM = (
    "import sys,hashlib;source=sys.stdin.buffer.read({size});"
    'hashlib.sha256(source).hexdigest()=="{sha256}" or sys.exit("collector refused: these are not the approved bytes");'
    'exec(compile(source,"collector","exec"))'
)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ARGUMENT = re.compile(r"[A-Za-z0-9/_.][A-Za-z0-9._/@+=:,-]{0,400}", re.ASCII)
_LONGEST_COLLECTOR = 1 << 20
_LONGEST_COMMAND = 16_000


_PARTS = ("frames", "files", "walk", "texts", "posture", "powers", "protection", "standing", "doors", "module",
          "probes", "checks", "logs", "main")  # fmt: skip
_IMPORT_OF_A_PART = re.compile(
    rb"^from quarterdeck\.baselines\.target\.\w+ import (?:[\w, ]+|\([\w,\s]+\))\n", re.MULTILINE
)


@lru_cache(maxsize=1)
def collector_bytes() -> bytes:
    """Return the collector's source, its parts joined into one file, exactly as it is sent to a target."""
    folder = files("quarterdeck.baselines.target")
    parts = [_IMPORT_OF_A_PART.sub(b"", folder.joinpath(f"{name}.py").read_bytes()) for name in _PARTS]
    return b"\n\n".join(parts)


def collector_sha256() -> str:
    """Return the SHA-256 of the collector in hex: what a measure grant names."""
    return hashlib.sha256(collector_bytes()).hexdigest()


def bootstrap_command(sha256: str, size: int, arguments: Sequence[str]) -> str:
    """Return the shell command that reads `size` bytes of collector, checks `sha256` and runs it with `arguments`.

    Raises ValueError as `check_call` does.
    """
    check_call(sha256, size, arguments)
    command = shlex.join(["python3", "-I", "-S", "-c", _PROGRAM.format(size=size, sha256=sha256), *arguments])
    if len(command) > _LONGEST_COMMAND:
        raise ValueError("too many watched roots for one measurement: watch fewer, higher folders")
    return command


def check_call(sha256: str, size: int, arguments: Sequence[str]) -> None:
    """Raise ValueError for a hash, size or argument of a collector outside the strict grammar.

    No argument may start with a dash or hold a space, quote or shell character.
    """
    if _SHA256.fullmatch(sha256) is None:
        raise ValueError("a collector is named by 64 lower-case hex digits")
    if not 0 < size <= _LONGEST_COLLECTOR:
        raise ValueError(f"a collector has 1 to {_LONGEST_COLLECTOR} bytes, not {size}")
    for argument in arguments:
        if _ARGUMENT.fullmatch(argument) is None or (argument.startswith("/") and not is_watched_root(argument)):
            raise ValueError(f"not allowed as an argument of the collector: {argument!r}")
