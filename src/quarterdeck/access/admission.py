"""The one question behind every certificate and every channel: may this grant be used now, and where does it lead?

Asked by the signer and by the gate with the same words. Grant, ticket or plan, and people are read from rows that match
their sealed entries; the place comes from the inventory, which is compared there with what was approved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.access import rules
from quarterdeck.access.host_certificates import revoked_host_keys
from quarterdeck.access.measuring import may_measure_with
from quarterdeck.access.places import Destination
from quarterdeck.access.plan_reading import may_monitor
from quarterdeck.access.reading import grant, is_genuine_and_standing
from quarterdeck.access.revocation_reading import not_revoked
from quarterdeck.access.terms import GrantView, Purpose
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets


@dataclass(frozen=True, slots=True)
class Admissible:
    """A grant that may be used now, the place that it opens, and what of the connection was approved with it."""

    grant: GrantView
    destination: Destination
    elevation: str
    watched_roots: tuple[str, ...]
    platform: inventory.Platform = inventory.Platform.UNIX
    questions: frozenset[str] = frozenset()
    texts: bool = False

    def may_be_asked(self, arguments: Sequence[str]) -> Decision:
        """Decide whether the collector may run there with these arguments under this grant."""
        return may_measure_with(
            arguments,
            self.destination,
            self.watched_roots,
            self.questions,
            texts=self.texts,
            carry=self.grant.purpose is Purpose.MONITOR,
            device=self.platform.is_device,
        )


def may_use(given: GrantView, at: datetime) -> Decision:
    """Return whether the grant is genuine and standing, and what it stands under opens its asset to its holder."""
    return all_of(
        (
            is_genuine_and_standing(given, at),
            _authority_says(given, at),
            inventory.check_row(given.asset, given.connection),
        )
    )


def _authority_says(given: GrantView, at: datetime) -> Decision:
    if given.purpose is Purpose.WORK:
        admits = tickets.may_admit(given.ticket, given.person, given.asset, at)
        return all_of((admits, not_revoked(given.person, given.ticket), _key_is_theirs(given)))
    if given.purpose is Purpose.RUN:
        admits = tickets.may_admit(given.ticket, given.person, given.asset, at)
        names = tickets.names_mechanism(given.ticket, given.collector_sha256, at)
        return all_of((admits, names, not_revoked(given.person, given.ticket)))
    if given.purpose is Purpose.MEASURE:
        return tickets.may_measure(given.ticket, given.asset)
    return may_monitor(
        given.plan,
        asset=given.asset,
        connection=given.connection,
        collector_sha256=given.collector_sha256,
        at=at,
    )


def _key_is_theirs(given: GrantView) -> Decision:
    """The grant's key is still the one that stands, sealed, under the person's name."""
    registered = personnel.key_of(given.person)
    return rules.key_is_theirs(given.fingerprint, "" if registered is None else registered.fingerprint)


def admit(grant_id: str, at: datetime) -> Admissible:
    """Return the grant and where it leads; Refused with every reason why it may not be used at `at`."""
    given = grant(grant_id)
    may_use(given, at).require()
    destination, connection = _place(given.asset, given.connection)
    defined = inventory.checks(asset_id=given.asset) if given.purpose is Purpose.MEASURE else ()
    questions = frozenset(question for one in defined for question in one.questions())
    texts = given.purpose is Purpose.MEASURE and not inventory.asset(given.asset).handles_cui
    return Admissible(
        given,
        destination,
        connection.elevation.value,
        connection.watched_roots,
        connection.platform,
        questions,
        texts,
    )


def destination_of(asset_id: str, connection_id: str) -> Destination:
    """Return where a connection of an asset leads; Refused when it is not this asset's or has a bad name."""
    return _place(asset_id, connection_id)[0]


def _place(asset_id: str, connection_id: str) -> tuple[Destination, inventory.ConnectionView]:
    asset, connection = inventory.asset(asset_id), inventory.connection(connection_id)
    require_that(
        connection.asset_id == asset_id,
        "access.no_such_place",
        "The inventory has no such way to this asset.",
        "Look at the asset's connections, then have the ticket approved again.",
    ).require()
    destination = Destination(
        hostname=asset.hostname,
        address=connection.address,
        port=connection.port,
        account=connection.target_account,
        host_identity=connection.host_identity,
        revoked_keys=revoked_host_keys(asset_id),
    )
    return destination, connection
