"""Small text files below the watched roots, so that a person can see what changed. Runs on the target: Python 3.6.

Only what everybody on the target may read anyway, and nothing whose name speaks of a secret; never asked of an asset
that handles CUI.
"""

import os
import re
import stat

from quarterdeck.baselines.target.files import open_quietly, same_file, spell_path
from quarterdeck.baselines.target.walk import walk_root

LONGEST_TEXT = 65536
MOST_TEXT = 6000000
SECRETS = re.compile(rb"shadow|secret|passw|private|token|credential|\.key$|\.pem$|\.p12$|\.pfx$|id_[a-z0-9]+$|/\.ssh/")


def text_file(path: bytes) -> str:
    """Return the text of a file, empty when it is none that may be shown or moved while it was read."""
    seen = os.lstat(path)
    small = 0 < seen.st_size <= LONGEST_TEXT
    if not stat.S_ISREG(seen.st_mode) or not small or not seen.st_mode & 0o004 or SECRETS.search(path.lower()):
        return ""
    descriptor = open_quietly(path)
    try:
        if not same_file(seen, os.fstat(descriptor)):
            return ""
        content = os.read(descriptor, LONGEST_TEXT + 1)
        if len(content) != seen.st_size or b"\0" in content or not same_file(seen, os.fstat(descriptor)):
            return ""
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    finally:
        os.close(descriptor)


def texts(arguments: "list[str]") -> "dict[str, str]":
    """Return spelled path -> text of small text files below the roots, in order of paths, up to six megabytes."""
    roots = {os.fsencode(argument) for argument in arguments}
    found, left = {}, MOST_TEXT  # type: dict[str, str], int
    for path in sorted(path for root in roots for path, problem in walk_root(root, roots) if problem == b"file"):
        try:
            text = text_file(path)
        except OSError:
            continue
        left -= len(text)
        if text and left > 0:
            found[spell_path(path).decode()] = text
    return found
