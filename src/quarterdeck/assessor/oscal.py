"""OSCAL 1.1.3 assessment results of a package: observations per fact and file, a finding per objective.

OSCAL knows only `satisfied` and `not-satisfied`. Whether an objective is met is the assessor's to say, so a finding
here is never `satisfied`: its `proposal` says what the evidence proposes. Files carry their SHA-256 in the back matter.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from quarterdeck.assessor.objectives import ObjectiveStatus
from quarterdeck.assessor.slices import Slice
from quarterdeck.assessor.terms import OrderView
from quarterdeck.assessor.withholding import ENCRYPTED, REASONS
from quarterdeck.config.api import load
from quarterdeck.controls.api import OBJECTIVES, fact_kind
from quarterdeck.evidence.api import Entry, Fact
from quarterdeck.kernel.clock import rfc3339
from quarterdeck_verify import package

VERSION = "1.1.3"
NAMESPACE = "urn:quarterdeck:oscal"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# A fixed root, so that the same export gives the same identifiers.
_ROOT = UUID("5d1f4b5e-64a7-5c35-9d0c-7a3f5f6f2c11")
_UNDECIDED = (
    "Not determined. OSCAL has no word for an objective that nobody has judged yet; what the evidence proposes stands "
    "in the property `proposal`, and whether the objective is met is for the assessor to say."
)


def assessment_results(
    order: OrderView, cut: Slice, withheld: Mapping[str, str], objectives: Sequence[ObjectiveStatus], at: datetime
) -> bytes:
    """Return `oscal/assessment-results.json`; RuntimeError when it is not sound, which no package may be."""
    ids = _Ids(order.id)
    spoken = [row for row in objectives if row.kinds]
    resources = list(_resources(cut, withheld, ids))
    facts = {_key(fact): fact for row in spoken for fact in row.evidence}
    entries = {entry.event_id: entry for entry in cut.entries}
    observations = [_of_fact(key, fact, entries.get(fact.entry), ids) for key, fact in facts.items()]
    observations += [_of_file(entry, item, ids) for entry, item in _files(cut)]
    document = {
        "assessment-results": {
            "uuid": ids.of("document"),
            "metadata": {
                "title": f"Evidence of maintenance, package {order.base}",
                "last-modified": rfc3339(at),
                "version": order.id,
                "oscal-version": VERSION,
                "props": [_prop("organisation", load().organisation), _prop("ledger", load().ledger_origin)],
            },
            "import-ap": {"href": f"#{ids.of('plan')}"},
            "results": [_result(order, cut, spoken, observations, (at, ids))],
            "back-matter": {"resources": [_plan(ids), _ledger(ids), *resources]},
        }
    }
    wrong = problems(document)
    if wrong:
        raise RuntimeError(f"the OSCAL of this package is not sound: {wrong[0]}")
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def problems(document: Mapping[str, Any], known: Collection[str] = ()) -> list[str]:
    """Return what trestle's validation does not see: unknown target-ids, malformed hashes, links that lead nowhere.

    `known` are the ids of the catalogue that the reader has; without one, those of our own table count.
    """
    ours = set(known) or {one.oscal_id for one in OBJECTIVES}
    results = document["assessment-results"]
    here = {one["uuid"] for one in results["back-matter"]["resources"]}
    found = [] if results["import-ap"]["href"].removeprefix("#") in here else ["import-ap leads nowhere"]
    for resource in results["back-matter"]["resources"]:
        for link in resource.get("rlinks", ()):
            found += [
                f"{link['href']}: {one['value']} is no SHA-256"
                for one in link.get("hashes", ())
                if one["algorithm"] != "SHA-256" or not _SHA256.fullmatch(one["value"])
            ]
    for result in results["results"]:
        seen = {one["uuid"] for one in result.get("observations", ())}
        for one in result.get("observations", ()):
            links = [evidence["href"] for evidence in one.get("relevant-evidence", ())]
            found += [f"{href} leads nowhere" for href in links if href.removeprefix("#") not in here]
        for finding in result.get("findings", ()):
            if finding["target"]["target-id"] not in ours:
                found.append(f"{finding['target']['target-id']} is in no catalogue")
            related = [one["observation-uuid"] for one in finding.get("related-observations", ())]
            found += [f"{one} is no observation" for one in related if one not in seen]
    return found


def catalog_ids(document: object) -> set[str]:
    """Return every id of a control or part in a parsed OSCAL catalogue, for `problems`."""
    found: set[str] = set()
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            found |= {one["id"]} if isinstance(one.get("id"), str) else set()
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


class _Ids:
    """Identifiers of one export: the same name gives the same one."""

    def __init__(self, export: str) -> None:
        self._root = uuid5(_ROOT, export)

    def of(self, name: str) -> str:
        """Return the identifier of what is called so."""
        return str(uuid5(self._root, name))


def _key(fact: Fact) -> str:
    return f"fact {fact.entry} {fact.kind} {fact.asset or ''}"


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": NAMESPACE, "value": value or "none"}


def _result(
    order: OrderView,
    cut: Slice,
    spoken: Sequence[ObjectiveStatus],
    observations: Sequence[Mapping[str, Any]],
    made: tuple[datetime, _Ids],
) -> dict[str, Any]:
    at, ids = made
    controls = sorted({row.objective.oscal_id.partition("_obj.")[0] for row in spoken})
    begin = min((entry.at for entry in cut.entries), default=at)
    return {
        "uuid": ids.of("result"),
        "title": f"Evidence of {len(cut.tickets)} maintenance tickets",
        "description": "What the ledger and its files show. It proposes; it does not determine.",
        "start": rfc3339(order.since or begin),
        "end": rfc3339(order.until or at),
        "props": [_prop("package-kind", order.kind.value)],
        "reviewed-controls": {
            "control-selections": [{"include-controls": [{"control-id": one} for one in controls]}],
            "control-objective-selections": [
                {"include-objectives": [{"objective-id": row.objective.oscal_id} for row in spoken]}
            ],
        },
        **({"observations": list(observations)} if observations else {}),
        "findings": [_finding(row, ids) for row in spoken],
    }


def _finding(row: ObjectiveStatus, ids: _Ids) -> dict[str, Any]:
    keys = dict.fromkeys(_key(fact) for fact in row.evidence)
    related = [{"observation-uuid": ids.of(key)} for key in keys]
    gaps = " ".join(f"{gap.sentence} {gap.next_step}" for gap in row.gaps)
    return {
        "uuid": ids.of(f"finding {row.id}"),
        "title": row.id,
        "description": f"{row.objective.label}: {row.proposal.value}." + (f" {gaps}" if gaps else ""),
        "props": [
            _prop("proposal", row.proposal.value.replace(" ", "-")),
            _prop("captured", str(row.captured)),
            _prop("attached", str(row.attached)),
            _prop("gaps", str(len(row.gaps))),
        ],
        "target": {
            "type": "objective-id",
            "target-id": row.objective.oscal_id,
            "status": {"state": "not-satisfied", "reason": "other", "remarks": _UNDECIDED},
        },
        **({"related-observations": related} if related else {}),
    }


def _of_fact(key: str, fact: Fact, entry: Entry | None, ids: _Ids) -> dict[str, Any]:
    kind = fact_kind(fact.kind)
    where = f" in {fact.ticket}" if fact.ticket else ""
    told = [{"href": f"#{ids.of('ledger')}", "description": f"Entry {fact.entry if entry is None else entry.seq}"}]
    for item in () if entry is None else entry.artifacts:
        told.append({"href": f"#{ids.of(str(item['sha256']))}", "description": str(item["name"])})
    return {
        "uuid": ids.of(key),
        "title": kind.label,
        "description": f"{kind.label}: {fact.outcome.value}{where}.",
        "props": [_prop("fact-kind", fact.kind), _prop("grade", fact.grade.value)],
        "methods": ["TEST" if fact.grade.value == "captured" else "EXAMINE"],
        "types": ["control-objective"],
        "relevant-evidence": told,
        "collected": rfc3339(fact.at),
    }


def _of_file(entry: Entry, item: Mapping[str, Any], ids: _Ids) -> dict[str, Any]:
    where = f" of {entry.ticket}" if entry.ticket else ""
    return {
        "uuid": ids.of(f"file {item['sha256']}"),
        "title": str(item["name"]),
        "description": f"{str(item['role']).replace('_', ' ')}{where}, entry {entry.seq}.",
        "methods": ["EXAMINE"],
        "types": ["historic"],
        "relevant-evidence": [{"href": f"#{ids.of(str(item['sha256']))}", "description": str(item["name"])}],
        "collected": rfc3339(entry.at),
    }


def _files(cut: Slice) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
    seen: set[str] = set()
    for entry in cut.entries:
        for item in entry.artifacts:
            if str(item["sha256"]) not in seen:
                seen.add(str(item["sha256"]))
                yield entry, item


def _plan(ids: _Ids) -> dict[str, Any]:
    remarks = "There is no assessment plan in OSCAL behind this package; the reference is wanted by the format."
    return {"uuid": ids.of("plan"), "title": "No assessment plan", "remarks": remarks}


def _ledger(ids: _Ids) -> dict[str, Any]:
    link = {"href": "../ledger/entries.jsonl", "media-type": "application/jsonl"}
    return {"uuid": ids.of("ledger"), "title": "The package's ledger entries", "rlinks": [link]}


def _resources(cut: Slice, withheld: Mapping[str, str], ids: _Ids) -> Iterator[dict[str, Any]]:
    for entry, item in _files(cut):
        sha256 = str(item["sha256"])
        told: dict[str, Any] = {"uuid": ids.of(sha256), "title": str(item["name"])}
        path = package.artifact_path(entry.ticket, entry.seq, entry.artifacts.index(dict(item)), item["name"])
        reason = withheld.get(sha256)
        hashes = [{"algorithm": "SHA-256", "value": sha256}]
        if reason is None:
            told["rlinks"] = [{"href": f"../{path.removeprefix(package.PAYLOAD)}", "hashes": hashes}]
        if reason is not None:
            told["remarks"] = REASONS.get(reason, reason)
            told["props"] = [_prop("withheld", reason), _prop("sha256", sha256)]
        if reason == ENCRYPTED:
            told["rlinks"] = [{"href": "../encrypted.csv", "media-type": "text/csv"}]
        yield told
