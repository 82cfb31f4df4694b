"""What a verification found wrong: sentences with a code and a place, collected up to a limit."""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_KEPT = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: a code for programs, the member or entry it concerns, a sentence for people."""

    code: str
    where: str
    sentence: str


class Findings:
    """A list of findings that counts on when it is full, so that rubbish cannot fill the memory."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self.total = 0

    def add(self, code: str, where: str, sentence: str) -> None:
        """Note something wrong; code, member or entry, and sentence are cut to plain printable ASCII."""
        self.total += 1
        finding = Finding(code, plain(where, 220), plain(sentence, 600))
        if len(self._kept) < MAX_KEPT and finding not in self._kept:
            self._kept.append(finding)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._kept)

    def __bool__(self) -> bool:
        return self.total > 0

    def has(self, prefix: str) -> bool:
        """True when a finding's code begins with `prefix`."""
        return any(finding.code.startswith(prefix) for finding in self._kept)


def plain(text: str, limit: int = 200) -> str:
    """Return `text` in printable ASCII, other characters as escapes: nothing here can steer a terminal."""
    shown = text[:limit].encode("ascii", "backslashreplace").decode("ascii")
    return "".join(letter if " " <= letter <= "~" else f"\\x{ord(letter):02x}" for letter in shown)
