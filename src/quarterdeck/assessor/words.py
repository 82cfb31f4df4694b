"""Words and tones of the report: a status is always a word beside its colour. Pure."""

from collections.abc import Mapping

TONES: Mapping[str, str] = {
    "passed": "good", "present": "good", "approved": "good", "ended": "good", "expected": "good", "explained": "good",
    "restored": "good", "captured": "good", "active": "good", "evidence present": "good", "closed": "good",
    "failed": "bad", "missing": "bad", "refused": "bad", "interrupted": "bad", "unexplained": "bad", "rejected": "bad",
    "finding": "bad", "rolled_back": "bad", "expired": "bad", "gaps": "warn", "flagged": "warn", "waived": "warn",
    "stale": "warn", "attached": "warn", "unknown": "warn", "unreadable": "warn", "running": "warn", "void": "warn",
    "granted": "good", "waiting": "warn", "open": "warn", "verifying": "warn", "partly": "warn", "cut_off": "bad",
}  # fmt: skip
_MARKS = {"good": "✓", "bad": "✕", "warn": "!", "idle": "·"}
_WORDS = {
    "rolled_back": "Rolled back", "flagged": "Let pass, marked", "not_applicable": "Does not apply",
    "not_needed": "Not needed", "cui": "CUI",
    "rejected": "Refused", "expired": "Never opened", "partly": "In part", "cut_off": "Cut off",
}  # fmt: skip
_CAPITALS = {"cui": "CUI", "mfa": "MFA", "ssh": "SSH", "msp": "MSP", "it": "IT", "sftp": "SFTP"}
STEPS = ("draft", "submitted", "approved", "scheduled", "open", "verifying", "closed")


def status(code: str) -> dict[str, str]:
    """Return word, tone and mark of a state; an unknown one is shown in its own words."""
    tone = TONES.get(code, "idle")
    return {"code": code, "word": spoken(code), "tone": tone, "mark": _MARKS[tone]}


def spoken(code: str) -> str:
    """Return a code of the program as words: `cui_owner` is CUI owner."""
    if code in _WORDS:
        return _WORDS[code]
    words = [_CAPITALS.get(word, word) for word in code.replace("_", " ").replace(".", " ").split()]
    text = " ".join(words)
    return text[:1].upper() + text[1:]
