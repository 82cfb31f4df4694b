"""Rubbish and strangers at the ways in that came with the gate: live sessions, more time, revocation, host keys."""

import json

import pytest
from django.test import Client
from tests.api_caller import Caller
from tests.app.test_sessions_supervision import begun
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in

from quarterdeck.access import api as access
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock

pytestmark = pytest.mark.django_db(transaction=True)
RUBBISH = ["", "\x00", "\x1b]0;x\x07", "\u202e", "x" * 100_000, "';--", "../../etc/passwd", "-1", "9" * 400, "\ud800"]
SCOPES = ("person", "vendor", "ticket", "grant", "certificate", "everything", "rubbish", "\x00")


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def writes(number: str, session: str, text: str) -> list[tuple[str, dict[str, object]]]:
    return [
        *((f"/sessions/{session}/{act}", {"text": text}) for act in ("pause", "resume", "end", "message")),
        (f"/sessions/{session}/present", {"watch": text}),
        ("/sessions/%00/pause", {}),
        *((f"/tickets/{number}/extensions", {"reason": text, "minutes": many}) for many in (-1, 0, 30, 10**30, text)),
        (f"/tickets/{number}/extensions", {"reason": "long", "until": "9999-12-31T23:59:59-23:59"}),
        (f"/tickets/{number}/extensions", {"reason": "long", "until": text}),
        (f"/tickets/{number}/extensions/%00/decide", {"role": "approver", "verdict": "approved", "reason": text}),
        *(("/revocations", {"scope": scope, "target": text, "reason": text}) for scope in SCOPES),
        *(("/revocations/lift", {"scope": scope, "target": text, "reason": text}) for scope in SCOPES),
        ("/host-certificates", {"asset": text, "connection": text, "host_key": text}),
        ("/host-certificates/%00/revoke", {}),
    ]


def told() -> list[str]:
    return [entry.event for entry in evidence.entries() if entry.event != "act.refused"]


def test_rubbish_is_refused_with_a_sentence_and_changes_nothing(yard: Yard) -> None:
    number = yard.scheduled().number
    session = begun(yard, number)
    iris, before = Caller(yard.shop, "iris"), len(told())
    for text in RUBBISH:
        for path, body in writes(number, session, text):
            answer = iris.call("post", path, body)
            assert answer.status_code < 500, (path, body, answer.content)
    for text in ("%00", "x" * 500, "%ff", "..%2f"):
        for path in (
            "sessions/{}/live",
            "sessions/{}/supervision",
            "tickets/{}/extensions",
            "host-certificates?asset={}",
        ):
            assert iris.call("get", "/" + path.format(text)).status_code < 500, (path, text)
    # What a lead may do with any reason at all: hold a session, let it go, end it, speak, revoke everything.
    done = set(told()[before:])
    done -= {"session.paused", "session.resumed", "session.end_ordered", "session.messaged", "revocation.ordered"}
    assert done == set()
    assert [one.scope.value for one in access.revocations()] == ["everything"]


def test_strangers_and_assessors_change_nothing(yard: Yard) -> None:
    number = yard.scheduled().number
    session = begun(yard, number)
    quinn, before = Caller(yard.shop, "quinn"), len(told())
    for path, body in writes(number, session, "a good reason"):
        assert 400 <= quinn.call("post", path, body).status_code < 500, path
        nobody = Client().post(f"/api/v1{path}", json.dumps(body), content_type="application/json")
        assert nobody.status_code == 401, path
    assert told()[before:] == []


def test_pages_take_rubbish_and_doubled_fields(yard: Yard) -> None:
    number = yard.scheduled().number
    session = begun(yard, number)
    client, before = sign_in(yard.shop, "iris"), len(told())
    for text in RUBBISH[:-1]:
        for path, body in (
            (f"/sessions/{session}/order/", {"kind": [text, text], "text": text}),
            (f"/sessions/{session}/order/", {"kind": ["message", text], "text": [text, "x"]}),
            (f"/sessions/{session}/present/", {"watch": [text, text]}),
            (f"/tickets/{number}/more-time/", {"minutes": [text, "30"], "reason": [text, text]}),
            (
                f"/tickets/{number}/more-time/decide/",
                {"role": text, "verdict": text, "reason": text, "extension": text},
            ),
            ("/access/lift/person/?of=%00", {"reason": text}),
            ("/access/revoke/vendor/?of=%ff", {"reason": text}),
            (f"/assets/{yard.server}/connections/{yard.connection}/certify/", {"host_key": text}),
        ):
            assert client.post(path, body).status_code < 500, (path, body)
    assert set(told()[before:]) <= {"session.messaged"}
