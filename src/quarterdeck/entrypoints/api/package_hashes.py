"""The files of the CMMC hashing guide over the wire, and the log of DoD's own script held against a package."""

from django.http import HttpRequest, StreamingHttpResponse
from ninja import File, Router, Schema
from ninja.files import UploadedFile

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.workflows import hash_artifacts

router = Router(tags=["packages"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class HashDifferenceOut(Schema):
    """A file of which the lists do not say the same: `changed`, `missing` from the log, `unknown` to the package."""

    kind: str
    path: str
    ours: str
    theirs: str


class ComparisonOut(Schema):
    """How the log agrees with the package; `root` is the folder in which the script ran."""

    equal: int
    root: str
    differences: list[HashDifferenceOut]


@router.get("/{order_id}/hashes/{name}", response={**ANSWERS, 200: None}, url_name="package_hash_file")
def hash_file(request: HttpRequest, order_id: str, name: str) -> StreamingHttpResponse:
    """Give CMMCAssessmentArtifacts.log, CMMCAssessmentLogHash.log or HashedArtifacts.zip; taking it is recorded."""
    file = hash_artifacts.hashed_file(actor_of(request), wiring.clock(), order_id, name)
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Content-Length": str(file.size),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingHttpResponse(file.chunks, content_type="application/octet-stream", headers=headers)


@router.post("/{order_id}/hash-log", response={**ANSWERS, 200: ComparisonOut})
def compare_log(request: HttpRequest, order_id: str, file: File[UploadedFile]) -> ComparisonOut:
    """Hold a log of ArtifactHash.ps1 against the package, file by file; the log is kept as evidence."""
    found = hash_artifacts.compare_log(actor_of(request, "write"), wiring.clock(), order_id, file.read())
    differences = [
        HashDifferenceOut(kind=one.kind, path=one.path, ours=one.ours, theirs=one.theirs) for one in found.differences
    ]
    return ComparisonOut(equal=found.equal, root=found.root, differences=differences)
