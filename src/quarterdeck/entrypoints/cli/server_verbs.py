"""The operator's verbs: each runs as a process of its own with the data folder; this one never opens it."""

import argparse
import os
import sys
from typing import NoReturn

from quarterdeck.entrypoints.cli import host_verbs
from quarterdeck.entrypoints.cli.verbs import Group

MODULES = {
    ("init",): ("quarterdeck.entrypoints.supervisor.init", "make data folder, keys, database and founding roster"),
    ("up",): ("quarterdeck.entrypoints.supervisor.up", "run Quarterdeck: sealer, signer, gate, ticker, web"),
    ("doctor",): ("quarterdeck.entrypoints.supervisor.doctor", "check everything that makes the promises hold"),
    ("backup",): ("quarterdeck.entrypoints.supervisor.backup", "copy the running installation"),
    ("restore",): ("quarterdeck.entrypoints.supervisor.restore", "put a backup back; voids all access"),
    ("demo",): ("quarterdeck.entrypoints.demo", "the whole job on real input, in a folder of its own"),
    ("ledger", "verify"): ("quarterdeck.entrypoints.supervisor.verify_ledger", "read the whole ledger again"),
    ("ledger", "key"): ("quarterdeck.entrypoints.supervisor.signing_key", "print the lines that pin the sealing keys"),
    ("ledger", "checkpoint"): (
        "quarterdeck.entrypoints.supervisor.kept_checkpoint",
        "write the newest checkpoint, to be kept outside this server",
    ),
    ("ledger", "rotate-key"): ("quarterdeck.entrypoints.supervisor.rotate_key", "change to a new sealing key"),
    ("ledger", "adopt"): (
        "quarterdeck.entrypoints.supervisor.adopt",
        "go on with a database that is not the one that was sealed last; voids all access",
    ),
    ("ledger", "witness-forget"): (
        "quarterdeck.entrypoints.supervisor.witness_forget",
        "let another log that we witness begin anew",
    ),
    ("gate", "target-setup"): (
        "quarterdeck.entrypoints.supervisor.target_setup",
        "print the script that shuts a target's old doors",
    ),
    ("gate", "target-check"): (
        "quarterdeck.entrypoints.supervisor.target_check",
        "judge a saved `sshd -T` of a target that cannot be measured",
    ),
    ("gate", "krl"): ("quarterdeck.entrypoints.supervisor.krl", "publish what the authorities take back"),
    ("gate", "sudo-setup"): (
        "quarterdeck.entrypoints.supervisor.sudo_setup",
        "print the script that lets tickets raise an account by sudo",
    ),
}


def add(verbs: Group) -> None:
    """Add the operator's verbs; their own arguments are parsed by their own process."""
    groups = {
        "ledger": verbs.group("ledger", "the ledger, on this server"),
        "gate": verbs.group("gate", "the gate and its targets"),
    }
    for words, (module, help_text) in MODULES.items():
        parent = verbs if len(words) == 1 else groups[words[0]]
        made = parent.verb(words[-1], help_text + " (on the server itself)", _Process(module))
        made.add_argument("rest", nargs=argparse.REMAINDER, help="see --help of this verb")
    host_verbs.add(groups["gate"])


def become(words: list[str]) -> None:
    """Become the process of the operator's verb that `words` begin with; return when they name another verb."""
    for verb, (module, _) in MODULES.items():
        if tuple(words[: len(verb)]) == verb:
            _run(module, words[len(verb) :])


class _Process:
    """The handler of a verb that is a process of its own."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __call__(self, arguments: argparse.Namespace) -> int:
        """Become it with what is left of the command line."""
        _run(self._module, arguments.rest)


def _run(module: str, words: list[str]) -> NoReturn:
    # The process itself becomes the verb, so that a service manager's signals reach `qd up` and not a parent of it.
    os.execv(sys.executable, [sys.executable, "-m", module, *words])  # noqa: S606  no shell, by intention
