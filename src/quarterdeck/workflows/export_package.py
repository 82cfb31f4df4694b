"""Making a package: cut the slice, derive the views, record the export, seal, prove every entry, write the zip.

The ledger records what is exported before the zip exists, so that every derived view can be checked against it
(attacks.md row 8). Recordings of assets that handle CUI leave only with the CUI owner's consent.
"""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import OrderState, OrderView, Slice
from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import CheckpointView, ObjectRef, act
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Refused, refuse, require_that
from quarterdeck.workflows.record_view import record_view
from quarterdeck.workflows.refusals import refusals_recorded
from quarterdeck.workflows.seal_checkpoint import Sealer, SealerStatus, seal
from quarterdeck_verify import merkle, package
from quarterdeck_verify.bundle import build_zipapp
from quarterdeck_verify.writer import Prepared, Request, Sealed, prepare, write_package

RECENT_CHECKPOINTS = 200
MOST_STEPS = 5_000
SETTLE_TRIES = 3


class PackageSealer(Sealer, Protocol):
    """The sealer, which also signs packages."""

    def sign_package(self, manifest: bytes) -> bytes:
        """Return the armored SSHSIG of a tag manifest."""


@dataclass(frozen=True, slots=True)
class Press:
    """What a package is made with: the sealer and the files that make the report's replay self-contained."""

    sealer: PackageSealer
    player: Mapping[str, bytes]


class Cancelled(Exception):
    """Somebody asked to stop."""


class _Moved(Exception):
    """A ticket of the package went on while the package was being made."""


def order_package(
    actor: Actor,
    clock: Clock,
    *,
    numbers: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> OrderView:
    """Order a package of one ticket or of a period; Refused is recorded too."""
    with refusals_recorded(actor, clock, "package.order"):
        return assessor.order_package(actor, clock, numbers=numbers, since=since, until=until)


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
        assessor.may_package(actor, clock.now()).require()
        order = assessor.order(order_id)
        assessor.check_order(order).require()
        path = package_path(order)
        require_that(
            order.state is OrderState.DONE and path.is_file(),
            "package.not_ready",
            "This package is not there: it is being made, failed, or was removed from the server.",
            "See its state under Evidence, and order it again if need be.",
        ).require()
    record_view(actor, clock, ObjectRef("package", order_id))
    return order, path


def make_next_package(clock: Clock, press: Callable[[], Press]) -> bool:
    """Make the oldest package that waits, if any; how it went is told on its order."""
    order = assessor.take_order(clock)
    if order is None:
        return False
    try:
        make_package(order, clock, press())
    except Refused as refusal:
        assessor.fail_order(order.id, clock, str(refusal))
    except Cancelled:
        assessor.fail_order(order.id, clock, "Cancelled.")
    except Exception as error:
        assessor.fail_order(order.id, clock, f"Broke off: {type(error).__name__}: {error}")
        raise
    return True


def make_package(order: OrderView, clock: Clock, press: Press) -> Path:
    """Make the zip of an order and return its path; the entry `package.exported` names its views and slice."""
    assessor.check_order(order).require()
    cut, prepared, exported = _settled(order, clock, press)
    _go_on(order, clock, "Sealing")
    signed = seal(press.sealer, reason="export")
    if signed is None:
        raise RuntimeError("the ledger can't be empty after an export was recorded")
    _go_on(order, clock, "Writing the package")
    path = _write(order, clock, prepared, _sealed(cut, exported, signed, press.sealer.status()), press.sealer)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    withheld = len(prepared.request.withheld)
    assessor.finish_order(order.id, clock, sha256=sha256, size=path.stat().st_size, withheld=withheld)
    return path


def _settled(order: OrderView, clock: Clock, press: Press) -> tuple[Slice, Prepared, bytes]:
    """Cut, derive and record; again when a ticket went on meanwhile, so that the views are those of the slice."""
    actor = Actor(order.ordered_by, ActorKind.PERSON, order.ordered_auth)
    for _ in range(SETTLE_TRIES):
        _go_on(order, clock, "Cutting the slice")
        cut = assessor.cut(order)
        prepared = prepare(_request(order, cut, clock, press))
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


def _request(order: OrderView, cut: Slice, clock: Clock, press: Press) -> Request:
    now = clock.now()
    withheld = assessor.withheld(cut)
    return Request(
        base=order.base,
        kind=order.kind.value,
        organisation=load().organisation,
        log=load().ledger_origin,
        exported_at=rfc3339(now),
        entries=[entry.body for entry in cut.entries],
        views=assessor.derive_views(order, cut, withheld, now, press.player, progress=partial(_go_on, order, clock)),
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
        current.record("package.exported", ObjectRef("package", order.id), data=dict(prepared.exported_data))
    return current.entries[0].body


def _sealed(cut: Slice, exported: bytes, signed: CheckpointView, status: SealerStatus) -> Sealed:
    node = evidence.node_reader()
    seqs = [*(entry.seq for entry in cut.entries), evidence.read_entry(exported).seq]
    first = min((entry.seq for entry in cut.entries if entry.ticket is not None), default=0)
    kept = _kept_sizes(first, signed.size)
    return Sealed(
        exported_entry=exported,
        proofs=[merkle.inclusion_proof(node, seq, signed.size) for seq in seqs],
        checkpoint=signed.body,
        checkpoint_signature=signed.sshsig,
        checkpoint_note=signed.note,
        allowed_signers=status.allowed_signers.encode(),
        consistency=[_step(node, size, signed.size) for size in kept],
        anchors=_anchors(frozenset(kept)),
        instructions=_INSTRUCTIONS.encode(),
        verifier=_verifier(),
    )


def _kept_sizes(first: int, newest: int) -> list[int]:
    """Return the sizes that somebody outside may hold and that cover an entry of the package's tickets.

    Every size that was ever sent out, newest first up to MOST_STEPS, and the newest checkpoints whether sent or not:
    a mail that is on its way while the package is made is an anchor too.
    """
    sent = [receipt.size for receipt in evidence.receipts()]
    recent = [known.size for known in evidence.checkpoints(RECENT_CHECKPOINTS)]
    held = sorted({size for size in (*sent, *recent) if first < size <= newest}, reverse=True)
    return sorted(held[:MOST_STEPS])


def _step(node: Callable[[int, int], bytes], size: int, now: int) -> package.ConsistencyStep:
    return package.ConsistencyStep(
        size, merkle.range_hash(node, 0, size), tuple(merkle.consistency_proof(node, size, now))
    )


def _anchors(sizes: Container[int]) -> dict[str, bytes]:
    """Return the checkpoints that left this server and what their holders answered; the package never counts them."""
    files: dict[str, bytes] = {}
    for receipt in evidence.receipts():
        held = evidence.checkpoint(receipt.size) if receipt.size in sizes else None
        if held is None:
            continue
        files[f"{receipt.size}.checkpoint"] = held.body
        if receipt.channel == "witness":  # a note that any tool for witnessed logs reads: our line, then theirs
            note = files.get(f"{receipt.size}.note", held.note)
            files[f"{receipt.size}.note"] = note + receipt.receipt.encode() + b"\n"
        name = f"{receipt.size}.{receipt.channel}.receipt"
        said = f"cosigned by {receipt.target}" if receipt.channel == "witness" else receipt.receipt
        line = f"{rfc3339(receipt.sent_at)} {receipt.channel} {receipt.grade.value}: {said}"
        files[name] = files.get(name, b"") + " ".join(line.split()).encode("ascii", "replace") + b"\n"
    return files


def _verifier() -> bytes:
    with tempfile.TemporaryDirectory(prefix="quarterdeck-verify-") as folder:
        target = Path(folder) / "verify.pyz"
        build_zipapp(target)
        return target.read_bytes()


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
    with zipfile.ZipFile(path) as archive:
        return package.parse_withheld(archive.read(f"{order.base}/{package.WITHHELD}"))


def _write(order: OrderView, clock: Clock, prepared: Prepared, sealed: Sealed, sealer: PackageSealer) -> Path:
    packages_dir().mkdir(parents=True, exist_ok=True, mode=0o700)
    path, incoming = package_path(order), packages_dir() / f"incoming-{order.id}"
    try:
        with open(incoming, "wb", opener=_private) as out:
            write_package(
                out,
                prepared,
                sealed,
                open_artifact=evidence.open_artifact,
                sign=sealer.sign_package,
                bagging_date=f"{clock.now():%Y-%m-%d}",
            )
            out.flush()
            os.fsync(out.fileno())
        incoming.rename(path)
    finally:
        incoming.unlink(missing_ok=True)
    return path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


_INSTRUCTIONS = """How to check this package without us and without an account.

You need two things that did not come with the package: the line of allowed signers that pins the organisation's
sealing key, and a checkpoint that somebody outside kept (a mail to the approver, a syslog line).

    python3 -I verify.pyz package.zip --signers allowed_signers --anchor kept.checkpoint

Exit 0: INTACT. Exit 3: UNANCHORED, whole in itself but not compared with anything held outside. Exit 1: ALTERED.
Take verify.pyz from the project's release or from the organisation's anchor mail, not from this package: whoever
could forge the package could forge its verifier too. By hand, in the unpacked folder:

    sha256sum -c manifest-sha256.txt && sha256sum -c tagmanifest-sha256.txt
    ssh-keygen -Y verify -f allowed_signers -I SIGNER -n quarterdeck-package \\
        -s tagmanifest-sha256.txt.sig < tagmanifest-sha256.txt

SIGNER is the first word of the line of allowed signers. The verdict is about integrity. It says nothing about whether
a requirement is met: that is the assessor's to judge.
"""
