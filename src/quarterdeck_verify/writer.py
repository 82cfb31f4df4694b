"""Making a package: what the exporter gives, in two steps, because the ledger itself records what is exported.

`prepare` takes the slice and the views and says what the `package.exported` entry must record. When that entry is in
the ledger and a checkpoint over it is signed, `lay_out` names every member and `pack` writes them as one zip.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from quarterdeck_verify import checkpoint, container, entry, package
from quarterdeck_verify.container import Readable, Source
from quarterdeck_verify.contents import withheld_row
from quarterdeck_verify.ledgerslice import ArtifactUse

Signer = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be exported.

    `entries` are the exact bytes of the slice's entries in ledger order: each ticket's from its first to its last,
    and the entries of the organisation that belong to the scope. `views` are payload paths below `data/`
    (`report.html` must be one) and their content. `withheld` gives, for the SHA-256 of each artifact that is left out,
    a reason such as `no_consent`. `ranges` and times as in `package.Scope`.
    """

    base: str
    kind: str
    organisation: str
    log: str
    exported_at: str
    entries: Sequence[bytes]
    views: Mapping[str, Source]
    since: str | None = None
    until: str | None = None
    ranges: Sequence[tuple[str, str]] = ()
    withheld: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request with its views complete; `exported_data` is the data that `package.exported` must carry."""

    request: Request
    views: Mapping[str, Source]
    artifacts: tuple[ArtifactUse, ...]
    exported_data: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the ledger and the sealer add after the export was recorded.

    `exported_entry` are the bytes of the `package.exported` entry, without ticket; `proofs` are the audit paths of
    all entries, that one last, in the tree of `checkpoint`. `consistency` has a step for each size that somebody
    outside may hold; `anchors` are file names such as `1200.checkpoint` and their content.
    """

    exported_entry: bytes
    proofs: Sequence[Sequence[bytes]]
    checkpoint: bytes
    checkpoint_signature: bytes
    allowed_signers: bytes
    checkpoint_note: bytes | None = None
    consistency: Sequence[package.ConsistencyStep] = ()
    anchors: Mapping[str, bytes] = field(default_factory=dict)
    instructions: bytes | None = None
    verifier: bytes | None = None
    tsa_root: bytes | None = None
    witnesses: bytes | None = None


def prepare(request: Request) -> Prepared:
    """Return the request with scope, withheld list and list of views added; ValueError when a part is malformed."""
    if not package.is_base_name(request.base):
        raise ValueError(f"{request.base} is not a name for a package")
    leaves, tickets, uses = _walk(request.entries)
    unknown = set(request.withheld) - set(uses)
    if unknown:
        raise ValueError("no entry names the withheld file " + min(unknown))
    heads = tuple(package.TicketHead(number, *tickets[number]) for number in sorted(tickets))
    scope = package.Scope(
        request.kind, request.organisation, request.log, request.since, request.until, request.exported_at, heads,
        tuple(request.ranges),
    )  # fmt: skip
    rows = [withheld_row(uses[sha256], reason) for sha256, reason in request.withheld.items()]
    views: dict[str, Source] = {package.PAYLOAD + name: source for name, source in request.views.items()}
    views[package.SCOPE] = package.make_scope(scope)
    package.parse_scope(package.make_scope(scope))
    views[package.WITHHELD] = package.make_withheld(rows)
    wrong = [name for name in views if not package.is_view(name)] + sorted({package.REPORT} - set(views))
    if wrong:
        raise ValueError(f"{wrong[0]} is missing or has no place among the views")
    listed = package.make_manifest({name: container.measure(source).sha256 for name, source in views.items()})
    views[package.VIEWS] = listed
    present = tuple(use for sha256, use in uses.items() if sha256 not in request.withheld)
    return Prepared(request, views, present, package.exported_data(request.base, listed, leaves))


@dataclass(frozen=True, slots=True)
class Laid:
    """One member of a package that is ready to be packed; an artifact has no source here, its store gives it."""

    name: str
    size: int
    sha256: str
    source: Source | None


def lay_out(prepared: Prepared, sealed: Sealed, *, sign: Signer, bagging_date: str) -> list[Laid]:
    """Return every member of the package; `sign` returns the armored SSHSIG in the namespace `quarterdeck-package`.

    No artifact is read: its entry says what it is, and packing compares. ValueError when the parts do not belong
    together.
    """
    request = prepared.request
    if entry.decode(sealed.exported_entry)["data"] != dict(prepared.exported_data):
        raise ValueError("the entry of this export does not record what was prepared")
    head = checkpoint.parse(sealed.checkpoint)
    payload = [_laid(name, source) for name, source in (dict(prepared.views) | _ledger_files(request, sealed)).items()]
    payload += [Laid(use.path, use.size, use.sha256, None) for use in prepared.artifacts]
    tags: dict[str, Source] = {
        package.BAGIT: package.BAGIT_TEXT,
        package.SIGNERS: sealed.allowed_signers,
        package.MANIFEST: package.make_manifest({laid.name: laid.sha256 for laid in payload}),
        package.BAG_INFO: package.make_bag_info(
            {
                "Bagging-Date": bagging_date,
                "External-Identifier": f"{head.origin}@{head.size}",
                "Internal-Sender-Identifier": request.base,
                "Payload-Oxum": f"{sum(laid.size for laid in payload)}.{len(payload)}",
                "Source-Organization": request.organisation,
            }
        ),
    }
    optional = {
        package.INSTRUCTIONS: sealed.instructions, package.VERIFIER: sealed.verifier, package.TSA_ROOT: sealed.tsa_root,
        package.WITNESSES: sealed.witnesses,
    }  # fmt: skip
    tags |= {name: content for name, content in optional.items() if content is not None}
    listed = package.make_manifest({name: container.measure(source).sha256 for name, source in tags.items()})
    tags |= {package.TAG_MANIFEST: listed, package.SIGNATURE: sign(listed)}
    return [*payload, *(_laid(name, source) for name, source in tags.items())]


def _laid(name: str, source: Source) -> Laid:
    found = container.measure(source)
    return Laid(name, found.size, found.sha256, source)


def pack(
    out: BinaryIO,
    base: str,
    members: Iterable[Laid],
    open_artifact: Callable[[str], Readable],
    told: Callable[[int], None] = lambda count: None,
) -> None:
    """Write the zip of members that were laid out to `out`, or go on with one that was broken off.

    Artifacts are opened by SHA-256 and read once, never held in memory. ValueError when one is not what its entry says.
    """
    container.write(
        out,
        base,
        ((one.name, _opener(open_artifact, one.sha256) if one.source is None else one.source, one) for one in members),
        told,
    )


def write_package(
    out: BinaryIO,
    prepared: Prepared,
    sealed: Sealed,
    *,
    open_artifact: Callable[[str], Readable],
    sign: Signer,
    bagging_date: str,
) -> None:
    """Write the zip to `out` in one go: `lay_out`, then `pack`."""
    members = lay_out(prepared, sealed, sign=sign, bagging_date=bagging_date)
    pack(out, prepared.request.base, members, open_artifact)


def build_package(
    prepared: Prepared, sealed: Sealed, *, artifacts: Mapping[str, bytes], sign: Signer, bagging_date: str
) -> bytes:
    """Return a small package's zip from artifacts held in memory."""
    out = BytesIO()
    write_package(
        out,
        prepared,
        sealed,
        open_artifact=lambda sha256: BytesIO(artifacts[sha256]),
        sign=sign,
        bagging_date=bagging_date,
    )
    return out.getvalue()


def _ledger_files(request: Request, sealed: Sealed) -> dict[str, Source]:
    bodies = [*request.entries, sealed.exported_entry]
    seqs = [entry.decode(body)["seq"] for body in bodies]
    lines = [package.make_proof_line(seq, proof) for seq, proof in zip(seqs, sealed.proofs, strict=True)]
    files: dict[str, Source] = {
        package.ENTRIES: b"".join(body + b"\n" for body in bodies),
        package.PROOFS: b"".join(line + b"\n" for line in lines),
        package.CHECKPOINT: sealed.checkpoint,
        package.CHECKPOINT_SIGNATURE: sealed.checkpoint_signature,
        package.CONSISTENCY: package.make_consistency(sealed.consistency),
    }
    if sealed.checkpoint_note is not None:
        files[package.CHECKPOINT_NOTE] = sealed.checkpoint_note
    files |= {package.ANCHORS + name: content for name, content in sealed.anchors.items()}
    unknown = [name for name in files if not package.is_known(name)]
    if unknown:
        raise ValueError(f"a package has no place for {unknown[0]}")
    return files


def _walk(entries: Iterable[bytes]) -> tuple[list[bytes], dict[str, tuple[int, str]], dict[str, ArtifactUse]]:
    leaves: list[bytes] = []
    tickets: dict[str, tuple[int, str]] = {}
    uses: dict[str, ArtifactUse] = {}
    for body in entries:
        fields = entry.decode(body)
        leaves.append(entry.leaf_hash(body))
        if fields["ticket"] is not None:
            tickets[fields["ticket"]] = (fields["ticket_seq"], leaves[-1].hex())
        for position, item in enumerate(fields["artifacts"]):
            use = ArtifactUse(**item, seq=fields["seq"], ticket=fields["ticket"], position=position)
            uses.setdefault(use.sha256, use)
    return leaves, tickets, uses


def _opener(open_artifact: Callable[[str], Readable], sha256: str) -> Callable[[], Readable]:
    return lambda: open_artifact(sha256)
