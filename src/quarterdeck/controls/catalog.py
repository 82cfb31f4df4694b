"""Reads the wording of objectives from an OSCAL catalogue that the user has; we ship none.

Two shapes are understood: SP 800-171 r2 with part ids like `r2_3.7.5_obj.a`, and NIST's r3 with part ids like
`assessment-objective_DS-A.03.07.05.a.01`. Only texts of objectives known here are kept.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quarterdeck.controls.practices import MA_OBJECTIVES, OBJECTIVES, R3_DETERMINATIONS
from quarterdeck.kernel.decision import Refused, refuse

_R3_PART = re.compile(r"assessment-objective_DS-(A\.\d\d\.\d\d\.\d\d(?:\.[a-z])?)(?:\.(\d\d))?", re.ASCII)
_MAX_DEPTH = 30
_MAX_TEXT = 4000
_NEXT = "Load an OSCAL catalogue in JSON of SP 800-171 r2 with 800-171A objectives, or NIST's catalogue of r3."


@dataclass(frozen=True, slots=True)
class Wording:
    """Texts of one catalogue: `texts` by objective id (r2) or determination id (r3); `missing` have no text."""

    title: str
    version: str
    revision: str
    texts: Mapping[str, str]
    missing: tuple[str, ...]

    def of(self, objective_id: str) -> str:
        """Return the text of one objective, empty when the catalogue has none."""
        return self.texts.get(objective_id, "")


def load_catalog(document: object) -> Wording:
    """Return the wording that a parsed OSCAL catalogue gives; raise `Refused` with what is wrong with it.

    Refused are: another document than a catalogue, one nested without end, one that names an objective twice with
    different texts, and one that lacks an MA objective (r2) or a determination of 03.07.04 to 03.07.06 (r3).
    """
    catalog = _mapping(document).get("catalog")
    if not isinstance(catalog, dict):
        raise Refused(refuse("catalog.not_oscal", "This is not an OSCAL catalogue: it has no `catalog`.", _NEXT))
    metadata = _mapping(catalog.get("metadata"))
    texts = _texts(catalog)
    revision, wanted, required = _revision_of(texts)
    kept = {name: texts[name] for name in wanted if name in texts}
    lacking = [name for name in required if name not in kept]
    if lacking:
        raise Refused(refuse("catalog.incomplete", f"This catalogue has no text for {', '.join(lacking[:5])}.", _NEXT))
    return Wording(
        title=_text(metadata.get("title")) or "untitled catalogue",
        version=_text(metadata.get("version")) or "unknown",
        revision=revision,
        texts=kept,
        missing=tuple(name for name in wanted if name not in kept),
    )


def _revision_of(texts: Mapping[str, str]) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    r2 = tuple(o.id for o in OBJECTIVES)
    r3 = tuple(d.id for d in R3_DETERMINATIONS)
    if any(name in texts for name in r2):
        return "r2", r2, tuple(o.id for o in MA_OBJECTIVES)
    if any(name in texts for name in r3):
        return "r3", r3, r3
    raise Refused(
        refuse(
            "catalog.unknown_ids",
            "This catalogue names no objective that Quarterdeck knows: no part id is like r2_3.7.2_obj.a "
            "or assessment-objective_DS-A.03.07.04.b.",
            _NEXT,
        )
    )


def _texts(catalog: Mapping[str, object]) -> dict[str, str]:
    by_oscal_id = {o.oscal_id: o.id for o in OBJECTIVES}
    found: dict[str, str] = {}
    for part in _parts(catalog):
        identifier = _text(part.get("id"))
        name = by_oscal_id.get(identifier) or _r3_name(identifier)
        prose = _text(part.get("prose")).strip()
        if not name or not prose:
            continue
        if found.setdefault(name, prose[:_MAX_TEXT]) != prose[:_MAX_TEXT]:
            raise Refused(refuse("catalog.ambiguous", f"This catalogue gives two texts for {name}.", _NEXT))
    return found


def _r3_name(identifier: str) -> str:
    match = _R3_PART.fullmatch(identifier)
    if match is None:
        return ""
    return match[1] if match[2] is None else f"{match[1]}[{match[2]}]"


def _parts(catalog: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield every part of every control, walking groups, controls and parts to a fixed depth."""
    stack: list[tuple[int, str, object]] = [(0, key, catalog.get(key)) for key in ("groups", "controls")]
    while stack:
        depth, kind, members = stack.pop()
        if depth > _MAX_DEPTH:
            raise Refused(refuse("catalog.too_deep", f"This catalogue is nested deeper than {_MAX_DEPTH}.", _NEXT))
        for member in members if isinstance(members, list) else ():
            node = _mapping(member)
            if kind == "parts":
                yield node
            stack.extend((depth + 1, key, node[key]) for key in ("groups", "controls", "parts") if key in node)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
