"""Checks of the package's slice of the ledger: canonical bytes, chains, proofs, and the holes that they show."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from quarterdeck_verify import entry, merkle, package
from quarterdeck_verify.checkpoint import Checkpoint
from quarterdeck_verify.container import CHUNK, Readable
from quarterdeck_verify.findings import Findings
from quarterdeck_verify.members import Members
from quarterdeck_verify.story import Story

MAX_PROOF_LINE = 8_192
_CLOSING = ("ticket.closed", "ticket.rejected", "ticket.withdrawn", "ticket.rolled_back", "ticket.expired")


@dataclass(frozen=True, slots=True)
class ArtifactUse:
    """The first place where an artifact is named: its entry, its position there, and what the entry says of it."""

    sha256: str
    size: int
    role: str
    name: str
    seq: int
    ticket: str | None
    position: int

    @property
    def path(self) -> str:
        """Where the package holds it."""
        return package.artifact_path(self.ticket, self.seq, self.position, self.name)


@dataclass(slots=True)
class Slice:
    """What the entries say, as far as other checks need it."""

    count: int = 0
    seqs: list[int] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    story: Story = field(default_factory=Story)
    tickets: dict[str, dict[int, bytes]] = field(default_factory=dict)
    ticket_seqs: list[int] = field(default_factory=list)
    heads: list[tuple[int, str, int, str]] = field(default_factory=list)
    sealed: set[str] = field(default_factory=set)
    sealed_months: set[str] = field(default_factory=set)
    artifacts: dict[str, ArtifactUse] = field(default_factory=dict)
    rotations: list[tuple[int, str]] = field(default_factory=list)
    replacements: list[tuple[int, str]] = field(default_factory=list)
    last: dict[str, Any] | None = None
    digest_before_last: str = ""


def read_slice(members: Members, head: Checkpoint | None) -> Slice:
    """Stream entries and proofs side by side; `head` is None when the checkpoint itself is unusable."""
    reader = _SliceReader(members.findings, head)
    if package.ENTRIES not in members.measured or package.PROOFS not in members.measured:
        return reader.slice
    with (
        closing(members.container.open(package.ENTRIES)) as entries,
        closing(members.container.open(package.PROOFS)) as proofs,
    ):
        pairs = zip_longest(_lines(entries, entry.MAX_BYTES), _lines(proofs, MAX_PROOF_LINE))
        for number, (body, proof) in enumerate(pairs, 1):
            reader.add(number, body, proof)
    reader.finish()
    return reader.slice


class _SliceReader:
    def __init__(self, findings: Findings, head: Checkpoint | None) -> None:
        self.slice = Slice()
        self._findings = findings
        self._head = head
        self._digest = hashlib.sha256()
        self._before: tuple[int, bytes, str] | None = None

    def add(self, number: int, body: bytes | None, proof: bytes | None) -> None:
        if body is None or proof is None:
            there, missing = (package.PROOFS, "entry") if body is None else (package.ENTRIES, "proof")
            self._findings.add("slice.uneven", there, f"Line {number} has no {missing} beside it.")
            return
        try:
            fields = entry.decode(body)
        except ValueError as problem:
            self._findings.add("entry.malformed", f"{package.ENTRIES} line {number}", f"Not an entry: {problem}.")
            return
        leaf = entry.leaf_hash(body)
        self._check_place(fields, leaf)
        self._check_proof(number, fields["seq"], leaf, proof)
        self._check_ticket(fields, leaf)
        self._remember(fields, leaf)

    def finish(self) -> None:
        for seq, ticket, count, head in self.slice.heads:
            known = self.slice.tickets.get(ticket)
            if known is None or count == 0:
                continue
            if count not in known:
                self._findings.add(
                    "ticket.hole", ticket, f"Entry {seq} counts {count} entries of {ticket}; the package has fewer."
                )
            elif known[count].hex() != head:
                self._findings.add(
                    "ticket.head", ticket, f"Entry {seq} names another entry as number {count} of {ticket}."
                )

    def _check_place(self, fields: dict[str, Any], leaf: bytes) -> None:
        seq, where = fields["seq"], f"entry {fields['seq']}"
        if self._head is not None and fields["log"] != self._head.origin:
            self._findings.add("entry.log", where, "It is of another log than the checkpoint.")
        if self._before is not None:
            last_seq, last_leaf, last_time = self._before
            if seq <= last_seq:
                self._findings.add("entry.order", where, f"It stands after entry {last_seq}.")
            if seq == last_seq + 1 and fields["prev"] != last_leaf.hex():
                self._findings.add("entry.chain", where, f"It does not continue entry {last_seq}.")
            if fields["ts"] < last_time:
                self._findings.add("entry.time", where, f"It claims a time before that of entry {last_seq}.")
        self._before = (seq, leaf, fields["ts"])

    def _check_proof(self, number: int, seq: int, leaf: bytes, line: bytes) -> None:
        try:
            claimed, proof = package.parse_proof_line(line)
        except ValueError as problem:
            self._findings.add("proof.malformed", f"{package.PROOFS} line {number}", f"Not a proof: {problem}.")
            return
        head = self._head
        if claimed != seq:
            self._findings.add("proof.other", f"{package.PROOFS} line {number}", f"It is not of entry {seq}.")
        elif head is not None and not merkle.verify_inclusion(leaf, seq, head.size, proof, head.root):
            self._findings.add("entry.unproven", f"entry {seq}", "It is not in the ledger that the checkpoint signs.")

    def _check_ticket(self, fields: dict[str, Any], leaf: bytes) -> None:
        ticket = fields["ticket"]
        if ticket is None:
            return
        known = self.slice.tickets.setdefault(ticket, {})
        number, last = fields["ticket_seq"], next(reversed(known), 0)
        if number <= last:
            self._findings.add("ticket.order", ticket, f"Its entry {number} stands after its entry {last}.")
        elif number > last + 1:
            gap = f"entry {last + 1} is" if number == last + 2 else f"entries {last + 1} to {number - 1} are"
            self._findings.add("ticket.hole", ticket, f"Its {gap} missing before ledger entry {fields['seq']}.")
        elif last and fields["ticket_prev"] != known[last].hex():
            self._findings.add("ticket.chain", ticket, f"Its entry {number} does not continue its entry {last}.")
        known[number] = leaf
        self.slice.ticket_seqs.append(fields["seq"])

    def _remember(self, fields: dict[str, Any], leaf: bytes) -> None:
        found = self.slice
        found.digest_before_last = self._digest.hexdigest()
        self._digest.update(leaf)
        found.count += 1
        found.last = fields
        found.seqs.append(fields["seq"])
        found.times.append(fields["ts"])
        found.story.add(fields)
        for position, item in enumerate(fields["artifacts"]):
            use = ArtifactUse(**item, seq=fields["seq"], ticket=fields["ticket"], position=position)
            first = found.artifacts.setdefault(use.sha256, use)
            if first.size != use.size:
                self._findings.add("entry.artifact", f"entry {use.seq}", "It names a file with two different sizes.")
            if fields["event"] == package.KEY_ROTATED and use.role == package.ROTATION_ROLE:
                found.rotations.append((use.seq, use.sha256))
            if fields["event"] == package.KEY_REPLACED and use.role == package.REPLACEMENT_ROLE:
                found.replacements.append((use.seq, use.sha256))
        self._remember_heads(fields)

    def _remember_heads(self, fields: dict[str, Any]) -> None:
        data, seq, found = fields["data"], fields["seq"], self.slice
        if fields["event"] in _CLOSING and {"count", "head"} <= set(data):
            self._add_head(seq, fields["ticket"], data["count"], data["head"])
        if fields["event"] == package.PERIOD_SEALED:
            heads = data.get("heads")
            found.sealed_months.add(str(data.get("period")))
            for item in heads if isinstance(heads, list) else [None]:
                claim = item if isinstance(item, dict) else {}
                self._add_head(seq, claim.get("ticket"), claim.get("count"), claim.get("head"))
                if entry.is_ticket_number(claim.get("ticket")):
                    found.sealed.add(claim["ticket"])

    def _add_head(self, seq: int, ticket: object, count: object, head: object) -> None:
        if not isinstance(ticket, str) or type(count) is not int or not isinstance(head, str):
            self._findings.add("entry.malformed", f"entry {seq}", "Its count and head of a ticket are malformed.")
        else:
            self.slice.heads.append((seq, ticket, count, head))


def _lines(stream: Readable, limit: int) -> Iterator[bytes]:
    """Yield lines without line feed; an overlong or unfinished line comes out as bytes that nobody would write."""
    rest = b""
    while chunk := stream.read(CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > limit:
            break
    if rest:
        yield rest[:limit] + b"..."
