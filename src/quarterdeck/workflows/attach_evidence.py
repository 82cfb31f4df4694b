"""Attaching evidence: a file at once, a file that arrives in chunks, or a link; checked, hashed, graded attached."""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from quarterdeck.attachments import api as attachments
from quarterdeck.attachments.api import KINDS, LINK_ROLE, Told, UploadState, UploadView
from quarterdeck.evidence.api import ArtifactRef, JsonValue, act, destroy_file, encode_fields, given_up, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Refused, refuse, require_that
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_RULE = "evidence.attach"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a person hands in: its own name and its bytes."""

    name: str
    data: bytes


def attach_file(actor: Actor, clock: Clock, number: str, told: Told, *, name: str, file: BinaryIO) -> ArtifactRef:
    """Attach a file that is here as a whole; returns how it is kept. Refused is recorded too."""
    with refusals_recorded(actor, clock, _RULE, number):
        _may_attach(actor, clock, number, told)
        size = file.seek(0, os.SEEK_END)
        attachments.room_for(told.kind, name, size)
        return _kept(actor, clock, number, told, name, file, size)


def start_upload(actor: Actor, clock: Clock, number: str, told: Told, *, name: str, size: int) -> UploadView:
    """Begin an upload in chunks; Refused is recorded too."""
    with refusals_recorded(actor, clock, _RULE, number):
        _may_attach(actor, clock, number, told)
        return attachments.start(actor, clock, number, told, name=name, size=size)


def finish_upload(actor: Actor, clock: Clock, upload_id: str, sha256: str = "") -> UploadView:
    """Check, hash and attach what arrived; `sha256`, when the sender tells it, must be that of the bytes.

    What is not what it was said to be is refused and its bytes are let go; after any other failure the upload can be
    finished again.
    """
    found = attachments.begin_checking(actor, clock, upload_id)
    try:
        with (
            refusals_recorded(actor, clock, _RULE, found.ticket),
            attachments.path_of(upload_id).open("rb") as file,
        ):
            kept = _kept(actor, clock, found.ticket, found.told, found.name, file, found.size, sha256)
    except Refused as refused:
        if any(code.startswith("attachment.") for code in refused.decision.codes):
            attachments.end(upload_id, clock, UploadState.REFUSED, message=str(refused))
        else:
            attachments.put_back(upload_id, clock)
        raise
    except BaseException:
        attachments.put_back(upload_id, clock)
        raise
    attachments.end(upload_id, clock, UploadState.DONE, sha256=kept.sha256)
    return attachments.upload(upload_id)


def attach_link(actor: Actor, clock: Clock, number: str, told: Told, *, target: str, sha256: str = "") -> ArtifactRef:
    """Attach a link: where it leads, who says so and when are kept in a file of their own. Refused is recorded too.

    `sha256` may name the hash of what lies there, so that somebody can compare it years later.
    """
    with refusals_recorded(actor, clock, _RULE, number):
        _may_attach(actor, clock, number, told)
        attachments.usable_target(target).require()
        require_that(
            not sha256 or re.fullmatch(r"[0-9a-f]{64}", sha256) is not None,
            "attachment.sha256",
            "A SHA-256 has 64 hexadecimal digits in lower case.",
            "Copy it from sha256sum or Get-FileHash, or leave it out.",
        ).require()
        fields: dict[str, JsonValue] = {
            "v": 1, "kind": told.kind, "target": target, "noted_at": rfc3339(clock.now()), "noted_by": actor.id,
            "sha256": sha256, "ticket": number,
        }  # fmt: skip
        kept = store_artifact(
            encode_fields(fields), media_type="application/json", role=LINK_ROLE, name=f"{number}-link.json",
            may_contain_cui=cui_of(number, told),
        )  # fmt: skip
        _record(actor, clock, number, told, kept)
    return kept


def _may_attach(actor: Actor, clock: Clock, number: str, told: Told) -> None:
    attachments.known_kind(told.kind).require()
    tickets.may_attach(
        number, actor, clock.now(), supports=told.supports, asset_id=told.asset, reason=told.reason
    ).require()


def _kept(
    actor: Actor, clock: Clock, number: str, told: Told, name: str, file: BinaryIO, size: int, sha256: str = ""
) -> ArtifactRef:
    form = attachments.check(told.kind, file, size)
    file.seek(0)
    kept = store_artifact(
        file,
        media_type=form.media_type,
        role=KINDS[told.kind].role,
        name=safe_name(number, name),
        may_contain_cui=cui_of(number, told),
    )
    require_that(
        sha256 in ("", kept.sha256),
        "attachment.hash",
        "The file that arrived is not the one that was sent: its SHA-256 is another.",
        "Send it again; look at the disk and the line if it happens twice.",
    ).require()
    _refuse_redacted(kept.sha256, clock.now())
    _record(actor, clock, number, told, kept)
    return kept


def _refuse_redacted(sha256: str, now: datetime) -> None:
    """Refuse bytes that two people took out because they must not be kept, and let go of them once more."""
    ended = given_up(sha256)
    if ended is None or ended.event != "artifact.redacted":
        return
    destroy_file(sha256, now)
    raise Refused(
        refuse(
            "attachment.redacted",
            "These very bytes were redacted: two people decided that they must not be kept here.",
            "Attach the redacted copy.",
        )
    )


def _record(actor: Actor, clock: Clock, number: str, told: Told, kept: ArtifactRef) -> None:
    with act(actor, clock) as current:
        tickets.attach(
            current, number, kind=told.supports, file=kept, reason=told.reason, asset_id=told.asset, form=told.kind
        )


def cui_of(number: str, told: Told) -> bool:
    """Return whether what is attached may contain CUI: what the person says, else true where an asset handles CUI.

    Nobody can say no for an asset that handles CUI while attaching: taking the mark off is an act of the CUI owner.
    """
    named = [told.asset] if told.asset else [one.asset_id for one in tickets.ticket(number).assets]
    found = (inventory.asset(asset_id) for asset_id in named)
    return any(asset is None or asset.handles_cui for asset in found) or bool(told.may_contain_cui)


def safe_name(number: str, name: str) -> str:
    """Return the name that a file gets in evidence: its ticket's number and what is plain of its own."""
    own = _UNSAFE.sub("-", name.replace("\\", "/").rpartition("/")[2]).strip("-.")[-80:] or "file"
    return f"{number}-{own}".rstrip("-._")


def keep_file(number: str, file: Attachment, role: str) -> ArtifactRef:
    """Store a file of a ticket, before any act; it may hold CUI where one of the ticket's assets does."""
    found = (inventory.asset(named.asset_id) for named in tickets.ticket(number).assets)
    return store_artifact(
        file.data,
        media_type="application/octet-stream",
        role=role,
        name=safe_name(number, file.name),
        may_contain_cui=any(asset is None or asset.handles_cui for asset in found),
    )
