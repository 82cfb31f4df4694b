"""A small shop in the database, made through the apps' own verbs: people with factors and keys, an asset, a ticket.

The policy asks for approvals, window and people, but for no captured facts: those have tests of their own.
"""

import dataclasses
from dataclasses import dataclass, field
from datetime import timedelta

from tests.cast import AVERY, CASEY, IRIS, MAX, Member

from quarterdeck.config.api import load
from quarterdeck.evidence.api import ArtifactRef, act, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.totp import code_of, counter_at
from quarterdeck.tickets import api as tickets
from quarterdeck.tools import api as tools

SAM = Member("sam", "Sam Staff", ("technician",))
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERER"


@dataclass(frozen=True)
class Place:
    """How the shop's server is reached; the defaults lead nowhere."""

    address: str = "192.0.2.10"
    port: int = 22
    account: str = "maint"
    host_identity: str = HOST_KEY
    watched_roots: tuple[str, ...] = ("/etc",)
    elevation: str = ""
    platform: str = "unix"


@dataclass
class Shop:
    """Ids of what was made, and the actors; `clock` is the one that everything was made by."""

    clock: Clock
    people: dict[str, str]
    assets: dict[str, inventory.AssetView] = field(default_factory=dict)
    item: str = ""
    ticket: str = ""

    def actor(self, name: str) -> Actor:
        """A person who has just shown the second factor."""
        return Actor(self.people[name], ActorKind.PERSON, "mfa", self.clock.now())

    @property
    def asset(self) -> str:
        return self.assets["web01"].id

    @property
    def connection(self) -> str:
        return self.assets["web01"].connections[0].id


def make_shop(clock: Clock, places: dict[str, Place] | None = None) -> Shop:
    """Found the roster, enrol everybody, adopt the bare policy, enter assets and one technique."""
    personnel.make_factor_key(load().factor_key_file)
    members = (IRIS, MAX, SAM, AVERY, CASEY)
    codes = personnel.found_roster(
        [
            personnel.FoundingMember(
                m.name,
                m.email,
                frozenset(personnel.Role(role) for role in m.roles),
                m.organisation,
                personnel.PersonKind(m.kind),
            )
            for m in members
        ],
        actor=OPERATOR,
        clock=clock,
    )
    shop = Shop(clock, {m.key: code.person_id for m, code in zip(members, codes, strict=True)})
    for member, issued in zip(members, codes, strict=True):
        if "technician" not in member.roles:
            continue  # a login is asked of those who do the work; hashing passwords is what takes time here
        shown = personnel.enrol(issued.code, member.password, clock=clock)
        code = code_of(shown.secret, counter_at(clock.now()))
        personnel.confirm_enrolment(issued.code, code, clock=clock)
    bare = [dataclasses.replace(row, fact_kinds=()) for row in tickets.DEFAULT_ROWS]
    with act(OPERATOR, clock) as current:
        tickets.adopt_policy(current, bare)
    for hostname, place in (places or {"web01": Place()}).items():
        add_asset(shop, hostname, place)
    shop.item = tools.list_item(
        tools.ItemFields(
            kind="technique",
            name="Web server care",
            version="1",
            sha256="cd" * 32,
            source="own document",
            owner=shop.people["iris"],
            review_due=clock.now().date() + timedelta(days=90),
        ),
        actor=shop.actor("iris"),
        clock=clock,
    ).id
    return shop


def add_asset(shop: Shop, hostname: str, place: Place) -> None:
    """Enter one server that handles no CUI, with one connection."""
    iris = shop.actor("iris")
    added = inventory.add_asset(
        inventory.AssetFields(
            hostname=hostname,
            category="contractor_risk_managed",
            category_reason="serves the public pages",
            title="Web server",
            owner=shop.people["casey"],
            asset_kind="server",
        ),
        actor=iris,
        clock=shop.clock,
    )
    inventory.set_connection(
        added.id,
        inventory.ConnectionFields(
            address=place.address,
            target_account=place.account,
            port=place.port,
            host_identity=place.host_identity,
            elevation=place.elevation or ("root" if place.account == "root" else "none"),
            watched_roots=place.watched_roots,
            platform=place.platform,
        ),
        actor=iris,
        clock=shop.clock,
    )
    seen = inventory.asset(added.id)
    assert seen is not None
    shop.assets[hostname] = seen


def authorise(shop: Shop, name: str, *, days: int = 90) -> None:
    """Authorise one of the shop's own people for everything."""
    now = shop.clock.now()
    personnel.authorise(
        shop.people[name],
        actions=["any"],
        valid_from=now,
        valid_until=now + timedelta(days=days),
        access_authorised=True,
        actor=shop.actor("iris"),
        clock=shop.clock,
    )


def approved_ticket(shop: Shop, technician: str = "sam", *, hours: float = 4.0, **changes: object) -> str:
    """Request, submit, approve and schedule a corrective ticket on all assets, its window open from now on.

    `changes` are fields of its content that shall be otherwise.
    """
    now = shop.clock.now()
    content = tickets.Content(
        title="Renew the certificate",
        maintenance_type=tickets.MaintenanceType.CORRECTIVE,
        action=tickets.Action.CONFIGURE,
        method=tickets.Method.SSH,
        plan="Replace the file and reload.",
        impact="None for users.",
        rollback="Put the old file back.",
        window=Window(now, now + timedelta(hours=hours)),
        assets=tuple(tickets.TicketAsset(a.id, a.connections[0].id) for a in shop.assets.values()),
        technicians=(shop.people[technician],),
        items=(shop.item,),
    )
    content = dataclasses.replace(content, **changes)  # type: ignore[arg-type]
    with act(shop.actor("iris"), shop.clock) as current:
        number = tickets.request(current, content)
    frozen = freeze(number)
    with act(shop.actor("iris"), shop.clock) as current:
        shown = tickets.submit(current, number, frozen)
    with act(shop.actor("avery"), shop.clock) as current:
        tickets.approve(current, number, role=tickets.ApprovalRole.APPROVER, content_hash=shown, reason="needed")
    with act(shop.actor("avery"), shop.clock) as current:
        tickets.schedule(current, number, ())
    shop.ticket = number
    return number


def vendor_pool(shop: Shop) -> tuple[str, str]:
    """Add Max's employer with an agreement and a pool that may work unescorted; return agreement and pool."""
    now, iris = shop.clock.now(), shop.actor("iris")
    agreement = personnel.add_agreement(
        MAX.organisation,
        "SOW-7",
        permitted_actions=["any"],
        methods=["any"],
        valid_from=now,
        valid_until=now + timedelta(days=300),
        actor=iris,
        clock=shop.clock,
    )
    pool = personnel.add_pool("Harbor on call", agreement.id, [shop.people["max"]], actor=iris, clock=shop.clock)
    personnel.authorise(
        pool.id,
        actions=["any"],
        valid_from=now,
        valid_until=now + timedelta(days=90),
        access_authorised=True,
        actor=iris,
        clock=shop.clock,
    )
    return agreement.id, pool.id


def freeze(number: str) -> ArtifactRef:
    """Store the snapshot of a ticket as the request workflow does."""
    document = tickets.snapshot_bytes(tickets.current_snapshot(number))
    return store_artifact(
        document, media_type="application/json", role="snapshot", name="snapshot.json", may_contain_cui=True
    )


def open_ticket(shop: Shop, technician: str = "sam", *, hours: float = 4.0, **changes: object) -> str:
    """Bring a ticket to `open` and return its number."""
    number = approved_ticket(shop, technician, hours=hours, **changes)
    with act(shop.actor(technician), shop.clock) as current:
        tickets.open_ticket(current, number)
    return number
