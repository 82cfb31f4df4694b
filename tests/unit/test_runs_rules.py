"""What may be a runbook, how a run came out, what hostile events say: pure."""

import pytest

from quarterdeck.runs.rules import may_propose, outcome
from quarterdeck.runs.telling import line_of, tallies_of
from quarterdeck.runs.terms import RunState, Tally

COMMIT = "a" * 40


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("Patch", "ext::sh -c id", COMMIT, "a.yml"), "runbook.repository"),
        (("Patch", "--upload-pack=id", COMMIT, "a.yml"), "runbook.repository"),
        (("Patch", "http://git.example/x", COMMIT, "a.yml"), "runbook.repository"),
        (("Patch", "https://git.example/x", "main", "a.yml"), "runbook.commit"),
        (("Patch", "https://git.example/x", COMMIT, "../a.yml"), "runbook.playbook"),
        (("Patch", "https://git.example/x", COMMIT, "-e@x.yml"), "runbook.playbook"),
        (("Patch", "https://git.example/x", COMMIT, "a.sh"), "runbook.playbook"),
        (("Pa\ntch", "https://git.example/x", COMMIT, "a.yml"), "runbook.name"),
    ],
)
def test_words_that_name_no_runbook(words, code):
    assert may_propose(*words).codes == (code,)


@pytest.mark.parametrize(
    "repository", ["https://git.example/ops/books.git", "ssh://git@git.example/books", "/srv/books"]
)
def test_words_that_do(repository):
    assert may_propose("Patch web 2", repository, COMMIT, "patch/web.yml").allowed


def test_a_run_passed_only_when_every_host_was_reached():
    good, away, bad = Tally(ok=3, changed=1), Tally(unreachable=1), Tally(ok=1, failed=1)
    assert outcome("exit", 0, frozenset({"a"}), {"a": good}) == (RunState.PASSED, "1 task changed something.")
    state, said = outcome("exit", 4, frozenset({"a", "b", "c", "d"}), {"a": good, "b": away, "c": bad})
    assert (state, said) == (RunState.FAILED, "Not reached: b. Failed on: c. Not touched: d.")
    assert outcome("exit", 0, frozenset({"a"}), {})[0] is RunState.FAILED
    assert outcome("exit", 1, frozenset({"a"}), {"a": good})[0] is RunState.FAILED
    assert outcome("cancel", -9, frozenset(), {})[0] is RunState.CANCELLED
    assert outcome("time", -9, frozenset({"a"}), {"a": good})[0] is RunState.FAILED
    ignored = outcome("exit", 0, frozenset({"a"}), {"a": Tally(ok=2, ignored=2)})
    assert ignored == (RunState.PASSED, "0 tasks changed something. 2 failures ignored by the playbook.")


def test_hostile_events_are_spelled_out():
    event = {
        "event": "runner_on_failed",
        "event_data": {
            "host": "web01\x1b[2J",
            "task": "x\u202ey\n",
            "ignore_errors": True,
            "res": {"msg": "\x1b]52;c;x\x07" * 3, "diff": [{"before": "a\n", "after": "b\x00\n"}, 7, None]},
        },
    }
    line = line_of(event)
    assert line is not None
    assert (line.host, line.task, line.status) == ("web01\\u001b[2J", "x\\u202ey\\u000a", "ignored")
    assert "\x1b" not in line.said
    assert "\x07" not in line.said
    assert "-a\n+b\\u0000\n" in line.diff


@pytest.mark.parametrize("data", [None, [], "x", {"res": []}, {"res": {"diff": "x", "changed": "yes"}}])
def test_events_of_a_wrong_shape_break_nothing(data):
    line = line_of({"event": "runner_on_ok", "event_data": data})
    assert line is not None
    assert (line.status, line.changed) == ("ok", False)
    assert tallies_of({"event": "playbook_on_stats", "event_data": data}) == {}
    assert line_of({"event": ["x"]}) is None


def test_counts_are_numbers_or_none():
    told = {"ok": {"a": True, "b": -1}, "dark": {"c": 1 << 40, "d": 2}, "processed": {"e": 1}}
    found = tallies_of({"event": "playbook_on_stats", "event_data": told})
    assert found == {"a": Tally(), "b": Tally(), "c": Tally(), "d": Tally(unreachable=2), "e": Tally()}
