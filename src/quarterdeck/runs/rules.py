"""Pure decisions of runs: what may be a runbook, who approves it, when a run may be for real (3.7.2[c], 3.4.3)."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from quarterdeck.kernel.decision import Decision, all_of, refuse, require_that
from quarterdeck.runs.terms import (
    DSC_SUFFIX,
    CommitSignature,
    Mode,
    RunbookState,
    RunbookView,
    RunState,
    RunView,
    Tally,
)

CHECK_COUNTS = timedelta(hours=4)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}", re.ASCII)
_FAR = re.compile(r"(?:https|ssh)://[A-Za-z0-9._@:\[\]-]{1,253}/[A-Za-z0-9._/~@+-]{1,300}", re.ASCII)
_NEAR = re.compile(r"(?:file://)?/[A-Za-z0-9._/@+-]{1,300}", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/@+-]{0,199}", re.ASCII)


def may_propose(name: str, repository: str, commit: str, playbook: str) -> Decision:
    """Decide whether these words may name a runbook; Git and the runner get them as they are (attacks.md row 12)."""
    parts = PurePosixPath(playbook)
    inside = _PATH.fullmatch(playbook) is not None and ".." not in parts.parts and str(parts) == playbook
    return all_of(
        (
            require_that(
                _NAME.fullmatch(name) is not None,
                "runbook.name",
                "The name has signs that no runbook's name may have.",
                "Use letters, digits, spaces, dots and dashes, at most 80.",
            ),
            require_that(
                (_FAR.fullmatch(repository) or _NEAR.fullmatch(repository)) is not None,
                "runbook.repository",
                "That is no address of a repository that is fetched here.",
                "Write https://host/path, ssh://user@host/path, or an absolute path on the server.",
            ),
            require_that(
                _COMMIT.fullmatch(commit) is not None,
                "runbook.commit",
                "A runbook is pinned to a commit, not to a branch or tag: those move.",
                "Give the whole hash: git rev-parse HEAD.",
            ),
            require_that(
                inside and parts.suffix in (".yml", ".yaml", DSC_SUFFIX),
                "runbook.playbook",
                "That is no path of a playbook or of a compiled DSC configuration inside the repository.",
                "Write it as Git does, for example patch/web.yml or dsc/localhost.mof.",
            ),
        )
    )


def may_decide(seen: RunbookView, person: str) -> Decision:
    """Decide whether this person may approve or reject: not who proposed it, and once (3.1.4)."""
    return all_of(
        (
            require_that(
                seen.state is RunbookState.PROPOSED,
                "runbook.decided",
                f"{seen.name} is {seen.state} already.",
                "Propose the new commit as a runbook of its own.",
            ),
            require_that(
                person != seen.proposed_by,
                "runbook.own",
                "Who proposed a runbook does not approve it.",
                "Ask another approver.",
            ),
        )
    )


def may_approve(seen: RunbookView, sha256: str) -> Decision:
    """Decide whether what was shown is what would be approved, and its commit not badly signed."""
    return all_of(
        (
            require_that(
                sha256 == seen.sha256,
                "runbook.other_content",
                "What was shown is not what would be approved.",
                "Read the runbook again and approve what you see.",
            ),
            require_that(
                seen.signature is not CommitSignature.BAD,
                "runbook.bad_signature",
                "The commit carries a signature that does not fit its content.",
                "Ask its author; a commit without a signature, or with a good one, can be proposed.",
            ),
        )
    )


def may_use(seen: RunbookView) -> Decision:
    """Decide whether a runbook may run at all."""
    return require_that(
        seen.state is RunbookState.APPROVED,
        "runbook.not_approved",
        f"{seen.name} is {seen.state}, not approved.",
        "Have it approved, then name it in the ticket.",
    )


def fits_platforms(playbook: str, platforms: Collection[str]) -> Decision:
    """Decide whether a runbook is of the kind that these platforms take: DSC is of Windows alone."""
    return require_that(
        not playbook.endswith(DSC_SUFFIX) or set(platforms) == {"windows"},
        "run.other_platform",
        "A DSC configuration runs on Windows, and one of these connections leads to something else.",
        "Choose the Windows assets, or set the platform of the connection.",
    )


def may_be_real(
    check: RunView | None, sha256: str, assets: frozenset[str], opened_at: datetime | None, at: datetime
) -> Decision:
    """Decide whether a check run stands before the real one: passed, same bytes and assets, in this opening, recent."""
    if check is None:
        return refuse(
            "run.check_first",
            "No run in check mode comes before this one.",
            "Order the run in check mode first and read what it would change.",
        )
    return all_of(
        (
            require_that(
                check.mode is Mode.CHECK and check.state is RunState.PASSED,
                "run.check_not_passed",
                "The run in check mode did not pass.",
                "Read what it says, mend the cause, and check again.",
            ),
            require_that(
                check.sha256 == sha256 and assets <= check.assets,
                "run.check_of_other",
                "The run in check mode was of another runbook or of other assets.",
                "Check exactly what is to run.",
            ),
            require_that(
                check.finished_at is not None
                and opened_at is not None
                and opened_at <= check.finished_at
                and at - check.finished_at <= CHECK_COUNTS,
                "run.check_too_old",
                "The run in check mode is not of this opening, or older than four hours.",
                "Check again, inside the open window.",
            ),
        )
    )


def may_roll_back(runbook: RunbookView | None) -> Decision:
    """Decide whether the mechanism that a rollback's step names can be run: an approved runbook lies behind it.

    No run in check mode is demanded: what it shows is a broken system, and the time box runs.
    """
    if runbook is None:
        return refuse(
            "rollback.no_runbook",
            "The mechanism of that step is no approved runbook.",
            "Do the step by hand and say so; register the playbook as a runbook for the next time.",
        )
    return may_use(runbook)


def outcome(ended_by: str, status: int, hosts: frozenset[str], tallies: Mapping[str, Tally]) -> tuple[RunState, str]:
    """Return how a run ended and one sentence: passed only when every host was reached and no task failed."""
    if ended_by == "cancel":
        return RunState.CANCELLED, "Cancelled: every connection was cut at once; what ran then may be half done."
    if ended_by == "time":
        return RunState.FAILED, "The time was over before the playbook; every connection was cut."
    if ended_by == "output":
        return RunState.FAILED, "The playbook told more than is kept; every connection was cut."
    untouched = sorted(hosts - set(tallies))
    unreachable = sorted(host for host, one in tallies.items() if one.unreachable)
    failed = sorted(host for host, one in tallies.items() if one.failed)
    said = [
        f"{word}: {', '.join(names)}."
        for word, names in (("Not reached", unreachable), ("Failed on", failed), ("Not touched", untouched))
        if names
    ]
    if said or status != 0:
        return RunState.FAILED, " ".join(said) or f"The playbook ended with status {status}; see what it printed."
    ignored = sum(one.ignored for one in tallies.values())
    changed = sum(one.changed for one in tallies.values())
    tail = f" {ignored} failure{'' if ignored == 1 else 's'} ignored by the playbook." if ignored else ""
    return RunState.PASSED, f"{changed} task{'' if changed == 1 else 's'} changed something.{tail}"
