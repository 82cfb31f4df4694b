"""What the runner's events say: one line a task and host, the tallies at the end. Events are a stranger's words.

Everything is taken apart with types checked, cut, and spelled out where a terminal or a page could act on it.
"""

import difflib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import fields

from quarterdeck.runs.terms import Line, Tally

MOST_WORD, MOST_SAID, MOST_DIFF, MOST_DIFF_LINES = 200, 2_000, 16_384, 4_000
STATUSES = {
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
    "runner_item_on_ok": "ok",
    "runner_item_on_failed": "failed",
    "runner_item_on_skipped": "skipped",
    "runner_on_async_failed": "failed",
    "playbook_on_no_hosts_matched": "no_hosts",
}
_STATS = {
    "ok": "ok", "changed": "changed", "failures": "failed", "dark": "unreachable", "ignored": "ignored",
    "skipped": "skipped", "rescued": "rescued",
}  # fmt: skip
_HOSTILE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def harmless(text: object, most: int = MOST_WORD, *, lines: bool = False) -> str:
    """Return text of a stranger, cut, with control, direction and unknown signs spelled as \\u escapes."""
    found = str(text)[:most]
    kept = "\n\t" if lines else ""
    return "".join(
        sign if sign in kept or unicodedata.category(sign) not in _HOSTILE else f"\\u{ord(sign):04x}" for sign in found
    )


def line_of(event: Mapping[str, object]) -> Line | None:
    """Return what an event says of a task on a host, None for one that says nothing of any."""
    status = STATUSES.get(str(event.get("event", "")))
    if status is None:
        return None
    data = _map(event.get("event_data"))
    result = _map(data.get("res"))
    if status == "failed" and data.get("ignore_errors") is True:
        status = "ignored"
    changed = result.get("changed") is True
    said = result.get("msg") if status in ("failed", "ignored", "unreachable", "skipped") else None
    words = [str(one) for one in (said, result.get("stderr"), result.get("exception")) if one] if said else []
    return Line(
        host=harmless(data.get("host", "")),
        task=harmless(data.get("task", "")),
        status="changed" if status == "ok" and changed else status,
        changed=changed,
        item=harmless(_item(result)),
        diff=harmless("".join(_differences(result.get("diff"))), MOST_DIFF, lines=True),
        said=harmless("\n".join(words), MOST_SAID, lines=True),
    )


def tallies_of(event: Mapping[str, object]) -> dict[str, Tally] | None:
    """Return the tallies by host of the last event of a playbook, None for any other event."""
    if event.get("event") != "playbook_on_stats":
        return None
    data = _map(event.get("event_data"))
    hosts = {str(host)[:MOST_WORD] for key in (*_STATS, "processed") for host in _map(data.get(key))}
    return {
        harmless(host): Tally(**{name: _count(_map(data.get(key)).get(host)) for key, name in _STATS.items()})
        for host in sorted(hosts)
    }


def tally_document(tallies: Mapping[str, Tally]) -> dict[str, dict[str, int]]:
    """Return tallies as JSON carries them."""
    return {host: {one.name: getattr(tally, one.name) for one in fields(Tally)} for host, tally in tallies.items()}


def _item(result: Mapping[str, object]) -> str:
    label = result.get("_ansible_item_label", result.get("item", ""))
    return str(label) if isinstance(label, str | int | float) else ""


def _differences(told: object) -> Iterator[str]:
    """Yield unified differences: a module tells one or a list, each prepared or as before and after."""
    for one in told if isinstance(told, list) else [told]:
        found = _map(one)
        if isinstance(prepared := found.get("prepared"), str) and prepared:
            yield prepared.rstrip("\n") + "\n"
            continue
        before, after = _text(found.get("before")), _text(found.get("after"))
        if before == after:
            continue
        old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
        names = str(found.get("before_header") or "before"), str(found.get("after_header") or "after")
        if len(old) + len(new) > MOST_DIFF_LINES:
            yield f"--- {names[0]}\n+++ {names[1]}\n@@ too long to show: {len(old)} lines before, {len(new)} after @@\n"
            continue
        for line in difflib.unified_diff(old, new, *names, n=2):
            yield line if line.endswith("\n") else line + "\n"


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "".join(f"{key}: {value[key]}\n" for key in sorted(value, key=str))
    return value if isinstance(value, str) else "" if value is None else str(value)


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else 0
