"""The policy's settings over the wire: read by all, changed by the IT lead with a fresh second factor."""

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import StrictBool, StrictInt

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import keep_policy

router = Router(tags=["policy"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class PolicyOut(Schema):
    """Version and settings in force."""

    version: int
    settings: dict[str, bool | int]


class SettingIn(Schema):
    """The value that a setting shall have."""

    value: StrictBool | StrictInt


def _in_force() -> PolicyOut:
    found = tickets.policy()
    told = {**tickets.DEFAULT_SETTINGS, **found.settings}
    settings = {name: value for name, value in told.items() if isinstance(value, bool | int)}
    return PolicyOut(version=found.version, settings=settings)


@router.get("", response={200: PolicyOut, **ANSWERS})
def show_policy(request: HttpRequest) -> PolicyOut:
    """Return the settings in force."""
    actor_of(request)
    return _in_force()


@router.post("/{name}", response={200: PolicyOut, **ANSWERS})
def change_setting(request: HttpRequest, name: str, body: SettingIn) -> PolicyOut:
    """Adopt the policy with one setting changed; approvals that named the version before are void."""
    keep_policy.change_policy(actor_of(request, "write"), wiring.clock(), name, body.value)
    return _in_force()
