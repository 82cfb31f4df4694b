"""Readers of the system's state: a fact or why not, secrets only as digests. Runs there: Python 3.6."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable

from quarterdeck.baselines.target.frames import error_name

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def text_of(path: str) -> str:
    """Return a small text file of the kernel or the system."""
    with open(path, errors="backslashreplace") as source:
        return source.read().strip()


def tool(*words: str) -> "list[str]":
    """Return the output lines of a program; OSError or CalledProcessError when it does not run well."""
    done = subprocess.check_output(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=60)
    return done.decode("utf-8", "backslashreplace").splitlines()


def fact(collect: "Callable[..., object]", *arguments: object) -> "dict[str, object]":
    """Return what a reader found, or why it could not: an unreadable fact is never left out."""
    try:
        return {"value": collect(*arguments)}
    except subprocess.CalledProcessError as error:
        return {"error": (error.stderr or b"").decode("utf-8", "backslashreplace")[-300:] or f"exit {error.returncode}"}
    except (OSError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired) as error:
        return {"error": type(error).__name__ if not isinstance(error, OSError) else error_name(error).decode()}


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file, or of the names and digests of a folder's files."""
    if os.path.isdir(path):
        inside = sorted(os.path.join(path, name) for name in os.listdir(path))
        return lines_digest([name + " " + file_digest(name) for name in inside if os.path.isfile(name)])
    with open(path, "rb") as source:
        return hashlib.sha256(source.read()).hexdigest()


def lines_digest(lines: "list[str]") -> str:
    """Return the SHA-256 of lines: the text itself stays on the target."""
    return hashlib.sha256("\n".join(lines).encode("utf-8", "backslashreplace")).hexdigest()


def listening() -> "list[str]":
    """Return the addresses that wait for others, from the kernel's own tables; UDP only outside the passing ports."""
    found = set()
    passing = int(text_of("/proc/sys/net/ipv4/ip_local_port_range").split()[0])
    for name, wanted in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in text_of("/proc/net/" + name).splitlines()[1:] if os.path.exists("/proc/net/" + name) else []:
            address, port = line.split()[1].split(":")
            if line.split()[3] == wanted and (wanted == "0A" or int(port, 16) < passing):
                found.add(f"{name} {spell_address(bytes.fromhex(address))} {int(port, 16)}")
    return sorted(found)


def spell_address(raw: bytes) -> str:
    """Return an address of /proc/net, which holds 32-bit words in the machine's own byte order."""
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def is_local(line: str) -> bool:
    """Return whether an address that `listening` gave is only this machine's own."""
    return line.split()[1].startswith(("127.", "::1", "::ffff:127."))


def packages() -> "list[str]":
    """Return name and version of every installed package."""
    if os.path.exists("/var/lib/dpkg/status"):
        return sorted(tool("dpkg-query", "-W", "-f", "${Package}:${Architecture} ${Version}\\n"))
    return sorted(tool("rpm", "-qa", "--qf", "%{NAME}.%{ARCH} %{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n"))


def package_files(since: int) -> "dict[str, list[str]]":
    """Return the file lists of packages installed or upgraded since a moment (Unix seconds)."""
    if os.path.isdir("/var/lib/dpkg/info"):
        found = [item for item in os.scandir("/var/lib/dpkg/info") if item.name.endswith(".list")]
        return {i.name[:-5]: text_of(i.path).splitlines() for i in found if i.stat().st_mtime >= since}
    rows = [line.split(" ", 1) for line in tool("rpm", "-qa", "--qf", "%{INSTALLTIME} %{NAME}\\n")]
    return {name: tool("rpm", "-ql", name) for moment, name in rows if int(moment) >= since}


def encryption() -> "list[str]":
    """Return block devices with type and use."""
    rows = [line.split() for line in tool("lsblk", "-nrpo", "NAME,TYPE,FSTYPE")]
    return sorted(" ".join(row) for row in rows)
