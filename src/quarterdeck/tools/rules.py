"""Pure decisions of the registers: may an item be listed, may it be used on a day (3.7.2, r3 03.07.04.a)."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta

from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import ALLOWED, Decision, Reason, refuse, require_that
from quarterdeck.tools.terms import InspectionOutcome, ItemFields, ItemKind, ItemState, ItemView

REVIEW_WITHIN = timedelta(days=365)
MAX_TEXT = {"name": 120, "version": 60, "source": 300, "licence": 120}
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PERSON = re.compile(r"[a-z]{2}_[a-z0-9_]{1,30}", re.ASCII)
_LABELS = {"name": "Name", "version": "Version", "source": "Source", "licence": "Licence"}


def may_keep(actor: Actor) -> Decision:
    """Decide whether this actor may write to the registers at all: a person with a login, nobody else."""
    return require_that(
        actor.is_person,
        "actor.not_a_person",
        "Only a person may change the registers.",
        "Log in as the IT lead and do it there.",
    )


def check_item(fields: ItemFields, today: date) -> Decision:
    """Decide whether an item may be listed like this; every reason names its field."""
    return Decision(tuple(_reasons(fields, today)))


def _reasons(fields: ItemFields, today: date) -> Iterator[Reason]:
    if fields.kind not in set(ItemKind):
        yield Reason("kind.choice", "This kind of item is not known.", f"Choose one of: {', '.join(ItemKind)}.")
    for name in ("name", "version"):
        if not getattr(fields, name):
            yield Reason(f"{name}.missing", f"{_LABELS[name]} is missing.", "Without it nobody can tell what was used.")
    for name, most in MAX_TEXT.items():
        yield from _text_reasons(name, getattr(fields, name), most)
    if fields.sha256 and not _SHA256.fullmatch(fields.sha256):
        yield Reason("sha256.grammar", "That is not a SHA-256.", "Give 64 lower-case hex digits: sha256sum FILE.")
    if fields.kind != ItemKind.TOOL and not fields.sha256:
        yield Reason(
            "sha256.missing",
            f"A {fields.kind} needs the SHA-256 of its file, so that the one approved is the one used.",
            "Run sha256sum on the document, script or playbook and give the result.",
        )
    if not fields.owner:
        yield Reason("owner.missing", "The item has no owner.", "Name the person who answers for it.")
    elif not _PERSON.fullmatch(fields.owner):
        yield Reason("owner.grammar", "The owner is not a person of the roster.", "Choose a person from the list.")
    yield from _review_reasons(fields.review_due, today)


def _review_reasons(due: date | None, today: date) -> Iterator[Reason]:
    if due is None:
        yield Reason("review_due.missing", "The item has no date of review.", "Give a day within a year.")
    elif not today <= due <= today + REVIEW_WITHIN:
        yield Reason("review_due.range", "The review is not due within the next year.", "Give a day within a year.")


def _text_reasons(name: str, text: str, most: int) -> Iterator[Reason]:
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in text) or text != text.strip():
        yield Reason(
            f"{name}.characters",
            f"{_LABELS[name]} holds a line break, an invisible character or a space at its end.",
            "Type it again as one line of plain text.",
        )
    if len(text) > most:
        yield Reason(f"{name}.long", f"{_LABELS[name]} is longer than {most} characters.", "Shorten it.")


def may_use(item: ItemView, on: date) -> Decision:
    """Decide whether an item may be used for maintenance on that day."""
    named = f"{item.name} {item.version}"
    if item.state is ItemState.WITHDRAWN:
        return refuse("item.withdrawn", f"{named} was withdrawn from the register.", "Name another, or list it again.")
    if item.last_inspection is not None and item.last_inspection.outcome is InspectionOutcome.FAILED:
        return refuse(
            "item.failed_inspection",
            f"The last inspection of {named} failed.",
            "Have it inspected again, and record the result, before it is used.",
        )
    if item.review_due is None or item.review_due < on:
        return refuse("item.review_overdue", f"The review of {named} is overdue.", "Review it and set the next date.")
    return ALLOWED


def has_hash(item: ItemView, sha256: str) -> Decision:
    """Decide whether the file about to be used is the one that was listed."""
    if item.sha256 and item.sha256 == sha256:
        return ALLOWED
    if not item.sha256:
        return refuse("item.no_hash", f"{item.name} is listed without a hash.", "List it again with its SHA-256.")
    return refuse(
        "item.other_hash",
        f"This is not the {item.name} {item.version} of the register: its SHA-256 differs.",
        "Use the listed file, or have the new one listed and the ticket approved again.",
    )
