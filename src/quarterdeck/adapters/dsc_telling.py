"""What a DSC run tells, taken apart: tests before and after as events of tasks, counts by host at the end.

What the target says is a stranger's: only whole lines of the script's form count, everything else is output.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import BinaryIO

_MARK = "QD "

Tell = Callable[[Mapping[str, object]], bool]


class DscTelling:
    """Events in the form that runs are told in, kept as lines; counts by host for the end."""

    def __init__(self, kept: BinaryIO, tell: Tell) -> None:
        self._kept = kept
        self._tell = tell
        self._counts: dict[str, dict[str, int]] = {}
        self.size = 0

    def send(self, event: Mapping[str, object]) -> bool:
        """Keep an event and tell it; False when somebody asked to stop."""
        raw = json.dumps(event).encode() + b"\n"
        self._kept.write(raw)
        self.size += len(raw)
        return self._tell(event)

    def beat(self) -> bool:
        """Tell that it goes on; False when somebody asked to stop."""
        return self._tell({})

    def resource(self, host: str, name: str, status: str, *, changed: bool = False, said: str = "") -> bool:
        """Tell and count what one resource of a host came to; False when somebody asked to stop."""
        count = self._counts.setdefault(host, {})
        for one in ({"ok"} if status == "runner_on_ok" else set()) | ({"changed"} if changed else set()):
            count[one] = count.get(one, 0) + 1
        bad = {"runner_on_failed": "failures", "runner_on_unreachable": "dark"}.get(status)
        if bad:
            count[bad] = count.get(bad, 0) + 1
        result: dict[str, object] = {"changed": changed, "msg": said}
        return self.send({"event": status, "event_data": {"host": host, "task": name, "res": result}})

    @property
    def went_well(self) -> bool:
        """True while nothing failed and every host was reached."""
        return not any(one.get("failures") or one.get("dark") for one in self._counts.values())

    def stats(self) -> dict[str, dict[str, int]]:
        """Return the counts of the end, as Ansible's last event carries them."""
        found: dict[str, dict[str, int]] = {"processed": dict.fromkeys(self._counts, 1)}
        for host, counts in self._counts.items():
            for name, count in counts.items():
                found.setdefault(name, {})[host] = count
        return found


class DscReading:
    """What one host says, line by line: tests before and after, words between, the end."""

    def __init__(self, host: str, told: DscTelling, *, real: bool) -> None:
        self._host = host
        self._told = told
        self._real = real
        self._tests: list[tuple[set[str], set[str]]] = []
        self._error = ""
        self._ended = False
        self._restart = False

    def take(self, line: bytes) -> bool:
        """Take one line; what is not the script's is output and nothing else. False when to stop."""
        text = line.replace(b"\0", b"").decode("utf-8", "replace").strip("\r\ufeff\ufffd ")
        document = _said(text)
        kind = document.get("kind")
        if kind == "tested":
            self._tests.append((_names(document.get("in")), _names(document.get("out"))))
        elif kind == "failed":
            self._error = str(document.get("text", ""))[:2000]
        elif kind == "restart":
            self._restart = document.get("wanted") is True
        elif kind == "end":
            self._ended = True
        return self._told.beat()

    def conclude(self, status: int) -> bool:
        """Tell what each resource came to; False when somebody asked to stop."""
        wanted = 2 if self._real else 1
        if status == 255 and not self._tests:
            return self._fail("runner_on_unreachable", "Connect", "The target was not reached.")
        if self._error or status != 0 or not self._ended or len(self._tests) != wanted:
            said = self._error or f"It ended with status {status} and without its end mark."
            return self._fail("runner_on_failed", f"{'Start' if self._real else 'Test'}-DscConfiguration", said)
        before, after = self._tests[0], self._tests[-1]
        going = True
        for name in sorted(after[0] | after[1]):
            if self._real and name in after[1]:
                going = self._fail("runner_on_failed", name, "It is not in the desired state after the run.")
            else:
                changed = name in before[1]
                going = self._told.resource(self._host, name, "runner_on_ok", changed=changed)
        if self._restart:
            going = self._told.resource(self._host, "Windows asks for a restart", "runner_on_ok", changed=True)
        return going

    def _fail(self, status: str, task: str, said: str) -> bool:
        return self._told.resource(self._host, task, status, said=said)


def _said(text: str) -> Mapping[str, object]:
    if not text.startswith(_MARK):
        return {}
    try:
        told = json.loads(base64.b64decode(text[len(_MARK) :], validate=True))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _names(value: object) -> set[str]:
    """Return resource ids; ConvertTo-Json of 5.1 makes of a list of one its element, of none an empty one or null."""
    listed = value if isinstance(value, list) else [] if value is None else [value]
    return {str(one)[:200] for one in listed if one}
