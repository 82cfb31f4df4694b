"""What stands beside the entries of a package: audit paths, consistency with every checkpoint that left, receipts."""

import base64
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from quarterdeck.assessor.api import Slice
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import CheckpointView, ReceiptView
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.workflows.seal_checkpoint import SealerStatus
from quarterdeck_verify import bundle, merkle, package
from quarterdeck_verify.receipts import Receipt, make_receipts
from quarterdeck_verify.writer import Sealed

RECENT_CHECKPOINTS = 200
MOST_STEPS = 5_000
_HOLDERS = {"mail": "person", "syslog": "collector", "rfc3161": "authority", "witness": "witness", "s3": "bucket"}


@dataclass(frozen=True, slots=True)
class KeysBeside:
    """Keys of others that go into a package for information: the stamping authority's root, witnesses' keys."""

    tsa_root: bytes | None = None
    witnesses: tuple[str, ...] = ()


def sealed(cut: Slice, exported: bytes, signed: CheckpointView, status: SealerStatus, beside: KeysBeside) -> Sealed:
    """Return what the ledger and the sealer add to a package whose export is the entry `exported`."""
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
        instructions=_INSTRUCTIONS.replace("DIGEST", bundle.digest()).encode(),
        verifier=bundle.zipapp(),
        tsa_root=beside.tsa_root,
        witnesses=_witness_keys(beside.witnesses, status.log_key),
    )


def _witness_keys(witnesses: Sequence[str], log_key: str) -> bytes | None:
    """Return keys/witnesses.txt, None where nobody cosigns; the log's own key is for its line of the signed note."""
    if not witnesses:
        return None
    told = "# Listed by the exporter, for information: a key counts when you got it from the witness (--witness FILE)."
    return "".join(f"{line}\n" for line in (told, *([log_key] if log_key else []), *witnesses)).encode("ascii")


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
    rows = []
    for receipt in evidence.receipts():
        held = evidence.checkpoint(receipt.size) if receipt.size in sizes else None
        if held is None:
            continue
        files[f"{receipt.size}.checkpoint"] = held.body
        files[f"{receipt.size}.checkpoint.sig"] = held.sshsig
        rows.append(_receipt(receipt, files))
    if rows:
        files[package.RECEIPTS.removeprefix(package.ANCHORS)] = make_receipts(rows)
    return files


def _receipt(receipt: ReceiptView, files: dict[str, bytes]) -> Receipt:
    """Return the line of a receipt; one that is bytes or lines of its own goes into a file beside it."""
    text, name = receipt.receipt, ""
    if receipt.channel == "rfc3161" and (token := _decoded(text)):
        name, text = _free(f"{receipt.size}", "tsr", files), ""
        files[name] = token
    elif receipt.channel == "witness" and text.startswith("\u2014 "):
        name = _free(f"{receipt.size}", "cosignature", files)
        files[name] = text.rstrip("\n").encode() + b"\n"
        text = ""
    return Receipt(
        receipt.size,
        receipt.channel,
        receipt.target,
        _HOLDERS.get(receipt.channel, "other"),
        receipt.grade.value,
        rfc3339(receipt.sent_at),
        text,
        name,
    )


def _free(stem: str, ending: str, files: Container[str]) -> str:
    """Return a name that no earlier receipt of the same checkpoint took."""
    names = (f"{stem}.{ending}", *(f"{stem}.{number}.{ending}" for number in range(2, 100)))
    return next(name for name in names if name not in files)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.split()[-1], validate=True) if text.split() else b""
    except ValueError:
        return b""


_INSTRUCTIONS = """How to check this package without us and without an account.

You need two things that did not come with the package: the line of allowed signers that pins the organisation's
sealing key, and a checkpoint that somebody outside kept (a mail to the approver, a syslog line).

    python3 -I verify.pyz package.zip --signers allowed_signers --anchor kept.checkpoint

Exit 0: INTACT. Exit 3: UNANCHORED, whole in itself but not compared with anything held outside. Exit 1: ALTERED.
Take verify.pyz from the project's release or from the organisation's anchor mail, not from this package: whoever
could forge the package could forge its verifier too. `qd verify --digest` of the project's source prints what its
SHA-256 must be; this package was made with one of DIGEST.

Further things from elsewhere help: `--witness FILE`, keys of witnesses, whose cosignatures are anchors too, and
`--tsa-root FILE`, the root of a time-stamping authority, which proves the time (needs openssl). By hand, in
the unpacked folder:

    sha256sum -c manifest-sha256.txt && sha256sum -c tagmanifest-sha256.txt
    ssh-keygen -Y verify -f allowed_signers -I SIGNER -n quarterdeck-package \\
        -s tagmanifest-sha256.txt.sig < tagmanifest-sha256.txt

SIGNER is the first word of the line of allowed signers. The verdict is about integrity. It says nothing about whether
a requirement is met: that is the assessor's to judge.
"""
