"""Answers to named questions about a system. Runs on the target: Python 3.6, standard library."""

import os
import pwd
import time

from quarterdeck.baselines.target.doors import keys_left, match_blocks
from quarterdeck.baselines.target.module import cryptography
from quarterdeck.baselines.target.posture import fact, file_digest, listening, text_of, tool
from quarterdeck.baselines.target.probes import PROBES


def parent_of(pid: int) -> int:
    """Return the parent of a process."""
    return int(text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])


def processes() -> "list[tuple[int, str, int]]":
    """Return pid, title and owner of every process."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                title = text_of("/proc/" + name + "/cmdline").replace("\0", " ")
                found.append((int(name), title, os.stat("/proc/" + name).st_uid))
        except OSError:
            continue
    return found


def came_by(pid: int) -> str:
    """Return address and port of the ssh server through which a process was started, as far as it still says so."""
    try:
        variables = text_of(f"/proc/{pid}/environ").split("\0")
    except OSError:
        return ""
    found = [value[len("SSH_CONNECTION=") :] for value in variables if value.startswith("SSH_CONNECTION=")]
    return " ".join(found[0].split()[2:]) if found else ""


def name_of(pid: int) -> str:
    """Return the name of a process, empty when it has just ended."""
    try:
        return text_of(f"/proc/{pid}/comm")
    except OSError:
        return ""


def leftovers(account: str) -> "list[str]":
    """Return pid and name of an account's processes, but not of those that lead to this one; arguments may be secret.

    Root owns the system's own processes too, so of root only those count that came by the same ssh server as this one.
    """
    own, pid = {os.getpid()}, os.getpid()
    while pid > 1:
        pid = parent_of(pid)
        own.add(pid)
    uid = pwd.getpwnam(account).pw_uid
    found = [pid for pid, title, owner in processes() if owner == uid and title and pid not in own]
    if uid == 0:
        here = came_by(os.getpid())
        found = [pid for pid in found if here and came_by(pid) == here]
    return sorted(f"{pid} {name}" for pid, name in ((pid, name_of(pid)) for pid in found) if name)


def sshd_options(words: "list[str]") -> "list[str]":
    """Return of an sshd's command line what changes its settings: configuration file, options, ports."""
    kept = []
    for at, word in enumerate(words):
        if word[:2] in ("-f", "-o", "-p"):
            kept += [word] if len(word) > 2 else words[at : at + 2]
    return kept if any(word.startswith("-f") for word in kept) else ["-f", "/etc/ssh/sshd_config", *kept]


def trust_files(settings: "list[str]", user: str) -> "dict[str, object]":
    """Return the SHA-256 of the files that say which certificates open an account."""
    names = ("trustedusercakeys ", "authorizedprincipalsfile ")
    paths = [line.split(" ", 1)[1].replace("%u", user) for line in settings if line.startswith(names)]
    return {path: fact(file_digest, path) for path in paths if path.startswith("/")}


def sshd_settings(spec: str) -> "list[dict[str, object]]":
    """Return the effective settings, for one user, host and address, of every sshd that listens here."""
    titles = [title for _, title, _ in processes() if title.startswith("sshd: ") and "[listener]" in title]
    user = dict(part.split("=", 1) for part in spec.split(",")).get("user", "")
    found = []
    for title in titles or ["sshd: sshd [listener]"]:
        options = sshd_options(title[6 : title.index("[listener]")].split()[1:])
        answer = fact(tool, "/usr/sbin/sshd", "-T", *options, "-C", spec)
        settings = answer.get("value")
        answer["files"] = trust_files(settings, user) if isinstance(settings, list) else {}
        answer["config"] = options[options.index("-f") + 1] if "-f" in options else ""
        answer["matches"] = fact(match_blocks, answer["config"])
        answer["listening"] = bool(titles)
        found.append(answer)
    return found


def service(name: str) -> str:
    """Return `active` or why not; without systemd, whether a process of that name runs."""
    if os.path.isdir("/run/systemd/system"):
        return tool("systemctl", "show", "-p", "ActiveState", "--value", "--", name)[0]
    names = [title.split()[0].rpartition("/")[2].rstrip(":") for _, title, _ in processes() if title.split()]
    return "active" if name in names else "no such process"


def disk(path: str) -> "dict[str, int]":
    """Return free and total bytes and free and total inodes of the file system of a path."""
    seen = os.statvfs(path)
    return {
        "free": seen.f_bavail * seen.f_frsize,
        "size": seen.f_blocks * seen.f_frsize,
        "free_inodes": seen.f_favail,
        "inodes": seen.f_files,
    }


def checks(arguments: "list[str]") -> "dict[str, dict[str, object]]":
    """Return the answers to the checks named in the arguments, and always clock, boot and uptime."""
    kinds = dict(PROBES, sshd=sshd_settings, account=leftovers, service=service, disk=disk)
    found = {"boot_id": fact(text_of, "/proc/sys/kernel/random/boot_id"), "uptime": fact(text_of, "/proc/uptime")}
    for argument in arguments:
        name, _, value = argument.partition("=")
        if argument.startswith("/"):
            found["disk:" + argument] = fact(disk, argument)
        elif name in kinds:
            found[name + ":" + value] = fact(kinds[name], value)
        else:
            raise SystemExit("checks takes /FOLDER and " + ", ".join(sorted(kinds)) + "=, not " + argument)
    if any(argument.startswith("sshd=") for argument in arguments):
        found["keys_left"] = fact(keys_left)
        found["cryptography"] = fact(cryptography)
    found["listening"] = fact(listening)
    found["clock"] = {"value": f"{time.time():.6f}"}
    return found
