"""Pure rules of restore drills: when one is due, what may be its scratch place, and when a restore came back whole."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from quarterdeck.backups.terms import CAN_DRILL, Against, Compared, Digest, DrillPlan, Product
from quarterdeck.kernel.decision import Decision, all_of, require_that

QUARTERLY = timedelta(days=91)
SHORTEST, LONGEST = timedelta(days=1), timedelta(days=366)
_FOLDER = re.compile(r"/[A-Za-z0-9._/@+-]{1,250}", re.ASCII)
_DATABASE = re.compile(
    r"postgresql://[A-Za-z0-9_.-]{1,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,200}(?::[0-9]{1,5})?/[A-Za-z0-9_-]{1,63}", re.ASCII
)


def check_plan(plan: DrillPlan, product: Product | None) -> Decision:
    """Refuse a plan without a source that can be drilled, or with a scratch place or cadence that does not fit."""
    form = _DATABASE if product is Product.PG_DUMP else _FOLDER
    return all_of(
        (
            require_that(
                product in CAN_DRILL,
                "drill.product",
                "A drill restores from restic, a PostgreSQL dump or a folder of files; this asset names none of them.",
                "The IT lead names such a source of the asset's backups first.",
            ),
            require_that(
                form.fullmatch(plan.scratch) is not None and ".." not in plan.scratch.split("/"),
                "drill.scratch",
                "The scratch place is an absolute folder on this server; for PostgreSQL the address of a server.",
                "Write it as /var/tmp/drills or postgresql://drill@scratch01/postgres.",
            ),
            require_that(
                product is not Product.PG_DUMP or plan.against is Against.SOURCE,
                "drill.against",
                "Rows of a database are compared with the database, a baseline has files only.",
                "Compare with the source.",
            ),
            require_that(
                SHORTEST <= plan.every <= LONGEST,
                "drill.every",
                "A restore is tried every 1 to 366 days.",
                "Every 91 days is usual.",
            ),
        )
    )


def due_at(plan: DrillPlan, finished: datetime | None, passed: bool, asked_at: datetime | None = None) -> datetime:
    """Return when the next drill is due: at once for a new plan, a cadence after a good one, a day after a failed one.

    Somebody who asks for one makes it due at that moment, until it was tried.
    """
    if finished is None:
        return plan.since
    due = finished + (plan.every if passed else RETRY)
    return min(due, asked_at) if asked_at is not None and asked_at > finished else due


RETRY = timedelta(days=1)
LATE = timedelta(days=2)


def is_overdue(plan: DrillPlan, last_good: datetime | None, now: datetime) -> bool:
    """True when no restore has come back whole for longer than the cadence, and two days to try again."""
    return now > (plan.since if last_good is None else last_good + plan.every) + LATE


def compare(restored: Mapping[str, Digest], expected: Mapping[str, Digest], taken_at: datetime) -> Compared:
    """Return how what came back differs from what it is held against; what changed after the backup is told apart."""
    different: list[str] = []
    missing: list[str] = []
    newer: list[str] = []
    same = 0
    for name, digest in expected.items():
        back = restored.get(name)
        if back is not None and back.sha256 == digest.sha256:
            same += 1
        elif digest.changed_at is not None and digest.changed_at > taken_at:
            newer.append(name)
        else:
            (missing if back is None else different).append(name)
    return Compared(same, tuple(sorted(different)), tuple(sorted(missing)), tuple(sorted(newer)))


def came_back(compared: Compared) -> Decision:
    """Decide whether a restore came back whole: something is the same, nothing differs, nothing is missing."""
    return all_of(
        (
            require_that(
                compared.same > 0,
                "drill.nothing",
                "Nothing that came back could be compared.",
                "Look at the path of the source and at what the drill is compared with.",
            ),
            require_that(
                not compared.different,
                "drill.different",
                f"{len(compared.different)} came back with other content.",
                "Read the drill's log, mend the backup and drill again.",
            ),
            require_that(
                not compared.missing,
                "drill.missing",
                f"{len(compared.missing)} did not come back.",
                "Read the drill's log, mend the backup and drill again.",
            ),
        )
    )


def plan_is_sealed(agrees: bool) -> Decision:
    """Refuse a plan that is not what its sealed entry says (attacks.md row 28)."""
    return require_that(
        agrees,
        "drill.plan_unsealed",
        "The drill plan's row is not what the ledger says of it.",
        "Set the plan again and tell the IT lead: somebody wrote into the database.",
    )
