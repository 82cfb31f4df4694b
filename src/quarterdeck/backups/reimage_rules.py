"""Pure rules of reimage plans: a workstation without CUI server duties is brought back by imaging it anew."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from quarterdeck.backups.terms import ReimagePlan
from quarterdeck.kernel.decision import Decision, all_of, require_that

LONGEST = timedelta(days=366)
SHORTEST_STEPS = 40
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,80}")
_VERSION = re.compile(r"[^\x00-\x1f\x7f]{1,40}")


def counts_until(plan: ReimagePlan) -> datetime:
    """Return until when a plan counts: its review, and at most a year after it was tried on a machine."""
    return min(plan.review_by, plan.tested_at + LONGEST)


def check_reimage(plan: ReimagePlan, steps: str, kinds: Iterable[str], now: datetime) -> Decision:
    """Refuse a plan that says nothing, was never tried, covers anything but workstations, or counts too long."""
    found = list(kinds)
    return all_of(
        (
            require_that(
                bool(found) and set(found) == {"workstation"},
                "backup.reimage_kind",
                "Only a workstation is brought back by imaging it anew.",
                "Name the workstations that get this image; prove a backup of every other asset.",
            ),
            require_that(
                bool(_NAME.fullmatch(plan.image)) and bool(_VERSION.fullmatch(plan.version)),
                "backup.reimage_image",
                "The plan does not name its image and the version of it.",
                "Write both, such as 'Windows 11 of the deployment share' and '24H2'.",
            ),
            require_that(
                len(steps.strip()) >= SHORTEST_STEPS,
                "backup.reimage_plan",
                "The plan does not say who does what, and where the user's data is kept.",
                "Write the steps, and where data lives meanwhile.",
            ),
            require_that(
                now - LONGEST <= plan.tested_at <= now,
                "backup.reimage_untested",
                "A plan counts when it was tried on a machine within the last year.",
                "Image one machine by it and write when that was.",
            ),
            require_that(
                now < plan.review_by <= now + LONGEST,
                "backup.reimage_date",
                "A plan counts until a date in the future, at most a year ahead.",
                "Give the date of its next review.",
            ),
        )
    )


def may_use(plan: ReimagePlan | None, kind: str, now: datetime) -> Decision:
    """Decide whether an asset is brought back by its plan now."""
    return all_of(
        (
            require_that(
                plan is not None,
                "backup.no_reimage_plan",
                "No reimage plan covers this asset.",
                "The IT lead names one under Backups & drills, or a backup is proven.",
            ),
            require_that(
                kind == "workstation",
                "backup.reimage_kind",
                "Only a workstation is brought back by imaging it anew.",
                "Prove a backup of this asset instead.",
            ),
            require_that(
                plan is None or now < counts_until(plan),
                "backup.reimage_old",
                "The reimage plan is due for its review, or was tried longer than a year ago.",
                "Try it on a machine and set the plan again.",
            ),
        )
    )


def plan_is_sealed(agrees: bool) -> Decision:
    """Refuse a plan that is not what its sealed entry says (attacks.md row 28)."""
    return require_that(
        agrees,
        "backup.reimage_unsealed",
        "The reimage plan's row is not what the ledger says of it.",
        "Set the plan again and tell the IT lead: somebody wrote into the database.",
    )
