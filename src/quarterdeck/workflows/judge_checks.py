"""Judging what a target answered to the checks that were defined for it. Pure: the moment is an argument.

What could not be read is *unknown*, never passed; a sentence names what is wrong in the words of who has to mend it.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509

from quarterdeck.evidence.api import Outcome
from quarterdeck.inventory.api import CheckKind, CheckView
from quarterdeck.workflows.ask_target import Answers

Said = tuple[Outcome, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """One defined check, what became of it, and a sentence for a person."""

    check: CheckView
    outcome: Outcome
    sentence: str


def judge(check: CheckView, answers: Answers, at: datetime) -> Judged:
    """Return what the answers say of a check at this moment."""
    if answers.failure:
        return Judged(check, Outcome.UNKNOWN, answers.failure)
    (question,) = check.questions()
    kind, _, value = question.partition("=")
    found = answers.value(f"{kind}:{value}")
    if found is None:
        reason = answers.error(f"{kind}:{value}")
        if check.kind in (CheckKind.TCP, CheckKind.HTTP) or reason in ("ENOENT", "ECONNREFUSED"):
            return Judged(check, Outcome.FAILED, f"{check.name}: {_shown(value)} did not answer ({reason}).")
        return Judged(check, Outcome.UNKNOWN, f"{check.name} could not be read ({reason}).")
    outcome, sentence = _JUDGES[check.kind](check.values, found, at)
    return Judged(check, outcome, f"{check.name}: {sentence}")


def _shown(text: str) -> str:
    return text[:120]


def _service(values: Mapping[str, str], found: Any, at: datetime) -> Said:  # noqa: ANN401
    del at
    if found == "active":
        return Outcome.PASSED, f"{values['service']} is active."
    return Outcome.FAILED, f"{values['service']} is not active ({_shown(str(found))})."


def _disk(values: Mapping[str, str], found: Any, at: datetime) -> Said:  # noqa: ANN401
    del at
    free = int(_dict(found).get("free", 0)) >> 20
    if free >= int(values["least_mb"]):
        return Outcome.PASSED, f"{free} MB are free at {values['path']}."
    return Outcome.FAILED, f"Only {free} MB are free at {values['path']}, {values['least_mb']} are wanted."


def _tcp(values: Mapping[str, str], found: Any, at: datetime) -> Said:  # noqa: ANN401
    del at, found
    return Outcome.PASSED, f"{values['host']} answers on port {values['port']}."


def _http(values: Mapping[str, str], found: Any, at: datetime) -> Said:  # noqa: ANN401
    del at
    answer = _dict(found)
    if str(answer.get("status")) != values["status"]:
        return Outcome.FAILED, f"It answered {answer.get('status')}, not {values['status']}."
    if values["contains"] not in str(answer.get("body", "")):
        return Outcome.FAILED, "The answer does not hold the words that it must."
    return Outcome.PASSED, f"It answered {values['status']} as it must."


def _certificate(values: Mapping[str, str], found: Any, at: datetime) -> Said:  # noqa: ANN401
    try:
        seen = x509.load_der_x509_certificate(base64.b64decode(str(found), validate=True))
        begins, ends = seen.not_valid_before_utc, seen.not_valid_after_utc
    except (ValueError, binascii.Error):
        return Outcome.UNKNOWN, "What was shown is no certificate."
    if at < begins:
        return Outcome.FAILED, f"The certificate is only valid from {begins:%Y-%m-%d}."
    if ends - at < timedelta(days=int(values["days"])):
        said = "ended" if ends <= at else "ends"
        return Outcome.FAILED, f"The certificate {said} {ends:%Y-%m-%d}; renew it."
    return Outcome.PASSED, f"The certificate is valid until {ends:%Y-%m-%d}."


def _share(values: Mapping[str, str], found: Any, at: datetime) -> Said:  # noqa: ANN401
    del at
    seen = _dict(found)
    wrong = [] if seen.get("folder") else ["it is no folder"]
    for name in ("owner", "group"):
        if values[name] and seen.get(name) != values[name]:
            wrong.append(f"its {name} is {_shown(str(seen.get(name)))}, not {values[name]}")
    mode, most = int(str(seen.get("mode", "7777")), 8), int(values["mode"], 8)
    # With an access list the group bits of the mode are its mask, which the list's own lines say better.
    bits = 0o7707 if seen.get("access") else 0o7777
    if mode & ~most & bits & 0o6777:
        wrong.append(f"its permissions are {mode:o}, at most {most:o} are wanted")
    wrong += _beyond(seen, frozenset(filter(None, values["allowed"].split(","))), most)
    if wrong:
        return Outcome.FAILED, f"{values['path']} gives more than it may: {'; '.join(wrong[:5])}."
    return Outcome.PASSED, f"{values['path']} gives nobody more than it may."


def _beyond(seen: Mapping[str, Any], allowed: frozenset[str], most: int) -> list[str]:
    """Return what the access lists give to somebody who is not allowed, or to everybody else."""
    found = []
    for name in ("access", "default"):
        for line in seen.get(name) or ():
            who, _, rest = str(line).partition(":")
            named, _, rights = rest.rpartition(":")
            if who in ("user", "group") and rights != "---" and named not in allowed:
                found.append(f"its {name} list gives {_shown(named)} {rights}")
            others = sum(bit for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in rights)
            if who == "other" and others & ~most & 0o7:
                found.append(f"its {name} list gives everybody {rights}")
    return found


def _reboot(values: Mapping[str, str], found: Any, at: datetime) -> Said:  # noqa: ANN401
    del values, at
    seen = _dict(found)
    packages, newer = (", ".join(map(str, seen.get(name) or ()))[:200] for name in ("packages", "newer"))
    if seen.get("flag"):
        return Outcome.FAILED, f"The system waits for a restart{f' because of {packages}' if packages else ''}."
    if newer:
        return Outcome.FAILED, f"It runs kernel {_shown(str(seen.get('running')))}; {newer} came since it started."
    return Outcome.PASSED, "No restart is pending."


def _clock(values: Mapping[str, str], found: Any, at: datetime) -> Said:  # noqa: ANN401
    del values, at
    if _dict(found).get("synchronised") is True:
        return Outcome.PASSED, "The clock is kept by a time source."
    return Outcome.FAILED, "No time source keeps the clock; look at chrony or systemd-timesyncd."


def _mechanism(values: Mapping[str, str], found: Any, at: datetime) -> Said:  # noqa: ANN401
    del at
    seen = _dict(found)
    if seen.get("refused") or seen.get("unchanged") is not True:
        return Outcome.FAILED, f"{values['path']} has other bytes than the register says; it was not believed."
    if seen.get("late"):
        return Outcome.FAILED, f"It did not end within {values['seconds']} s and was ended."
    if str(seen.get("status")) != values["status"]:
        return Outcome.FAILED, f"It ended with status {seen.get('status')}, not {values['status']}."
    if values["contains"] not in str(seen.get("output", "")):
        return Outcome.FAILED, "Its output does not hold the words that it must."
    return Outcome.PASSED, f"It ended with status {values['status']} as it must."


def _dict(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


_JUDGES: Mapping[CheckKind, Callable[[Mapping[str, str], Any, datetime], Said]] = {
    CheckKind.SERVICE: _service,
    CheckKind.DISK: _disk,
    CheckKind.TCP: _tcp,
    CheckKind.HTTP: _http,
    CheckKind.CERTIFICATE: _certificate,
    CheckKind.SHARE: _share,
    CheckKind.REBOOT: _reboot,
    CheckKind.CLOCK: _clock,
    CheckKind.INTEGRATION: _mechanism,
    CheckKind.MECHANISM: _mechanism,
}
