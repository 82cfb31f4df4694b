"""What targets' own logs say, in words of pages: logins, gaps, sealed accounts, sudo rules, commands of a session."""

import shlex
from typing import Any

from django.urls import reverse

from quarterdeck.access import api as access
from quarterdeck.access.api import RuleState
from quarterdeck.activity import api as activity
from quarterdeck.activity.api import BreakGlassView, Gap, How, LoginView, SealState, Verdict
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor
from quarterdeck.entrypoints.web.watching import SETTLERS
from quarterdeck.inventory.api import AssetView
from quarterdeck.personnel.api import Role
from quarterdeck.workflows.watch_state import may_read_findings

MOST_COMMANDS = 500
VERDICTS = {
    Verdict.TICKETED: "A sealed account was used",
    Verdict.NO_CERTIFICATE: "Not by a certificate of ours",
    Verdict.FOREIGN_CERTIFICATE: "By a certificate of another authority",
    Verdict.UNKNOWN_SERIAL: "By a certificate that the ledger does not know",
    Verdict.OTHER_ASSET: "By a certificate for another asset",
    Verdict.USED_TWICE: "By a certificate that was used before",
    Verdict.OUT_OF_TIME: "By a certificate outside its time",
    Verdict.CONSOLE: "At the console",
    Verdict.CHANGED_USER: "Changed to another user",
}
HOWS = {
    How.CERTIFICATE: "certificate", How.KEY: "key", How.PASSWORD: "password", How.OTHER: "another way",
    How.CONSOLE: "console", How.SU: "su",
}  # fmt: skip
RULES = {
    RuleState.PLACED: ("active", "In place"),
    RuleState.FAILED: ("interrupted", "Not placed"),
    RuleState.WITHDRAWN: ("ended", "Taken away"),
    RuleState.LEFT: ("interrupted", "Not taken away"),
}
SEALS = {
    SealState.SEALED: ("active", "Sealed"),
    SealState.USED: ("interrupted", "Used: change the credential"),
    SealState.RETIRED: ("ended", "Retired"),
}


def login_shown(login: LoginView, names: Names) -> dict[str, Any]:
    """Return a login for a list or its page."""
    return {
        "id": login.id,
        "url": reverse("login_found", args=[login.id]),
        "asset": names.asset(login.asset),
        "at": login.at,
        "what": "A sealed account was used" if login.break_glass else VERDICTS[login.verdict],
        "how": HOWS[login.how],
        "account": login.account,
        "source": login.source,
        "text": login.text,
        "code": "unexplained" if login.is_open else "explained",
        "break_glass": bool(login.break_glass),
    }


def rules_of(ticket: str, names: Names) -> list[dict[str, Any]]:
    """Return the sudo rules of a ticket for its page."""
    return [
        {
            "asset": names.asset(rule.asset),
            "account": rule.account,
            "until": rule.until,
            "code": RULES[rule.state][0],
            "word": RULES[rule.state][1],
            "said": rule.said,
            "standing": rule.standing,
            "genuine": access.check_rule(rule).allowed,
        }
        for rule in access.sudo_rules(ticket)
    ]


def seal_shown(seal: BreakGlassView, names: Names, seen: Visitor) -> dict[str, Any]:
    """Return a sealed account for its asset's page."""
    code, word = SEALS[seal.state]
    late = seal.is_overdue(seen.now)
    return {
        "id": seal.id,
        "account": seal.account,
        "place": seal.place,
        "by": names.person(seal.sealed_by),
        "at": seal.sealed_at,
        "due": seal.due_at,
        "code": "interrupted" if late else code,
        "word": "Overdue: change the credential" if late else word,
        "verified": seal.verified,
        "ticket": seal.ticket,
        "genuine": activity.check_seal(seal).allowed,
        "may_retire": seal.state is SealState.SEALED and seen.has(Role.IT_LEAD),
    }


def of_asset(asset: AssetView, seen: Visitor, names: Names) -> dict[str, Any]:
    """Return what an asset's page says of logins and its sealed account; only to who may read findings."""
    if not may_read_findings(seen.roles).allowed:
        return {"reads_logins": False}
    newest = [one for one in activity.readings(asset=asset.id) if one.gap is not Gap.SHIPPED][:1]
    return {
        "reads_logins": True,
        "log_reading": newest[0] if newest else None,
        "log_gap": newest and newest[0].gap is not Gap.NONE,
        "open_logins": [login_shown(one, names) for one in activity.logins(asset=asset.id, open_only=True)][:10],
        "seals": [seal_shown(one, names, seen) for one in activity.break_glasses(asset.id)],
        "may_rotate": seen.has(*SETTLERS),
        "may_seal": seen.has(Role.IT_LEAD) and asset.active and not activity.break_glasses(asset.id),
    }


def waiting(seen: Visitor, names: Names) -> list[dict[str, Any]]:
    """Return the logins to explain and the sealed credentials to change."""
    if not seen.has(*SETTLERS):
        return []
    found = [
        {
            "act": f"Explain a login on {names.asset(one.asset)}",
            "about": f"{'A sealed account was used' if one.break_glass else VERDICTS[one.verdict]}, {HOWS[one.how]}",
            "url": reverse("login_found", args=[one.id]),
            "button": "Explain", "icon": "login", "due": None, "late": bool(one.break_glass),
        }
        for one in activity.logins(open_only=True)
    ]  # fmt: skip
    return found + [
        {
            "act": f"Change the sealed credential of {names.asset(one.asset)}",
            "about": f"{one.account}: it was used" if one.state is SealState.USED else f"{one.account}: it is time",
            "url": reverse("break_glass_rotate", args=[one.asset, one.id]),
            "button": "Record it", "icon": "lock", "due": one.due_at, "late": one.is_overdue(seen.now),
        }
        for one in activity.break_glasses()
        if one.state is SealState.USED or one.is_overdue(seen.now)
    ]  # fmt: skip


def risks(seen: Visitor, names: Names) -> list[dict[str, str]]:
    """Return assets whose login log did not tell everything when it was last read."""
    if not seen.has(*SETTLERS):
        return []
    newest: dict[str, activity.ReadingView] = {}
    for one in (read for read in activity.readings() if read.gap is not Gap.SHIPPED):
        newest.setdefault(one.asset, one)
    return [
        {
            "what": f"The login log of {names.asset(one.asset)} has a gap",
            "why": one.said,
            "url": reverse("asset", args=[one.asset]),
        }
        for one in newest.values()
        if one.gap is not Gap.NONE
    ]


def commands_shown(told: dict[str, Any]) -> dict[str, Any]:
    """Return the commands of a session for its page: a first part, each as one line that a shell would read."""
    rows = [
        {
            "at": one["at"][11:19],
            "line": " ".join(shlex.quote(word) for word in one["argv"]),
            "origin": one["origin"],
            "run_as": one["run_as"],
            "exit": one["exit_status"],
        }
        for one in told["commands"]
    ]
    return {
        "command_rows": rows[:MOST_COMMANDS],
        "commands_more": max(0, len(rows) - MOST_COMMANDS),
        "command_sources": " and ".join(told["sources"]),
        "commands_exact": told["exact"],
        "commands_attached": told.get("grade") == "attached",
        "commands_said": told["said"],
    }
