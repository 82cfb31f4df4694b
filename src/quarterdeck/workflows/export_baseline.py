"""A baseline in the forms that other programs read; who takes it is recorded."""

import tempfile
from enum import StrEnum
from typing import BinaryIO

from quarterdeck.baselines import api as baselines
from quarterdeck.evidence.api import ObjectRef, open_artifact, require_kept
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.workflows.record_view import record_view


class Form(StrEnum):
    """The manifest itself, mtree without our keywords, the input of `sha256sum -c`, the posture as JSON."""

    MANIFEST = "manifest"
    MTREE = "mtree"
    SHA256SUMS = "sha256sums"
    POSTURE = "posture"


ENDING = {Form.MANIFEST: "manifest.mtree", Form.MTREE: "mtree", Form.SHA256SUMS: "SHA256SUMS",
          Form.POSTURE: "posture.json"}  # fmt: skip


def export_baseline(actor: Actor, clock: Clock, number: str, manifest_sha256: str, form: Form) -> tuple[str, BinaryIO]:
    """Return a file name and the baseline of this ticket in that form; whether they may was decided before.

    Raises Refused(baseline.unknown) when the ticket has no such baseline. The caller closes the file.
    """
    found = next((one for one in baselines.baselines(ticket=number) if one.manifest_sha256 == manifest_sha256), None)
    if found is None:
        raise Refused(
            refuse("baseline.unknown", "This ticket has no such baseline.", "Take a hash from the ticket's baselines.")
        )
    source = found.posture_sha256 if form is Form.POSTURE else found.manifest_sha256
    require_kept(source)
    record_view(actor, clock, ObjectRef("artifact", source), of=number)
    name = f"{number}-{found.asset}-{found.phase.value}.{ENDING[form]}"
    if form in (Form.MANIFEST, Form.POSTURE):
        return name, open_artifact(source)
    export = baselines.export_mtree if form is Form.MTREE else baselines.export_sha256sums
    made = tempfile.TemporaryFile()  # noqa: SIM115  the answer closes it when it was sent
    with open_artifact(source) as manifest:
        export(manifest, made)
    made.seek(0)
    return name, made
