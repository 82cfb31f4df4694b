"""What `qd doctor` says of runbooks, backups, rules of drift, drills and reimage plans."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.app.test_backups_proofs import PLAN, Bench, plan_of, workstation
from tests.append_only import database_in_hand
from tests.clock import StillClock

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Against, Product, Source
from quarterdeck.entrypoints.supervisor import work_checks
from quarterdeck.entrypoints.supervisor.findings import Finding, Grade
from quarterdeck.workflows import drill_restore, keep_backup_source, keep_drift_rules, keep_reimage_plans

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bench(clock: StillClock, tmp_path: Path) -> Bench:
    return Bench(clock, tmp_path)


def found(bench: Bench, topic: str) -> list[Finding]:
    return [one for one in work_checks.work_findings(bench.clock) if one.topic == topic]


def keep(bench: Bench, product: Product, **changes: object) -> None:
    bench.clock.advance(seconds=1)
    plain = Source("", bench.shop.asset, product, "", "", timedelta(hours=24))
    keep_backup_source.keep(bench.shop.actor("iris"), bench.clock, replace(plain, **changes))


def test_nothing_is_looked_at_that_nobody_asked_for(bench: Bench) -> None:
    grades = {one.topic: one.grade for one in work_checks.work_findings(bench.clock)}
    assert set(grades.values()) == {Grade.NOTE}
    assert set(grades) == {"runbooks", "backups", "rules of drift", "restore drills"}


def test_a_product_without_its_program_is_named(bench: Bench, monkeypatch, tmp_path: Path) -> None:
    bench.set_source()
    assert [one.grade for one in found(bench, "backups")] == [Grade.OK]
    keep(bench, Product.QCOW2, repository="/srv/vm.qcow2")
    monkeypatch.setenv("PATH", str(tmp_path))
    said = " ".join(one.sentence for one in found(bench, "backups") if one.grade is Grade.WRONG)
    assert "restic is not installed" in said
    assert "qemu-img is not installed" in said


def test_a_source_asked_over_ssh_needs_ssh_here_and_not_the_program(bench: Bench, monkeypatch, tmp_path: Path) -> None:
    keep(
        bench,
        Product.QCOW2,
        repository="/srv/vm.qcow2",
        host="backup@store01:2222",
        credential_file="/etc/qd/store.key",
    )
    assert [one.grade for one in found(bench, "backups")] == [Grade.OK]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [one.sentence for one in found(bench, "backups")] == [
        "A product is asked over SSH, and ssh is not installed."
    ]


def test_a_library_that_is_not_there_names_its_extra(bench: Bench, monkeypatch) -> None:
    keep(bench, Product.EBS, repository="ebs:us-gov-west-1/vol-0123456789abcdef0", credential_file="/etc/qd/aws")
    monkeypatch.setattr(work_checks, "MODULES", {Product.EBS: ("no_such_library", "aws")})
    (one,) = found(bench, "backups")
    assert (one.grade, one.next_step) == (Grade.WRONG, "Install Quarterdeck with the extra `aws`.")


def test_a_source_changed_by_hand_shows(bench: Bench) -> None:
    bench.set_source()
    with database_in_hand() as cursor:
        cursor.execute("UPDATE backups_backupsource SET offline_days = 900")
    assert "not what the ledger says" in " ".join(one.sentence for one in found(bench, "backups"))


def test_drills_rules_and_reimage_plans(bench: Bench, tmp_path: Path) -> None:
    keep(bench, Product.FILES, repository=str(tmp_path), path=str(tmp_path))
    lead = bench.shop.actor("iris")
    drill_restore.set_plan(lead, bench.clock, asset=bench.shop.asset, scratch=str(tmp_path), against=Against.SOURCE)
    keep_reimage_plans.set_plan(lead, bench.clock, plan_of(bench, workstation(bench)), PLAN)
    text = work_checks.baselines.adopted_rules().text + "# ours\n"
    keep_drift_rules.adopt(lead, bench.clock, text, reason="As we agreed.")
    assert [one.grade for one in found(bench, "restore drills")] == [Grade.OK]
    assert [one.grade for one in found(bench, "rules of drift")] == [Grade.OK]
    assert found(bench, "reimage plans") == []
    bench.clock.advance(days=120)
    assert "overdue" in found(bench, "restore drills")[0].sentence
    assert found(bench, "reimage plans")[0].grade is Grade.WRONG
    drill_restore.run_next_drill(bench.shop.actor("iris"), bench.clock, {}, {})
    assert found(bench, "restore drills")[0].next_step == "Mend the backup, drill again."
    assert backups.register(bench.clock.now())[0].newest is not None


def test_programs_that_do_not_start_are_told(monkeypatch, tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no permission for namespaces >&2\nexit 1\n")
    broken.chmod(0o755)
    assert work_checks._starts(["true"], "true", "nothing") is None
    told = work_checks._starts([str(broken)], "bwrap", "a kernel that allows it")
    assert told is not None
    assert "no permission for namespaces" in told.sentence
    assert work_checks._starts([str(tmp_path / "gone")], "git", "the package git") is not None
