"""The parts below a ticket: timeline, plan, sessions, before and after, checks, files, comments. One at a time."""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from quarterdeck.attachments.api import SCREEN_ROLES, given_up
from quarterdeck.baselines import api as baselines
from quarterdeck.controls.api import fact_kind, is_fact_kind
from quarterdeck.entrypoints.web import drifting, session_words, target_words, ticket_words, words, zones
from quarterdeck.entrypoints.web import runs as runs_pages
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.people_in import Visitor
from quarterdeck.entrypoints.web.reading import reads
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry
from quarterdeck.personnel.api import Role
from quarterdeck.runs import api as runs
from quarterdeck.sessions import api as sessions
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading, State, TicketView
from quarterdeck.tools import api as tools
from quarterdeck.workflows import read_checks
from quarterdeck.workflows.watch_state import may_read_findings

_HAVE_C_OF_THEIR_OWN = frozenset({"comments", "drift"})
SECRET_ROLES = SCREEN_ROLES | runs.RUN_ROLES | {
    "recording", "manifest", "posture", "drift", "measurement", "commands", "target-log", "texts",
}  # fmt: skip
# Of everybody who came to the target, not of this ticket alone: for those who explain findings, not for who took part.
_OF_EVERYBODY = frozenset({"target-log"})


def context(
    request: HttpRequest, seen: Visitor, ticket: TicketView, names: Names, entries: Sequence[Entry]
) -> dict[str, Any]:
    """Return the row of tabs and the content of the one that the address names."""
    number, zone = ticket.number, zones.zone_of(request)
    found = sessions.sessions(number)
    drifts = baselines.drift(number) if reads(seen, number, Reading.BASELINE) else []
    listed = files(seen, ticket, entries)
    remarks = tickets.comments(number)
    played = runs.runs(number)
    facts = evidence.facts(ticket=number)
    counts: dict[str, tuple[str, int | None, str]] = {
        "timeline": ("Timeline", len(entries), "e"),
        "plan": ("Plan and rollback", None, ""),
        "sessions": ("Sessions", len(found), ""),
        "drift": ("Before & after", sum(len(one.open_items) for one in drifts) or None, ""),
        "checks": ("Checks", len(facts), ""),
        "runs": ("Runs", len(played), ""),
        "files": ("Files", len(listed), ""),
        "comments": ("Comments", len(remarks), ""),
    }
    asked = request.GET.get("tab", "timeline")
    chosen = asked if asked in counts else "timeline"
    if chosen not in _HAVE_C_OF_THEIR_OWN and not ticket.is_final:
        counts["comments"] = ("Comments", len(remarks), "c")
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "timeline": lambda: _timeline(request, names, entries, listed),
        "plan": lambda: {"items": [tools.item(item) for item in ticket.content.items]},
        "sessions": lambda: {
            "sessions": [session_words.line(one, names) for one in found],
            "sudo_rules": target_words.rules_of(number, names),
            "may_record": ticket.state in (State.OPEN, State.VERIFYING) and not seen.roles <= {Role.ASSESSOR},
        },
        "drift": lambda: {"drifts": [drifting.shown(one, seen, ticket, names, zone) for one in drifts]},
        "checks": lambda: _checks(facts, names) | {"runs": check_runs(seen, number, names)},
        "runs": lambda: runs_pages.tab(seen, ticket, names, played),
        "files": lambda: {
            "files": [one | {"about": names.all.get(one["about"], "")} for one in listed],
            "may_attach": not seen.roles <= {Role.ASSESSOR},
        },
        "comments": lambda: {
            "comments": [{"name": names.person(one.author), "text": one.text, "at": one.at} for one in remarks],
            "comment_form": not ticket.is_final and not seen.roles <= {Role.ASSESSOR},
        },
    }
    tabs = [
        {"key": key, "label": label, "count": count, "hot": hot, "on": key == chosen}
        for key, (label, count, hot) in counts.items()
    ]
    return {"tabs": tabs, "tab_template": f"tickets/tab_{chosen}.html"} | parts[chosen]()


def _timeline(
    request: HttpRequest, names: Names, entries: Sequence[Entry], listed: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    counts = ticket_words.kinds(entries)
    asked = request.GET.get("kind", "")
    kind = asked if asked in counts else ""
    known = {one["sha256"]: one for one in listed}
    lines = ticket_words.timeline(entries, names.all, kind)
    for line in lines:
        line["artifacts"] = [known[sha256] for sha256 in line["artifacts"] if sha256 in known]
    return {
        "timeline": ticket_words.folded(lines) if not kind else lines,
        "kinds": [(one, ticket_words.KINDS[one][0], count) for one, count in counts.items()],
        "chosen_kind": kind,
        "every": len(entries),
    }


def _checks(facts: Sequence[evidence.Fact], names: Names) -> dict[str, Any]:
    """Return the newest fact of each kind and asset, what did not pass first, and the earlier ones apart."""
    newest: dict[tuple[str, str | None], evidence.Fact] = {(fact.kind, fact.asset): fact for fact in facts}
    standing = sorted(newest.values(), key=lambda fact: fact.outcome is evidence.Outcome.PASSED)
    kept = {id(fact) for fact in standing}
    return {
        "checks": [_check(fact, names) for fact in standing],
        "earlier": [_check(fact, names) for fact in reversed(facts) if id(fact) not in kept],
    }


def check_runs(seen: Visitor, number: str, names: Names) -> list[dict[str, Any]]:
    """Return what each newest run of checks found; what mechanisms printed only to who may read recordings."""
    if not reads(seen, number, Reading.BASELINE):
        return []
    outputs = reads(seen, number, Reading.RECORDING)
    return [
        {
            "asset": names.asset(run.asset),
            "phase": run.phase,
            "at": run.at,
            "found": [
                {"name": one.name, "kind": one.kind, "outcome": one.outcome, "word": one.outcome.capitalize(),
                 "sentence": one.sentence, "output": one.output if outputs else ""}
                for one in run.found if one.id
            ],
        }
        for run in read_checks.newest_runs(number)
    ]  # fmt: skip


def _detail(fact: evidence.Fact, names: Names) -> str:
    """Say the plain parts of a fact's detail: counts, names of people and assets; ids without a name stay away."""
    said = []
    for key, value in fact.detail.items():
        word = names.all.get(str(value)) if isinstance(value, str) else None
        if word or (isinstance(value, int) and not isinstance(value, bool)):
            said.append(f"{key.replace('_', ' ')} {word or value}")
        elif key in ("role", "product", "auth", "verdict"):
            said.append(words.called(str(value)))
    return ", ".join(said)


def _check(fact: evidence.Fact, names: Names) -> dict[str, Any]:
    return {
        "label": fact_kind(fact.kind).label if is_fact_kind(fact.kind) else fact.kind,
        "detail": _detail(fact, names),
        "about": names.asset(fact.asset) if fact.asset else "",
        "outcome": fact.outcome.value,
        "outcome_word": {"passed": "Passed", "failed": "Failed", "unknown": "Unknown"}[fact.outcome.value],
        "grade": fact.grade.value,
        "at": fact.at,
        "valid_until": fact.valid_until,
        "entry": fact.entry,
    }


def files(seen: Visitor, ticket: TicketView, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the artifacts that the ticket's entries name, each once, those that the visitor may read with a link."""
    may_open = reads(seen, ticket.number, Reading.RECORDING)
    explains = may_read_findings(seen.roles).allowed
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        for named in entry.artifacts:
            sha256, role = str(named["sha256"]), str(named["role"])
            hidden = (role in SECRET_ROLES and not may_open) or (role in _OF_EVERYBODY and not explains)
            about = str(entry.data.get("asset") or (entry.object.id if entry.object.type == "asset" else ""))
            found[sha256] = {
                "sha256": sha256,
                "name": named["name"],
                "role": role,
                "label": words.file_label(role, str(entry.data.get("phase", ""))),
                "about": about,
                "size": named["size"],
                "at": entry.at,
                "cui": _may_contain_cui(sha256),
                "gone": given_up(sha256),
                "url": "" if hidden else reverse("ticket_file", args=[ticket.number, sha256]),
            }
    return list(found.values())


def _may_contain_cui(sha256: str) -> bool:
    view = evidence.artifact(sha256)
    return view is None or view.may_contain_cui
