"""The files of the CMMC hashing guide beside a package: two logs, the archive that is kept, and DoD's own log back."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import Comparison
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef, act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.workflows.export_package import finished_package, package_path
from quarterdeck.workflows.record_view import record_view
from quarterdeck.workflows.refusals import refusals_recorded
from quarterdeck_verify import package
from quarterdeck_verify.container import ZipContainer
from quarterdeck_verify.repack import Repacked

FILES = (assessor.ARTIFACTS_LOG, assessor.HASH_LOG, f"{assessor.HASHED_ARCHIVE}.zip")
_ENCRYPTED = f"{package.PAYLOAD}encrypted/"


@dataclass(frozen=True, slots=True)
class HashedFile:
    """A file to hand over: its name, its size and its bytes in pieces."""

    name: str
    size: int
    chunks: Iterator[bytes]


def hashed_file(actor: Actor, clock: Clock, order_id: str, name: str) -> HashedFile:
    """Return one of FILES of a finished package, and record that this person took it; Refused is recorded too."""
    with refusals_recorded(actor, clock, "package.download"):
        order = finished_package(actor, clock, order_id)
        if name not in FILES:
            raise Refused(refuse("package.file", "A package has no such file beside it.", f"There are {FILES}."))
    record_view(actor, clock, ObjectRef("package", order_id))
    container = ZipContainer(package_path(order))
    hashes = _hashes(container)
    if name == FILES[2]:
        packed = Repacked(container, assessor.HASHED_ARCHIVE, {package.PAYLOAD + path: path for path in hashes})
        return HashedFile(name, packed.size(), packed.chunks())
    container.close()
    log = assessor.artifacts_log(hashes)
    content = log if name == FILES[0] else assessor.hash_log(log)
    return HashedFile(name, len(content), iter([content]))


def compare_log(actor: Actor, clock: Clock, order_id: str, log: bytes) -> Comparison:
    """Hold the log of DoD's own script against the package, keep it, and record how many files agree.

    Refused: package.log_unreadable; what differs is in the answer, file by file.
    """
    with refusals_recorded(actor, clock, "package.compare"):
        order = finished_package(actor, clock, order_id)
        try:
            theirs = assessor.parse_log(log)
        except ValueError as error:
            raise Refused(
                refuse(
                    "package.log_unreadable",
                    f"This is no log of ArtifactHash.ps1: {error}.",
                    f"Give the file {assessor.ARTIFACTS_LOG} that the script wrote.",
                )
            ) from error
    with closing(ZipContainer(package_path(order))) as container:
        found = assessor.compare_hashes(_hashes(container), theirs)
    kept = evidence.store_artifact(
        log, media_type="text/plain", role="hash_log", name=assessor.ARTIFACTS_LOG, may_contain_cui=False
    )
    data: dict[str, str | int] = {"equal": found.equal, "different": len(found.differences), "package": order.base}
    with act(actor, clock) as current:
        current.record("package.hashes_compared", ObjectRef("package", order_id), data=data, artifacts=[kept])
    return found


def _hashes(container: ZipContainer) -> Mapping[str, str]:
    """Return path below `data/` -> SHA-256 of every file that is an artifact, as the package's manifest has it."""
    with closing(container.open(package.MANIFEST)) as stream:
        listed = package.parse_manifest(stream.read())
    return {
        path.removeprefix(package.PAYLOAD): sha256
        for path, sha256 in listed.items()
        if path.startswith((package.ARTIFACTS, _ENCRYPTED))
    }
