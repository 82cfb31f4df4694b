"""How verbs are declared: a thin, typed layer over argparse, so that every verb has a help line and a handler."""

import argparse
import difflib
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

from quarterdeck.entrypoints.cli.server import Failed
from quarterdeck.entrypoints.cli.showing import JsonValue, clean

Handler = Callable[[argparse.Namespace], int]


_TYPO = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """A parser that names the near words instead of all of them."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and a sentence."""
        typo = _TYPO.search(message)
        if typo is not None:
            near = difflib.get_close_matches(typo[1], re.findall(r"'([^']*)'", typo[2]), n=3, cutoff=0.6)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"See `{self.prog} --help`."
            message = f"{self.prog} has no {clean(repr(typo[1]))}. {hint}"
        super().error(message)


class Group:
    """A parser with verbs under it."""

    def __init__(self, parser: argparse.ArgumentParser, name: str) -> None:
        self._parsers = parser.add_subparsers(dest=name, metavar="VERB", required=True, title="verbs")

    def verb(self, name: str, words: str, handler: Handler) -> argparse.ArgumentParser:
        """Add a verb and return its parser."""
        made: argparse.ArgumentParser = self._parsers.add_parser(
            name, help=words, description=words[0].upper() + words[1:] + ".", allow_abbrev=False
        )
        made.set_defaults(handler=handler)
        return made

    def group(self, name: str, words: str) -> "Group":
        """Add a noun with verbs of its own."""
        made: argparse.ArgumentParser = self._parsers.add_parser(
            name, help=words, description=words[0].upper() + words[1:] + ".", allow_abbrev=False
        )
        return Group(made, f"{name}_verb")


def flag(parser: argparse.ArgumentParser, name: str, words: str) -> None:
    """Add a switch."""
    parser.add_argument(name, action="store_true", help=words)


def option(parser: argparse.ArgumentParser, name: str, words: str, *, default: str = "", metavar: str = "") -> None:
    """Add an option that takes a text."""
    parser.add_argument(name, default=default, help=words, metavar=metavar or name.strip("-").upper())


def as_row(value: JsonValue) -> dict[str, JsonValue]:
    """Return the object that a server answered; Failed when it is none."""
    if not isinstance(value, dict):
        raise Failed("The server's answer is not understood. Are both of one version?")
    return value


def as_rows(value: JsonValue) -> list[dict[str, JsonValue]]:
    """Return the list of objects that a server answered; Failed when it is none."""
    if not isinstance(value, list):
        raise Failed("The server's answer is not understood. Are both of one version?")
    return [as_row(item) for item in value]


def as_list(value: JsonValue) -> list[JsonValue]:
    """Return the list that a server answered; Failed when it is none."""
    if not isinstance(value, list):
        raise Failed("The server's answer is not understood. Are both of one version?")
    return value


def text_of(row: Mapping[str, JsonValue], key: str) -> str:
    """Return a field as text, empty when it is missing."""
    value = row.get(key)
    return "" if value is None else str(value)
