"""What a recorded refusal says in a timeline: the act that was refused, and why, in short words.

The entry keeps codes, since sentences can name people and machines; the person met the sentence when it happened.
"""

from collections.abc import Iterable

from quarterdeck.controls.api import fact_kind, is_fact_kind
from quarterdeck.entrypoints.web.words import called

_ACTS = {
    "access.take": "Taking access", "gate.admit": "Entry at the gate",
    "gate.request": "A request inside a connection", "ticket.approve": "Approving",
    "ticket.refuse": "Refusing", "ticket.authorise_emergency": "Authorising the emergency", "ticket.close": "Closing",
    "ticket.comment": "Commenting", "ticket.edit": "Changing the ticket", "ticket.end_work": "Ending the work",
    "ticket.freeze": "Freezing the content", "ticket.open": "Opening the window", "ticket.quick_log": "A quick log",
    "ticket.ratify": "Ratifying", "ticket.reopen": "Going back to work", "ticket.request": "Requesting",
    "ticket.standard": "Scheduling standard work", "ticket.submit": "Submitting", "ticket.waive": "Waiving",
    "ticket.withdraw": "Withdrawing", "escort.confirm": "Confirming the escort", "evidence.attach": "Attaching a file",
    "rollback.begin": "Beginning a rollback", "rollback.step": "Saying how a step of the rollback went",
    "rollback.again": "Running a step of the rollback again", "rollback.stop": "Stopping a rollback",
    "rollback.revert": "Going back to a snapshot",
    "session.explain": "Explaining a session", "session.write_down": "Writing work down",
    "recording.consent": "Consent for recordings", "drift.dispose": "Settling differences",
    "access.revoke": "Revoking access", "access.lift": "Lifting a revocation",
    "ticket.extend": "Asking for more time", "extension.decide": "Deciding on more time",
    "ticket.prepare": "Preparing", "ticket.verify": "Verifying",
}  # fmt: skip
_WHY = {
    "access.outside_window": "outside the window", "access.too_early": "too early",
    "access.no_time_left": "no time left in the window", "access.not_the_person": "not the person of the certificate",
    "access.key_not_registered": "the key is not registered", "access.withdrawn": "access was withdrawn",
    "access.revoked": "access was withdrawn", "access.expired": "the certificate had run out",
    "access.not_in_ticket": "the asset is not in the ticket", "access.step_up": "the second factor was too old",
    "agreement.action": "the agreement does not cover the action", "agreement.ended": "the agreement has ended",
    "agreement.method": "the agreement does not cover the way in", "agreement.none": "no agreement is named",
    "agreement.out_of_date": "the agreement is out of date", "approval.given": "the approval is given already",
    "approval.no_approver": "the approver's approval is missing", "approval.not_needed": "no such approval is needed",
    "approval.no_cui_owner": "the CUI owner's approval is missing",
    "authorisation.none": "not authorised to maintain it",
    "authorisation.action": "not authorised for this action", "authorisation.out_of_date": "authorisation out of date",
    "content.changed": "what the names mean had changed", "content.moved": "the page shown was out of date",
    "drift.explained.failed": "differences are not explained yet", "drift.own_work": "nobody explains their own work",
    "drift.role": "not in a role that explains", "duties.decider_works": "who decides would also do the work",
    "duties.is_editor": "who edited it can't decide", "duties.is_escort": "its escort can't decide",
    "duties.is_requester": "its requester can't decide", "duties.is_technician": "its technician can't decide",
    "duties.no_technician": "nobody is named to do the work", "duties.role_missing": "not in the role",
    "duties.same_person": "both approvals by one person", "escort.none": "no escort is named",
    "escort.present.missing": "the escort is not present yet", "hold_point.not_deferrable": "it can't be waived",
    "access.stopped": "access is revoked", "revocation.none": "nothing of that kind is revoked",
    "revocation.own": "it is about their own access", "revocation.same_person": "the same person had revoked it",
    "extension.not_open": "the ticket is not open", "extension.too_late": "the work is over",
    "extension.not_later": "not later than the end", "extension.too_long": "too much at once",
    "extension.conflict": "other work has the asset then", "extension.moved": "what was shown is decided or replaced",
    "extension.unclear": "no end was given",
    "item.withdrawn": "a named tool is withdrawn", "item.review_overdue": "a named tool is overdue for review",
    "item.other_hash": "a named tool is not the listed file", "notice.none": "those concerned were not told",
    "notice.short": "notice was too short", "person.no_mfa": "no second factor",
    "person.inactive": "the person has left",
    "plan.no_impact": "no impact is written", "plan.no_plan": "no plan is written",
    "plan.no_rollback": "no rollback is written", "plan.no_items": "no tool, technique or mechanism is named",
    "reading.denied": "not allowed to read it", "reason.missing": "no reason was given",
    "rollback.begun": "it was begun already", "rollback.not_now": "no work is open or being verified",
    "rollback.not_measured": "not measured since the rollback", "rollback.under_way": "the asset is being put back",
    "rollback.step_under_way": "the step is under way", "rollback.not_begun": "no rollback was begun",
    "rollback.nothing_by_itself": "nothing is left to run by itself",
    "rollback.no_runbook": "the mechanism is no approved runbook",
    "rollback.session_of_other": "another ticket's session is on the asset",
    "rollback.session_outside": "a session outside the gate is not ended",
    "snapshot.none": "no snapshot was taken under the ticket", "snapshot.pending": "the snapshot is still being made",
    "snapshot.failed": "the snapshot failed", "snapshot.altered": "another snapshot lies in its place",
    "snapshot.not_whole": "the snapshot is not whole", "snapshot.unsealed": "its row is not what the ledger says",
    "role.missing": "not in the role that it takes", "scope.empty": "no asset is named",
    "scope.no_connection": "an asset has no way in", "scope.no_owner": "an asset has no owner",
    "scope.retired": "an asset is retired", "state.wrong": "not in this state of the ticket",
    "step_up.needed": "the second factor was too old", "ticket.closed": "the ticket is over",
    "ticket.edited_meanwhile": "somebody else had changed it", "ticket.not_open": "the ticket is not open",
    "ticket.not_yours": "not one of the ticket's people", "ticket.not_verifying": "the ticket is not being verified",
    "ticket.unsealed": "its row is not what the ledger says", "window.after": "the window was over",
    "window.before": "before the window", "window.conflict": "another ticket has the asset then",
    "window.not_over": "the window is not over", "window.past": "the window lies in the past",
}  # fmt: skip
_ENDINGS = {"missing": "not known yet", "failed": "failed", "stale": "out of date", "grade": "only attached"}


def refused_act(rule: str) -> str:
    """Return the act that a rule stands before: `ticket.approve` is Approving."""
    return _ACTS.get(rule) or called(rule.replace(".", " ")).capitalize()


def refused_why(codes: Iterable[str]) -> str:
    """Return the reasons of a refusal in short words, each once."""
    return ", ".join(dict.fromkeys(_why(code) for code in codes))


def _why(code: str) -> str:
    known = _WHY.get(code)
    if known:
        return known
    kind, _, ending = code.rpartition(".")
    if is_fact_kind(kind):
        return f"{fact_kind(kind).label.lower()}: {_ENDINGS.get(ending, called(ending))}"
    return called(code.replace(".", ": "))
