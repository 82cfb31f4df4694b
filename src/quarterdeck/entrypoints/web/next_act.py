"""The one primary button of a ticket: the next thing this person can do, else what it waits for and who can.

What is offered here is a courtesy; whether it is allowed is decided by the workflow that the button calls.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.people_in import Visitor
from quarterdeck.entrypoints.web.words import called
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Before, HoldPointView, HoldState, Method, State, TicketView, WorkClass

MOVING = (Role.REQUESTER, Role.TECHNICIAN, Role.IT_LEAD)


@dataclass(frozen=True, slots=True)
class Button:
    """One act as a button: a form that posts, or a link to a page."""

    label: str
    icon: str
    url: str
    post: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Waits:
    """Why nothing can be done now by this person, and who can."""

    sentence: str
    next_step: str = ""
    tone: str = "busy"
    icon: str = "clock"
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """What the offers look at."""

    ticket: TicketView
    seen: Visitor
    names: Names
    holds: Sequence[HoldPointView]
    busy: bool

    @property
    def works(self) -> bool:
        """True when the visitor does the work, asked for it, or leads IT."""
        return self.is_doer or self.seen.person.id == self.ticket.requester or self.seen.has(Role.IT_LEAD)

    @property
    def is_doer(self) -> bool:
        """True when the ticket names the visitor, or a pool they are in, for its work."""
        content = self.ticket.content
        pooled = personnel.pool(content.pool_id).members if content.pool_id else ()
        return self.seen.person.id in {*content.technicians, *pooled}

    def failing(self, before: Before) -> list[HoldPointView]:
        """Return what still holds the ticket before this act."""
        return [hold for hold in self.holds if hold.before is before and hold.state is HoldState.FAILED]

    def url(self, name: str) -> str:
        """Return an address below this ticket."""
        return reverse(name, args=[self.ticket.number])


Offer = tuple[Button | None, list[Button], Waits | None]


def context(
    ticket: TicketView, seen: Visitor, names: Names, holds: Sequence[HoldPointView], *, busy: bool
) -> dict[str, Any]:
    """Return next act, other acts and what the ticket waits for, for the ticket's page."""
    scene = Scene(ticket, seen, names, holds, busy)
    offer = _OFFERS.get(ticket.state)
    if offer is None or seen.roles <= {Role.ASSESSOR}:
        return {"next_act": None, "other_acts": [], "waits_on": None, "may_refreeze": False}
    first, others, waits = offer(scene)
    # Whoever may change the ticket may freeze it anew: freezing is the end of a change.
    may_refreeze = scene.works and tickets.may_move("edit", ticket.state).allowed
    return {"next_act": first, "other_acts": others, "waits_on": waits, "may_refreeze": may_refreeze}


def _draft(scene: Scene) -> Offer:
    if not scene.works:
        return None, [], Waits(f"A draft of {scene.names.person(scene.ticket.requester)}; nobody decides on it yet.")
    submit = Button("Submit for approval", "send", scene.url("ticket_submit"), post=True, key="s")
    change = Button("Change", "pencil", scene.url("ticket_edit"), key="m")
    return submit, [_withdraw(scene), change], _lacking(scene)


def _submitted(scene: Scene) -> Offer:
    waiting = _waiting(scene)
    mine = [role for role, people in waiting.items() if scene.seen.person.id in people]
    others = [_withdraw(scene), Button("Change", "pencil", scene.url("ticket_edit"), key="m")] if scene.works else []
    if mine:
        return Button("Read and decide", "eye-check", scene.url("ticket_approve"), key="a"), others, None
    if scene.ticket.emergency and scene.works:
        word = Button("Record the authoriser's word", "user-check", scene.url("ticket_emergency"), key="a")
        return word, others, _who(scene, waiting)
    lacking = _lacking(scene)
    if lacking and scene.works:
        return Button("Change", "pencil", scene.url("ticket_edit"), key="m"), others[:1], lacking
    return None, others, _who(scene, waiting) or lacking


def _waiting(scene: Scene) -> dict[tickets.ApprovalRole, tuple[str, ...]]:
    try:
        return tickets.waiting_for(scene.ticket.number, scene.seen.now)
    except Refused:
        return {}


def _who(scene: Scene, waiting: dict[tickets.ApprovalRole, tuple[str, ...]]) -> Waits | None:
    if not waiting:
        return None
    said = []
    for role, people in waiting.items():
        who = " or ".join(scene.names.person(person) for person in people)
        said.append(
            f"{called(role.value)}: {who}" if who else f"{called(role.value)}: nobody who is not part of the work"
        )
    return Waits("Waits for the decision of the " + "; the ".join(said) + ".", tone="warn", icon="eye")


def _escort(scene: Scene) -> Button | None:
    """The escort's own act, while the hold point asks for it."""
    if scene.seen.person.id != scene.ticket.escort or not any(
        hold.id == "HP-ESCORT" for hold in scene.failing(Before.OPEN)
    ):
        return None
    return Button("I am present as escort", "user-check", scene.url("ticket_escort"), post=True, key="a")


def _scheduled(scene: Scene) -> Offer:
    escort = _escort(scene)
    if escort:
        return escort, [], None
    if not scene.works:
        return None, [], _held(scene, Before.OPEN, "opening")
    others = [_withdraw(scene), Button("Change", "pencil", scene.url("ticket_edit"), key="m")]
    prepare = Button("Prepare", "refresh", scene.url("ticket_prepare"), post=True, key="p")
    opening = Button("Open the window", "lock-open", scene.url("ticket_open"), post=True, key="o")
    if scene.ticket.content.method is not Method.SSH:
        return opening, others, _held(scene, Before.OPEN, "opening")
    if scene.busy:
        return None, others, None
    prepared = not any(hold.id in _CAPTURED for hold in scene.failing(Before.OPEN))
    if prepared:
        return (
            opening,
            [*others, Button("Prepare again", "refresh", prepare.url, post=True, key="p")],
            _held(scene, Before.OPEN, "opening"),
        )
    return prepare, others, _held(scene, Before.OPEN, "opening")


_CAPTURED = frozenset({"HP-BACKUP", "HP-PRECHECK", "HP-SOLE-PATH", "HP-BASELINE", "HP-RECORDER"})


def _approved(scene: Scene) -> Offer:
    first, others, waits = _scheduled(scene)
    return first, others, waits or Waits("Approved; the window is being fixed and people told.")


def _open(scene: Scene) -> Offer:
    # The requester and the IT lead may end the work of others too (tickets.working.end_work).
    word = "I am done" if scene.is_doer else "End the work"
    done = Button(word, "check", scene.url("ticket_done"), post=True, key="d")
    if any(scene.seen.person.id in people for people in _more_time(scene).values()):
        return Button("Decide on more time", "clock", scene.url("ticket_extension"), key="a"), [], None
    if _is_to_escort_longer(scene):
        return Button("I am present as escort", "user-check", scene.url("ticket_escort"), post=True, key="a"), [], None
    others = [done, Button("More time", "clock", scene.url("ticket_extend"), key="t")]
    if scene.is_doer and scene.ticket.content.method is Method.SSH:
        return Button("Start work", "terminal-2", scene.url("ticket_start"), key="w"), others, None
    if scene.is_doer:
        return Button("Write down the work", "notebook", scene.url("session_write_down"), key="w"), others, None
    ratify = _ratification(scene)
    if ratify:
        return ratify, [], None
    away = Button("Revoke access", "ban", reverse("revoke", args=["ticket"]) + f"?of={scene.ticket.number}")
    revoking = [away] if scene.seen.has(Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER) else []
    if scene.works:
        return (
            None,
            [*revoking, *others],
            Waits(f"{scene.names.workers(scene.ticket)} may work until the window ends.", icon="lock-open"),
        )
    waits = Waits(f"{scene.names.workers(scene.ticket)} may work until the window ends.", icon="lock-open")
    return None, revoking, waits


def _is_to_escort_longer(scene: Scene) -> bool:
    """True for the escort of extended work until the presence is confirmed for the longer window."""
    ticket = scene.ticket
    if scene.seen.person.id != ticket.escort or ticket.extended_until is None:
        return False
    confirmed = evidence.facts(ticket=ticket.number, kinds=["escort.present"])
    return not any(one.valid_until is not None and one.valid_until >= ticket.window.until for one in confirmed)


def _more_time(scene: Scene) -> dict[tickets.ApprovalRole, tuple[str, ...]]:
    try:
        return tickets.extension_waits_for(scene.ticket.number, scene.seen.now)
    except Refused:
        return {}


def _verifying(scene: Scene) -> Offer:
    ratify = _ratification(scene)
    if ratify:
        return ratify, [], _held(scene, Before.CLOSE, "closing")
    if not scene.works:
        return None, [], _held(scene, Before.CLOSE, "closing")
    others = [Button("Back to work", "arrow-back-up", scene.url("ticket_reopen"), post=True)]
    verify = Button("Verify again", "refresh", scene.url("ticket_verify"), post=True, key="v")
    close = Button("Close the ticket", "lock", scene.url("ticket_close"), key="o")
    failing = {hold.id for hold in scene.failing(Before.CLOSE)}
    if scene.busy:
        return None, [], None
    if "HP-DRIFT" in failing and not failing & {"HP-BASELINE-AFTER", "HP-ENDED"}:
        may = scene.seen.person.id not in scene.ticket.technicians and scene.seen.has(*_EXPLAINERS)
        if not may:
            return None, [*others, verify], _explainers(scene)
        explain = Button("Explain the differences", "arrows-diff", f"{scene.url('ticket')}?tab=drift#tabs", key="x")
        return explain, [*others, verify], _held(scene, Before.CLOSE, "closing")
    if failing & {"HP-BASELINE-AFTER", "HP-ENDED", "HP-LEFTOVERS", "HP-POSTCHECK"}:
        return verify, others, _held(scene, Before.CLOSE, "closing")
    return close, [*others, verify], _held(scene, Before.CLOSE, "closing")


_EXPLAINERS = (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER)


def _explainers(scene: Scene) -> Waits:
    """Say who explains the differences: nobody explains those of their own work (3.1.4)."""
    able = {one for role in _EXPLAINERS for one in personnel.holders(role, scene.seen.now)}
    who = sorted(scene.names.person(one) for one in able - set(scene.ticket.technicians))
    return Waits(
        "Differences wait to be explained by somebody who did not do the work.",
        f"{' or '.join(who)} can." if who else "Nobody can: have a role granted to somebody who did not do the work.",
        tone="warn",
        icon="arrows-diff",
    )


def _ratification(scene: Scene) -> Button | None:
    if (
        not scene.ticket.emergency
        or scene.ticket.finding
        or scene.works
        or not scene.seen.has(Role.APPROVER, Role.CUI_OWNER)
    ):
        return None
    given = {one.person for one in scene.ticket.approvals if one.kind is tickets.ApprovalKind.RATIFICATION}
    if scene.seen.person.id in given:
        return None
    return Button("Ratify or refuse", "scale", scene.url("ticket_ratify"), key="a")


def lacks(holds: Sequence[HoldPointView]) -> tuple[str, ...]:
    """Return, one sentence each, what is still to be done before a ticket can be approved."""
    return tuple(
        f"{hold.label}: {hold.sentence} {hold.next_step}".strip()
        for hold in holds
        if hold.before is Before.APPROVE and hold.state is HoldState.FAILED
    )


def _lacking(scene: Scene) -> Waits | None:
    """Say everything that is to be done before approval, not only the first of it."""
    told = lacks(scene.holds)
    if not told or scene.ticket.work_class is WorkClass.QUICK_LOG:
        return None
    head = "It can't be approved yet." if scene.ticket.state is State.SUBMITTED else "Before it can be approved:"
    return Waits(head, tone="warn", icon="alert-triangle", lacks=told)


def _withdraw(scene: Scene) -> Button:
    return Button("Withdraw", "trash", scene.url("ticket_withdraw"))


def _held(scene: Scene, before: Before, what: str) -> Waits | None:
    failing = scene.failing(before)
    if not failing or scene.ticket.work_class is WorkClass.QUICK_LOG:
        return None
    first = failing[0]
    more = f" and {len(failing) - 1} more" if len(failing) > 1 else ""
    return Waits(
        f"{first.label}{more} hold {what}. {first.sentence}", first.next_step, tone="warn", icon="alert-triangle"
    )


_OFFERS: dict[State, Callable[[Scene], Offer]] = {
    State.DRAFT: _draft,
    State.SUBMITTED: _submitted,
    State.APPROVED: _approved,
    State.SCHEDULED: _scheduled,
    State.OPEN: _open,
    State.VERIFYING: _verifying,
}
