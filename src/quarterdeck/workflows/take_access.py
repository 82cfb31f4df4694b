"""Taking access: a technician gets, for each asset of an open ticket, a grant and the certificate that only it opens.

Decide and grant in one act, sign outside of it, bind the certificates in a second act. When the signer refuses, what
was granted is taken back, so that no grant without a certificate stays (3.7.5[a], 3.1.12[c], 3.1.5[b]).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.access import api as access
from quarterdeck.evidence.api import act
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView
from quarterdeck.workflows.refusals import refusals_recorded

_DEFAULT_POLICY = access.KeyPolicy()


@dataclass(frozen=True, slots=True)
class AssetAccess:
    """What opens one asset: its grant, the certificate line and the file name it gets."""

    grant: str
    asset: str
    hostname: str
    certificate: str
    file_name: str
    serial: int
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class AccessMaterial:
    """Everything that a technician's ssh needs, ready to be written by `qd access`."""

    ticket: str
    door: access.GateDoor
    known_hosts_line: str
    assets: tuple[AssetAccess, ...]
    ssh_config: str
    ansible_inventory: str


def take_access(
    actor: Actor,
    clock: Clock,
    *,
    ticket: str,
    public_key: str,
    signer: access.EntrySigner,
    door: access.GateDoor,
    assets: Sequence[str] = (),
    identity_file: str = access.DEFAULT_FOLDER + "/id.pub",
    folder: str = access.DEFAULT_FOLDER,
    policy: access.KeyPolicy = _DEFAULT_POLICY,
) -> AccessMaterial:
    """Give the person access to the named assets of the ticket (all when none is named) until its window ends.

    Raises Refused, which is also recorded: not the technician, not open, no fresh second factor, key not theirs alone.
    """
    with refusals_recorded(actor, clock, "access.take", ticket):
        access.may_name_paths(identity_file, folder).require()
        given = _grant(actor, clock, ticket, public_key, assets, policy)
        certificates = _certificates(actor, clock, given, signer)
    opened = tuple(_opened(grant, line) for grant, line in zip(given, certificates, strict=True))
    hostnames = [one.hostname for one in opened]
    return AccessMaterial(
        ticket=ticket,
        door=door,
        known_hosts_line=door.known_hosts_line,
        assets=opened,
        ssh_config=access.client_config(ticket, hostnames, door, identity_file=identity_file, folder=folder),
        # Ansible expands no ~ in ssh's arguments; a folder below the home is included in ssh's own configuration.
        ansible_inventory=access.ansible_inventory(ticket, hostnames, folder=folder) if folder[:1] == "/" else "",
    )


def _grant(
    actor: Actor, clock: Clock, ticket: str, public_key: str, wanted: Sequence[str], policy: access.KeyPolicy
) -> list[access.GrantView]:
    access.names_a_ticket(ticket).require()
    key = _usable_key(actor, public_key)
    with act(actor, clock) as current:
        seen = tickets.ticket(ticket)
        places = _places(seen, wanted)
        until = min(seen.window.until, current.at + access.LONGEST_GRANT)
        keys = access.demanded_keys(policy)
        reasons = [_key_fits(key, place, keys) for place in places]
        given = []
        for place in places:
            try:
                given.append(
                    access.create_grant(
                        current,
                        ticket=ticket,
                        person=actor.id,
                        asset=place.asset_id,
                        connection=place.connection_id,
                        purpose=access.Purpose.WORK,
                        public_key=key,
                        valid_from=current.at,
                        valid_until=until,
                    )
                )
            except Refused as refused:
                reasons.append(refused.decision)
        all_of(dict.fromkeys(reasons)).require()
    return given


def _key_fits(key: str, place: tickets.TicketAsset, policy: access.KeyPolicy) -> Decision:
    return policy.may_take_with(key.split()[0], handles_cui=inventory.asset(place.asset_id).handles_cui)


def _certificates(
    actor: Actor, clock: Clock, given: Sequence[access.GrantView], signer: access.EntrySigner
) -> list[str]:
    """Have every grant signed, then bind all certificates in one act; take everything back when one is refused."""
    try:
        lines = [signer.entry(grant.id) for grant in given]
        with act(actor, clock) as current:
            for grant, line in zip(given, lines, strict=True):
                access.bind_certificate_line(current, grant.id, line)
    except Refused:
        with act(actor, clock) as current:
            for grant in given:
                access.revoke(current, grant.id, "signer.refused")
        raise
    return lines


def _usable_key(actor: Actor, public_key: str) -> str:
    """Return the person's registered key; Refused unless the presented one is exactly it."""
    if not actor.is_person:
        raise Refused(
            refuse(
                "access.not_the_person",
                "Access is taken by the person who will do the work, with their own login.",
                "Ask the technician to run `qd access` themself.",
            )
        )
    registered = personnel.key_of(actor.id)
    if registered is None:
        raise Refused(
            refuse(
                "access.no_key",
                "No SSH key is registered under your name.",
                "Register your public key (`qd key add`), then repeat.",
            )
        )
    try:
        presented = access.read_public_key(public_key)
    except ValueError as error:
        raise Refused(
            refuse("access.bad_key", f"This public key cannot be used: {error}.", "Make an ECDSA P-256 or sk- key.")
        ) from error
    access.key_is_theirs(presented.fingerprint, registered.fingerprint).require()
    return presented.line


def _places(seen: TicketView, wanted: Sequence[str]) -> list[tickets.TicketAsset]:
    """Return the ticket's places that were asked for and can be reached; Refused when there is none."""
    known = {place.asset_id for place in seen.assets}
    unknown = [asset for asset in wanted if asset not in known]
    places = [place for place in seen.assets if place.connection_id and (not wanted or place.asset_id in wanted)]
    if unknown or not places:
        raise Refused(
            refuse(
                "access.not_in_ticket",
                "The ticket names no such asset that is reached through the gate.",
                "Look at the ticket's assets; other work is recorded as a session of its own kind.",
            )
        )
    return places


def _opened(grant: access.GrantView, line: str) -> AssetAccess:
    hostname = inventory.asset(grant.asset).hostname
    return AssetAccess(
        grant=grant.id,
        asset=grant.asset,
        hostname=hostname,
        certificate=line,
        file_name=access.certificate_file_name(grant.ticket, hostname),
        serial=access.read_certificate(access.certificate_blob(line)).serial,
        valid_until=grant.valid_until,
    )
