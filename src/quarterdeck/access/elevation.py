"""Root for the time of a ticket: the sudo rule, the signed order that places it, and the script that prepares a target.

Pure text in a strict grammar. The account has no standing right on the target but to run `quarterdeck-elevate`, which
obeys signed orders alone. Serves 3.1.5[b] (least privilege), 3.1.7 and 3.7.5[b]; docs/decisions/0014 says why.
"""

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files

from quarterdeck.access.certificates import read_public_key
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.kernel.ids import is_ticket_number
from quarterdeck.kernel.names import is_account, is_hostname

HELPER = "/usr/local/libexec/quarterdeck-elevate"
HELPER_FOLDER = "/etc/quarterdeck-elevate"
NAMESPACE = "quarterdeck-elevation"
IO_LOGS = "/var/log/sudo-io/quarterdeck"
ORDER_COUNTS = timedelta(minutes=5)
CLOCKS_MAY_DIFFER = timedelta(seconds=60)
LONGEST_COMMAND = timedelta(hours=4)
EVERYTHING = ("ALL",)
# One absolute program with plain arguments: no wildcard, no quote, no list, nothing that sudoers reads as its own.
_COMMAND = re.compile(r"/[A-Za-z0-9._/+-]{1,200}(?: [A-Za-z0-9._/+@%=-]{1,100}){0,20}", re.ASCII)
_END = "QUARTERDECK_END"


@dataclass(frozen=True, slots=True)
class SudoRule:
    """What is allowed: one account, from one moment to another, these commands as root (`ALL` for all).

    It cannot exist with a name outside the grammar: raises Refused.
    """

    ticket: str
    account: str
    not_before: datetime
    not_after: datetime
    commands: tuple[str, ...] = EVERYTHING

    def __post_init__(self) -> None:
        may_be_a_rule(self.ticket, self.account, self.not_before, self.not_after, self.commands).require()

    @property
    def name(self) -> str:
        """Its file in /etc/sudoers.d: without a dot, which sudo silently ignores."""
        return rule_name(self.ticket)

    @property
    def text(self) -> str:
        """The file: log the output, not what is typed; allow from, until, and no command longer than is left."""
        left = min(self.not_after - self.not_before, LONGEST_COMMAND)
        box = f"NOTBEFORE={_generalized(self.not_before)} NOTAFTER={_generalized(self.not_after)}"
        options = f"log_output, !log_input, iolog_dir={IO_LOGS}/{self.ticket}, iolog_file=%{{seq}}"
        return (
            f"# Made by Quarterdeck for {self.ticket}; it ends by itself.\n"
            f"Defaults:{self.account} {options}\n"
            f"{self.account} ALL=(root) {box} TIMEOUT={max(int(left.total_seconds()), 1)} "
            f"NOPASSWD: {', '.join(self.commands)}\n"
        )

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file: what the target must read back."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def may_be_a_rule(
    ticket: str, account: str, not_before: datetime, not_after: datetime, commands: Sequence[str]
) -> Decision:
    """Decide whether these may stand in a file that sudo believes."""
    next_step = "Correct the connection in the inventory and have the ticket approved again."
    return all_of(
        (
            require_that(is_ticket_number(ticket), "sudo.ticket", "A sudo rule stands under a ticket.", next_step),
            require_that(
                is_account(account) and account != "root",
                "sudo.account",
                "The target account is no login name that sudo could raise.",
                next_step,
            ),
            require_that(
                not_before < not_after <= not_before + timedelta(days=1),
                "sudo.window",
                "A sudo rule begins before it ends, within a day.",
                "Look at the ticket's window.",
            ),
            require_that(
                commands == EVERYTHING or (0 < len(commands) <= 40 and all(_is_command(one) for one in commands)),
                "sudo.command",
                "A command under sudo is an absolute program with plain arguments, without wildcards.",
                "Write it as /usr/bin/systemctl restart smbd.service.",
            ),
        )
    )


def _is_command(text: str) -> bool:
    return _COMMAND.fullmatch(text) is not None and ".." not in text.split(" ", 1)[0].split("/")


def rule_name(ticket: str) -> str:
    """Return the file name of a ticket's rule."""
    return f"quarterdeck-{ticket}"


def _generalized(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")


def may_order(
    action: str, *, elevation: str, helper_sha256: str, is_open: bool, until: datetime, now: datetime
) -> Decision:
    """Decide whether the signer signs an order to place (`allow`) or to `withdraw` a ticket's rule."""
    wanted = action == "withdraw" or (action == "allow" and is_open and now < until)
    return all_of(
        (
            require_that(action in ("allow", "withdraw"), "sudo.action", "There is no such order.", ""),
            require_that(
                elevation == "sudo",
                "sudo.not_approved",
                "The connection that was approved does not raise the account by sudo.",
                "Set its elevation to sudo and have the ticket approved with it.",
            ),
            require_that(
                helper_sha256 == installed_helper_sha256(),
                "sudo.other_helper",
                "The grant names another program than the one that places rules.",
                "Ask again; nothing else may be run under it.",
            ),
            require_that(
                wanted,
                "sudo.not_open",
                "A sudo rule is placed while the ticket is open and inside its window.",
                "Open the ticket, or ask for an extension.",
            ),
        )
    )


class RuleFailed(Exception):
    """The rule was not placed or not withdrawn; the text is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """What the signer answers: the certificate whose one command is the order, until when, and the rule's text."""

    certificate: str
    until: datetime
    rule: str


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """What a target shows after an order: `present` read back, rules without an end, other rules of ours."""

    present: bool
    until: datetime
    sha256: str
    standing: tuple[str, ...]
    others: tuple[str, ...]


def rule_seen(action: str, ticket: str, signed: SignedOrder, said: Mapping[str, object]) -> RuleSeen:
    """Return what the target's helper answered; RuleFailed unless it is what was ordered, read back."""
    name, file = rule_name(ticket), said.get("file")
    expected = {"format": "quarterdeck-elevate-1", "action": action, "name": name, "helper": installed_helper_sha256()}
    if any(said.get(key) != value for key, value in expected.items()):
        raise RuleFailed("The target runs another quarterdeck-elevate; run the script of `qd gate sudo-setup` anew.")
    wanted = hashlib.sha256(signed.rule.encode()).hexdigest()
    if action == "allow" and file != {"sha256": wanted, "mode": "0440", "uid": 0}:
        raise RuleFailed("The target reads back another rule than the one that was ordered.")
    if action == "withdraw" and file is not None:
        raise RuleFailed("The rule is still there after it was withdrawn.")
    others = tuple(one for one in _texts(said.get("ours")) if one != name)
    shown = wanted if action == "allow" else ""
    return RuleSeen(action == "allow", signed.until, shown, tuple(_texts(said.get("standing"))), others)


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise RuleFailed("The target's answer is not understood.")
    return [one[:400] for one in value[:100]]


def order_bytes(
    action: str, *, hostname: str, account: str, serial: int, now: datetime, more: Mapping[str, object]
) -> bytes:
    """Return the bytes of an order that the signer signs: for one host and account, for minutes, once."""
    told = {
        "format": "quarterdeck-order-1",
        "action": action,
        "host": hostname,
        "account": account,
        "serial": serial,
        "not_before": int((now - CLOCKS_MAY_DIFFER).timestamp()),
        "not_after": int((now + ORDER_COUNTS).timestamp()),
        **more,
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def order_command(order: bytes, signature: bytes) -> str:
    """Return the one shell command that obeys a signed order on a prepared target."""
    words = ["sudo", "-n", "--", HELPER, base64.b64encode(order).decode(), base64.b64encode(signature).decode()]
    return shlex.join(words)


@lru_cache(maxsize=1)
def helper_bytes() -> bytes:
    """Return the program that a prepared target has."""
    return files("quarterdeck.access.target").joinpath("elevate.py").read_bytes()


def helper_file() -> bytes:
    """Return the program as it lies on a target, with the line that names its interpreter."""
    return b"#!/usr/bin/python3 -IS\n" + helper_bytes()


def installed_helper_sha256() -> str:
    """Return the SHA-256 of the program on a target: what a grant for placing a rule names."""
    return hashlib.sha256(helper_file()).hexdigest()


def sudo_setup_script(*, hostname: str, accounts: Sequence[str], authority: str) -> str:
    """Return a POSIX shell script, run as root on the target, that installs the program and the rule to run it.

    Refused for a name outside the grammar; `authority` is the public key line of the target CA. What was there is
    replaced; the accounts' other rules are listed at its end and are for a person to remove.
    """
    all_of(
        (
            require_that(is_hostname(hostname), "bad_hostname", "The asset's host name is no host name.", ""),
            require_that(
                bool(accounts) and all(is_account(one) and one != "root" for one in accounts),
                "bad_account",
                "The target account is no login name that sudo could raise.",
                "Correct it in the inventory.",
            ),
        )
    ).require()
    key = read_public_key(authority).line
    rules = "".join(f"{account} ALL=(root) NOPASSWD: {HELPER}\n" for account in accounts)
    sudoers = f"# Made by Quarterdeck.\nDefaults!{HELPER} !log_output, !log_input, !use_pty, !requiretty\n{rules}"
    return _SETUP.format(
        helper=shlex.quote(HELPER),
        folder=shlex.quote(HELPER_FOLDER),
        end=_END,
        program=helper_file().decode(),
        host=hostname,
        signers=f'quarterdeck namespaces="{NAMESPACE}" {key}',
        sudoers=sudoers,
        accounts=" ".join(accounts),
    )


_SETUP = """#!/bin/sh
# Lets Quarterdeck place sudo rules that end with their ticket. Read it, then run it as root on the target.
set -eu
umask 022
[ "$(id -u)" = 0 ] || {{ echo "Run this as root." >&2; exit 1; }}
for needed in sudo visudo ssh-keygen python3; do
    command -v "$needed" > /dev/null || {{ echo "This machine has no $needed: nothing was changed." >&2; exit 1; }}
done
put() {{
    mkdir -p "$(dirname "$1")"
    cat > "$1.new"
    chown 0:0 "$1.new"
    chmod "$2" "$1.new"
    mv "$1.new" "$1"
}}
put {helper} 755 <<'{end}'
{program}{end}
put {folder}/host 644 <<'{end}'
{host}
{end}
put {folder}/signers 644 <<'{end}'
{signers}
{end}
draft=$(mktemp)
cat > "$draft" <<'{end}'
{sudoers}{end}
visudo -cf "$draft" > /dev/null || {{ rm -f "$draft"; echo "visudo refuses the rule." >&2; exit 1; }}
install -m 440 -o 0 -g 0 "$draft" /etc/sudoers.d/quarterdeck
rm -f "$draft"
visudo -c > /dev/null || {{ rm -f /etc/sudoers.d/quarterdeck; echo "sudo's configuration is not valid." >&2; exit 1; }}
echo "Prepared. What sudo allows these accounts from now on; remove every rule but quarterdeck-elevate:"
for account in {accounts}; do sudo -l -U "$account" | sed -n '/may run/,$p'; done
"""
