"""Working on a ticket: open, end, reopen, close, roll back, confirm the escort, bind a person, admit to the gate."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, all_of, require_that
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.hold_points import newest_fact
from quarterdeck.tickets.models import MaintenanceTicket
from quarterdeck.tickets.moving import locked, move
from quarterdeck.tickets.pictures import as_data, blocking, judge, sealed_view, takes_part, workers
from quarterdeck.tickets.policies import policy
from quarterdeck.tickets.rollbacks import may_end, not_put_back_now
from quarterdeck.tickets.rows import find, view
from quarterdeck.tickets.rules import may_move, may_write, ratification_due, usable_reason
from quarterdeck.tickets.sealing import check_ticket
from quarterdeck.tickets.snapshot import content_hash, snapshot
from quarterdeck.tickets.standing import require_process, require_role, require_step_up
from quarterdeck.tickets.terms import Allowance, Before, State, TicketView, Verdict
from quarterdeck.tools import api as tools

WORKING_ROLES = (Role.TECHNICIAN, Role.IT_LEAD, Role.REQUESTER)
MEASURABLE = frozenset({State.APPROVED, State.SCHEDULED, State.OPEN, State.VERIFYING})


@dataclass(frozen=True, slots=True)
class AdmissionTerms:
    """How long a person admitted now may stay, the window and a grace in which running work may end, and to do what.

    A terminal at which nobody types for `idle` ends; zero means never. `screens` is false where policy wants no picture
    of what is shown on assets that handle CUI.
    """

    window: Window
    grace: timedelta
    vendor: bool
    allowance: Allowance
    idle: timedelta = timedelta(0)
    screens: bool = True

    @property
    def hard_end(self) -> datetime:
        """The moment at which the connection is ended whatever runs."""
        return self.window.until + self.grace


def open_ticket(act: Act, number: str) -> None:
    """Open the ticket; Refused with the code of every hold point that fails before opening."""
    require_role(act, WORKING_ROLES)
    require_step_up(act)
    opened(act, locked(act, number))


def opened(act: Act, row: MaintenanceTicket) -> None:
    """Open the locked ticket when its hold points hold; who calls has asked for the person's second factor."""
    may_move("open", State(row.state)).require()
    takes_part(view(row), act.actor, act.at).require()
    holds = judge(row, act.at, Before.OPEN)
    blocking(holds).require()
    if row.emergency:
        row.ratify_until = ratification_due(act.at)
    entry = move(act, row, "open", data={"hold_points": as_data(holds)})
    _say_who_and_what(act, row, entry)
    act.fact("mfa.used", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=row.number,
             detail={"auth": act.actor.auth})  # fmt: skip


def _say_who_and_what(act: Act, row: MaintenanceTicket, entry: str) -> None:
    """Record what the hold points of opening just found: people, agreement, registers and assets as they must be."""
    seen = view(row)
    told: list[tuple[str, str, str]] = [("person.authorised", "person", person) for person in seen.technicians]
    if seen.content.agreement_id:
        told.append(("agreement.valid", "agreement", seen.content.agreement_id))
    told += [(f"{tools.item(item).kind.value}.listed", "item", item) for item in seen.content.items]
    for kind, what, which in told:
        act.fact(kind, entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=row.number,
                 detail={what: which})  # fmt: skip
    for named in seen.assets:
        act.fact("asset.listed", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=row.number,
                 asset=named.asset_id)  # fmt: skip


def end_work(act: Act, number: str) -> None:
    """Lead an open ticket into verification: by one of its people, or by the ticker at the window's end."""
    row = locked(act, number)
    may_move("end_work", State(row.state)).require()
    if act.actor.is_person:
        takes_part(view(row), act.actor, act.at).require()
    else:
        require_process(act)
        require_that(
            act.at >= view(row).window.until or row.finding != "",
            "window.not_over",
            "The window is still open.",
            "Only a person ends work before the window does.",
        ).require()
    move(act, row, "end_work")


def is_at_work(act: Act, number: str) -> bool:
    """Lock the ticket for the rest of the act; True when it is open, so that its work can be stopped.

    A row that the ledger does not vouch for keeps nobody's access: its work can't be moved on, so the answer is no.
    """
    row = find(number, lock=True)
    return row.state == State.OPEN.value and check_ticket(row).allowed


def stop_work(act: Act, number: str) -> None:
    """Lead an open ticket into verification because its access was revoked; whoever may revoke ends the work."""
    require_role(act, [Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER])
    require_step_up(act)
    row = locked(act, number)
    may_move("end_work", State(row.state)).require()
    move(act, row, "end_work", data={"revoked": True})


def reopen(act: Act, number: str) -> None:
    """Go back to work inside the window."""
    require_role(act, WORKING_ROLES)
    require_step_up(act)
    row = locked(act, number)
    ticket = view(row)
    all_of(
        [
            may_move("reopen", State(row.state)),
            takes_part(ticket, act.actor, act.at),
            content_is_unchanged(row),
            require_that(
                ticket.window.contains(act.at), "window.after", "The window is over.", "Request a new ticket."
            ),
            require_that(
                row.finding == "", "ticket.finding", "Access was revoked on this ticket.", "Request a new one."
            ),
        ]
    ).require()
    move(act, row, "reopen")


def close(act: Act, number: str, *, rolled_back: bool, summary: ArtifactRef) -> None:
    """Close the ticket, as done or as rolled back; Refused with the code of every hold point that fails before it."""
    require_role(act, WORKING_ROLES)
    row = locked(act, number)
    verb = "roll_back" if rolled_back else "close"
    may_move(verb, State(row.state)).require()
    takes_part(view(row), act.actor, act.at).require()
    may_end(number, rolled_back=rolled_back).require()
    holds = judge(row, act.at, Before.CLOSE)
    blocking(holds).require()
    entry = move(act, row, verb, data={"hold_points": as_data(holds)}, artifacts=[summary])
    for asset_id in row.asset_rows.values_list("asset_id", flat=True):
        act.fact("maintenance.performed", entry=entry, ticket=number, asset=asset_id, grade=Grade.CAPTURED,
                 outcome=Outcome.FAILED if rolled_back else Outcome.PASSED)  # fmt: skip
    act.fact("change.logged", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=number)


def confirm_escort(act: Act, number: str) -> None:
    """The named escort confirms to be present and to supervise (800-171A 3.7.6[a])."""
    row = locked(act, number)
    ticket = view(row)
    all_of(
        [
            require_that(
                act.actor.is_person and act.actor.id == ticket.escort,
                "escort.other",
                "Only the escort named in the ticket confirms this.",
                "Let the escort log in.",
            ),
            may_write(ticket.state),
            require_that(
                ticket.state in {State.SCHEDULED, State.OPEN},
                "escort.not_now",
                "Presence is confirmed once the work is scheduled.",
                "Confirm when you are there.",
            ),
        ]
    ).require()
    require_role(act, [Role.ESCORT])
    entry = act.record("escort.confirmed", evidence.ObjectRef("ticket", number), ticket=number)
    act.fact("escort.present", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=number,
             valid_until=ticket.window.until, detail={"escort": act.actor.id})  # fmt: skip


_ATTACHABLE = frozenset({"staging.tested", "rollback.tested", "summary.written", "media.scanned", "recovery.prepared"})


def may_attach(
    number: str, actor: Actor, at: datetime, *, supports: str = "", asset_id: str = "", reason: str = ""
) -> Decision:
    """Decide whether the person may attach evidence to the ticket now, of a fact that only a person can bring if any.

    Asked before a file is taken, and again in the act that records it.
    """
    row = find(number)
    return all_of(
        [
            takes_part(view(row), actor, at),
            may_write(State(row.state)),
            require_that(
                supports in _ATTACHABLE | {""},
                "fact.captured_only",
                "That fact is captured by the system, not attached.",
                "Prepare the ticket instead.",
            ),
            require_that(
                not asset_id or asset_id in {named.asset_id for named in row.asset_rows.all()},
                "scope.other_asset",
                f"{number} is not about this asset.",
                "Name one of the ticket's assets, or none.",
            ),
            usable_reason(reason),
        ]
    )


def attach(
    act: Act, number: str, *, kind: str, file: ArtifactRef, reason: str, asset_id: str = "", form: str = ""
) -> None:
    """Attach a file to the ticket, graded attached; `kind` names the fact that it is evidence of, empty for none.

    `form` is what the file is (a kind of attached evidence), told in the entry beside its hash.
    """
    locked(act, number)
    may_attach(number, act.actor, act.at, supports=kind, asset_id=asset_id, reason=reason).require()
    entry = act.record(
        "evidence.attached",
        evidence.ObjectRef("ticket", number),
        ticket=number,
        artifacts=[file],
        data={"kind": kind, "form": form, "asset": asset_id, "reason": act.commitment(reason)},
    )
    if kind:
        about = asset_id or None
        act.fact(kind, entry=entry, outcome=Outcome.PASSED, grade=Grade.ATTACHED, ticket=number, asset=about)


def may_admit(number: str, person_id: str, asset_id: str, at: datetime) -> Decision:
    """Decide whether this person may be on this asset under this ticket now; asked at issue and at every admission.

    Reads the row against its sealed entry and the content against what was approved, so that neither a hand-written
    row nor a register changed after approval opens anything.
    """
    try:
        row = find(number)
        ticket = sealed_view(row)
        decisions = [check_ticket(row), _open_for(row, ticket, person_id, asset_id, at)]
        if all(d.allowed for d in decisions):
            decisions.append(is_standing_for(ticket, person_id, asset_id, at))
    except Refused as refusal:
        return refusal.decision
    return all_of(decisions)


def _open_for(row: MaintenanceTicket, ticket: TicketView, person_id: str, asset_id: str, at: datetime) -> Decision:
    window = ticket.window
    return all_of(
        [
            require_that(
                ticket.state is State.OPEN,
                "ticket.not_open",
                f"{ticket.number} is {ticket.state.replace('_', ' ')}, not open.",
                "See the ticket's page for what it waits for.",
            ),
            require_that(
                window.contains(at),
                "window.outside",
                f"Not inside the window of {ticket.number}, {window.from_:%Y-%m-%d %H:%M} to {window.until:%H:%M} UTC.",
                "Ask for an extension, or request a new ticket.",
            ),
            require_that(
                person_id in workers(ticket),
                "ticket.not_yours",
                f"{ticket.number} does not name you to do its work.",
                "Ask its requester.",
            ),
            require_that(
                asset_id in {a.asset_id for a in ticket.assets},
                "scope.other_asset",
                f"{ticket.number} is not about this asset.",
                "Use the certificate of the asset that the ticket names.",
            ),
            require_that(
                ticket.finding == "",
                "ticket.finding",
                f"Access was withdrawn on {ticket.number}: {ticket.finding.replace('_', ' ')}.",
                "Request a new ticket.",
            ),
            content_is_unchanged(row),
            not_put_back_now(ticket.number, ticket.content.rollback_plan, asset_id),
        ]
    )


def content_is_unchanged(row: MaintenanceTicket) -> Decision:
    """Decide whether the content means what it meant when it was approved."""
    return require_that(
        content_hash(snapshot(row)) == row.content_hash,
        "content.changed",
        "What was approved has changed meanwhile (address, key, account, tool, agreement or policy).",
        "Look at the difference on the ticket's page and have it approved again.",
    )


def is_standing_for(ticket: TicketView, person_id: str, asset_id: str, at: datetime) -> Decision:
    """Ask of the person what a pool leaves open until now: standing, separate from who decided, escorted if need be."""
    content = ticket.content
    category = str(inventory.asset(asset_id).category)
    deciders = {a.person for a in ticket.approvals if a.void_at is None and a.verdict is Verdict.APPROVED}
    return all_of(
        [
            personnel.may_maintain(
                person_id,
                asset_id=asset_id,
                action=content.action.value,
                method=content.method.value,
                at=at,
                category=category,
            ),
            require_that(
                person_id not in deciders,
                "duties.decider_works",
                "Who decided on a ticket does not do its work.",
                "Let somebody else do the work.",
            ),
            _escorted(ticket, person_id, asset_id, category, at),
        ]
    )


def _escorted(ticket: TicketView, person_id: str, asset_id: str, category: str, at: datetime) -> Decision:
    authorisation = personnel.authorisation(person_id, asset_id, at, category=category)
    if authorisation is not None and authorisation.access_authorised:
        return ALLOWED
    present = newest_fact(evidence.facts(ticket=ticket.number, kinds=["escort.present"]), "escort.present", "")
    return require_that(
        present is not None and present.detail.get("escort") == ticket.escort and present.holds_at(at),
        "escort.missing",
        "You may not work unsupervised and no escort confirmed to be present (3.7.6[a]).",
        "The escort named in the ticket confirms on its page.",
    )


def may_measure(number: str, asset_id: str) -> Decision:
    """Decide whether the system may measure this asset for this ticket: approved up to verifying, nothing changed."""
    try:
        row = find(number)
        ticket = view(row)
    except Refused as refusal:
        return refusal.decision
    return all_of(
        [
            check_ticket(row),
            require_that(
                ticket.state in MEASURABLE,
                "ticket.not_approved",
                f"{number} is {ticket.state.replace('_', ' ')}: nothing is measured for it.",
                "Approve it first.",
            ),
            require_that(
                asset_id in {a.asset_id for a in ticket.assets},
                "scope.other_asset",
                f"{number} is not about this asset.",
                "Name the asset in the ticket.",
            ),
            content_is_unchanged(row),
        ]
    )


def admission_terms(number: str, person_id: str) -> AdmissionTerms:
    """Return what holds for this person now; the grace is none for vendors, policy's minutes for own staff.

    Raises Refused(ticket.unsealed) when the row, and so its window, is not what the ledger says (attacks.md row 28).
    """
    row = find(number)
    check_ticket(row).require()
    ticket = view(row)
    vendor = personnel.person(person_id).kind == personnel.PersonKind.VENDOR
    minutes = policy().number("grace_minutes_vendor" if vendor else "grace_minutes_staff")
    idle = timedelta(minutes=policy().number("idle_minutes_terminal"))
    screens = policy().flag("record_screens_of_cui_assets")
    return AdmissionTerms(ticket.window, timedelta(minutes=minutes), vendor, ticket.allowance, idle, screens)


def lock(act: Act, number: str) -> TicketView:
    """Lock the ticket for the rest of the act, so that close and revoke wait, and return its view."""
    return sealed_view(locked(act, number))
