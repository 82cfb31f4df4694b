"""Freshness and verification decide, not existence; what a source may be called; when a reimage plan counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from quarterdeck.backups import rules
from quarterdeck.backups.reimage_rules import check_reimage, counts_until, may_use
from quarterdeck.backups.terms import Product, ReimagePlan, Snapshot, Source, Verification

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
GOOD = Verification(True, "", b"")
SOURCE = Source("", "as_x", Product.RESTIC, "/srv/backup", "/etc/quarterdeck/restic", DAY, "fs01.example.test")


def taken(**ago: float) -> Snapshot:
    return Snapshot("abc", NOW - timedelta(**ago), 1, True)


@pytest.mark.parametrize(
    ("snapshot", "verification", "codes"),
    [
        (taken(hours=2), GOOD, ()),
        (taken(hours=24), GOOD, ()),
        (taken(hours=24, seconds=1), GOOD, ("backup.too_old",)),
        (taken(minutes=-5), GOOD, ()),
        (taken(minutes=-6), GOOD, ("backup.from_the_future",)),
        (None, None, ("backup.none",)),
        (taken(hours=2), None, ("backup.not_verified",)),
        (taken(hours=2), Verification(False, "x", b""), ("backup.not_verified",)),
        (taken(days=9), Verification(False, "x", b""), ("backup.too_old", "backup.not_verified")),
    ],
)
def test_only_a_fresh_and_verified_backup_counts(snapshot, verification, codes):
    assert rules.may_rely_on(snapshot, verification, NOW, DAY).codes == codes


def test_the_refusal_says_how_old_and_what_is_allowed():
    reason = rules.is_fresh_enough(NOW - timedelta(days=9), NOW, DAY).reasons[0]
    assert "9 days old; 24 hours is the limit" in reason.sentence


@pytest.mark.parametrize(
    ("age", "words"),
    [(timedelta(minutes=90), "90 minutes"), (timedelta(hours=47), "47 hours"), (timedelta(days=3), "3 days")],
)
def test_ages_are_spoken(age, words):
    assert rules.spoken_age(age) == words


@pytest.mark.parametrize(
    "repository",
    [
        "/srv/backup/fs01",
        "s3:https://s3.example.net/bucket/x",
        "s3:http://127.0.0.1:28333/b",
        "rest:https://b.example.net:8000/fs01/",
    ],
)
def test_usual_repositories_are_taken(repository):
    assert rules.check_source(replace(SOURCE, repository=repository)).allowed


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"repository": ""}, "backup.repository"),
        ({"repository": "-r"}, "backup.repository"),
        ({"repository": "relative"}, "backup.repository"),
        ({"repository": "sftp:-oProxyCommand=id:/x"}, "backup.repository"),
        ({"repository": "/srv/a b"}, "backup.repository"),
        ({"repository": "/srv/x\n"}, "backup.repository"),
        ({"repository": "s3:https://-x/b"}, "backup.repository"),
        ({"repository": "rest:https://user:secret@b.example.net/"}, "backup.repository"),
        ({"credential_file": "secret"}, "backup.credential_file"),
        ({"credential_file": ""}, "backup.credential_file"),
        ({"host": ""}, "backup.host"),
        ({"host": "-h"}, "backup.host"),
        ({"path": "x"}, "backup.path"),
        ({"tag": "--x"}, "backup.tag"),
        ({"max_age": timedelta(minutes=5)}, "backup.max_age"),
        ({"max_age": timedelta(days=90)}, "backup.max_age"),
    ],
)
def test_names_that_could_mean_something_else_are_refused(change, code):
    assert rules.check_source(replace(SOURCE, **change)).codes == (code,)


@pytest.mark.parametrize(
    ("plan", "kind", "days", "codes"),
    [
        ("Image 24H2 from the deployment share, Max, user data is in the file share.", "workstation", 90, ()),
        (
            "Image 24H2 from the deployment share, Max, user data is in the file share.",
            "server",
            90,
            ("backup.reimage_kind",),
        ),
        ("reinstall", "workstation", 90, ("backup.reimage_plan",)),
        (
            "Image 24H2 from the deployment share, Max, user data is in the file share.",
            "workstation",
            400,
            ("backup.reimage_date",),
        ),
        (
            "Image 24H2 from the deployment share, Max, user data is in the file share.",
            "workstation",
            0,
            ("backup.reimage_date",),
        ),
    ],
)
def test_a_reimage_plan_is_for_workstations_and_for_a_year(plan, kind, days, codes):
    made = ReimagePlan("", "Windows 11", "24H2", "pe_x", NOW - DAY, NOW + timedelta(days=days), "", ("as_x",))
    assert check_reimage(made, plan, [kind], NOW).codes == codes


def test_a_reimage_plan_counts_a_year_after_it_was_tried_at_most():
    made = ReimagePlan("", "Windows 11", "24H2", "pe_x", NOW - 300 * DAY, NOW + 200 * DAY, "", ("as_x",))
    assert counts_until(made) == NOW + 66 * DAY
    assert may_use(made, "workstation", NOW).allowed
    assert may_use(made, "workstation", NOW + 67 * DAY).codes == ("backup.reimage_old",)
    assert may_use(made, "server", NOW).codes == ("backup.reimage_kind",)
    assert "backup.no_reimage_plan" in may_use(None, "workstation", NOW).codes
