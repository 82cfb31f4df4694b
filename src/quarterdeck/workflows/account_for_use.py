"""A used sealed account gets its ticket by itself: who must write down, ratify and change the credential is told."""

from quarterdeck.activity import api as activity
from quarterdeck.activity.api import BreakGlassView, How
from quarterdeck.evidence.api import Act
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import require_that
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.sessions import api as sessions
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketUse

_TOLD = (
    "The target's own log shows that its sealed account was used. A ticket was made of it: who opened the envelope "
    "writes down what was done; approver and, where the asset handles CUI, its owner ratify it or refuse within two "
    "business days; the credential is changed within a day.\n"
)


def make_tickets(act: Act, asset: str) -> list[str]:
    """Make the ticket of each use on this asset that has none yet, tell those who are to act, return the numbers."""
    made = []
    for seal in activity.without_ticket(asset):
        number = tickets.request_for_use(act, _use(act, seal))
        activity.name_ticket(act, seal.id, number)
        owner = inventory.asset(asset).owner
        roles = (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER)
        people = [*(who for role in roles for who in personnel.holders(role, act.at)), owner]
        told = [who for who in dict.fromkeys(people) if who]
        tickets.tell_people(act, number, told, "a sealed account was used: to be ratified", _TOLD)
        made.append(number)
    return made


def _use(act: Act, seal: BreakGlassView) -> TicketUse:
    """The use as the log tells it; its requester is the IT lead, who keeps the envelopes, else who sealed this one."""
    seen = [one for one in activity.logins(asset=seal.asset) if one.break_glass == seal.id and one.at == seal.used_at]
    leads = personnel.holders(Role.IT_LEAD, act.at)
    requester = seal.sealed_by if seal.sealed_by in leads or not leads else leads[0]
    console = bool(seen) and seen[0].how in (How.CONSOLE, How.SU)
    return TicketUse(seal.id, seal.asset, seal.account, seal.used_at or act.at, requester, console)


def may_be_ratified(number: str, person: str) -> None:
    """Raise Refused while nobody wrote down who used a sealed account, or when this person did (3.1.4)."""
    if not tickets.is_of_break_glass(number):
        return
    written = sessions.sessions(number)
    require_that(
        any(one.person for one in written),
        "break_glass.not_written_down",
        "Nobody has written down yet who used the sealed account, and for what.",
        "Write the session down on the ticket's page, with the person who did the work.",
    ).require()
    require_that(
        all(one.person != person for one in written),
        "approval.own_work",
        "You did this work, so somebody else ratifies it.",
        "Ask the other approver or the CUI owner, or name a deputy.",
    ).require()
