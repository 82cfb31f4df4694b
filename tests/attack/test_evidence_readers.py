"""Who reads what (attacks.md rows 19 and 22), on every view, download and export that gives evidence: the read matrix
holds, deny by default; what is read is an event; nothing is kept in a cache, nothing runs in our origin.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.http.response import HttpResponseBase
from tests.api_caller import Caller
from tests.evidence_files import png
from tests.evidence_readers import evidence_views
from tests.package_scene import HOSTILE, WORK
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.web_shop_floor import RealClock, closed, floor
from tests.web_visitor import sign_in

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.attachments.api import Told
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.windows import Window
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Ending, EndReason, SessionState, StreamSum, Work
from quarterdeck.workflows import attach_evidence, export_package
from quarterdeck.workflows.attend_assessor import draw_sample

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = ("iris", "avery", "casey", "quinn", "max", "erin")
# Max does the work; Erin is an escort, but of no ticket here.
RECORDING = {"iris", "avery", "casey", "quinn", "max"}
PACKAGE = {"iris", "quinn"}
SECRET = b"Anonymous login successful"


@dataclass(frozen=True)
class Case:
    """A view: its address from the stage, who may, which object the event names; `shown` is a page of our own."""

    address: str
    may: frozenset[str] | set[str]
    viewed: str = ""
    shown: bool = False
    method: str = "get"


# Every view that gives evidence, and who may see it. A new one fails the first test until it stands here.
CASES = {
    "web.files.ticket_file": Case("/tickets/{number}/files/{recording}/", RECORDING, "recording"),
    "web.sessions.session_cast": Case("/sessions/{session}/recording.cast", RECORDING, "session"),
    "web.sessions.session_text": Case("/sessions/{session}/recording.txt", RECORDING, "session"),
    "web.sessions.session_replay": Case("/sessions/{session}/replay.html", RECORDING, "session"),
    "web.sessions.session_page": Case("/sessions/{session}/", RECORDING, "session", shown=True),
    "web.evidence_pages.package_file": Case("/evidence/packages/{order}/", PACKAGE, "order"),
    "web.package_hashes.package_hash_file": Case(
        "/evidence/packages/{order}/hashes/HashedArtifacts.zip", PACKAGE, "order"
    ),
    "web.package_hashes.package_hashes": Case("/evidence/packages/{order}/hashes/", PACKAGE, shown=True),
    "web.evidence_pages.order_list": Case("/evidence/packages/", PACKAGE, shown=True),
    "web.desk.sample_list": Case("/desk/samples/{sample}/population.txt", PACKAGE, "population"),
    "api.sessions.recording": Case("/sessions/{session}/recording", RECORDING, "session"),
    "api.sessions.session_files": Case("/sessions/{session}/files", RECORDING, "session"),
    "api.packages.download_package": Case("/packages/{order}/download", PACKAGE, "order"),
    "api.packages.package_withheld": Case("/packages/{order}/withheld", PACKAGE),
    "api.package_hashes.hash_file": Case("/packages/{order}/hashes/HashedArtifacts.zip", PACKAGE, "order"),
}
CASES |= {
    "web.attaching.look": Case("/tickets/{number}/files/{shot}/look/", RECORDING, "shot", shown=True),
    "web.attaching.picture": Case("/tickets/{number}/files/{shot}/picture/", RECORDING, "shot", shown=True),
    "api.attaching.download": Case("/tickets/{number}/attachments/{shot}", RECORDING, "shot"),
}
# Views that want a stage of their own, and the test that has it.
ELSEWHERE = {
    "web.runs.run_page": ("app/test_runs_pages.py", "/runs/"),
    "web.runs.run_lines": ("app/test_runs_pages.py", "/lines/"),
    "api.runs.run_lines": ("app/test_runs_pages.py", "/lines"),
    "web.findings.finding_changes": ("app/test_monitoring_web.py", "changes.json"),
    "web.drifting.baseline": ("app/test_baseline_exports.py", "/baselines/"),
    "api.captures.download_baseline": ("app/test_baseline_exports.py", "/baselines/"),
    "web.drift_text.drift_text": ("app/test_drift_texts.py", "/text/"),
    "web.live_sessions.session_live": ("app/test_web_live.py", "/live"),
    "api.live_sessions.watch": ("attack/test_live_input.py", "/live"),
    "api.sessions.session_commands": ("app/test_session_commands.py", "/commands"),
    "api.package_hashes.compare_log": ("app/test_assessor_kinds.py", "hash-log"),
    # Pages whose lists name what is withheld; a file is behind a view of its own.
    "web.evidence_pages.evidence_page": ("app/test_web_desk.py", "/evidence/"),
    "web.tickets.ticket_page": ("app/test_web_tickets.py", "/tickets/"),
}


def test_every_view_that_gives_evidence_is_known() -> None:
    found, known = evidence_views(), {*CASES, *ELSEWHERE}
    assert found - known == set(), "say in CASES who may see it, so that the matrix is tried on it"
    assert known - found == set(), "these give no evidence any more"
    tests = Path(__file__).resolve().parents[1]
    for view, (file, word) in ELSEWHERE.items():
        assert word in (tests / file).read_text(), view


@dataclass
class Stage:
    """A closed session whose recording shows the secret, a package of it, a sample."""

    shop: PackageShop
    names: dict[str, str]

    def address(self, case: Case) -> str:
        return case.address.format(**self.names)

    def seen(self, case: Case, who: str, before: int) -> list[str]:
        """Return what this person has looked at since entry `before`, as the ledger says."""
        looks = evidence.entries(events=["evidence.viewed"], from_seq=before)
        return [look.object.id for look in looks if look.actor_id == self.shop.yard.shop.ids[who]]


@pytest.fixture
def stage(tmp_path: Path, settings) -> Iterator[Stage]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", RealClock()) as sealer:
        shop = floor(sealer)
        yard, clock = shop.yard, shop.clock
        later = Window(clock.now() + timedelta(hours=4), clock.now() + timedelta(hours=5))
        number = yard.scheduled(escort="", window=later).number
        with evidence.act(yard.actor("max"), clock) as act:
            begun = sessions.begin(
                act, ticket=number, person=yard.shop.ids["max"], asset=yard.server, grant="ag_page", serial=7,
                work=Work.TERMINAL, source="192.0.2.9",
            )  # fmt: skip
        ref = evidence.store_artifact(
            WORK, media_type="application/x-asciicast", role="recording", name=f"{begun.id}.cast", may_contain_cui=True
        )
        ending = Ending(
            begun.id, EndReason.COMPLETED, SessionState.ENDED, clock.now(), clock.now(), 0, None, 13,
            hashlib.sha256(WORK).hexdigest(), {"stdout": StreamSum(70)}, {},
        )  # fmt: skip
        with evidence.act(system("gate"), clock) as act:
            sessions.end(act, ending, ref)
        console, of = io.BytesIO(png()), Told("screenshot", "What the console said.")
        shot = attach_evidence.attach_file(yard.actor("max"), clock, number, of, name="console.png", file=console)
        order = export_package.order_package(yard.actor("quinn"), clock, numbers=[number])
        assert export_package.make_next_package(clock, shop.press)
        assert assessor.order(order.id).state is assessor.OrderState.DONE
        drawn_from = closed(shop)
        sample = draw_sample(yard.actor("quinn"), clock, assessor.Population.CLOSED, size=1, seed="")
        assert sample.tickets == (drawn_from,)
        names = {
            "number": number, "session": begun.id, "recording": ref.sha256, "shot": shot.sha256, "order": order.id,
            "sample": str(sample.seq), "population": sample.list_sha256,
        }  # fmt: skip
        yield Stage(shop, names)


def content_of(answer: HttpResponseBase) -> bytes:
    return answer.getvalue() if answer.streaming else answer.content  # type: ignore[attr-defined]


def check(stage: Stage, name: str, who: str, ask: Callable[[str], HttpResponseBase]) -> None:
    case, before = CASES[name], evidence.head().size
    answer = ask(stage.address(case))
    content = content_of(answer)
    looks = stage.seen(case, who, before)
    where = f"{name} for {who}"
    assert "no-store" in answer.headers.get("Cache-Control", ""), where
    if who in case.may:
        assert answer.status_code == 200, (where, answer.status_code, content[:300])
        assert not case.viewed or stage.names[case.viewed] in looks, f"{where} left no entry: {looks}"
        assert case.shown or not _runs_with_us(answer), where
        return
    # A page of the session stays for whoever may read the ticket; its recording does not show.
    assert answer.status_code in (403, 404), (where, answer.status_code)
    assert looks == [], where
    assert SECRET not in content, where


def _runs_with_us(answer: HttpResponseBase) -> bool:
    """True for what a browser takes for a page of ours: HTML or SVG without download and sandbox (row 22)."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    plain = kind in {"application/json", "application/x-asciicast", "application/octet-stream", "application/zip"}
    download = answer.headers.get("Content-Disposition", "").startswith("attachment")
    return not (plain or download) or answer.headers.get("X-Content-Type-Options", "nosniff") != "nosniff"


def test_the_matrix_on_every_page_and_download(stage: Stage) -> None:
    clients = {who: sign_in(stage.shop.yard.shop, who) for who in PEOPLE}
    for name in (name for name in CASES if name.startswith("web.")):
        for who in PEOPLE:
            check(stage, name, who, clients[who].get)


@pytest.mark.urls("tests.api_urls")
def test_the_matrix_on_every_call(stage: Stage, monkeypatch) -> None:
    monkeypatch.setattr(wiring, "clock", lambda: stage.shop.clock)
    callers = {who: Caller(stage.shop.yard.shop, who) for who in PEOPLE}
    for name in (name for name in CASES if name.startswith("api.")):
        for who in PEOPLE:
            check(stage, name, who, lambda address, who=who: callers[who].call("get", address))


def test_a_stranger_gets_nothing(stage: Stage, client) -> None:
    for name, case in CASES.items():
        prefix = "" if name.startswith("web.") else "/api/v1"
        answer = client.get(prefix + stage.address(case))
        assert answer.status_code in (302, 401, 403), name
        assert SECRET not in content_of(answer)


def test_what_a_recording_says_does_nothing_in_a_browser(stage: Stage) -> None:
    iris = sign_in(stage.shop.yard.shop, "iris")
    text = content_of(iris.get(stage.address(CASES["web.sessions.session_text"]))).decode()
    assert not {"\x1b", "\u202e", "\x9b"} & set(text)
    page = content_of(iris.get(stage.address(CASES["web.sessions.session_page"]))).decode()
    assert "<img src=x" not in page
    replay = iris.get(stage.address(CASES["web.sessions.session_replay"]))
    assert replay.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    body = content_of(replay).decode()
    assert HOSTILE.partition("<!--")[0] not in body.replace("</script>\n", "")
    assert json.dumps(HOSTILE)[1:20] not in body
