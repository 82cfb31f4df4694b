"""Plays a PowerShell DSC configuration on Windows through the gate: Test-DscConfiguration, then Start-DscConfiguration.

What runs is the compiled MOF of the approved archive; its hash is compared again on the target. Tested on transcripts
of documented answers, not on a Windows machine. Windows PowerShell 5.1: PowerShell 7 has no Start-DscConfiguration.
"""

import base64
import hashlib
import json
import selectors
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from quarterdeck.runs.api import Order, Played, RunFailed

MOST_OUTPUT, MOST_LINE, MOST_MOF = 64 << 20, 1 << 20, 8 << 20
_BEAT = 0.25
_MARK = "QD "

# The MOF comes over standard input in base64 and lies in a folder of its own until the end, as the cmdlets want it.
_SCRIPT = """
$ErrorActionPreference='Stop';$ProgressPreference='SilentlyContinue'
function Say($what){{$t=ConvertTo-Json $what -Compress -Depth 4;[Console]::Out.WriteLine('QD '+\
[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($t)))}}
$b=[Convert]::FromBase64String((@($input) -join ''))
$h=[BitConverter]::ToString((New-Object Security.Cryptography.SHA256CryptoServiceProvider).ComputeHash($b))
if($h.Replace('-','').ToLowerInvariant() -cne '{sha256}'){{
[Console]::Error.WriteLine('other bytes than the approved');exit 1}}
$d=Join-Path $env:TEMP 'quarterdeck-{run}'
[void](New-Item -ItemType Directory -Path $d);$m=Join-Path $d 'localhost.mof'
function Test{{$t=Test-DscConfiguration -ReferenceConfiguration $m
Say @{{kind='tested';in=@($t.ResourcesInDesiredState|%{{$_.ResourceId}});\
out=@($t.ResourcesNotInDesiredState|%{{$_.ResourceId}})}}}}
try{{[IO.File]::WriteAllBytes($m,$b);Test
if({real}){{Start-DscConfiguration -Path $d -Wait -Force -Verbose 4>&1|%{{Say @{{kind='said';text=[string]$_}}}}
Test;Say @{{kind='restart';wanted=[bool](Get-DscConfigurationStatus).RebootRequested}}}}
Say @{{kind='end'}}}}
catch{{Say @{{kind='failed';text=[string]$_}};exit 2}}
finally{{Remove-Item -LiteralPath $d -Recurse -Force}}
"""

Tell = Callable[[Mapping[str, object]], bool]


class DscOverSsh:
    """Fulfils the port PlaybookProgram for `.mof` files; `folder` gives a run's folder, `ssh` is the client."""

    def __init__(self, folder: Callable[[str], Path], ssh: str = "ssh") -> None:
        self._folder = folder
        self._ssh = ssh

    def play(self, order: Order, tell: Tell) -> Played:
        """Bring the configuration to one host after the other; what each resource came to is told as an event."""
        folder = self._folder(order.run)
        mof = _mof(order)
        for name, text in order.files.items():
            path = folder / name
            path.write_text(text)
            path.chmod(0o600)
        command = dsc_command(mof, order.run, real=not order.check)
        deadline = time.monotonic() + order.seconds
        with (folder / "events.jsonl").open("wb") as kept, (folder / "output").open("wb") as words:
            told = _Telling(kept, tell)
            ended_by = "exit"
            for host in hosts_of(order.inventory):
                argv = [self._ssh, "-F", str(folder / "config"), "-T", "--", host, command]
                ended_by = _one_host(argv, mof, host, told, words, deadline, real=not order.check)
                if ended_by != "exit":
                    break
            told.send({"event": "playbook_on_stats", "event_data": told.stats()})
        status = 0 if ended_by == "exit" and told.went_well else 2
        return Played(ended_by, status, folder / "events.jsonl", folder / "output", {"dsc": "Start-DscConfiguration"})


def dsc_command(mof: bytes, run: str, *, real: bool) -> str:
    """Return the command for the target: encoded, with the hash of the MOF that has to arrive."""
    script = _SCRIPT.format(sha256=hashlib.sha256(mof).hexdigest(), run=run, real="$true" if real else "$false")
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    return f"powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand {encoded}"


def hosts_of(inventory: str) -> list[str]:
    """Return the host names of an inventory as the ticket's access writes it."""
    lines = (line.strip() for line in inventory.splitlines())
    return [line for line in lines if line and line[0] not in "#[" and "=" not in line]


def _mof(order: Order) -> bytes:
    with tarfile.open(fileobj=BytesIO(order.archive), mode="r:") as tar:
        try:
            source = tar.extractfile(order.playbook)
        except KeyError:
            source = None
        raw = b"" if source is None else source.read(MOST_MOF + 1)
    if not 0 < len(raw) <= MOST_MOF:
        raise RunFailed(f"{order.playbook} is no compiled configuration of 1 byte to {MOST_MOF >> 20} MiB.")
    return raw


class _Telling:
    """Events in the form that runs are told in, kept as lines; counts by host for the end."""

    def __init__(self, kept: BinaryIO, tell: Tell) -> None:
        self._kept = kept
        self._tell = tell
        self._counts: dict[str, dict[str, int]] = {}
        self.size = 0

    def send(self, event: Mapping[str, object]) -> bool:
        raw = json.dumps(event).encode() + b"\n"
        self._kept.write(raw)
        self.size += len(raw)
        return self._tell(event)

    def beat(self) -> bool:
        return self._tell({})

    def resource(self, host: str, name: str, status: str, *, changed: bool = False, said: str = "") -> bool:
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
        return not any(one.get("failures") or one.get("dark") for one in self._counts.values())

    def stats(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {"processed": dict.fromkeys(self._counts, 1)}
        for host, counts in self._counts.items():
            for name, count in counts.items():
                found.setdefault(name, {})[host] = count
        return found


def _one_host(
    argv: Sequence[str], mof: bytes, host: str, told: _Telling, words: BinaryIO, deadline: float, *, real: bool
) -> str:
    """Run it on one host and tell what came; return by what it ended: exit, cancel, time or output."""
    text = base64.b64encode(mof)
    source = b"".join(text[at : at + 4000] + b"\n" for at in range(0, len(text), 4000))
    with TemporaryFile() as stdin:
        stdin.write(source)
        stdin.seek(0)
        process = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=words, bufsize=0)
    reading = _Reading(host, told, real=real)
    try:
        for line in _lines(process, told, deadline):
            words.write(line + b"\n")
            if not reading.take(line):
                return "cancel"
            if told.size > MOST_OUTPUT:
                return "output"
        status = process.wait(max(deadline - time.monotonic(), 0.1))
    except _Ended as ended:
        return str(ended)
    except subprocess.TimeoutExpired:
        return "time"
    finally:
        if process.poll() is None:
            process.kill()
        cast("BinaryIO", process.stdout).close()
        process.wait()
    return "exit" if reading.conclude(status) else "cancel"


class _Ended(Exception):
    """Reading was ended by what the text says: `cancel` or `time`."""


def _lines(process: subprocess.Popen[bytes], told: _Telling, deadline: float) -> Iterator[bytes]:
    """Give the lines of its output as they come; _Ended when somebody asked to stop or the time is over."""
    out, rest = cast("BinaryIO", process.stdout), b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(out, selectors.EVENT_READ)
        while True:
            if time.monotonic() > deadline:
                raise _Ended("time")
            if not waiting.select(_BEAT):
                if not told.beat():
                    raise _Ended("cancel")
                continue
            part = out.read(1 << 16)
            rest += part
            *whole, rest = rest.split(b"\n")
            yield from whole
            if not part or len(rest) > MOST_LINE:
                yield from [rest] if rest else []
                return


class _Reading:
    """What one host says, line by line: tests before and after, words between, the end."""

    def __init__(self, host: str, told: _Telling, *, real: bool) -> None:
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
