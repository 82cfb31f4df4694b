"""What a package is going to hold, and what stays here, before anybody makes it; what a finished one does not hold."""

from collections.abc import Iterable
from typing import Any

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import ConsentState, Contents, OrderView
from quarterdeck.entrypoints.web import consents
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor
from quarterdeck.entrypoints.web.ticket_forms import MomentField, TimedForm
from quarterdeck.entrypoints.web.words import called, file_label
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import export_package

PACKAGERS = (Role.IT_LEAD, Role.ASSESSOR)
_NO_CONSENT = "no_consent"
_ABOUT_CONSENT = (_NO_CONSENT, "no_recipient", "encrypted")
_ASKABLE = (ConsentState.UNDECIDED.value, ConsentState.REFUSED.value, ConsentState.WITHDRAWN.value)
_SET_WORDS = {
    ConsentState.GIVEN.value: "given", ConsentState.ASKED.value: "asked for", ConsentState.REFUSED.value: "refused",
    ConsentState.WITHDRAWN.value: "withdrawn", ConsentState.UNDECIDED.value: "not asked for yet",
}  # fmt: skip


class PeriodForm(TimedForm):
    """The period of a package."""

    since = MomentField(label="From", help_text="For example 1 Oct 2026.")
    until = MomentField(label="Until", initial="now")


def contents_shown(found: Contents, seen: Visitor, names: Names) -> dict[str, Any]:
    """Return the contents for `evidence/contents.html`: counts, and what stays here by ticket and reason."""
    return {
        "tickets": found.tickets,
        "left_out": found.left_out,
        "entries": found.entries,
        "files": found.files,
        "bytes": found.bytes,
        "withheld": _by_ticket(((one.ticket, one.reason, one.role, one.name) for one in found.withheld), seen, names),
        "consent": _consent_of_all(found, seen),
    }


def _consent_of_all(found: Contents, seen: Visitor) -> dict[str, Any]:
    """Return how the CUI owner's consent stands for the whole set, by what it is; empty for a set of one or none."""
    by_state: dict[str, list[str]] = {}
    for number in sorted({one.ticket for one in found.withheld if one.reason in _ABOUT_CONSENT and one.ticket}):
        by_state.setdefault(assessor.consent_of(number).state.value, []).append(number)
    if sum(map(len, by_state.values())) < 2:
        return {}
    lacking = sorted(number for state in _ASKABLE for number in by_state.get(state, ()))
    return {
        "counts": [(_SET_WORDS[state], len(by_state[state])) for state in _SET_WORDS if state in by_state],
        "ask": lacking if seen.has(*consents.ASKERS) and not seen.has(Role.CUI_OWNER) else [],
        "lacking": len(lacking),
    }


def kept_back(order: OrderView, seen: Visitor, names: Names) -> list[dict[str, Any]]:
    """Return what a finished package says that it does not hold, by ticket and reason."""
    rows = export_package.kept_back(order)
    return _by_ticket(((one.ticket, one.reason, one.role, one.name) for one in rows), seen, names)


def _by_ticket(rows: Iterable[tuple[str, str, str, str]], seen: Visitor, names: Names) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for ticket, reason, role, name in rows:
        groups.setdefault((ticket, reason), []).append((role, name))
    return [
        {
            "ticket": ticket,
            "reason": assessor.REASONS.get(reason, called(reason)),
            "alarm": reason in ("missing", "lost"),
            "what": _counted([role for role, _ in files]),
            "names": [name for _, name in files],
            "consent": consents.card(seen, ticket, names) if reason == _NO_CONSENT and ticket else None,
        }
        for (ticket, reason), files in sorted(groups.items())
    ]


def _counted(roles: list[str]) -> str:
    said = []
    for role in dict.fromkeys(roles):
        count = roles.count(role)
        said.append(f"{file_label(role)} × {count}" if count > 1 else file_label(role))
    return ", ".join(said)
