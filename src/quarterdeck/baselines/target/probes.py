"""Answers to checks that somebody defined for a system. Runs on the target: Python 3.6, standard library.

Each probe is bounded in time and in what it reads. A mechanism is a file whose bytes have the approved hash; it gets no
argument and an empty standard input, and nobody but root or the measuring account may be able to write to it.
"""

import base64
import ctypes
import glob
import grp
import hashlib
import http.client
import os
import pwd
import re
import selectors
import signal
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Callable

from quarterdeck.baselines.target.posture import ENVIRONMENT, text_of

PROBE_SECONDS = 10
PROBE_OUTPUT = 16384
_TIME_ERROR = 5


def probe_place(text: str) -> "tuple[str, int]":
    """Return host and port of `host:port`."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def probe_tcp(text: str) -> str:
    """Return `open` when a connection comes about within ten seconds; OSError says why not."""
    with socket.create_connection(probe_place(text), PROBE_SECONDS):
        return "open"


def probe_http(url: str) -> "dict[str, object]":
    """Return status and the beginning of the answer to one GET; no redirect is followed, certificates are verified."""
    scheme, _, rest = url.partition("://")
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    if scheme == "https":
        link = http.client.HTTPSConnection(
            host, int(port or 443), timeout=PROBE_SECONDS, context=ssl.create_default_context()
        )  # type: http.client.HTTPConnection
    else:
        link = http.client.HTTPConnection(host, int(port or 80), timeout=PROBE_SECONDS)
    try:
        link.request("GET", "/" + path, headers={"User-Agent": "quarterdeck-check"})
        answer = link.getresponse()
        return {"status": answer.status, "body": answer.read(PROBE_OUTPUT).decode("utf-8", "backslashreplace")}
    except http.client.HTTPException as error:
        raise ValueError(str(error)) from error
    finally:
        link.close()


def probe_certificate(place: str) -> str:
    """Return a certificate as base64 of its DER: of a PEM file, or as a server shows it. It is judged by who asked."""
    if place.startswith("/"):
        with open(place, encoding="ascii", errors="replace") as source:
            text = source.read(200000)
        pem = re.search("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.DOTALL)
        if pem is None:
            raise ValueError("no certificate in the file")
        return base64.b64encode(ssl.PEM_cert_to_DER_cert(pem.group() + "\n")).decode()
    host, port = probe_place(place)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((host, port), PROBE_SECONDS)
    with plain, context.wrap_socket(plain, server_hostname=host) as secured:
        return base64.b64encode(secured.getpeercert(True) or b"").decode()


def probe_share(path: str) -> "dict[str, object]":
    """Return type, owner, group, mode and access lists of a folder: what it gives to whom, not what is in it."""
    seen = os.lstat(path)
    found = {
        "folder": stat.S_ISDIR(seen.st_mode),
        "mode": f"{stat.S_IMODE(seen.st_mode):o}",
        "owner": probe_name(pwd.getpwuid, seen.st_uid),
        "group": probe_name(grp.getgrgid, seen.st_gid),
    }  # type: dict[str, object]
    for name in ("access", "default"):
        try:
            raw = os.getxattr(path, "system.posix_acl_" + name, follow_symlinks=False)
        except OSError:
            raw = b""
        found[name] = probe_acl(raw)
    return found


def probe_name(look_up: "Callable[[int], tuple[object, ...]]", number: int) -> str:
    """Return the name of a user or group, its number where it has none."""
    try:
        return str(look_up(number)[0])
    except KeyError:
        return str(number)


def probe_acl(raw: bytes) -> "list[str]":
    """Return a POSIX access list as `user:NAME:rwx` lines, in the kernel's order (struct posix_acl_xattr_entry)."""
    kinds = {1: "owner", 2: "user", 4: "owning group", 8: "group", 16: "mask", 32: "other"}
    lines = []
    for at in range(4, len(raw) - 7, 8):
        tag, rights = int.from_bytes(raw[at : at + 2], "little"), int.from_bytes(raw[at + 2 : at + 4], "little")
        number = int.from_bytes(raw[at + 4 : at + 8], "little")
        look_up = {2: pwd.getpwuid, 8: grp.getgrgid}.get(tag)
        name = probe_name(look_up, number) if look_up else ""
        given = "".join(letter if rights & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        lines.append(kinds.get(tag, str(tag)) + ":" + name + ":" + given)
    return lines


def probe_reboot(_: str) -> "dict[str, object]":
    """Return what says that the system waits for a restart: the distribution's flag, or a kernel newer than its own.

    A kernel counts as newer when its file in /boot or its modules were written after the system started.
    """
    running = os.uname()[2]
    started = time.time() - float(text_of("/proc/uptime").split()[0])
    newer = sorted(
        path[len("/boot/vmlinuz-") :]
        for path in glob.glob("/boot/vmlinuz-*")
        if not path.endswith("-" + running) and "rescue" not in path and os.stat(path).st_mtime > started
    )
    packages = ""
    if os.path.exists("/run/reboot-required.pkgs"):
        packages = text_of("/run/reboot-required.pkgs")
    return {
        "flag": os.path.exists("/run/reboot-required") or os.path.exists("/var/run/reboot-required"),
        "packages": packages.split()[:50],
        "running": running,
        "newer": newer,
    }


def probe_clock(_: str) -> "dict[str, object]":
    """Return whether the kernel's clock is kept by a time source (adjtimex, without setting anything)."""
    room = ctypes.create_string_buffer(512)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(room)
    if state < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return {"synchronised": state != _TIME_ERROR, "state": state}


def probe_digest(file: int) -> str:
    """Return the SHA-256 of an open file from its beginning."""
    os.lseek(file, 0, os.SEEK_SET)
    digest = hashlib.sha256()
    while True:
        block = os.read(file, 1 << 20)
        if not block:
            return digest.hexdigest()
        digest.update(block)


def probe_mechanism(text: str) -> "dict[str, object]":
    """Run the file of `sha256:seconds:path` when its bytes have that hash; return status, output, and whether it ended.

    The file is opened once and run through its descriptor, and hashed again afterwards.
    """
    sha256, seconds, path = text.split(":", 2)
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        seen = os.fstat(file)
        if not stat.S_ISREG(seen.st_mode) or seen.st_mode & 0o022 or seen.st_uid not in (0, os.geteuid()):
            raise ValueError("others may write to the file")
        if probe_digest(file) != sha256:
            return {"refused": "other bytes"}
        found = probe_run(file, int(seconds))
        found["unchanged"] = probe_digest(file) == sha256
        return found
    finally:
        os.close(file)


def probe_run(file: int, seconds: int) -> "dict[str, object]":
    """Run an open file and return what it said and how it ended; its whole process group ends with its time."""
    child = subprocess.Popen(
        [f"/proc/self/fd/{file}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        pass_fds=(file,), env=ENVIRONMENT, cwd="/", start_new_session=True,
    )  # fmt: skip
    output, kept, deadline, late = child.stdout, b"", time.monotonic() + seconds, False
    size = 0
    if output is None:
        raise OSError("no output")
    with selectors.DefaultSelector() as waiting:
        waiting.register(output, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not waiting.select(left):
                late = True
                break
            block = os.read(output.fileno(), 65536)
            if not block:
                break
            size += len(block)
            kept = (kept + block)[:PROBE_OUTPUT]
    try:
        status = None if late else child.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        status, late = None, True
    if late:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    output.close()
    return {"status": status, "output": kept.decode("utf-8", "backslashreplace"), "bytes": size, "late": late}


PROBES = {
    "tcp": probe_tcp,
    "http": probe_http,
    "certificate": probe_certificate,
    "share": probe_share,
    "reboot": probe_reboot,
    "clock": probe_clock,
    "mechanism": probe_mechanism,
}  # type: dict[str, Callable[[str], object]]
