"""The one program that a target's sudo lets an account run as root: it obeys orders that Quarterdeck's signer signed.

Installed by the script of `qd gate sudo-setup` as a file of root's. An order names this host, the account, one action
and a few minutes in which it counts, and counts once. Nobody on the target, the account included, can write one.
Runs on the target: Python 3.6, standard library, `ssh-keygen` 8.1, sudo 1.8.20.
"""

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

FOLDER = "/etc/quarterdeck-elevate"
STATE = "/var/lib/quarterdeck-elevate"
SUDOERS = "/etc/sudoers.d"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
NAMESPACE = "quarterdeck-elevation"
NAME = re.compile(r"quarterdeck-MT-[0-9]{4}-[0-9]{5}\Z", re.ASCII)
KEEP_USED = 86400


def stop(sentence: str) -> "SystemExit":
    """Return the end of this program with a sentence on standard error."""
    return SystemExit("quarterdeck-elevate: " + sentence)


def run(words: "list[str]", source: bytes = b"") -> "tuple[int, str]":
    """Return exit status and everything that a program said."""
    done = subprocess.run(
        words, input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT, timeout=60
    )
    return done.returncode, done.stdout.decode("utf-8", "backslashreplace")


def text_of(path: str) -> str:
    """Return a small text file."""
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def believed(order: bytes, signature: bytes, folder: str) -> bool:
    """Return whether the signer's key, which root put beside this program, signed exactly these bytes."""
    path = os.path.join(folder, "signature")
    with open(path, "wb") as file:
        file.write(signature)
    words = ["ssh-keygen", "-Y", "verify", "-f", FOLDER + "/signers", "-I", "quarterdeck", "-n", NAMESPACE, "-s", path]
    return run(words, order)[0] == 0


def used_once(serial: int) -> None:
    """Remember the order's number for a day; the program ends when it was used before."""
    os.makedirs(STATE, mode=0o700, exist_ok=True)
    for name in os.listdir(STATE):
        path = os.path.join(STATE, name)
        if name.startswith("used-") and os.stat(path).st_mtime < time.time() - KEEP_USED:
            os.unlink(path)
    try:
        os.close(os.open(f"{STATE}/used-{serial:d}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise stop("this order was used before") from None


def order_of(arguments: "list[str]", folder: str) -> "dict[str, Any]":
    """Return the order, once it is believed, meant for this host and account, in time and new."""
    if len(arguments) != 2:
        raise stop("it takes an order and its signature")
    try:
        raw, signature = (base64.b64decode(text, validate=True) for text in arguments)
    except ValueError:
        raise stop("the order is not base64") from None
    if not believed(raw, signature, folder):
        raise stop("the order is not signed by this target's Quarterdeck")
    order = json.loads(raw.decode("ascii"))
    if order["format"] != "quarterdeck-order-1" or order["host"] != text_of(FOLDER + "/host"):
        raise stop("the order is for another host")
    if order["account"] != os.environ.get("SUDO_USER", ""):
        raise stop("the order is for another account")
    if not order["not_before"] <= time.time() <= order["not_after"]:
        raise stop("the order does not count at this time; compare the clocks")
    used_once(order["serial"])
    return dict(order)


def listed(account: str) -> "list[str]":
    """Return the account's rules as sudo itself lists them, each on one line."""
    status, said = run(["sudo", "-l", "-U", account])
    if status != 0 and "is not allowed to run sudo" not in said:
        raise stop("sudo -l said: " + said.strip()[-300:])
    rules: list[str] = []
    for line in said.partition("may run the following commands on ")[2].splitlines()[1:]:
        if line.startswith("        ") and rules:
            rules[-1] += " " + line.strip()
        elif line.startswith("    "):
            rules.append(line.strip())
    return rules


def standing(rules: "list[str]") -> "list[str]":
    """Return the rules without an end: neither time-boxed nor the one that lets this program run."""
    own = ": " + os.path.realpath(__file__)
    return [rule for rule in rules if "NOTAFTER=" not in rule and not rule.endswith(own)]


def answer(order: "dict[str, Any]", told: "dict[str, Any]") -> None:
    """Say what is there now, read anew from the disk and from sudo, as one line of JSON."""
    path = os.path.join(SUDOERS, str(order["name"]))
    try:
        with open(path, "rb") as file:
            seen, state = file.read(), os.stat(path)
        told["file"] = {
            "sha256": hashlib.sha256(seen).hexdigest(),
            "mode": f"{state.st_mode & 0o7777:04o}",
            "uid": state.st_uid,
        }
    except FileNotFoundError:
        told["file"] = None
    rules = listed(str(order["account"]))
    with open(os.path.realpath(__file__), "rb") as file:
        helper = hashlib.sha256(file.read()).hexdigest()
    told.update(
        {
            "format": "quarterdeck-elevate-1",
            "action": order["action"],
            "name": order["name"],
            "helper": helper,
            "serial": order["serial"],
            "standing": standing(rules),
            "rules": len(rules),
            "clock": f"{time.time():.3f}",
            "ours": sorted(name for name in os.listdir(SUDOERS) if NAME.match(name)),
        }
    )
    sys.stdout.write(json.dumps(told) + "\n")


def allow(order: "dict[str, Any]", folder: str) -> None:
    """Put the rule in its place: checked alone, installed under a name that sudo ignores, renamed, all checked."""
    draft, path = os.path.join(folder, "rule"), os.path.join(SUDOERS, str(order["name"]))
    with open(draft, "w", encoding="ascii") as file:
        file.write(str(order["rule"]))
    status, said = run(["visudo", "-cf", draft])
    if status != 0:
        raise stop("visudo refuses the rule: " + said.strip()[-300:])
    aside = os.path.join(SUDOERS, "." + str(order["name"]) + ".new")
    status, said = run(["install", "-m", "440", "-o", "0", "-g", "0", draft, aside])
    if status != 0:
        raise stop("install said: " + said.strip()[-300:])
    os.rename(aside, path)
    status, said = run(["visudo", "-c"])
    if status != 0:
        os.unlink(path)
        raise stop("with the rule sudo's configuration is not valid, so it was taken away: " + said.strip()[-300:])
    answer(order, {"visudo": said.strip()[-300:]})


def withdraw(order: "dict[str, Any]") -> None:
    """Take the rule away; what is there afterwards is read anew."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(SUDOERS, str(order["name"])))
    answer(order, {})


def collect(order: "dict[str, Any]") -> None:
    """Run the collector of this hash with these arguments, read from standard input; nothing is written to the disk."""
    source = sys.stdin.buffer.read(int(str(order["size"])))
    if hashlib.sha256(source).hexdigest() != order["collector"]:
        raise stop("these are not the approved bytes of the collector")
    sys.argv = ["collector", *order["arguments"]]
    exec(compile(source, "collector", "exec"), {"__name__": "__main__", "source": source})  # noqa: S102  that is the act


def main() -> None:
    """Obey one order."""
    os.umask(0o077)
    folder = tempfile.mkdtemp(prefix="quarterdeck-", dir="/run" if os.path.isdir("/run") else None)
    try:
        order = order_of(sys.argv[1:], folder)
        action = order["action"]
        if action in ("allow", "withdraw"):
            if not NAME.match(str(order["name"])):
                raise stop("this is no name of a rule of ours")
            allow(order, folder) if action == "allow" else withdraw(order)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if action == "collect":
        collect(order)
    elif action not in ("allow", "withdraw"):
        raise stop("no such action")


if __name__ == "__main__":
    main()
