"""Rules of orders and escorts, what a child is told and how often, words that do nothing, following a growing file."""

import itertools
import json
import os

import pytest

from quarterdeck.entrypoints.cli.session_verbs import Watcher, events, readable
from quarterdeck.entrypoints.gate.brake import Brake
from quarterdeck.entrypoints.gate.oversight import ESCORT, PERSON, Oversight, hold
from quarterdeck.sessions.following import AT_ONCE, BEHIND, Follower
from quarterdeck.sessions.rules import Standpoint, covers, may_order, may_watch, sound_order
from quarterdeck.sessions.terms import Order, OrderKind, Supervision, harmless, order_sentence

HEAD = b'{"version":2,"width":80,"height":24}\n'


@pytest.mark.parametrize("facts", list(itertools.product([False, True], repeat=5)))
@pytest.mark.parametrize("kind", list(OrderKind))
def test_who_may_order(kind, facts):
    who = Standpoint(*facts)
    stands = who.escorts or who.approved or who.leads
    own = who.is_own or who.works
    expected = stands and (not own or kind in (OrderKind.PAUSE, OrderKind.END))
    assert may_order(kind, running=True, who=who).allowed is expected
    assert "session.over" in may_order(kind, running=False, who=who).codes


def test_nobody_resumes_the_own_work():
    lead_at_work = Standpoint(is_own=True, works=True, escorts=False, approved=False, leads=True)
    assert may_order(OrderKind.RESUME, running=True, who=lead_at_work).codes == ("order.own_work",)
    assert may_order(OrderKind.END, running=True, who=lead_at_work).allowed


@pytest.mark.parametrize(
    ("kind", "text", "paused", "messages", "code"),
    [
        (OrderKind.PAUSE, "", False, 0, ""),
        (OrderKind.PAUSE, "", True, 0, "session.paused"),
        (OrderKind.RESUME, "", True, 0, ""),
        (OrderKind.RESUME, "", False, 0, "session.not_paused"),
        (OrderKind.END, "no", False, 0, "reason.missing"),
        (OrderKind.END, "now", True, 0, ""),
        (OrderKind.MESSAGE, "x" * 400, True, 9, ""),
        (OrderKind.MESSAGE, "x" * 401, True, 9, "message.length"),
        (OrderKind.MESSAGE, "hello", True, 10, "message.many"),
        (OrderKind.MESSAGE, "a\rb", False, 0, "message.lines"),
    ],
)
def test_orders_that_make_sense(kind, text, paused, messages, code):
    assert sound_order(kind, text, paused=paused, messages=messages).codes == ((code,) if code else ())


def test_watchers_are_limited():
    assert may_watch(running=True, watching=7, most=8).allowed
    assert may_watch(running=True, watching=8, most=8).codes == ("session.watchers",)
    assert may_watch(running=False, watching=0, most=8).codes == ("session.over",)


def test_a_terminal_wants_the_escort_at_its_own_page():
    assert covers(terminal=True, at_session=True, at_ticket=True)
    assert not covers(terminal=True, at_session=False, at_ticket=True)
    assert covers(terminal=False, at_session=False, at_ticket=True)
    assert not covers(terminal=False, at_session=False, at_ticket=False)


# ---- what a child is told


def test_each_order_is_passed_on_once():
    oversight = Oversight("")
    orders = [Order("or_1", OrderKind.PAUSE, "Ada"), Order("or_2", OrderKind.MESSAGE, "Ada", "stop")]
    first, ending = oversight.news(Supervision(tuple(orders)))
    assert [message["op"] for message in first] == ["hold", "say"]
    assert ending is None
    for _ in range(3):
        assert oversight.news(Supervision(tuple(orders))) == ([], None)
    orders.append(Order("or_3", OrderKind.RESUME, "Bo"))
    assert oversight.news(Supervision(tuple(orders)))[0] == [hold(PERSON, False, "Resumed by Bo.")]
    orders.append(Order("or_4", OrderKind.END, "Bo", "wrong host"))
    assert oversight.news(Supervision(tuple(orders)))[1] == "Ended by Bo: wrong host"


def test_escort_and_watchers_are_told_when_they_change():
    oversight = Oversight("Eve")
    assert oversight.news(Supervision())[0] == []  # the child waits for the escort from its beginning
    arrived = oversight.news(Supervision(watchers=("Eve",), present="Eve"))[0]
    assert [(m["op"], m.get("on")) for m in arrived] == [("watch", None), ("hold", False)]
    assert oversight.news(Supervision(watchers=("Eve",), present="Deputy"))[0] == []
    left = oversight.news(Supervision())[0]
    assert [(m["op"], m.get("on")) for m in left] == [("watch", None), ("hold", True)]
    assert "has left" in left[1]["text"]
    assert Oversight("").news(Supervision(present="Eve"))[0] == []


def test_brake_holds_while_one_cause_stands():
    brake = Brake("Eve")
    assert brake.held
    brake.obey(hold(PERSON, True, ""))
    brake.obey(hold(ESCORT, False, ""))
    assert brake.held
    brake.obey({"op": "notice", "text": "15 minutes"})
    brake.obey(hold(PERSON, False, ""))
    brake.obey(hold(PERSON, False, ""))
    assert not brake.held
    assert not Brake("").held


def test_words_do_nothing_in_a_terminal():
    told = harmless("a\x1b[2J\x9b\u202eb\r\n\x07C:\\temp é 漢")
    assert told == "a\\x1b[2J\\x9b\\u202eb\\x0d\\x0a\\x07C:\\temp é 漢"
    order = Order("or_1", OrderKind.MESSAGE, "A\x1b]0;x\x07", "\x1b[2J" * 1000)
    assert "\x1b" not in order_sentence(order)
    assert len(order_sentence(order)) < 1200


# ---- following a file


def line(number):
    return json.dumps([number / 10, "o", f"line {number}"]).encode() + b"\n"


def test_follower_reads_whole_lines_and_goes_on_from_a_place(tmp_path):
    path = tmp_path / "x.cast"
    follower = Follower(path)
    assert follower.read().lines == ()
    path.write_bytes(HEAD + line(1) + line(2)[:7])
    part = follower.read()
    assert [text for _, text in part.lines] == [line(1).strip()]
    with path.open("ab") as file:
        file.write(line(2)[7:] + line(3))
    path.unlink()  # sealed meanwhile: what is open is read to its end
    assert [text for _, text in follower.read().lines] == [line(2).strip(), line(3).strip()]
    follower.close()
    path.write_bytes(HEAD + line(1) + line(2) + line(3))
    again = Follower(path, part.lines[0][0])
    assert [text for _, text in again.read().lines] == [line(2).strip(), line(3).strip()]
    assert again.goes_on
    again.close()


@pytest.mark.parametrize("place", [1, len(HEAD) - 1, len(HEAD) + 3, 10**9])
def test_follower_begins_anew_at_a_place_that_is_none(tmp_path, place):
    path = tmp_path / "x.cast"
    path.write_bytes(HEAD + line(1))
    follower = Follower(path, place)
    assert [text for _, text in follower.read().lines] == [line(1).strip()]
    assert not follower.goes_on
    follower.close()


def test_follower_far_behind_jumps_and_holds_little(tmp_path):
    path = tmp_path / "x.cast"
    lines = [line(number) for number in range(60_000)]
    path.write_bytes(HEAD + b"".join(lines))
    assert path.stat().st_size > BEHIND
    follower = Follower(path)
    parts = [follower.read()]
    assert parts[0].skipped
    while parts[-1].lines:
        assert sum(len(text) for _, text in parts[-1].lines) <= AT_ONCE
        parts.append(follower.read())
    texts = [text for part in parts for _, text in part.lines]
    assert texts == [text.strip() for text in lines[-len(texts) :]]
    follower.close()


def test_follower_takes_a_line_longer_than_a_read_and_no_link(tmp_path):
    path = tmp_path / "x.cast"
    long = json.dumps([1, "o", "x" * (3 * AT_ONCE)]).encode() + b"\n"
    path.write_bytes(HEAD + long)
    follower = Follower(path)
    assert [text for _, text in follower.read().lines] == [long.strip()]
    follower.close()
    os.symlink(path, tmp_path / "link.cast")
    with pytest.raises(OSError, match="link"):
        Follower(tmp_path / "link.cast").read()


# ---- the terminal that watches


def test_events_of_a_stream():
    lines = ["retry: 1000", "", ": beat", "", "event: state", 'data: {"watch": "wa_1"}', "", "id: 99", "data: [1]", ""]
    assert list(events(iter(lines))) == [("", "", ""), ("state", "", '{"watch": "wa_1"}'), ("message", "99", "[1]")]


def test_watcher_shows_text_without_anything_that_steers(capsys):
    watcher = Watcher("se_1", present=False)
    watcher.take("message", json.dumps([0.1, "o", "one\x1b[31m red\x1b]52;c;eA==\x07\r\nprompt"]))
    watcher.take("message", json.dumps([0.2, "o", "> ls"]))
    watcher.take("", "")
    watcher.take("message", json.dumps([0.3, "m", "Paused by A\u202eda"]))
    watcher.take("end", json.dumps({"reason": "ended_by_person"}))
    out, said = capsys.readouterr()
    assert out == "one red\nprompt> ls\n"
    assert said == "-- Paused by A da\n-- Ended: ended by person.\n"
    assert (watcher.over, watcher.status) == (True, 0)
    assert readable("10%\r50%\r100%\tdone\r") == "100%    done"


def test_watcher_that_is_refused_fails(capsys):
    watcher = Watcher("se_1", present=False)
    watcher.take("refused", json.dumps({"sentence": "You may not."}))
    assert (watcher.over, watcher.status) == (True, 1)
    assert "You may not." in capsys.readouterr().err
