"""Rubbish sent to the whole API: every answer is a sentence with a next step in one shape, never a 500 and no page."""

import json

import pytest
from tests.api_caller import Caller
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard

from quarterdeck import wiring

pytestmark = pytest.mark.django_db(transaction=True)
JSON = "application/json"
FAR = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-23T10:00:00", "2026-11-23", "1e400", "-1")


@pytest.fixture
def yard(clock: StillClock, settings, monkeypatch) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    return build_yard(clock)


@pytest.fixture
def iris(yard: Yard) -> Caller:
    caller = Caller(yard.shop, "iris")
    caller.client.raise_request_exception = False
    return caller


def refused(answer: object, *statuses: int) -> list[str]:
    assert answer.status_code in (statuses or (400, 404, 409, 413, 422)), answer.content[:300]  # type: ignore[attr-defined]
    assert answer["Content-Type"].startswith(JSON)  # type: ignore[index]
    assert answer["Cache-Control"] == "no-store"  # type: ignore[index]
    reasons = answer.json()["refused"]  # type: ignore[attr-defined]
    assert reasons
    assert all(reason["sentence"] and reason["next_step"] for reason in reasons)
    return [reason["code"] for reason in reasons]


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"null", b"[]", b"1", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b'{"text":"\\ud800"}',
        b'{"text":"a\\u0000b"}', b'{"\\u0000":1}', b'{"text":1e999}', b'{"text":NaN}', b'{"text":{"a":[1]}}',
    ],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
@pytest.mark.parametrize("path", ["/tickets", "/login", "/packages", "/assets", "/tickets/MT-2026-00001/comment"])
def test_a_body_that_is_no_readable_json(iris: Caller, path: str, body: bytes) -> None:
    answer = iris.client.generic("POST", f"/api/v1{path}", body, JSON, headers=iris.headers)
    refused(answer, 400, 404, 409, 422)


def test_what_the_framework_answers_itself_has_the_same_shape(iris: Caller, settings) -> None:
    assert refused(iris.call("get", "/nope"), 404) == ["address.unknown"]
    assert refused(iris.call("put", "/login"), 405) == ["method.unknown"]
    assert iris.call("delete", "/tickets")["Allow"]
    form = iris.client.generic("POST", "/api/v1/assets/import", b"x", "multipart/form-data", headers=iris.headers)
    refused(form, 400)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert refused(iris.call("post", "/tickets", {"title": "x" * 2000}), 413) == ["request.too_large"]


@pytest.mark.parametrize("since", FAR)
@pytest.mark.parametrize("until", FAR)
def test_moments_out_of_this_world(yard: Yard, iris: Caller, since: str, until: str) -> None:
    window = {"window_from": since, "window_until": until}
    plain = {"title": "x", "maintenance_type": "corrective", "action": "patch"} | window
    refused(iris.call("post", "/tickets", plain))
    refused(iris.call("post", "/tickets/quick-log", plain))
    refused(iris.call("post", "/tickets/standard", {"template": "st_none", "window_from": since}))
    answer = iris.call("post", "/packages", {"since": since, "until": until})
    assert answer.status_code in (200, 409) or refused(answer, 422), answer.content
    told = {"ticket": "MT-2026-00001", "kind": "external", "asset": yard.server, "account": "x", "how_ended": "x"}
    refused(iris.call("post", "/sessions", told | {"began_at": since, "ended_at": until}))


def test_no_page_of_the_api_reaches_for_another_host(iris: Caller) -> None:
    assert iris.call("get", "/docs").status_code == 404
    schema = json.loads(iris.call("get", "/openapi.json").content)
    assert "cdn" not in json.dumps(schema)
