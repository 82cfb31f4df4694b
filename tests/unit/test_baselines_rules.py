"""What is expected of a ticket and what never is: scope, gains of power, sensitive places, who may explain."""

import time

import pytest

from quarterdeck.baselines import rules
from quarterdeck.baselines.comparing import changed_packages, collapse, package_owners, posture_outcome
from quarterdeck.baselines.diff import Change, ChangeKind
from quarterdeck.baselines.rules import DriftClass, Phase, Severity
from quarterdeck.baselines.terms import DriftLine
from quarterdeck.kernel.decision import Refused

PLAIN = {"type": b"file", "mode": b"0644", "uid": b"0", "sha256digest": b"a"}


def change(path: str, before: dict[str, bytes] | None, after: dict[str, bytes] | None) -> Change:
    if before is None or after is None:
        return Change(path.encode(), ChangeKind.ADDED if before is None else ChangeKind.REMOVED, (), before, after)
    names = sorted(before.keys() | after.keys())
    facts = tuple(name for name in names if before.get(name) != after.get(name))
    return Change(path.encode(), ChangeKind.CHANGED, facts, before, after)


def edited(path: str, **after: bytes) -> Change:
    return change(path, PLAIN, PLAIN | {"sha256digest": b"b"} | {k.replace("__", "."): v for k, v in after.items()})


def judge(seen: Change, *declared: str, package: str = ""):
    return rules.judge(seen, rules.scope(declared), package)


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("/etc/nginx", "/etc/nginx", True),
        ("/etc/nginx", "/etc/nginx/a/b", True),
        ("/etc/nginx", "/etc/nginx2", False),
        ("/etc/nginx/", "/etc/nginx/a", True),
        ("/etc/nginx/*", "/etc/nginx/a", True),
        ("/etc/nginx/*", "/etc/nginx/a/b", False),
        ("/etc/nginx/**", "/etc/nginx/a/b", True),
        ("/srv/*/conf", "/srv/x/conf", True),
        ("/srv/*/conf", "/srv/x/y/conf", False),
        ("/srv/a?c", "/srv/abc", True),
        ("/srv/a?c", "/srv/a/c", False),
        ("/srv/a.b", "/srv/axb", False),
        ("/srv/x", "/srv/x/new\nline", True),
        ("/srv/**/c", "/srv/a/b/c", True),
        ("/srv/a*", "/srv/a", True),
        ("/srv/**", "/srv/\n", True),
        ("/srv/**x", "/srv/x/y", False),
    ],
)
def test_a_scope_covers_what_it_names(pattern, path, covered):
    assert rules.scope([pattern]).covers(path) is covered


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/*",
        "/**",
        "/*/x",
        "etc",
        "-x",
        "/a b",
        "/etc/../x",
        "/etc/$(id)",
        "package:",
        "package:-x",
        "package:a b",
        "/x" + "*" * 9,
        "/x" + "*" * 21,
    ],
)
def test_a_scope_that_names_everything_or_nothing_is_refused(text):
    with pytest.raises(Refused):
        rules.scope([text])


def test_a_scope_of_many_stars_is_judged_quickly():
    start = time.perf_counter()
    assert not rules.scope(["/a/" + "**a" * 9 + "x"]).covers("/a/" + "a" * 3000 + "/b" * 500 + "!")
    assert time.perf_counter() - start < 5


def test_declared_edits_are_expected_and_others_are_not():
    assert judge(edited("/srv/web/a"), "/srv/web").drift_class is DriftClass.EXPECTED
    assert judge(edited("/srv/other"), "/srv/web").drift_class is DriftClass.UNEXPLAINED
    assert judge(edited("/usr/bin/x"), "package:nginx", package="nginx").drift_class is DriftClass.EXPECTED
    assert judge(edited("/usr/bin/x"), "package:nginx", package="curl").drift_class is DriftClass.UNEXPLAINED


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (edited("/srv/web/a", mode=b"4755"), "setuid_gained"),
        (edited("/srv/web/a", mode=b"2755"), "setgid_gained"),
        (edited("/srv/web/a", mode=b"0666"), "world_writable"),
        (edited("/srv/web/a", xattr__security__capability=b"AQAAAg=="), "capability_gained"),
        (change("/srv/web/a", None, PLAIN | {"mode": b"4755"}), "setuid_gained"),
        (change("/srv/web/a", None, PLAIN | {"type": b"char"}), "device_added"),
        (change("/srv/web/a", PLAIN | {"lflags": b"encrypt"}, PLAIN), "encryption_lost"),
        (change("/srv/web/a", PLAIN | {"lflags": b"immutable"}, PLAIN), "protection_lost"),
    ],
)
def test_a_gain_of_power_is_never_expected_by_declaration_alone(seen, code):
    seen = Change(seen.path, seen.kind, seen.facts, seen.before, seen.after)
    found = judge(seen, "/srv/web", "package:nginx", package="nginx")
    assert found.drift_class is DriftClass.UNEXPLAINED
    assert found.severity is Severity.FORBIDDEN
    assert code in found.codes


def test_a_sticky_folder_like_tmp_is_not_an_alarm():
    folder = {"type": b"dir", "mode": b"1777"}
    assert rules.gains(change("/srv/tmp", None, folder)) == ()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/ssh/sshd_config",
        "/etc/sudoers",
        "/etc/sudoers.d/x",
        "/etc/cron.d/x",
        "/etc/systemd/system/x.service",
        "/etc/passwd",
        "/root/.ssh/authorized_keys",
        "/home/max/.ssh/authorized_keys",
        "/lib/systemd/system/x.service",
        "/var/spool/cron/root",
    ],
)
def test_a_sensitive_place_must_be_named_itself(path):
    wide = "/" + path.split("/")[1] + "/**"
    found = judge(edited(path), wide)
    assert (found.drift_class, found.severity) == (DriftClass.UNEXPLAINED, Severity.SENSITIVE)
    assert judge(edited(path), path).drift_class is DriftClass.EXPECTED


def test_an_added_key_file_is_sensitive_even_without_a_gain():
    assert judge(change("/srv/git/.ssh/authorized_keys", None, PLAIN), "/srv/git").drift_class is DriftClass.UNEXPLAINED


def test_unreadable_stays_unreadable_whatever_was_declared():
    seen = Change(b"/srv/web/a", ChangeKind.UNREADABLE, (), {"error": b"EACCES"}, {"error": b"EACCES"})
    assert judge(seen, "/srv/web").drift_class is DriftClass.UNREADABLE


def test_a_replaced_setuid_program_is_expected_only_with_its_package():
    seen = change("/usr/bin/su", PLAIN | {"mode": b"4755"}, PLAIN | {"mode": b"4755", "sha256digest": b"b"})
    assert "setuid_replaced" in judge(seen).codes
    assert judge(seen, "package:util-linux", package="util-linux").drift_class is DriftClass.EXPECTED


@pytest.mark.parametrize(
    ("phase", "opened", "final", "named", "codes"),
    [
        (Phase.BEFORE, False, False, True, ()),
        (Phase.AFTER, True, False, True, ()),
        (Phase.BEFORE, True, False, True, ("baseline.too_late",)),
        (Phase.AFTER, False, False, True, ("baseline.too_early",)),
        (Phase.AFTER, True, True, True, ("baseline.final",)),
        (Phase.BEFORE, False, False, False, ("baseline.asset",)),
    ],
)
def test_a_baseline_belongs_before_or_after_the_opening(phase, opened, final, named, codes):
    assert rules.may_record(phase, opened=opened, final=final, named=named).codes == codes


@pytest.mark.parametrize(
    ("person", "roles", "codes"),
    [
        ("avery", {"approver"}, ()),
        ("casey", {"cui_owner"}, ()),
        ("iris", {"it_lead"}, ()),
        ("max", {"technician"}, ("drift.own_work", "drift.role")),
        ("max", {"technician", "approver"}, ("drift.own_work",)),
        ("quinn", {"assessor"}, ("drift.role",)),
        ("erin", set(), ("drift.role",)),
    ],
)
def test_who_did_the_work_does_not_explain_it(person, roles, codes):
    assert rules.may_dispose(person, ["max"], roles).codes == codes


def line(path: str, drift_class: DriftClass, severity: Severity = Severity.ORDINARY, package: str = "") -> DriftLine:
    return DriftLine("file", path.encode(), ChangeKind.CHANGED, drift_class, severity, (), package, 1, path)


def test_an_upgrade_collapses_into_one_line_per_package():
    lines = [line(f"/usr/share/nginx/{n}", DriftClass.EXPECTED, package="nginx") for n in range(500)]
    found = collapse([*lines, line("/etc/x", DriftClass.UNEXPLAINED)])
    assert [(one.source, one.package, one.count) for one in found] == [("file", "", 1), ("package", "nginx", 500)]


def test_many_differences_become_folders_but_a_gain_of_power_stays_alone():
    lines = [line(f"/srv/{n % 7}/deep/{n}", DriftClass.UNEXPLAINED) for n in range(5000)]
    found = collapse([*lines, line("/srv/1/deep/evil", DriftClass.UNEXPLAINED, Severity.FORBIDDEN)], most=100)
    assert len(found) == 8
    assert sum(one.count for one in found) == 5001
    assert [one.path for one in found if one.severity is Severity.FORBIDDEN] == [b"/srv/1/deep/evil"]


def test_attribution_reads_the_package_lists_of_the_target():
    assert package_owners({"package_files": {"value": {"nginx:amd64": ["/etc/nginx", "/usr/sbin/nginx"]}}}) == {
        b"/etc/nginx": "nginx",
        b"/usr/sbin/nginx": "nginx",
    }
    assert package_owners({"package_files": {"error": "ENOENT"}}) == package_owners({}) == {}


def test_changed_packages_are_named_without_architecture():
    before = {"packages": {"value": ["nginx:amd64 1.22", "curl:amd64 7", "glibc.x86_64 0:2.28-1"]}}
    after = {"packages": {"value": ["nginx:amd64 1.24", "curl:amd64 7", "glibc.x86_64 0:2.28-2", "python3.11:amd64 3"]}}
    assert changed_packages(before, after) == {"nginx", "glibc", "python3.11"}


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ({"sshd": {"value": "1"}}, {"sshd": {"value": "1"}}, "passed"),
        ({"sshd": {"value": "1"}}, {"sshd": {"value": "2"}}, "failed"),
        ({"sshd": {"error": "EACCES"}}, {"sshd": {"error": "EACCES"}}, "unknown"),
        ({}, {}, "unknown"),
    ],
)
def test_posture_is_passed_failed_or_not_known(before, after, outcome):
    assert posture_outcome(before, after, ["sshd"]) == outcome
