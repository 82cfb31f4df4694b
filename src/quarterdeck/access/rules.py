"""What makes a grant allowed, standing and genuine: pure decisions over plain values.

Serves 3.7.5 (nonlocal sessions with MFA, ended when done), 3.1.5 (least privilege) and 3.4.5[h] (enforced logical
access restrictions). Nothing here asks the world; who calls brings the facts.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from quarterdeck.access.terms import ENTERING, LONGEST_GRANT, LONGEST_MEASUREMENT, GrantState, GrantView, Purpose
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, all_of, refuse, require_that
from quarterdeck.kernel.ids import is_ticket_number
from quarterdeck.kernel.windows import Window


def may_take_work(actor: Actor, person: str, at: datetime) -> Decision:
    """Only the person themself, with a second factor of the last ten minutes, takes access (800-171A 3.7.5[a])."""
    if actor.kind is not ActorKind.PERSON or actor.id != person:
        return refuse(
            "access.not_the_person",
            "Access is taken by the person who will do the work, with their own login.",
            "Ask the technician to run `qd access` themself.",
        )
    return require_that(
        actor.stepped_up(at),
        "access.step_up",
        "Taking access needs a second factor that is at most ten minutes old.",
        "Enter the code that your authenticator shows now, then repeat the act.",
    )


def names_runbook(sha256: str) -> Decision:
    """A run's access is bound to exactly one runbook, named by its hash (3.7.2[c])."""
    return require_that(
        len(sha256) == 64 and not set(sha256) - set("0123456789abcdef"),
        "access.runbook_unnamed",
        "A run names its runbook by its SHA-256.",
        "Order the run from the ticket.",
    )


def may_measure(actor: Actor, purpose: Purpose, collector_sha256: str) -> Decision:
    """Only our own processes measure or monitor, and only with a collector that is named by its hash."""
    return all_of(
        (
            require_that(
                actor.kind is ActorKind.SYSTEM,
                "access.system_only",
                f"No person ever holds a {purpose.value} credential.",
                "Start the measurement from the ticket, or propose a monitoring plan; Quarterdeck runs it.",
            ),
            require_that(
                len(collector_sha256) == 64 and not set(collector_sha256) - set("0123456789abcdef"),
                "access.collector_unnamed",
                "A measurement names the exact collector by its SHA-256.",
                "Start the measurement from the ticket, or propose a monitoring plan.",
            ),
        )
    )


def has_allowed_span(purpose: Purpose, valid_from: datetime, valid_until: datetime, window: Window) -> Decision:
    """A grant lies inside its window, starts before it ends and is at most twelve hours long (measuring: one).

    Our own measuring for a ticket is bound by the ticket's state instead: what was left behind is looked for after the
    window has ended, too, and a sudo rule is taken away then.
    """
    longest = LONGEST_GRANT if purpose in ENTERING else LONGEST_MEASUREMENT
    ends_inside = valid_until <= window.until or purpose is Purpose.MEASURE
    in_window = ends_inside and (purpose not in ENTERING or window.from_ <= valid_from)
    return all_of(
        (
            require_that(
                valid_from < valid_until,
                "access.no_time_left",
                "The window is over.",
                "Ask the approver for an extension, or plan a new ticket.",
            ),
            require_that(
                in_window,
                "access.outside_window",
                f"The grant would reach outside the window, which ends {rfc3339(window.until)}.",
                "Take access inside the window; an extension needs a separate approval.",
            ),
            require_that(
                valid_until - valid_from <= longest,
                "access.too_long",
                f"A {purpose.value} grant lasts at most {int(longest.total_seconds() // 3600)} hours.",
                "Take access again when it has run out.",
            ),
        )
    )


def key_is_theirs(presented: str, registered: str) -> Decision:
    """The key's fingerprint is the one registered to this person; the register holds no key twice (row 26)."""
    return require_that(
        presented == registered,
        "access.key_not_registered",
        f"The key {presented} is not the one registered to you.",
        "Use your registered key, or register this one under your name (`qd key add`).",
    )


def is_active(state: GrantState, end_reason: str) -> Decision:
    """The grant was neither revoked nor ended."""
    return require_that(
        state is GrantState.ACTIVE,
        f"access.{state.value}",
        f"This access was {state.value}" + (f" ({end_reason})." if end_reason else "."),
        "Take access again if the ticket is still open.",
    )


def is_standing(grant: GrantView, epoch: int, at: datetime) -> Decision:
    """The grant is active, of the current epoch and inside its time."""
    return all_of(
        (
            is_active(grant.state, grant.end_reason),
            require_that(
                grant.epoch == epoch,
                "access.old_epoch",
                "This access was given before Quarterdeck was restored from a backup; all such access is void.",
                "Take access again.",
            ),
            require_that(
                grant.valid_from <= at,
                "access.too_early",
                f"This access begins {rfc3339(grant.valid_from)}.",
                "Wait for the window to open.",
            ),
            require_that(
                at < grant.valid_until,
                "access.expired",
                f"This access ended {rfc3339(grant.valid_until)}.",
                "Take access again if the ticket is still open, or ask for an extension.",
            ),
        )
    )


def row_is_sealed(what: str, row_digest: str, sealed_digest: object) -> Decision:
    """The row's digest is the one of its newest ledger entry, else somebody wrote the row by hand (row 28)."""
    if sealed_digest is None:
        return refuse(
            "row.unsealed",
            f"This {what} has no entry in the ledger; it was not made by Quarterdeck.",
            "Stop and tell the IT lead: somebody wrote into the database.",
        )
    return require_that(
        sealed_digest == row_digest,
        "row.altered",
        f"This {what} differs from its entry in the ledger.",
        "Stop and tell the IT lead: somebody wrote into the database.",
    )


def stands_under_a_ticket(purpose: Purpose) -> Decision:
    """Work and measuring stand under a ticket; monitoring stands under a plan and never under one."""
    return require_that(
        purpose is not Purpose.MONITOR,
        "access.needs_a_plan",
        "A monitor credential is given under an approved monitoring plan, never under a ticket.",
        "Propose a monitoring plan on the asset's page.",
    )


def is_for_a_person(given: GrantView) -> Decision:
    """The gate lets in work and ordered runs; what the system holds is no door for anybody (design section 5)."""
    return require_that(
        given.purpose in ENTERING and bool(given.person and given.ticket),
        "access.not_for_people",
        f"A {given.purpose.value} credential is Quarterdeck's own; no person enters with it.",
        "Take access to an open ticket: qd access and its number.",
    )


def names_a_ticket(number: str) -> Decision:
    """The text is a ticket number."""
    return require_that(
        is_ticket_number(number),
        "access.no_ticket_number",
        "That is not a ticket number.",
        "Write it like MT-2026-00014.",
    )


def unexplained_serials(issued: Mapping[int, datetime], explained: Collection[int], before: datetime) -> list[int]:
    """Return the serials signed before `before` that no ledger entry explains: each is a finding (row 14)."""
    known = set(explained)
    return sorted(serial for serial, at in issued.items() if at < before and serial not in known)
