"""Texts of small files before and after the work, side by side; there are none of an asset that handles CUI."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from quarterdeck.baselines import api as baselines
from quarterdeck.evidence.api import entries_of, read_artifact
from quarterdeck.kernel.decision import Refused, refuse

LONGEST_LINE = 400
MOST_LINES = 2000
_AROUND = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the two texts beside each other; a number of 0 means that the side has none here."""

    kind: str
    left_number: int
    left: str
    right_number: int
    right: str


def read_texts(item_id: int) -> list[Line]:
    """Return what changed in the text file of a difference, with a few lines around it.

    Refused(drift.no_text) when there is no text from both sides: the asset handles CUI, the file is no small text or
    not for everybody to read, or it was not there before or after.
    """
    item = baselines.drift_item(item_id)
    view = next((one for one in baselines.drift(item.ticket, item.asset)), None)
    spelled = baselines.spelled(item.path_bytes)
    sides = ["", ""] if view is None else [_text(entry, spelled) for entry in (view.before.entry, view.after.entry)]
    if not any(sides) or item.source != "file":
        raise Refused(
            refuse(
                "drift.no_text",
                "There is no text of this file to show.",
                "Texts are kept of small files that everybody on the system may read, where no CUI is handled.",
            )
        )
    return list(_beside(sides[0].splitlines(), sides[1].splitlines()))[:MOST_LINES]


def _text(entry: str, spelled: str) -> str:
    told = entries_of([entry]).get(entry)
    named = next((one for one in (told.artifacts if told else ()) if one["role"] == "texts"), None)
    if named is None:
        return ""
    return str(json.loads(read_artifact(str(named["sha256"]))).get(spelled, ""))


def _beside(before: list[str], after: list[str]) -> Iterator[Line]:
    for group in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_AROUND):
        for kind, left, left_end, right, right_end in group:
            for offset in range(max(left_end - left, right_end - right)):
                one, other = left + offset, right + offset
                yield Line(
                    kind,
                    one + 1 if one < left_end else 0,
                    before[one][:LONGEST_LINE] if one < left_end else "",
                    other + 1 if other < right_end else 0,
                    after[other][:LONGEST_LINE] if other < right_end else "",
                )
