"""Making a package: cut the slice, derive the views, record the export, seal, prove every entry, write the zip.

The ledger records what is exported before the zip exists, so that every derived view can be checked against it
(attacks.md row 8). Recordings of assets that handle CUI leave only with the CUI owner's consent.
"""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import Making, OrderState, OrderView, Recipient, Scope, Slice
from quarterdeck.assessor.ports import Locksmith
from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef, act
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Refused, refuse, require_that
from quarterdeck.workflows import package_proofs
from quarterdeck.workflows.package_spool import Spool, Telling
from quarterdeck.workflows.record_view import record_view
from quarterdeck.workflows.refusals import refusals_recorded
from quarterdeck.workflows.seal_checkpoint import Sealer, seal
from quarterdeck_verify import package
from quarterdeck_verify.container import measure
from quarterdeck_verify.writer import Laid, Prepared, Request, lay_out, pack, prepare

SETTLE_TRIES = 3
NOTHING_BESIDE = package_proofs.KeysBeside()


class PackageSealer(Sealer, Protocol):
    """The sealer, which also signs packages."""

    def sign_package(self, manifest: bytes) -> bytes:
        """Return the armored SSHSIG of a tag manifest."""


@dataclass(frozen=True, slots=True)
class Press:
    """What a package is made with: the sealer and the files that make the report's replay self-contained."""

    sealer: PackageSealer
    player: Mapping[str, bytes]
    locksmith: Locksmith | None = None
    beside: package_proofs.KeysBeside = NOTHING_BESIDE


class Cancelled(Exception):
    """Somebody asked to stop."""


class _Moved(Exception):
    """A ticket of the package went on, or a consent ended, while the package was being made."""


def order_package(
    actor: Actor,
    clock: Clock,
    *,
    numbers: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    practices: Sequence[str] = (),
    recipient: Recipient | None = None,
) -> OrderView:
    """Order a package of tickets, of a period or of an assessment; Refused is recorded too."""
    scope = Scope(tuple(numbers), since, until, tuple(practices))
    with refusals_recorded(actor, clock, "package.order"):
        return assessor.order_package(actor, clock, scope, recipient or Recipient())


def address(locksmith: Locksmith, to: str) -> tuple[Recipient, str]:
    """Return whom recordings are encrypted to, and a new passphrase when that was asked for; it is shown once.

    `to` is empty, the word `passphrase`, a certificate (PEM) or an age recipient; Refused(recipient.unusable).
    """
    if not to.strip():
        return Recipient(), ""
    return locksmith.passphrase() if to.strip() == "passphrase" else (locksmith.recipient(to), "")


def cancel_package(actor: Actor, clock: Clock, order_id: str) -> OrderView:
    """Ask the making of a package to stop at its next step; Refused is recorded too."""
    with refusals_recorded(actor, clock, "package.cancel"):
        assessor.may_package(actor, clock.now()).require()
        assessor.order(order_id)
        assessor.cancel_order(order_id)
    return assessor.order(order_id)


def consent(actor: Actor, clock: Clock, number: str) -> None:
    """Let recordings of this ticket leave in packages; Refused is recorded too."""
    with refusals_recorded(actor, clock, "recording.consent", number), act(actor, clock) as current:
        assessor.give_consent(current, number)


def ask_consent(actor: Actor, clock: Clock, number: str) -> None:
    """Ask the CUI owner whether recordings of this ticket may leave; Refused is recorded too."""
    with refusals_recorded(actor, clock, "recording.consent", number), act(actor, clock) as current:
        assessor.ask_consent(current, number)


def refuse_consent(actor: Actor, clock: Clock, number: str, reason: str) -> None:
    """Refuse that recordings of this ticket leave, with a reason; Refused is recorded too."""
    with refusals_recorded(actor, clock, "recording.consent", number), act(actor, clock) as current:
        assessor.refuse_consent(current, number, reason)


def withdraw_consent(actor: Actor, clock: Clock, number: str) -> None:
    """Withdraw the consent; packages made before keep what they hold. Refused is recorded too."""
    with refusals_recorded(actor, clock, "recording.consent", number), act(actor, clock) as current:
        assessor.withdraw_consent(current, number)


def take_package(actor: Actor, clock: Clock, order_id: str) -> tuple[OrderView, Path]:
    """Return a finished package's order and file for download, and record that this person took it."""
    with refusals_recorded(actor, clock, "package.download"):
        order = finished_package(actor, clock, order_id)
    record_view(actor, clock, ObjectRef("package", order_id))
    return order, package_path(order)


def finished_package(actor: Actor, clock: Clock, order_id: str) -> OrderView:
    """Return the order of a package that lies here, for whom the read matrix lets; Refused(package.not_ready)."""
    assessor.may_package(actor, clock.now()).require()
    order = assessor.order(order_id)
    assessor.check_order(order).require()
    require_that(
        order.state is OrderState.DONE and package_path(order).is_file(),
        "package.not_ready",
        "This package is not there: it is being made, failed, or was removed from the server.",
        "See its state under Evidence, and order it again if need be.",
    ).require()
    return order


def make_next_package(clock: Clock, press: Callable[[], Press]) -> bool:
    """Make the oldest package that waits, if any; how it went is told on its order."""
    order = assessor.take_order(clock)
    if order is None:
        return False
    try:
        make_package(order, clock, press())
    except Refused as refusal:
        _give_up(order, clock, str(refusal))
    except Cancelled:
        _give_up(order, clock, "Cancelled.")
    except Exception as error:
        _give_up(order, clock, f"Broke off: {type(error).__name__}: {error}")
        raise
    return True


def _give_up(order: OrderView, clock: Clock, message: str) -> None:
    """Leave nothing of the package; only a maker that was killed leaves what another can go on with."""
    _spool(order).remove()
    assessor.fail_order(order.id, clock, message)


def _spool(order: OrderView, press: Press | None = None) -> Spool:
    folder = packages_dir() / f"making-{order.id}"
    return Spool(folder, order.recipient, None if press is None else press.locksmith)


def make_package(order: OrderView, clock: Clock, press: Press) -> Path:
    """Make the zip of an order and return its path; the entry `package.exported` names its views and slice."""
    assessor.check_order(order).require()
    spool = _spool(order, press)
    members = spool.layout() or _laid_out(order, clock, press, spool)
    telling = Telling(sum(one.size for one in members), lambda text: _go_on(order, clock, text), clock.boot)
    with spool.zip_file() as out:
        _pack(out, order, members, telling)
    found = measure(spool.finished)
    spool.deliver(package_path(order))
    spool.remove()
    withheld = len(kept_back_in(package_path(order), order.base))
    assessor.finish_order(order.id, clock, sha256=found.sha256, size=found.size, withheld=withheld)
    return package_path(order)


def _pack(out: BinaryIO, order: OrderView, members: Sequence[Laid], telling: Telling) -> None:
    try:
        pack(out, order.base, members, evidence.stream_artifact, telling)
    except ValueError as error:
        raise Refused(
            refuse(
                "artifact.altered",
                f"A stored file is not the one that was sealed: {error}.",
                "Tell the IT lead: put the file back from a backup, and find out who wrote into the evidence store.",
            )
        ) from error


def _laid_out(order: OrderView, clock: Clock, press: Press, spool: Spool) -> list[Laid]:
    """Cut, derive, record, seal; from here on the package is settled and only has to be written."""
    cut, prepared, exported = _settled(order, clock, press, spool)
    _go_on(order, clock, "Sealing")
    signed = seal(press.sealer, reason="export")
    if signed is None:
        raise RuntimeError("the ledger can't be empty after an export was recorded")
    _go_on(order, clock, "Proving every entry")
    beside = package_proofs.sealed(cut, exported, signed, press.sealer.status(), press.beside)
    bagging_date = f"{clock.now():%Y-%m-%d}"
    return spool.save_layout(lay_out(prepared, beside, sign=press.sealer.sign_package, bagging_date=bagging_date))


def _settled(order: OrderView, clock: Clock, press: Press, spool: Spool) -> tuple[Slice, Prepared, bytes]:
    """Cut, derive and record; again when a ticket went on meanwhile, so that the views are those of the slice."""
    actor = Actor(order.ordered_by, ActorKind.PERSON, order.ordered_auth)
    for _ in range(SETTLE_TRIES):
        _go_on(order, clock, "Cutting the slice")
        spool.clear()
        cut = assessor.cut(order.scope)
        prepared = prepare(_request(order, cut, clock, Making(press.player, spool, partial(_go_on, order, clock))))
        try:
            return cut, prepared, _record(actor, clock, order, cut, prepared)
        except _Moved:
            continue
    raise Refused(
        refuse(
            "package.tickets_move",
            "Tickets of this package went on faster than it could be made.",
            "Order it again when the work is done.",
        )
    )


def _request(order: OrderView, cut: Slice, clock: Clock, making: Making) -> Request:
    now = clock.now()
    withheld = assessor.withheld(cut, order.recipient)
    return Request(
        base=order.base,
        kind=order.kind.value,
        organisation=load().organisation,
        log=load().ledger_origin,
        exported_at=rfc3339(now),
        entries=[entry.body for entry in cut.entries],
        views=assessor.derive_views(order, cut, withheld, now, making),
        since=None if order.since is None else rfc3339(order.since),
        until=None if order.until is None else rfc3339(order.until),
        ranges=cut.ranges,
        withheld=withheld,
    )


def _go_on(order: OrderView, clock: Clock, text: str) -> None:
    """Tell how far it is, which also keeps the lease; raise Cancelled when somebody asked to stop."""
    if not assessor.tell_order(order.id, text, clock):
        raise Cancelled


def _record(actor: Actor, clock: Clock, order: OrderView, cut: Slice, prepared: Prepared) -> bytes:
    with act(actor, clock) as current:
        if any(evidence.ticket_head(number)[0] != count for number, count in cut.heads.items()):
            raise _Moved
        if not all(assessor.consents(number) for number in cut.consented):
            raise _Moved
        current.record("package.exported", ObjectRef("package", order.id), data=dict(prepared.exported_data))
    return current.entries[0].body


def packages_dir() -> Path:
    """Return the folder of finished packages, mode 0700."""
    return load().data_dir / "packages"


def package_path(order: OrderView) -> Path:
    """Return where the finished zip of an order lies."""
    return packages_dir() / order.file_name


def kept_back(order: OrderView) -> list[package.Withheld]:
    """Return what a finished package says that it does not hold; empty while there is none, or its file is gone."""
    path = package_path(order)
    if order.state is not OrderState.DONE or not path.is_file():
        return []
    return kept_back_in(path, order.base)


def kept_back_in(path: Path, base: str) -> list[package.Withheld]:
    """Return the withheld list of a package's zip."""
    with zipfile.ZipFile(path) as archive:
        return package.parse_withheld(archive.read(f"{base}/{package.WITHHELD}"))
