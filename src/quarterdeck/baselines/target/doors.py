"""Doors of ssh that effective settings do not show: Match blocks, keys left behind. Runs there: Python 3.6."""

import glob
import os
import pwd

from quarterdeck.baselines.target.posture import text_of

DEEPEST_INCLUDE = 8


def settings_lines(path: str) -> "list[tuple[str, str]]":
    """Return keyword (small letters) and value of each line of an sshd configuration; comments are left out."""
    found = []
    for line in text_of(path).splitlines():
        words = line.strip().replace("=", " ", 1).split(None, 1)
        if words and not words[0].startswith("#"):
            found.append((words[0].lower(), words[1].strip() if len(words) > 1 else ""))
    return found


def match_blocks(path: str, depth: int = 0) -> "list[dict[str, object]]":
    """Return every Match block of a configuration and of what it includes: criteria, keywords set inside.

    `sshd -T -C` answers for one connection; a block for another user or address shows nowhere else.
    """
    found = []  # type: list[dict[str, object]]
    inside = None  # type: list[str] | None
    for keyword, value in settings_lines(path):
        if keyword == "match":
            inside = []
            found.append({"criteria": value, "keywords": inside})
        elif inside is not None:
            inside.append(keyword)
        if keyword == "include" and depth < DEEPEST_INCLUDE:
            for pattern in value.split():
                pattern = pattern.strip('"')
                for part in sorted(glob.glob(pattern if pattern.startswith("/") else "/etc/ssh/" + pattern)):
                    found += match_blocks(part, depth + 1)
                    if inside is not None:
                        inside += [word for word, _ in settings_lines(part)]
    return found


def keys_left() -> "list[str]":
    """Return each account with plain keys in its own files, and how many; whether sshd reads them is set elsewhere."""
    found = []
    for account in pwd.getpwall():
        count = 0
        for name in ("authorized_keys", "authorized_keys2"):
            path = os.path.join(account.pw_dir, ".ssh", name)
            if os.path.isfile(path):
                count += len([line for line in text_of(path).splitlines() if line.strip() and line.strip()[0] != "#"])
        if count:
            found.append(f"{account.pw_name} {count}")
    return sorted(found)
