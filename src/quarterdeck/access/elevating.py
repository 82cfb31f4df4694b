"""Sudo rules as rows: what became of each order, sealed, with the facts that pages and packages read.

Entries carry counts and hashes; the rules that sudo lists name commands and stay in the row and its artifact.
"""

from datetime import datetime, timedelta

from quarterdeck.access.elevation import RuleSeen, rule_name
from quarterdeck.access.models import SudoRuleRow
from quarterdeck.access.terms import RuleState, SudoRuleView
from quarterdeck.evidence.api import (
    Act,
    ArtifactRef,
    Grade,
    JsonValue,
    ObjectRef,
    Outcome,
    entries,
    last_entry,
    row_digest,
)
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, all_of, refuse, require_that

EVENTS = ("sudo_rule.placed", "sudo_rule.failed", "sudo_rule.withdrawn", "sudo_rule.left")
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=15)


def record_rule(
    act: Act,
    state: RuleState,
    *,
    ticket: str,
    asset: str,
    connection: str,
    account: str,
    seen: RuleSeen | None = None,
    said: str = "",
    document: ArtifactRef | None = None,
) -> SudoRuleView:
    """Record what became of an order on a target; `seen` is what it showed, `said` why nothing was seen.

    A rule that could not be placed anew while an earlier one stands stays *placed* with its earlier end.
    """
    row = SudoRuleRow.objects.select_for_update().filter(ticket_id=ticket, asset=asset).first()
    row = row or SudoRuleRow(ticket_id=ticket, asset=asset)
    stays = state is RuleState.FAILED and row.state == RuleState.PLACED
    row.connection, row.account, row.said, row.tried_at = connection, account, said, act.at
    row.tries = 0 if seen is not None else row.tries + 1
    row.state = (RuleState.PLACED if stays else state).value
    if seen is not None:
        row.standing, row.others = list(seen.standing), list(seen.others)
        row.until, row.sha256 = (seen.until, seen.sha256) if seen.present else (row.until, row.sha256)
    row.entry = act.record(
        f"sudo_rule.{state.value}",
        ObjectRef("sudo_rule", _key(ticket, asset)),
        ticket=ticket,
        data={
            "asset": asset,
            "until": None if row.until is None else rfc3339(row.until),
            "rule": row.sha256,
            "standing": len(row.standing),
            "row": _digest(row),
        },
        artifacts=() if document is None else (document,),
    )
    row.save()
    _tell(act, row, state, seen)
    return _view(row)


def _tell(act: Act, row: SudoRuleRow, state: RuleState, seen: RuleSeen | None) -> None:
    placing = state in (RuleState.PLACED, RuleState.FAILED)
    told = {"elevation.timed" if placing else "elevation.withdrawn": seen is not None}
    if seen is not None:
        told["elevation.only"] = not seen.standing
    for kind, holds in told.items():
        act.fact(
            kind,
            entry=row.entry,
            outcome=Outcome.PASSED if holds else Outcome.FAILED,
            grade=Grade.CAPTURED,
            ticket=row.ticket_id,
            asset=row.asset,
        )


def sudo_rules(ticket: str = "", *, maybe_there: bool = False) -> list[SudoRuleView]:
    """Return the rules of a ticket or of all; only those that may still lie on a target where asked."""
    rows = SudoRuleRow.objects.order_by("ticket_id", "asset")
    if ticket:
        rows = rows.filter(ticket_id=ticket)
    if maybe_there:
        rows = rows.filter(state__in=[RuleState.PLACED.value, RuleState.LEFT.value])
    return [_view(row) for row in rows]


def is_due_again(rule: SudoRuleView, at: datetime) -> bool:
    """Return whether a failed order is tried again: after a wait that doubles up to a quarter of an hour."""
    return rule.tries == 0 or at >= rule.tried_at + min(_FIRST_WAIT * 2 ** min(rule.tries - 1, 8), _LONGEST_WAIT)


def rules_are_over(ticket: str, at: datetime) -> Decision:
    """Decide whether no rule of the ticket raises anybody any more: withdrawn and read back, or past its end.

    Sudo itself refuses after NOTAFTER, so that a target that cannot be reached holds nobody up for ever.
    """
    found = sudo_rules(ticket)
    told = {entry.object.id for entry in entries(ticket=ticket, events=EVENTS)}
    lost = told - {_key(one.ticket, one.asset) for one in found}
    left = [one for one in found if one.may_be_there and (one.until is None or at <= one.until)]
    return all_of(
        (
            *(check_rule(one) for one in found),
            require_that(not lost, "row.missing", "The row of a sudo rule was taken away.", "Tell the IT lead."),
            require_that(
                not left,
                "sudo.left",
                "A sudo rule of this ticket may still stand on its target.",
                "Wait until it is taken away or its time is over; the ticket's page says why it failed.",
            ),
        )
    )


def check_rule(rule: SudoRuleView) -> Decision:
    """Return whether the row is what the ledger says of it (attacks.md row 28)."""
    sealed = last_entry(EVENTS, object=ObjectRef("sudo_rule", _key(rule.ticket, rule.asset)))
    if sealed is not None and sealed.data.get("row") == _digest_of(rule):
        return Decision()
    return refuse("sudo.unsealed", "A sudo rule's row is not what the ledger says.", "Tell the IT lead.")


def _key(ticket: str, asset: str) -> str:
    return f"{rule_name(ticket)}.{asset}"


def _digest(row: SudoRuleRow) -> str:
    return _digest_of(_view(row))


def _digest_of(rule: SudoRuleView) -> str:
    fields: dict[str, JsonValue] = {
        "ticket": rule.ticket,
        "asset": rule.asset,
        "connection": rule.connection,
        "account": rule.account,
        "state": rule.state.value,
        "until": None if rule.until is None else rfc3339(rule.until),
        "sha256": rule.sha256,
        "standing": list(rule.standing),
        "others": list(rule.others),
        "said": rule.said,
        "tries": rule.tries,
        "tried_at": rfc3339(rule.tried_at),
    }
    return row_digest(fields)


def _view(row: SudoRuleRow) -> SudoRuleView:
    return SudoRuleView(
        ticket=row.ticket_id,
        asset=row.asset,
        connection=row.connection,
        account=row.account,
        state=RuleState(row.state),
        until=row.until,
        sha256=row.sha256,
        standing=tuple(row.standing),
        others=tuple(row.others),
        said=row.said,
        tries=row.tries,
        tried_at=row.tried_at,
        entry=row.entry,
    )
