"""What `qd` prints: hold points with their next step, reasons one a line, near words for a typing error."""

import hashlib
import subprocess
import sys

import pytest

from quarterdeck.entrypoints.cli.anchor_verbs import sentence
from quarterdeck.entrypoints.cli.capture_verbs import with_words
from quarterdeck.entrypoints.cli.main import main
from quarterdeck.entrypoints.cli.policy_verbs import change_words
from quarterdeck.entrypoints.cli.showing import complain
from quarterdeck.entrypoints.cli.ticket_page import hold_page

LONG = "Not known yet for files01: " + "target reachable, " * 9 + "clock."
HOLDS = [
    {"id": "HP-SCOPE", "before": "approve", "state": "passed", "sentence": "Holds.", "next_step": ""},
    {"id": "HP-PRECHECK", "before": "open", "state": "failed", "sentence": LONG, "next_step": "Prepare the ticket."},
    {"id": "HP-SOLE-PATH", "before": "open", "state": "flagged", "sentence": "Bypass.", "next_step": "Shut it."},
    {"id": "HP-DRIFT", "before": "close", "state": "failed", "sentence": "Differences.", "next_step": "Explain."},
]


def test_what_stands_in_the_way_is_whole_and_has_its_next_step():
    lines = hold_page(HOLDS, "scheduled").splitlines()
    assert lines == [
        "Stands in the way:",
        f"  HP-PRECHECK  {LONG}",
        "      -> Prepare the ticket.",
        "  HP-SOLE-PATH (amber: does not stop it)  Bypass.",
        "      -> Shut it.",
        "Comes later: HP-DRIFT",
        "Met: HP-SCOPE",
    ]


@pytest.mark.parametrize(
    ("state", "first", "later"),
    [
        ("draft", "Nothing stands in the way now.", "Comes later: HP-PRECHECK, HP-SOLE-PATH, HP-DRIFT"),
        ("verifying", "Stands in the way:", ""),
    ],
)
def test_what_is_not_due_yet_is_not_called_failed(state, first, later):
    page = hold_page(HOLDS, state)
    assert page.splitlines()[0] == first
    assert later in page
    assert ("Comes later" in page) == bool(later)


def test_reasons_stand_one_a_line_and_steer_no_terminal(capsys):
    complain("HP-A: first.\nHP-B: \x1b[2Jsecond.")
    assert capsys.readouterr().err == "qd: HP-A: first.\nHP-B:  [2Jsecond.\n"


@pytest.mark.parametrize(
    ("words", "near"),
    [(["tikets"], "Did you mean tickets"), (["ticket", "aprove"], "Did you mean approve"), (["xyzzy"], "qd --help")],
)
def test_a_typing_error_names_the_near_verb(words, near, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert near in capsys.readouterr().err


def test_a_difference_says_how_it_differs():
    item = {"kind": "changed", "codes": ["owner_changed"]}
    assert with_words(item)["what"] == "changed, owner changed"
    assert with_words({"kind": "changed", "codes": []})["what"] == "changed"


def test_the_verifier_can_be_written_for_others(tmp_path, capsys):
    target = tmp_path / "verify.pyz"
    assert main(["verify", "--write", str(target)]) == 0
    assert hashlib.sha256(target.read_bytes()).hexdigest() in capsys.readouterr().out
    done = subprocess.run([sys.executable, "-I", target, "--help"], capture_output=True, text=True)
    assert "usage" in done.stdout
    assert main(["verify", "--write", str(target)]) == 1
    assert main(["verify"]) == 1


def test_how_far_the_anchors_reach_is_said_without_two_meanings_of_a_number():
    told = {"anchored": 153, "entries": 158, "oldest_unanchored": 153, "oldest_unanchored_at": "2026-11-28T14:22:30Z",
            "late": False, "target_minutes": 60}  # fmt: skip
    assert sentence(told) == (
        "The first 153 of 158 entries are anchored; the oldest that waits is entry number 153 (counted from 0), "
        "since 2026-11-28T14:22:30Z."
    )
    none = told | {"anchored": 0, "oldest_unanchored": 0, "late": True}
    assert sentence(none).startswith("0 of 158 entries are anchored; the oldest that waits is entry number 0 ")
    assert sentence(none).endswith("Z, longer than 60 minutes.")
    assert sentence(told | {"oldest_unanchored": None}) == "All 158 entries are anchored."


def test_a_change_of_the_policy_is_said_with_units():
    def said(about: str, term: str, before: str, after: str) -> str:
        return change_words({"about": about, "term": term, "before": before, "after": after})

    assert said("HP-BACKUP", "maximum_age_seconds", "", "86400") == "HP-BACKUP maximum age: no limit -> 1 d"
    assert said("HP-BACKUP", "maximum_age_seconds", "14400", "5400") == "HP-BACKUP maximum age: 4 h -> 90 min"
    assert said("HP-BACKUP", "work_classes", "", "ticket") == "HP-BACKUP work classes: all -> ticket"
    assert said("idle_minutes_terminal", "", "15", "20") == "idle_minutes_terminal: 15 min -> 20 min"
    assert said("record_screens_of_cui_assets", "", "yes", "no") == "record_screens_of_cui_assets: yes -> no"
