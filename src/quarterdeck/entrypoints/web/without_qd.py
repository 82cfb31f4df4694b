"""What a person without `qd` pastes or types: one block per system for OpenSSH, the fields of PuTTY and WinSCP.

Pure text. Every part has passed a strict grammar before (host names, addresses, base64, paths), so that nothing in it
ends a here-document or a quoted string; `blocks` checks it once more.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from quarterdeck.access import api as access
from quarterdeck.workflows.take_access import AccessMaterial

_LINE = re.compile(r"[A-Za-z0-9 .,:;`'()\"#/@+=_~*\[\]-]*", re.ASCII)
_END = "QUARTERDECK"
_PRIVATE_HALVES = {
    "ssh-ed25519": "id_ed25519",
    "ssh-rsa": "id_rsa",
    "sk-ecdsa-sha2-nistp256@openssh.com": "id_ecdsa_sk",
    "sk-ssh-ed25519@openssh.com": "id_ed25519_sk",
}
CONFIG, KNOWN_HOSTS = "config", "known_hosts"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the browser session keeps of access that was taken; all of it is public."""

    certificates: list[dict[str, str | int]]
    config: str
    known_hosts: str
    host: str
    port: int
    user: str
    fingerprint: str
    folder: str
    identity_file: str

    @property
    def files(self) -> dict[str, str]:
        """Every file of the ticket's folder, by name."""
        lines = {str(one["file"]): f"{one['line']}\n" for one in self.certificates}
        return {**lines, KNOWN_HOSTS: self.known_hosts + "\n", CONFIG: self.config}


def folder_of(number: str) -> str:
    """Return the folder that the page has the person make for a ticket."""
    return f"{access.DEFAULT_FOLDER}/{number}"


def usual_identity(public_key: str) -> str:
    """Return where `ssh-keygen` puts the private half of a key of this type."""
    return "~/.ssh/" + _PRIVATE_HALVES.get(public_key.split(" ", 1)[0], "id_ecdsa")


def kept(material: AccessMaterial, identity_file: str) -> Kept:
    """Return what to keep of access just taken."""
    door = material.door
    blob = base64.b64decode(door.host_key.split(" ")[1])
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return Kept(
        certificates=[
            {"hostname": one.hostname, "serial": one.serial, "file": one.file_name, "line": one.certificate}
            for one in material.assets
        ],
        config=material.ssh_config,
        known_hosts=material.known_hosts_line,
        host=door.host,
        port=door.port,
        user=door.user,
        fingerprint=f"SHA256:{digest}",
        folder=folder_of(material.ticket),
        identity_file=identity_file,
    )


def from_session(value: object) -> Kept | None:
    """Return what an earlier page kept, None for something else."""
    if not isinstance(value, Mapping):
        return None
    try:
        return Kept(**value)
    except TypeError:
        return None


def posix_block(access_kept: Kept) -> str:
    """Return what is pasted into a terminal on Linux or macOS: makes the folder, its files, and one Include line."""
    folder = access_kept.folder
    parts = [f"( umask 077; mkdir -p {folder}"]
    for name, text in _checked(access_kept.files).items():
        parts.append(f"cat > {folder}/{name} <<'{_END}'\n{text}{_END}")
    parts.append(
        "grep -qsxF 'Include quarterdeck/*/config' ~/.ssh/config || {\n"
        "  { echo 'Include quarterdeck/*/config'; echo; cat ~/.ssh/config 2>/dev/null; } > ~/.ssh/config.new\n"
        "  mv ~/.ssh/config.new ~/.ssh/config\n} )"
    )
    return "\n".join(parts) + "\n"


def posix_removal(access_kept: Kept) -> str:
    """Return what removes it again."""
    return f"rm -r {access_kept.folder}"


def windows_block(access_kept: Kept) -> str:
    """Return the same for PowerShell on Windows, whose OpenSSH reads the same files."""
    folder = _windows(access_kept.folder)
    parts = [
        "$plain = New-Object Text.UTF8Encoding $false",
        f'$folder = "{folder}"',
        "New-Item -ItemType Directory -Force $folder | Out-Null",
    ]
    for name, text in _checked(access_kept.files).items():
        parts.append(f"[IO.File]::WriteAllText(\"$folder\\{name}\", @'\n{text}'@ + \"`n\", $plain)")
    parts.append(
        '$config = "$HOME\\.ssh\\config"\n'
        "$before = if (Test-Path $config) { [IO.File]::ReadAllText($config) } else { '' }\n"
        "if (-not $before.Contains('Include quarterdeck/*/config')) {\n"
        '  [IO.File]::WriteAllText($config, "Include quarterdeck/*/config`n`n" + $before, $plain)\n}'
    )
    return "\n".join(parts) + "\n"


def windows_removal(access_kept: Kept) -> str:
    """Return what removes it again."""
    return f'Remove-Item -Recurse "{_windows(access_kept.folder)}"'


def _windows(folder: str) -> str:
    return folder.replace("~", "$HOME", 1).replace("/", "\\")


def _checked(files: Mapping[str, str]) -> Mapping[str, str]:
    """Return the files; ValueError for a line that could end the text it stands in."""
    for name, text in files.items():
        for line in (name, *text.split("\n")):
            if _LINE.fullmatch(line) is None or line == _END or line.startswith("'@"):
                raise ValueError(f"this line can't stand in a block to paste: {line!r}")
    return files
