"""Plays a PowerShell DSC configuration on Windows through the gate: Test-DscConfiguration, then Start-DscConfiguration.

What runs is the compiled MOF of the approved archive; its hash is compared again on the target. Tested on transcripts
of documented answers, not on a Windows machine. Windows PowerShell 5.1: PowerShell 7 has no Start-DscConfiguration.
"""

import base64
import hashlib
import selectors
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from quarterdeck.adapters.dsc_telling import DscReading, DscTelling, Tell
from quarterdeck.runs.api import Order, Played, RunFailed

MOST_OUTPUT, MOST_LINE, MOST_MOF = 64 << 20, 1 << 20, 8 << 20
_BEAT = 0.25

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
            told = DscTelling(kept, tell)
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


def _one_host(
    argv: Sequence[str], mof: bytes, host: str, told: DscTelling, words: BinaryIO, deadline: float, *, real: bool
) -> str:
    """Run it on one host and tell what came; return by what it ended: exit, cancel, time or output."""
    text = base64.b64encode(mof)
    source = b"".join(text[at : at + 4000] + b"\n" for at in range(0, len(text), 4000))
    with TemporaryFile() as stdin:
        stdin.write(source)
        stdin.seek(0)
        process = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=words, bufsize=0)
    reading = DscReading(host, told, real=real)
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


def _lines(process: subprocess.Popen[bytes], told: DscTelling, deadline: float) -> Iterator[bytes]:
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
