"""Names instead of ids, both ways: what a person types is looked up, what the server answers is shown by its name."""

import difflib
from collections.abc import Iterable, Mapping

from quarterdeck.entrypoints.cli.server import Failed, Server
from quarterdeck.entrypoints.cli.showing import JsonValue
from quarterdeck.entrypoints.cli.verbs import as_row, as_rows, text_of

_LISTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "as_": ("/assets", "qd assets", ("hostname",)),
    "pe_": ("/people", "qd people", ("email", "name")),
    "it_": ("/tools", "qd tools", ("name",)),
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean ...?" with the known words near this one, empty when none is near."""
    near = difflib.get_close_matches(word.lower(), {one.lower(): one for one in known}, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(near)}?" if near else ""


class Names:
    """The names of assets, people and items as this server lists them, each list fetched at most once."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._rows: dict[str, list[dict[str, JsonValue]]] = {}

    def asset(self, said: str) -> str:
        """Return the id of the asset with this id or host name; Failed with near names when there is none."""
        return self._id("as_", said, "asset")

    def person(self, said: str) -> str:
        """Return the id of the person with this id, mail address or name."""
        return self._id("pe_", said, "person")

    def item(self, said: str) -> str:
        """Return the id of the tool, technique or mechanism with this id or name."""
        return self._id("it_", said, "tool, technique or mechanism")

    def connection(self, asset: str, said: str) -> str:
        """Return the connection that was said, else the asset's only one; Failed when that is not clear."""
        if said:
            return said
        page = as_row(self._server.get(f"/assets/{asset}"))
        found = as_rows(as_row(page["asset"])["connections"])
        if len(found) != 1:
            raise Failed(f"{self.of(asset)} has {len(found)} connections; name one, see `qd asset show`.")
        return text_of(found[0], "id")

    def of(self, identifier: object) -> str:
        """Return the name behind an id, or what was given when it is none that this person may read."""
        word = str(identifier or "")
        if word[:3] not in _LISTS:
            return word
        key = "email" if word.startswith("pe_") else _LISTS[word[:3]][2][0]
        row = next((row for row in self._list(word[:3], quiet=True) if text_of(row, "id") == word), {})
        return text_of(row, "name") or text_of(row, key) or word

    def _id(self, prefix: str, said: str, what: str) -> str:
        if said.startswith(prefix):
            return said
        _, verb, keys = _LISTS[prefix]
        rows = self._list(prefix)
        found = [row for row in rows if said.casefold() in {text_of(row, key).casefold() for key in keys}]
        if len(found) == 1:
            return text_of(found[0], "id")
        if found:
            raise Failed(f"{said!r} names {len(found)} of them; give the id, see `{verb}`.")
        known = [text_of(row, key) for row in rows for key in keys if text_of(row, key)]
        raise Failed(f"There is no {what} {said!r}.{did_you_mean(said, known)} `{verb}` lists them.")

    def _list(self, prefix: str, *, quiet: bool = False) -> list[dict[str, JsonValue]]:
        if prefix not in self._rows:
            try:
                self._rows[prefix] = as_rows(self._server.get(_LISTS[prefix][0]))
            except Failed:
                if not quiet:
                    raise
                self._rows[prefix] = []
        return self._rows[prefix]
