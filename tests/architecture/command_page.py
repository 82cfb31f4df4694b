"""The page docs/reference/command-line.md, made from the programs' own help texts; `script/docs` writes it."""

import argparse
import os
import sys
from collections.abc import Iterator

from tests.architecture.layers import ROOT

os.environ["COLUMNS"] = "100"

from quarterdeck.entrypoints.cli import main, server_verbs
from quarterdeck.entrypoints.supervisor import (
    backup,
    doctor,
    evidence_gc,
    evidence_migrate,
    evidence_scrub,
    evidence_status,
    init,
    kept_checkpoint,
    restore,
    signing_key,
    target_setup,
    up,
    verify_ledger,
)

PAGE = ROOT / "docs" / "reference" / "command-line.md"
OPERATOR = {
    "init": init,
    "up": up,
    "doctor": doctor,
    "backup": backup,
    "restore": restore,
    "ledger verify": verify_ledger,
    "ledger key": signing_key,
    "ledger checkpoint": kept_checkpoint,
    "evidence status": evidence_status,
    "evidence scrub": evidence_scrub,
    "evidence gc": evidence_gc,
    "evidence migrate": evidence_migrate,
    "gate target-setup": target_setup,
}
HEAD = """\
# The command line

This page is made by `script/docs` from the help texts of `qd` itself, and a test compares them. `qd` and `quarterdeck`
are the same command. A person's verbs speak to the server that `QD_URL` names, with the token of `qd login`. The
operator's verbs (init, up, doctor, backup, restore, ledger, evidence, gate, demo) run on the server and open its data
folder and can never request, approve, grant, open or close.
"""


def _children(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _sections(words: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    operator = {" ".join(verb) for verb in server_verbs.MODULES}
    if words not in operator:
        yield words, parser.format_help()
    for name, child in _children(parser):
        yield from _sections(f"{words} {name}".strip(), child)


def command_page() -> str:
    """Return the whole page."""
    sections = dict(_sections("", main.parser()))
    sections |= {words: module.parser().format_help() for words, module in OPERATOR.items()}
    parts = [f"\n## `{f'qd {words}'.strip()}`\n\n```text\n{text.strip()}\n```\n" for words, text in sections.items()]
    return HEAD + "".join(parts)


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(command_page())
    sys.stdout.write(f"wrote {PAGE}\n")
