"""Plays `powershell.exe` of a Windows target: does what the bootstrap says, then prints the transcript given to it.

It reads the encoded command and the script from its input, compares the hash that the command names with the bytes that
came, and answers with the arguments that it was called with. Run as: played_powershell.py FOLDER -EncodedCommand ...
"""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

from tests import windows_transcript as made


def main(folder: Path, encoded: str) -> int:
    """Answer one call; the files of FOLDER say what is on this machine."""
    program = base64.b64decode(encoded).decode("utf-16-le")
    source = sys.stdin.buffer.read()
    lines = source.decode("ascii").splitlines()
    wanted = re.search(r"-cne '([0-9a-f]{64})'", program)
    joined = "".join(f"{line}\n" for line in lines).encode()
    if wanted is None or hashlib.sha256(joined).hexdigest() != wanted.group(1):
        sys.stderr.write("collector refused: these are not the approved bytes\n")
        return 1
    arguments = re.findall(r"'([^']*)'", program.rpartition("$h ")[2])
    if arguments[0] == "posture":
        answer = made.posture(arguments, json.loads((folder / "posture.json").read_text()))
    else:
        answer = made.manifest(arguments, (folder / "records").read_text().splitlines())
    sys.stdout.buffer.write(made.printed(answer, codec=(folder / "codec").read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[-1]))
