"""Transcripts of the Windows collector, made as its script makes them: ASCII lines, deflated and in base64."""

import base64
import json
import zlib
from collections.abc import Sequence

from quarterdeck.baselines.windows import windows_sha256

EPOCH_TICKS = 621_355_968_000_000_000
STARTED = "1795881600.123"
SDDL = "O:BAG:SYD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x1200a9;;;BU)"


def raw(text: str) -> str:
    """What `Raw` of the script makes of a name: its UTF-16 units in base64."""
    return base64.b64encode(text.encode("utf-16-le", "surrogatepass")).decode()


def frame(kind: str, number: int, content: str) -> str:
    """One line, as `Send` of the script writes it."""
    data = content.encode()
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    return f"{kind} {number} {len(data)} {base64.b64encode(packed).decode()}"


def record(
    path: str,
    *,
    kind: str = "F",
    attributes: str = "00000020",
    size: str = "5",
    seconds: int = 1_795_000_000,
    digest: str = "a" * 64,
    sddl: str = SDDL,
    streams: str = "",
    link: str = "",
    reason: str = "-",
) -> str:
    """One object, as `Record` of the script tells it."""
    ticks = str(EPOCH_TICKS + seconds * 10_000_000 + 1_234_567)
    if kind != "F":
        size, digest = "-", "-"
    if reason != "-":
        digest = "-"
    said = (raw(one) if one else "-" for one in (sddl, streams, link))
    return "\t".join((kind, attributes, size, ticks, digest, *said, reason, raw(path)))


def header(arguments: Sequence[str], **other: object) -> str:
    """The header's document."""
    told: dict[str, object] = {
        "format": "quarterdeck-windows-1",
        "mode": arguments[0],
        "arguments": list(arguments[1:]),
        "collector_sha256": windows_sha256(),
        "python": "none (PowerShell 5.1.20348.2582)",
        "system": "Windows 10.0.20348.0, elevated",
        "uid": 1001,
        "started": STARTED,
    }
    return json.dumps(told | other)


def manifest(arguments: Sequence[str], records: Sequence[str], *, entries: int | None = None) -> list[str]:
    """The lines of a whole scan; two frames of records where there are enough."""
    half = (len(records) + 1) // 2
    batches = [part for part in (records[:half], records[half:]) if part]
    contents = [
        ("H", header(arguments)),
        *(("R", "".join(f"{one}\n" for one in part)) for part in batches),
        ("T", json.dumps({"entries": len(records) if entries is None else entries, "finished": "1795881609.5"})),
    ]
    return [*(frame(kind, number, text) for number, (kind, text) in enumerate(contents)), f"E {len(contents)}"]


def posture(arguments: Sequence[str], facts: dict[str, object]) -> list[str]:
    """The lines of a whole posture."""
    contents = [
        ("H", header(arguments)),
        ("D", json.dumps(facts)),
        ("T", json.dumps({"entries": 0, "finished": "1795881603.5"})),
    ]
    return [*(frame(kind, number, text) for number, (kind, text) in enumerate(contents)), f"E {len(contents)}"]


def printed(lines: Sequence[str], *, codec: str = "ascii", end: str = "\r\n") -> bytes:
    """What arrives: by default as .NET's console writes it."""
    return "".join(f"{line}{end}" for line in lines).encode(codec)


# Documented answers of a Windows Server 2022 (Get-BitLockerVolume, Get-LocalGroup of a German system, Win32_BIOS ...).
POSTURE: dict[str, object] = {
    "kernel": {"value": "Windows Server 2022 Standard 20348.2582"},
    "listening": {"value": ["tcp 0.0.0.0 22", "tcp 0.0.0.0 445", "tcp 0.0.0.0 dynamic", "udp 0.0.0.0 500"]},
    "listening.local": {"value": "tcp 127.0.0.1 5432"},  # a list of one, as some nestings of 5.1 shrink it
    "accounts": {"value": {"maint": "sid S-1-5-21-1-2-3-1001, enabled, password required"}},
    "groups": {
        "value": {
            "S-1-5-32-544 Administratoren": "FS01\\Administrator=S-1-5-21-1-2-3-500 FS01\\maint=S-1-5-21-1-2-3-1001",
            "S-1-5-32-555 Remotedesktopbenutzer": "nobody",
        }
    },
    "sshd": {"value": {"passwordauthentication": "no", "authorizedkeysfile": "none"}},
    "fips": {"value": "1"},
    "services": {"value": ["EventLog Auto as NT%20AUTHORITY\\LocalService: C:\\Windows\\System32\\svchost.exe"]},
    "packages": {"value": ["7-Zip 23.01"]},
    "hotfixes": {"value": ["KB5034123 2026-10-14"]},
    "bitlocker": {"value": {"C:": "on, FullyEncrypted, XtsAes256, 100 % encrypted, protectors RecoveryPassword Tpm"}},
    "firmware": {"value": {"bios_vendor": "Dell Inc.", "bios_version": "2.19.1", "tpm": "7.2.3.1"}},
    "protections": {"value": {"secure boot": "on", "firewall Domain": "on", "Defender real time": "on"}},
    "reboot": {"value": None},
}
