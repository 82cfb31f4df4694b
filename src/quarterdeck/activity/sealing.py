"""Break glass: one sealed account per asset, its use noticed, its credential changed afterwards (design section 4)."""

from datetime import datetime, timedelta

from quarterdeck.activity import rules
from quarterdeck.activity.models import BreakGlass
from quarterdeck.activity.reading import break_glass_view, break_glasses, check_seal, find_seal, seal_digest
from quarterdeck.activity.terms import ROTATE_WITHIN, BreakGlassView, SealState
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, ObjectRef, Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import all_of, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets

_DAY = timedelta(days=1)


def seal(act: Act, *, asset: str, account: str, place: str, due_at: datetime, sealed_by: str = "") -> BreakGlassView:
    """Register the asset's sealed account: who sealed it, where the envelope lies, when it is changed at the latest.

    The IT lead's act. Quarterdeck never learns the secret.
    """
    tickets.has_role(act.actor, [Role.IT_LEAD], act.at).require()
    seen = inventory.asset(asset)
    all_of(
        (
            rules.may_seal(
                account,
                place,
                due_at,
                act.at,
                is_new=not break_glasses(asset),
                is_way_in=account in {link.target_account for link in seen.connections},
            ),
            tickets.readable(place),
        )
    ).require()
    row = BreakGlass(
        id=new_id("bg"),
        asset_id=asset,
        account=account,
        place=place.strip(),
        state=SealState.SEALED.value,
        sealed_by=_person(act, sealed_by),
        sealed_at=act.at,
        due_at=due_at,
    )
    _record(act, row, "break_glass.sealed", Grade.ATTACHED)
    row.save(force_insert=True)
    return break_glass_view(row)


def note_use(act: Act, seal_id: str, at: datetime) -> None:
    """Note that the sealed account was used at `at`: from now on its credential must be changed within a day.

    A moment that is still to come, out of a log whose clock is wrong or that somebody wrote, counts as now: no use
    that is noted hides a later one.
    """
    row = find_seal(seal_id, lock=True)
    at = min(at, act.at)
    if row.state == SealState.RETIRED.value:
        return
    if row.state == SealState.USED.value and row.used_at is not None and at <= row.used_at:
        return
    if row.state == SealState.SEALED.value and at < row.sealed_at:
        return
    if row.state == SealState.SEALED.value:
        row.ticket = ""  # another use, another ticket
    due = act.at + ROTATE_WITHIN
    row.due_at = min(row.due_at, due) if row.state == SealState.USED.value else due
    row.state, row.used_at, row.verified = SealState.USED.value, at, False
    _record(act, row, "break_glass.used", Grade.CAPTURED)
    row.save()


def without_ticket(asset: str) -> list[BreakGlassView]:
    """Return the asset's sealed accounts that were used and whose use has no ticket yet."""
    return [one for one in break_glasses(asset) if one.state is SealState.USED and not one.ticket]


def name_ticket(act: Act, seal_id: str, ticket: str) -> None:
    """Name the ticket that was made of the newest use."""
    row = find_seal(seal_id, lock=True)
    row.ticket = ticket
    _record(act, row, "break_glass.ticketed", Grade.CAPTURED)
    row.save()


def rotate(
    act: Act, seal_id: str, *, place: str, due_at: datetime, document: ArtifactRef, sealed_by: str = ""
) -> BreakGlassView:
    """Record that the credential was changed and sealed anew, with the evidence that a person attached.

    It counts as attached until a reading of the target shows that the password changed, see `verify_rotation`.
    """
    row = find_seal(seal_id, lock=True)
    who = _person(act, sealed_by)
    all_of(
        (
            rules.may_rotate(
                sealed_by=who,
                person=act.actor.id,
                roles=personnel.roles_of(act.actor.id, act.at),
                state=row.state,
                due_at=due_at,
                at=act.at,
            ),
            require_that(act.actor.is_person, "break_glass.person", "A person records this.", "Log in."),
            rules.names_a_place(place),
            tickets.readable(place),
            check_seal(break_glass_view(row)),
        )
    ).require()
    row.state, row.place, row.due_at = SealState.SEALED.value, place.strip(), due_at
    row.sealed_by, row.sealed_at, row.verified = who, act.at, False
    _record(act, row, "break_glass.rotated", Grade.ATTACHED, document)
    row.save()
    if row.ticket:
        tickets.note_rotation(act, row.ticket, row.entry)
    return break_glass_view(row)


def verify_rotation(act: Act, seal_id: str, changed_on: int) -> bool:
    """Mark a rotation as seen on the target when its password was changed on or after the day it was sealed.

    `changed_on` is the target's own word: days since 1970. Returns whether something changed here.
    """
    row = find_seal(seal_id, lock=True)
    since = row.used_at or row.sealed_at
    day = int(since.timestamp() // _DAY.total_seconds())
    if row.verified or row.state != SealState.SEALED.value or changed_on < day:
        return False
    row.verified = True
    _record(act, row, "break_glass.verified", Grade.CAPTURED)
    row.save()
    return True


def retire(act: Act, seal_id: str) -> BreakGlassView:
    """Retire a sealed account that is not waiting for its rotation; the IT lead's act."""
    row = find_seal(seal_id, lock=True)
    all_of(
        (
            tickets.has_role(act.actor, [Role.IT_LEAD], act.at),
            check_seal(break_glass_view(row)),
            require_that(
                row.state == SealState.SEALED.value,
                "break_glass.not_sealed",
                "A used account is not retired before its credential was changed.",
                "Change the credential and record it first.",
            ),
        )
    ).require()
    row.state = SealState.RETIRED.value
    _record(act, row, "break_glass.retired", Grade.ATTACHED)
    row.save()
    return break_glass_view(row)


def _person(act: Act, sealed_by: str) -> str:
    return personnel.person(sealed_by).id if sealed_by else act.actor.id


def _record(act: Act, row: BreakGlass, event: str, grade: Grade, document: ArtifactRef | None = None) -> None:
    row.entry = act.record(
        event,
        ObjectRef("break_glass", row.id),
        ticket=row.ticket if row.ticket and not tickets.ticket(row.ticket).is_final else None,
        data={"asset": row.asset_id, "state": row.state, "row": seal_digest(break_glass_view(row))},
        artifacts=() if document is None else (document,),
    )
    act.fact(
        "break_glass.sealed",
        entry=row.entry,
        outcome=Outcome.FAILED if row.state == SealState.USED.value else Outcome.PASSED,
        grade=grade,
        asset=row.asset_id,
        valid_until=row.due_at,
        detail={"account": row.id},
    )
