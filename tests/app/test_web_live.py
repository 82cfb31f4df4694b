"""A running session on the web and the API: the stream, its end, who may do what, forms with and without script."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import close_old_connections
from django.test import Client
from tests.api_caller import Caller, codes
from tests.app.test_sessions_supervision import begun, ended, order, supervised, told
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck import wiring
from quarterdeck.assessor.naming import Names
from quarterdeck.assessor.report_work import Casts, session_rows
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import OrderKind
from quarterdeck.workflows import live, supervise
from quarterdeck.workflows.package_spool import Spool

pytestmark = pytest.mark.django_db(transaction=True)
HEAD = {"version": 2, "width": 90, "height": 20}


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


@pytest.fixture
def session(yard: Yard) -> Iterator[str]:
    running = begun(yard, yard.scheduled().number)
    path = wiring.running_recording(running)
    path.parent.mkdir(parents=True, exist_ok=True)
    yield running
    path.unlink(missing_ok=True)


def line(at: float, text: str, code: str = "o") -> str:
    return json.dumps([at, code, text], separators=(",", ":")) + "\n"


@contextmanager
def writing(session: str) -> Iterator[Callable[[str], None]]:
    with wiring.running_recording(session).open("a") as file:
        file.write(json.dumps(HEAD) + "\n")
        file.flush()

        def write(text: str) -> None:
            file.write(text)
            file.flush()

        yield write


def watching(yard: Yard, session: str, key: str = "avery", **more: object) -> live.Watching:
    watch = supervise.begin_watch(yard.actor(key), yard.clock, session)
    path = wiring.running_recording(session)
    more = {"rest": close_old_connections, **more}
    return live.Watching(yard.actor(key), sessions.session(session), watch, path, yard.clock, **more)  # type: ignore[arg-type]
    return live.Watching(
        yard.actor(key), sessions.session(session), watch, path, yard.clock, close_old_connections, **more
    )  # type: ignore[arg-type]


def parsed(part: bytes) -> list[dict[str, str]]:
    blocks = [block for block in part.decode().split("\n\n") if block and not block.startswith(":")]
    return [dict(field.split(": ", 1) for field in block.split("\n")) for block in blocks]


def followed(
    one: live.Watching, until: Callable[[list[dict[str, str]]], bool], act: dict[int, Callable[[], None]]
) -> list[dict[str, str]]:
    """Follow a stream until a condition holds on its events; `act` says what to do once there are so many."""

    async def follow() -> list[dict[str, str]]:
        seen: list[dict[str, str]] = []
        async for part in live.stream(one):
            seen += [event for event in parsed(part) if "retry" not in event]
            for count in [number for number in act if number <= len(seen)]:
                await sync_to_async(act.pop(count))()
            if until(seen):
                break
        return seen

    return async_to_sync(follow)()


def names(events: list[dict[str, str]]) -> list[str]:
    return [event.get("event", "message") for event in events]


def test_stream_follows_the_recording_and_goes_on_where_it_was(yard: Yard, session: str) -> None:
    with writing(session) as write:
        write(line(0.5, "one\r\n"))
        more = {3: lambda: write(line(1.0, "tw\x1b[2Jo") + '[1.5,"o","to')}
        seen = followed(watching(yard, session), lambda events: names(events).count("message") == 2, more)
        assert names(seen) == ["state", "head", "message", "message"]
        assert json.loads(seen[1]["data"])["width"] == 90
        assert [json.loads(event["data"])[2] for event in seen[2:]] == ["one\r\n", "tw\x1b[2Jo"]
        write('rn"]\n')
        place = live.place_of(seen[2]["id"])
        again = followed(watching(yard, session, place=place), lambda events: len(events) == 3, {})
        assert names(again) == ["state", "message", "message"]
        assert [json.loads(event["data"])[2] for event in again[1:]] == ["tw\x1b[2Jo", "torn"]
        for wrong in ("7", "99999999", "-1", "0x10", "\u0661\u0662", ""):
            from_the_start = followed(watching(yard, session, place=live.place_of(wrong)), lambda e: len(e) > 2, {})
            assert names(from_the_start)[1] == "head", wrong


def test_stream_waits_for_the_file_and_ends_with_the_reason(yard: Yard, session: str) -> None:
    path = wiring.running_recording(session)

    def record() -> None:
        path.write_text(json.dumps(HEAD) + "\n" + line(0.1, "late"))

    def finish() -> None:
        with path.open("a") as file:
            file.write(line(0.2, "last"))
        ended(yard, session)
        path.unlink()

    seen = followed(watching(yard, session), lambda events: "end" in names(events), {1: record, 3: finish})
    assert names(seen) == ["state", "head", "message", "message", "end"]
    assert json.loads(seen[-1]["data"]) == {"reason": "completed", "state": "ended", "said": ""}
    assert told_watchers(session, yard) == []


def told_watchers(session: str, yard: Yard) -> list[str]:
    return list(sessions.watched([session], yard.clock.now()).get(session, ()))


def test_slow_watcher_of_a_flood_skips_ahead(yard: Yard, session: str) -> None:
    with writing(session) as write:
        write("".join(line(number / 1000, "x" * 1000) for number in range(4000)))
        seen = followed(watching(yard, session), lambda events: names(events).count("message") > 300, {})
    assert "skipped" in names(seen)
    assert json.loads(seen[-1]["data"])[0] > 3.0


def test_stream_ends_for_who_may_not_watch_any_more(yard: Yard, session: str) -> None:
    with writing(session) as write:
        write(line(0.1, "seen"))
        gone = {3: lambda: personnel.deactivate_person(
            yard.shop.ids["erin"], actor=yard.actor("iris"), clock=yard.clock)}  # fmt: skip
        seen = followed(watching(yard, session, "erin"), lambda events: "refused" in names(events), gone)
    assert names(seen)[-1] == "refused"
    out = followed(watching(yard, session, welcome=lambda: False), lambda events: "refused" in names(events), {})
    assert names(out) == ["refused"]


def test_stream_ends_at_the_logout_and_the_presence_with_it(yard: Yard, session: str) -> None:
    supervised(yard)
    running = begun(yard, sessions.session(session).ticket)
    client = sign_in(yard.shop, "erin")
    with writing(running) as write:
        write(line(0.1, "seen"))
        answer = client.get(f"/sessions/{running}/live")

        async def follow() -> list[dict[str, str]]:
            seen: list[dict[str, str]] = []
            async for part in answer.streaming_content:
                seen += [event for event in parsed(part) if "retry" not in event]
                if names(seen) == ["state", "head", "message"]:
                    watch = json.loads(seen[0]["data"])["watch"]
                    await sync_to_async(client.post)(f"/sessions/{running}/present/", {"watch": watch})
                    assert (await sync_to_async(told)(yard, running)).present
                    await sync_to_async(client.post)("/accounts/logout/")
            return seen

        seen = async_to_sync(follow)()
    wiring.running_recording(running).unlink()
    assert names(seen)[-1] == "refused"
    assert not told(yard, running).present


def test_state_tells_of_pause_watchers_and_escort(yard: Yard, session: str) -> None:
    with writing(session):
        acts = {2: lambda: order(yard, "erin", session, OrderKind.PAUSE)}
        seen = followed(watching(yard, session), lambda events: names(events).count("state") == 2, acts)
    states = [json.loads(event["data"]) for event in seen if event.get("event") == "state"]
    assert [state["paused_by"] for state in states] == ["", "Erin Escort"]
    assert states[0]["watchers"] == ["Avery Approver"]
    assert states[0]["escort"] == ""


# ---- pages


def test_matrix_of_the_pages(yard: Yard, session: str) -> None:
    """Requester, escort, approvers, lead and assessor may look; a stranger with a role meets a closed door."""
    with writing(session) as write:
        write(line(0.1, "hello\x1b]52;c;eA==\x07 </pre><script>"))
    stranger = yard.shop.add("Olga")
    personnel.grant_role(stranger, personnel.Role.TECHNICIAN, actor=yard.actor("iris"), clock=yard.clock)
    for key in ("iris", "avery", "casey", "erin", "quinn", "max"):
        client = sign_in(yard.shop, key)
        assert client.get(f"/sessions/{session}/").status_code == 200, key
        answer = client.get(f"/sessions/{session}/so-far/")
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        assert yard.shop.ids[key] in [entry.actor_id for entry in evidence.entries(events=["session.watched"])]
        assert "hello </pre><script>" in text_of(answer) or "&lt;/pre&gt;" in answer.content.decode()
        assert "<script>" not in answer.content.decode().split("<pre", 1)[1]
        posted = client.post(f"/sessions/{session}/order/", {"kind": "message", "text": "hello there"},
                             headers={"Accept": "application/json"})  # fmt: skip
        assert posted.status_code == {"quinn": 403, "max": 409}.get(key, 200), (key, posted.content)
    assert Client().get(f"/sessions/{session}/live").status_code == 302
    assert Client().post(f"/sessions/{session}/order/", {"kind": "end", "text": "no"}).status_code == 302
    assert len(told(yard, session).orders) == 4


def test_orders_need_the_token_of_the_page(yard: Yard, session: str) -> None:
    client = sign_in(yard.shop, "iris")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    for address, body in (("order/", {"kind": "end", "text": "forged"}), ("present/", {"watch": "wa_1"})):
        assert strict.post(f"/sessions/{session}/{address}", body).status_code == 403
    assert told(yard, session).orders == ()
    assert client.get(f"/sessions/{session}/order/").status_code == 405


def test_page_shows_what_each_may_do(yard: Yard, session: str) -> None:
    supervised(yard)
    session = begun(yard, sessions.session(session).ticket)
    with writing(session):
        lead, escort, worker = (sign_in(yard.shop, key) for key in ("iris", "erin", "max"))
        page = text_of(lead.get(f"/sessions/{session}/"))
        assert "Pause input" in page
        assert "the escort Erin Escort is not here" in page
        assert "I am present" not in page
        assert "I am present" in text_of(escort.get(f"/sessions/{session}/"))
        assert "Pause input" not in text_of(worker.get(f"/sessions/{session}/"))
        assert "Max Technician waits for you as escort" in text_of(escort.get("/"))
        assert "waits for you as escort" not in text_of(lead.get("/"))
        assert "Nobody watches" in text_of(worker.get(f"/tickets/{sessions.session(session).ticket}/work/"))
        supervise.begin_watch(yard.actor("avery"), yard.clock, session)
        assert "Watched by Avery Approver" in text_of(worker.get(f"/tickets/{sessions.session(session).ticket}/work/"))
        assert "Waits for the escort Erin Escort; watched by Avery Approver" in text_of(lead.get("/sessions/"))
        # without any script: a form, a page, a sentence
        answer = lead.post(f"/sessions/{session}/order/", {"kind": "pause"}, follow=True)
        assert "Paused. What the technician types waits." in text_of(answer)
        assert "Paused by Iris Lead" in text_of(answer)
        again = lead.post(f"/sessions/{session}/order/", {"kind": "pause"}, follow=True)
        assert "It is paused." in text_of(again)


def test_watching_page_is_an_event_stream_and_refuses_with_a_sentence(yard: Yard, session: str) -> None:
    with writing(session) as write:
        write(line(0.1, "x"))
        ended(yard, session)
    answer = sign_in(yard.shop, "avery").get(f"/sessions/{session}/live")
    assert answer["Content-Type"] == "text/event-stream"
    assert answer["Cache-Control"] == "no-store"

    async def body() -> bytes:
        return b"".join([part async for part in answer.streaming_content])

    told_ = parsed(async_to_sync(body)())
    assert names(told_) == ["refused"]
    assert "nothing to watch" in json.loads(told_[0]["data"])["sentence"]


# ---- API


def test_api_orders_and_presence(yard: Yard, session: str) -> None:
    supervised(yard)
    session = begun(yard, sessions.session(session).ticket)
    erin, maker, assessor = Caller(yard.shop, "erin"), Caller(yard.shop, "max"), Caller(yard.shop, "quinn")
    at = f"/sessions/{session}"
    assert erin.call("post", f"{at}/pause").json()["kind"] == "pause"
    assert erin.call("get", f"{at}/supervision").json() == {
        "watchers": [], "paused_by": "Erin Escort", "escort": "Erin Escort", "present": "",
    }  # fmt: skip
    assert codes(maker.call("post", f"{at}/resume")) == ["order.not_yours", "order.own_work"]
    assert codes(assessor.call("post", f"{at}/end", {"text": "why not"})) == ["order.not_yours"]
    assert erin.call("post", f"{at}/resume").status_code == 200
    assert codes(erin.call("post", f"{at}/message", {"text": ""})) == ["message.length"]
    assert erin.call("post", f"{at}/message", {"text": "well done"}).status_code == 200
    watch = supervise.begin_watch(yard.actor("erin"), yard.clock, session)
    assert erin.call("post", f"{at}/present", {"watch": watch}).json() == {"seconds": 10.0}
    assert erin.call("get", f"{at}/supervision").json()["present"] == "Erin Escort"
    assert codes(maker.call("post", f"{at}/present", {"watch": watch})) == ["watch.unknown"]
    assert erin.call("post", f"{at}/end", {"text": "the wrong host"}).status_code == 200
    ended(yard, session)
    assert codes(erin.call("post", f"{at}/pause")) == ["session.over"]
    assert codes(erin.call("get", f"{at}/live")) == ["session.over"]
    assert evidence.last_entry(["session.end_ordered"]) is not None
    happened = erin.call("get", f"{at}/happenings").json()
    assert [(one["what"], one["text"]) for one in happened] == [
        ("paused", ""), ("resumed", ""), ("messaged", "well done"), ("watched", ""), ("escort_came", ""),
        ("ended", "the wrong host"),
    ]  # fmt: skip
    assert {one["person"] for one in happened} == {yard.shop.ids["erin"]}
    assert Client().get(f"/api/v1{at}/happenings").status_code == 401


def test_the_page_and_the_report_say_what_was_done_while_it_ran(yard: Yard, session: str, tmp_path: Path) -> None:
    """Recorded in the report too; the words said into a terminal leave with its recording only."""
    supervised(yard)
    number = sessions.session(session).ticket
    session = begun(yard, number)
    supervise.begin_watch(yard.actor("erin"), yard.clock, session)
    for kind, text in ((OrderKind.PAUSE, ""), (OrderKind.RESUME, ""), (OrderKind.MESSAGE, "Mind the fan.")):
        order(yard, "erin", session, kind, text)
    ended(yard, session)
    page = text_of(sign_in(yard.shop, "avery").get(f"/sessions/{session}/"))
    for words in ("watched it live", "paused its input", "let its input go on", "wrote into its terminal", "Mind the"):
        assert words in page, words
    casts = Casts({}, {}, Spool(tmp_path))
    (row,) = [one for one in session_rows(number, Names(), casts, {}) if one["id"] == session]
    said = [(one["what"], one["text"]) for one in row["happenings"]]
    assert ("paused its input", "") in said
    assert ("wrote into its terminal", "") in said, "without a recording that leaves, its words stay too"


def test_api_stream_wants_a_token(yard: Yard, session: str) -> None:
    assert Client().get(f"/api/v1/sessions/{session}/live").status_code == 401
