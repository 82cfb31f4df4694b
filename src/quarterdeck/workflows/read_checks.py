"""What the checks of a ticket found, from the artifacts that their entries name."""

import json
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.evidence.api import entries, read_artifact
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows.run_checks import AFTER_EVENT, BEFORE_EVENT

LONGEST_OUTPUT = 4000


@dataclass(frozen=True, slots=True)
class Found:
    """One check as it was found; `id` is empty for those that are made of every target; `output` may be cut."""

    id: str
    name: str
    kind: str
    outcome: str
    sentence: str
    output: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """All checks of one asset at one time, and the artifact that holds every answer."""

    asset: str
    phase: str
    at: datetime
    artifact: str
    found: tuple[Found, ...]


def newest_runs(number: str) -> list[Run]:
    """Return the newest run before and the newest after for each asset of a ticket, in order of time.

    An artifact that is not in the store any more gives a run without findings.
    """
    newest = {}
    for entry in entries(ticket=number, events=[BEFORE_EVENT, AFTER_EVENT]):
        if entry.artifacts:
            newest[entry.object.id, entry.event] = entry
    runs = []
    for (asset, event), entry in newest.items():
        sha256 = str(entry.artifacts[0]["sha256"])
        phase = "before" if event == BEFORE_EVENT else "after"
        runs.append(Run(asset, phase, entry.at, sha256, _found(sha256)))
    return sorted(runs, key=lambda run: (run.at, run.asset))


def _found(sha256: str) -> tuple[Found, ...]:
    try:
        document = json.loads(read_artifact(sha256))
    except (Refused, ValueError):
        return ()
    answers = document.get("answers", {})
    general = [
        Found("", one["kind"], "always", one["outcome"], one["sentence"])
        for one in document["checks"]
        if one["kind"] != "precheck.defined"
    ]
    defined = [
        Found(one["id"], one["name"], one["kind"], one["outcome"], one["sentence"], _output(answers, one["question"]))
        for one in document.get("defined", ())
    ]
    return (*general, *defined)


def _output(answers: dict[str, object], question: str) -> str:
    kind, _, value = question.partition("=")
    answer = answers.get(f"{kind}:{value}")
    said = answer.get("value") if isinstance(answer, dict) else None
    text = str(said.get("output", said.get("body", ""))) if isinstance(said, dict) else ""
    return text[:LONGEST_OUTPUT]
