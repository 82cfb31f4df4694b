"""Path patterns of declarations and rules: `*` within a folder, `**` across folders, a plain path with all below. Pure.

Matching takes time proportional to path times pattern: a hostile target chooses the paths.
"""

import re
from functools import lru_cache

PATTERN = re.compile(r"/[A-Za-z0-9._@+-][A-Za-z0-9._/@+:*?-]{0,253}", re.ASCII)
_TOKEN = re.compile(r"\*\*|.", re.DOTALL)


def is_below(path: str, place: str) -> bool:
    """True when the path is the place or lies below it."""
    return path == place or path.startswith(place + "/")


def plain_start(pattern: str) -> str:
    """Return a pattern up to its first wildcard."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0].rstrip("/")


@lru_cache(maxsize=512)
def _words(pattern: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(pattern.rstrip("/")))


def matches(pattern: str, path: str) -> bool:
    """True when the pattern names the path, or without wildcards a folder above it."""
    words, start = _words(pattern), re.split(r"[*?]", pattern, maxsplit=1)[0]
    if start == pattern:
        return is_below(path, pattern.rstrip("/"))
    if not path.startswith(start):
        return False
    states = _after_stars({len(start)}, words)
    for char in path[len(start) :]:
        moved = set()
        for state in states:
            word = words[state] if state < len(words) else ""
            if word == "**" or (word == "*" and char != "/"):
                moved.add(state)
            elif word == char or (word == "?" and char != "/"):
                moved.add(state + 1)
        states = _after_stars(moved, words)
        if not states:
            return False
    return len(words) in states


def _after_stars(states: set[int], words: tuple[str, ...]) -> set[int]:
    found = set(states)
    for state in states:
        at = state
        while at < len(words) and words[at] in ("*", "**"):
            at += 1
            found.add(at)
    return found
