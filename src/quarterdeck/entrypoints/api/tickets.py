"""Tickets over the wire: every handler parses, calls one workflow or read, and answers; no rule lives here."""

from django.http import HttpRequest
from ninja import Router

from quarterdeck import wiring
from quarterdeck.entrypoints.api.access_schemas import AccessIn, AccessOut, AssetAccessOut
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.ticket_schemas import (
    ApproveIn,
    CloseIn,
    DecisionIn,
    EditIn,
    EmergencyIn,
    EntryOut,
    HoldPointOut,
    JobOut,
    MeterOut,
    QuickLogIn,
    RatifyIn,
    ReasonIn,
    RefusedOut,
    RequestIn,
    StandardIn,
    StatementOut,
    TextIn,
    TicketOut,
    TicketPageOut,
    WaiveIn,
)
from quarterdeck.evidence import api as evidence
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole
from quarterdeck.workflows import approve as deciding
from quarterdeck.workflows import close_ticket, open_window, prepare_ticket, sign_approval, take_access
from quarterdeck.workflows import request as requesting

router = Router(tags=["tickets"])
ANSWERS = {200: TicketOut, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


def _answers(body: object) -> dict[int, object]:
    return {**ANSWERS, 200: body}


@router.get("", response=_answers(list[TicketOut]))
def list_tickets(request: HttpRequest, state: str = "") -> list[TicketOut]:
    """Return the tickets that the caller may read, newest first; `state` filters."""
    actor = actor_of(request)
    views = tickets.tickets(person_id=actor.id, at=wiring.clock().now())
    return [TicketOut.of(view) for view in views if not state or view.state == state]


@router.post("", response=_answers(TicketOut))
def create_ticket(request: HttpRequest, body: RequestIn) -> TicketOut:
    """Request work: a draft."""
    actor = actor_of(request, "write")
    return TicketOut.of(requesting.request(actor, wiring.clock(), body.content(), emergency=body.emergency))


@router.post("/quick-log", response=_answers(TicketOut))
def quick_log(request: HttpRequest, body: QuickLogIn) -> TicketOut:
    """Write down a small on-site chore."""
    actor = actor_of(request, "write")
    view = requesting.log_quick(actor, wiring.clock(), body.content(), changed_configuration=body.changed_configuration)
    return TicketOut.of(view)


@router.post("/standard", response=_answers(TicketOut))
def standard(request: HttpRequest, body: StandardIn) -> TicketOut:
    """Schedule standard work from a pre-approved template."""
    actor = actor_of(request, "write")
    return TicketOut.of(requesting.request_standard(actor, wiring.clock(), body.template, body.window_from))


@router.get("/{number}", response=_answers(TicketPageOut))
def show_ticket(request: HttpRequest, number: str) -> TicketPageOut:
    """Return a ticket with its hold points, evidence meter, captures and changes since it was frozen."""
    actor = actor_of(request)
    may_read_ticket(actor, number)
    now = wiring.clock().now()
    return TicketPageOut(
        ticket=TicketOut.of(tickets.ticket(number)),
        hold_points=[HoldPointOut.of(hold) for hold in tickets.hold_points(number, now)],
        meter=[
            MeterOut(kind=row.kind, asset=row.asset_id, state=row.state, grade=row.grade, entry=row.entry)
            for row in tickets.evidence_meter(number, now)
        ],
        jobs=[JobOut.of(job) for job in tickets.jobs(number)],
        changes=tickets.changes_since_frozen(number),
        waiting_for={role: list(people) for role, people in tickets.waiting_for(number, now).items()},
    )


@router.get("/{number}/timeline", response=_answers(list[EntryOut]))
def timeline(request: HttpRequest, number: str) -> list[EntryOut]:
    """Return every act of the ledger about the ticket."""
    may_read_ticket(actor_of(request), number)
    return [
        EntryOut(
            seq=entry.seq,
            ticket_seq=entry.ticket_seq,
            at=entry.at,
            event=entry.event,
            actor=entry.actor_id,
            event_id=entry.event_id,
        )
        for entry in evidence.entries(ticket=number)
    ]


@router.put("/{number}", response=_answers(TicketOut))
def edit_ticket(request: HttpRequest, number: str, body: EditIn) -> TicketOut:
    """Change a ticket before it opens; approvals become void."""
    actor = actor_of(request, "write")
    return TicketOut.of(requesting.edit(actor, wiring.clock(), number, body.content(), version=body.version))


@router.post("/{number}/submit", response=ANSWERS)
def submit(request: HttpRequest, number: str) -> TicketOut:
    """Freeze and submit."""
    return TicketOut.of(requesting.submit(actor_of(request, "write"), wiring.clock(), number))


@router.post("/{number}/freeze", response=ANSWERS)
def freeze(request: HttpRequest, number: str) -> TicketOut:
    """Freeze anew after the registers changed."""
    return TicketOut.of(requesting.freeze_again(actor_of(request, "write"), wiring.clock(), number))


@router.post("/{number}/approve", response=ANSWERS)
def approve(request: HttpRequest, number: str, body: ApproveIn) -> TicketOut:
    """Approve exactly the content whose hash is sent."""
    actor, kept = actor_of(request, "write"), None
    if body.signature:
        sign_approval.fits(body.statement, number, body.role, body.content_hash)
        kept = sign_approval.sign_with_key(actor, wiring.clock(), body.statement, body.signature)
    view = deciding.approve(
        actor,
        wiring.clock(),
        number,
        role=body.role,
        content_hash=body.content_hash,
        reason=body.reason,
        signature=kept,
    )
    return TicketOut.of(view)


@router.get("/{number}/approval-statement", response=_answers(StatementOut))
def approval_statement(request: HttpRequest, number: str, role: ApprovalRole) -> StatementOut:
    """Return the exact text that a signed approval signs; it holds for ten minutes."""
    actor = actor_of(request)
    may_read_ticket(actor, number)
    found = tickets.ticket(number)
    text = sign_approval.statement(actor, wiring.clock(), number, role, found.content_hash)
    return StatementOut(statement=text, content_hash=found.content_hash, namespace=sign_approval.NAMESPACE)


@router.post("/{number}/refuse", response=ANSWERS)
def refuse(request: HttpRequest, number: str, body: DecisionIn) -> TicketOut:
    """Refuse the ticket."""
    actor = actor_of(request, "write")
    return TicketOut.of(deciding.refuse(actor, wiring.clock(), number, **body.dict()))


@router.post("/{number}/authorise-emergency", response=ANSWERS)
def authorise_emergency(request: HttpRequest, number: str, body: EmergencyIn) -> TicketOut:
    """Record the word of a named authoriser."""
    actor = actor_of(request, "write")
    return TicketOut.of(deciding.authorise_emergency(actor, wiring.clock(), number, **body.dict()))


@router.post("/{number}/ratify", response=ANSWERS)
def ratify(request: HttpRequest, number: str, body: RatifyIn) -> TicketOut:
    """Ratify an emergency, or refuse to."""
    actor = actor_of(request, "write")
    view = deciding.ratify(actor, wiring.clock(), number, role=body.role, approve_it=body.ratified, reason=body.reason)
    return TicketOut.of(view)


@router.post("/{number}/waive", response=ANSWERS)
def waive(request: HttpRequest, number: str, body: WaiveIn) -> TicketOut:
    """Waive a deferrable hold point."""
    actor = actor_of(request, "write")
    deciding.waive(actor, wiring.clock(), number, hold_point=body.hold_point, reason=body.reason)
    return TicketOut.of(tickets.ticket(number))


@router.post("/{number}/confirm-escort", response=ANSWERS)
def confirm_escort(request: HttpRequest, number: str) -> TicketOut:
    """The named escort confirms the own presence."""
    deciding.confirm_escort(actor_of(request, "write"), wiring.clock(), number)
    return TicketOut.of(tickets.ticket(number))


@router.post("/{number}/prepare", response=_answers(JobOut))
def prepare(request: HttpRequest, number: str) -> JobOut:
    """Ask for pre-checks, backup proof, sole path and baseline."""
    actor = actor_of(request, "write")
    return JobOut.of(prepare_ticket.ask_to_prepare(actor, wiring.clock(), number))


@router.post("/{number}/open", response=ANSWERS)
def open_(request: HttpRequest, number: str) -> TicketOut:
    """Open the ticket."""
    return TicketOut.of(open_window.open_ticket(actor_of(request, "write"), wiring.clock(), number))


@router.post("/{number}/reopen", response=ANSWERS)
def reopen(request: HttpRequest, number: str) -> TicketOut:
    """Go back to work inside the window."""
    return TicketOut.of(open_window.reopen(actor_of(request, "write"), wiring.clock(), number))


@router.post("/{number}/access", response=_answers(AccessOut))
def access(request: HttpRequest, number: str, body: AccessIn) -> AccessOut:
    """Give certificates that open the ticket's assets until its window ends."""
    material = take_access.take_access(
        actor_of(request, "write"),
        wiring.clock(),
        policy=wiring.key_policy(),
        ticket=number,
        public_key=body.public_key,
        assets=body.assets,
        signer=wiring.signer(),
        door=wiring.gate_door(),
        folder=body.folder,
        identity_file=body.identity_file or f"{body.folder}/id",
    )
    return AccessOut(
        ticket=material.ticket,
        gate_host=material.door.host,
        gate_port=material.door.port,
        gate_user=material.door.user,
        known_hosts_line=material.known_hosts_line,
        ssh_config=material.ssh_config,
        ansible_inventory=material.ansible_inventory,
        assets=[
            AssetAccessOut(
                asset=one.asset,
                hostname=one.hostname,
                certificate=one.certificate,
                file_name=one.file_name,
                serial=one.serial,
                valid_until=one.valid_until,
            )
            for one in material.assets
        ],
    )


@router.post("/{number}/done", response=ANSWERS)
def done(request: HttpRequest, number: str) -> TicketOut:
    """End the work: access is withdrawn at once, verification begins."""
    return TicketOut.of(close_ticket.end_work(actor_of(request, "write"), wiring.clock(), number))


@router.post("/{number}/verify", response=_answers(JobOut))
def verify(request: HttpRequest, number: str) -> JobOut:
    """Ask for the measurements and checks after the work once more."""
    actor = actor_of(request, "write")
    return JobOut.of(close_ticket.ask_to_verify(actor, wiring.clock(), number))


@router.post("/{number}/close", response=ANSWERS)
def close(request: HttpRequest, number: str, body: CloseIn) -> TicketOut:
    """Close the ticket, as done or as rolled back."""
    actor = actor_of(request, "write")
    view = close_ticket.close(actor, wiring.clock(), number, summary=body.summary, rolled_back=body.rolled_back)
    return TicketOut.of(view)


@router.post("/{number}/withdraw", response=ANSWERS)
def withdraw(request: HttpRequest, number: str, body: ReasonIn) -> TicketOut:
    """Withdraw a ticket that never opened."""
    return TicketOut.of(requesting.withdraw(actor_of(request, "write"), wiring.clock(), number, body.reason))


@router.post("/{number}/comment", response=ANSWERS)
def comment(request: HttpRequest, number: str, body: TextIn) -> TicketOut:
    """Add a remark."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    requesting.comment(actor, wiring.clock(), number, body.text)
    return TicketOut.of(tickets.ticket(number))


@router.delete("/{number}/jobs/{job}", response=_answers(list[JobOut]))
def cancel_job(request: HttpRequest, number: str, job: int) -> list[JobOut]:
    """Ask a capture to stop at its next step."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    tickets.has_role(actor, tickets.WORKING_ROLES, wiring.clock().now()).require()
    if job in {known.id for known in tickets.jobs(number)}:
        tickets.cancel_job(job)
    return [JobOut.of(known) for known in tickets.jobs(number)]
