"""What the system's own logs say of logins and commands since a moment. Runs on the target: Python 3.6, stdlib.

Lines are chosen here and judged elsewhere: whoever can write a log can write any line of it.
"""

import calendar
import gzip
import json
import os
import pwd
import re
import struct
import time

from quarterdeck.baselines.target.posture import fact, text_of, tool

MOST_LINES, MOST_TEXT = 5000, 1000
AUTH_FILES = ("/var/log/auth.log", "/var/log/secure")
SUDO_LOGS = ("/var/log/sudo-io",)
AUDIT_FOLDER = "/var/log/audit"
WTMP = "/var/log/wtmp"
TAGS = re.compile(
    r"sshd(-session|-auth)?|login|su|gdm[a-z-]*\]?|lightdm|sddm[a-z-]*|xrdp-sesman|cockpit-session|vsftpd"
)
CHOSEN = re.compile(
    r"Accepted |.*LOGIN ON |ROOT LOGIN |\(to |Successful su |pam_unix\([a-z:-]*\): session opened for user "
)
LINE = re.compile(r"(\S+|\w{3} [ \d]\d [\d:]{8}) \S+ ([^\s:\[]+)(?:\[(\d+)\])?: (.*)")
ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)")
UTMP = struct.Struct("hi32s4s32s256shhiii4i20x")
AUDIT = re.compile(r"type=(\w+) msg=audit\((\d+\.\d+):(\d+)\): (.*)")
FIELD = re.compile(r"(\w+(?:\[\d+\])?)=(\"[^\"]*\"|\S+)")
UNSET = 4294967295


def moment_of(stamp: str, now: float) -> "float | None":
    """Return a syslog line's time in Unix seconds, None when it is not understood; a year is guessed from now."""
    iso = ISO.match(stamp)
    if iso:
        parts = tuple(int(part) for part in iso.groups()[:6])
        zone = (
            0 if iso.group(8) == "Z" else int(iso.group(8)[:3]) * 3600 + int(iso.group(8)[0] + iso.group(8)[-2:]) * 60
        )
        return calendar.timegm((*parts, 0, 0, 0)) - zone + float("0." + (iso.group(7) or "0"))
    year = time.localtime(now).tm_year
    for guess in (year, year - 1):
        try:
            at = time.mktime(time.strptime(f"{guess} {stamp}", "%Y %b %d %H:%M:%S"))
        except ValueError:
            return None
        if at <= now + 86400:
            return at
    return None


def lines_of(path: str) -> "list[str]":
    """Return the lines of a log, packed or not."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", errors="backslashreplace", newline="\n") as source:
        return [line.rstrip("\n") for line in source]


def age(path: str) -> int:
    """Return how often a log's file was rotated."""
    found = re.search(r"\.(\d+)(\.gz)?$", path)
    return int(found.group(1)) if found else 0


def auth_log(since: float) -> "dict[str, object]":
    """Return the chosen lines of the login log from a moment on, where it begins, and what went wrong in it."""
    base = next((path for path in AUTH_FILES if os.path.exists(path)), None)
    if base is None:
        return journal(since)
    folder, name = os.path.split(base)
    pattern = re.compile(re.escape(name) + r"(\.\d+(\.gz)?)?$")
    paths = sorted((os.path.join(folder, one) for one in os.listdir(folder) if pattern.match(one)), key=age)
    found: list[dict[str, object]] = []
    now, began, odd, back = time.time(), None, 0, 0.0
    for path in paths:
        rows, previous, first = [], 0.0, None
        for line in lines_of(path):
            parts = LINE.match(line)
            at = moment_of(parts.group(1), now) if parts else None
            if parts is None or at is None:
                odd += 1
                continue
            first = at if first is None else first
            back = max(back, previous - at)
            previous = at
            if at >= since and TAGS.match(parts.group(2)) and CHOSEN.match(parts.group(4)):
                rows.append(
                    {
                        "at": at,
                        "tag": parts.group(2),
                        "pid": int(parts.group(3) or 0),
                        "text": parts.group(4)[:MOST_TEXT],
                    }
                )
        found = rows + found
        began = first if first is not None else began
        if began is not None and began < since:
            break
    return {
        "source": base,
        "began": began,
        "odd": odd,
        "back": back,
        "cut": len(found) > MOST_LINES,
        "lines": found[-MOST_LINES:],
    }


def journal(since: float) -> "dict[str, object]":
    """Return the same from the journal."""
    words = ["journalctl", "-q", "--no-pager", "-o", "json", f"--since=@{int(since)}"]
    for tag in ("sshd", "sshd-session", "login", "su", "gdm-password]", "lightdm", "cockpit-session"):
        words += ["-t", tag]
    found = []
    for line in tool(*words):
        row = json.loads(line)
        text = row.get("MESSAGE")
        if isinstance(text, str) and CHOSEN.match(text):
            at, pid = int(row["__REALTIME_TIMESTAMP"]) / 1e6, int(row.get("_PID", 0))
            found.append({"at": at, "tag": str(row.get("SYSLOG_IDENTIFIER")), "pid": pid, "text": text[:MOST_TEXT]})
    boots = tool("journalctl", "-q", "--no-pager", "-o", "json", "-n", "1", "--until", f"@{int(since)}")
    began = since - 1 if boots else (found[0]["at"] if found else None)
    return {
        "source": "journal",
        "began": began,
        "odd": 0,
        "back": 0.0,
        "cut": len(found) > MOST_LINES,
        "lines": found[-MOST_LINES:],
    }


def wtmp(since: float) -> "list[dict[str, object]]":
    """Return the logins that wtmp keeps: terminals and consoles, not commands."""
    found = []
    with open(WTMP, "rb") as source:
        data = source.read()
    for start in range(0, len(data) - UTMP.size + 1, UTMP.size):
        row = UTMP.unpack_from(data, start)
        texts = [part.split(b"\0", 1)[0].decode("utf-8", "backslashreplace") for part in (row[2], row[4], row[5])]
        if row[0] == 7 and row[9] >= since:
            found.append({"at": float(row[9]), "line": texts[0], "user": texts[1], "host": texts[2], "pid": row[1]})
    return found[-MOST_LINES:]


def sudo_commands(account: str, since: float) -> "list[dict[str, object]]":
    """Return the commands that sudo's own I/O log holds for an account; never what was typed or printed."""
    found: list[dict[str, object]] = []
    for root in SUDO_LOGS:
        for folder, _, names in os.walk(root):
            path = os.path.join(folder, "log.json")
            if "log.json" not in names or os.stat(path).st_mtime < since or len(found) >= MOST_LINES:
                continue
            row = json.loads(text_of(path))
            stamp = row.get("timestamp") or row.get("submit_time") or {}
            if row.get("submituser") == account and stamp.get("seconds", 0) >= since:
                told = {"at": stamp["seconds"] + stamp.get("nanoseconds", 0) / 1e9, "id": os.path.relpath(folder, root)}
                told.update(
                    {"run_as": row.get("runuser", ""), "cwd": row.get("submitcwd", ""), "tty": row.get("ttyname", "")}
                )
                told.update({"argv": row.get("runargv", [row.get("command", "")]), "exit": row.get("exit_value")})
                found.append(told)
    return sorted(found, key=lambda told: float(str(told["at"])))


def audit_text(value: str) -> str:
    """Return an audit value: quoted as it is, or hexadecimal where it holds odd characters."""
    if value.startswith('"'):
        return value[1:-1]
    try:
        return bytes.fromhex(value).decode("utf-8", "backslashreplace")
    except ValueError:
        return value


def audit_commands(account: str, since: float) -> "dict[str, object]":
    """Return what the kernel's audit log says that an account ran, and which login began which audit session."""
    uid = str(pwd.getpwnam(account).pw_uid)
    names = [name for name in os.listdir(AUDIT_FOLDER) if re.match(r"audit\.log(\.\d+)?$", name)]
    calls: dict[str, tuple[float, dict[str, str]]] = {}
    argv: dict[str, dict[str, str]] = {}
    logins: list[dict[str, object]] = []
    began = None
    for name in sorted(names, key=age, reverse=True):
        for line in lines_of(os.path.join(AUDIT_FOLDER, name)):
            row = AUDIT.match(line)
            if row is None:
                continue
            at = float(row.group(2))
            began = at if began is None else began
            if at < since or row.group(1) not in ("SYSCALL", "EXECVE", "LOGIN"):
                continue
            told = dict(FIELD.findall(row.group(4).split("\x1d")[0]))
            if row.group(1) == "SYSCALL" and told.get("success") == "yes":
                calls[row.group(3)] = (at, told)
            elif row.group(1) == "EXECVE":
                argv.setdefault(row.group(3), {}).update(told)
            elif row.group(1) == "LOGIN":
                logins.append({"at": at, "pid": int(told.get("pid", 0)), "ses": int(told.get("ses", UNSET))})
    found = []
    for number, (at, told) in calls.items():
        owner = told.get("auid") if told.get("auid") != str(UNSET) else told.get("uid")
        if number in argv and owner == uid:
            found.append(
                {
                    "at": at,
                    "ses": int(told.get("ses", UNSET)),
                    "run_as": told.get("euid", ""),
                    "pid": int(told["pid"]),
                    "tty": audit_text(told.get("tty", "")),
                    "argv": argv_of(argv[number]),
                }
            )
    found.sort(key=lambda one: float(str(one["at"])))
    return {
        "began": began,
        "cut": len(found) > MOST_LINES,
        "commands": found[-MOST_LINES:],
        "logins": logins[-MOST_LINES:],
    }


def argv_of(fields: "dict[str, str]") -> "list[str]":
    """Return the words of an EXECVE record; long ones come in numbered parts."""
    words = []
    for number in range(min(int(fields.get("argc", 0)), 200)):
        name = f"a{number}"
        parts = [fields[name]] if name in fields else []
        while f"{name}[{len(parts)}]" in fields:
            parts.append(fields[f"{name}[{len(parts)}]"])
        words.append("".join(audit_text(part) for part in parts)[:MOST_TEXT])
    return words


def password_days() -> "dict[str, int]":
    """Return for each account with a password the day on which it was last changed; nothing of the password."""
    rows = [line.split(":") for line in text_of("/etc/shadow").splitlines()]
    return {
        row[0]: int(row[2])
        for row in rows
        if len(row) > 2 and row[2].isdigit() and row[1] not in ("", "*", "!", "!!", "!*")
    }


def shows_this_login(found: "dict[str, object]", now: float) -> bool:
    """Return whether the log shows a login of the last minute: the one by which it is being read."""
    lines = found["lines"]
    return isinstance(lines, list) and any(
        row["text"].startswith("Accepted ") and row["at"] >= now - 60 for row in lines
    )


def auth_log_with_this_login(since: float) -> "dict[str, object]":
    """Return the login log once it shows the login by which it is read, or as it is after three seconds."""
    deadline = time.time() + 3
    found = auth_log(since)
    while not shows_this_login(found, time.time()) and time.time() < deadline:
        time.sleep(0.2)
        found = auth_log(since)
    return found


def logs(arguments: "list[str]") -> "dict[str, dict[str, object]]":
    """Return logins, commands and the days of passwords since the named moment, for the named account."""
    told = dict(argument.partition("=")[::2] for argument in arguments)
    if sorted(told) != ["account", "since"]:
        raise SystemExit("logs takes account= and since=")
    since = float(int(told["since"]))
    return {
        "clock": {"value": f"{time.time():.6f}"},
        "boot_id": fact(text_of, "/proc/sys/kernel/random/boot_id"),
        "auth": fact(auth_log_with_this_login, since),
        "wtmp": fact(wtmp, since),
        "sudo": fact(sudo_commands, told["account"], since),
        "audit": fact(audit_commands, told["account"], since),
        "passwords": fact(password_days),
    }
