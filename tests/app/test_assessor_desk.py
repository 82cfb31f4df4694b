"""The desk: samples that repeat, questions with answers, consent asked, given and refused, contents before an order."""

import hashlib
from datetime import timedelta

import pytest
from django.db import transaction
from tests.api_caller import Caller, codes
from tests.clock import StillClock
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import ConsentState, Population
from quarterdeck.assessor.models import Question
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import UnrecordedWrite
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.api import Method, TicketAsset
from quarterdeck.workflows import attend_assessor, export_package, request

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api_urls")]


@pytest.fixture
def shop(clock: StillClock, tmp_path, settings, monkeypatch):
    settings.PASSWORD_HASHERS = FAST_HASHER
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


def caller(shop: PackageShop, key: str) -> Caller:
    shop.clock.advance(minutes=1)  # a code of the authenticator works once
    return Caller(shop.yard.shop, key)


def refused(call, *args: object, **kwargs: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as refusal:
        call(*args, **kwargs)
    return refusal.value.decision.codes


def test_a_sample_is_recorded_with_seed_and_population_and_repeats(shop: PackageShop) -> None:
    numbers = [shop.closed() for _ in range(3)]
    quinn = caller(shop, "quinn")
    drawn = quinn.call("post", "/assessor/samples", {"size": 2, "seed": "dice-4-2-6"}).json()
    by_hash = sorted(numbers, key=lambda number: hashlib.sha256(f"dice-4-2-6:{number}".encode()).digest())
    assert drawn["tickets"] == sorted(by_hash[:2])
    assert (drawn["of"], drawn["seed"], drawn["population"], drawn["repeats"]) == (3, "dice-4-2-6", "closed_cui", True)
    entry = next(evidence.entries(events=["sample.drawn"]))
    assert (entry.seq, entry.actor_id) == (drawn["entry"], shop.yard.shop.ids["quinn"])
    assert (entry.data["of"], entry.data["tickets"]) == (3, drawn["tickets"])
    listed = evidence.read_artifact(entry.artifacts[0]["sha256"]).decode()
    assert listed == "".join(f"{number}\n" for number in sorted(numbers))
    assert quinn.call("get", "/assessor/samples").json() == [drawn]


def test_without_a_seed_a_random_one_is_taken_and_told(shop: PackageShop) -> None:
    shop.closed()
    quinn = shop.yard.actor("quinn")
    first = attend_assessor.draw_sample(quinn, shop.clock, Population.CLOSED, size=5)
    second = attend_assessor.draw_sample(quinn, shop.clock, Population.CLOSED, size=5)
    assert len(first.seed) == 32
    assert first.seed != second.seed
    assert first.tickets == second.tickets
    assert assessor.sample(first.seq) == first
    assert refused(assessor.sample, 0) == ("sample.unknown",)


def test_who_may_sample_and_what_is_no_sample(shop: PackageShop) -> None:
    quinn, clock = shop.yard.actor("quinn"), shop.clock
    assert refused(attend_assessor.draw_sample, quinn, clock, Population.CLOSED_CUI, size=5) == ("sample.empty",)
    shop.closed()
    for size, seed, code in ((0, "", "sample.size"), (51, "", "sample.size"), (5, "a b", "sample.seed")):
        found = refused(attend_assessor.draw_sample, quinn, clock, Population.CLOSED, size=size, seed=seed)
        assert found == (code,)
    assert refused(attend_assessor.draw_sample, quinn, clock, Population.EMERGENCY, size=5) == ("sample.empty",)
    for key in ("iris", "avery", "casey", "max"):
        assert codes(caller(shop, key).call("post", "/assessor/samples", {})) == ["role.missing"]
    assert codes(caller(shop, "max").call("get", "/assessor/samples")) == ["role.missing"]
    assert caller(shop, "quinn").call("post", "/assessor/samples", {"size": 51}).status_code == 422


def test_taking_the_cui_mark_off_an_asset_takes_nothing_out_of_the_population(shop: PackageShop) -> None:
    number = shop.closed()
    server = inventory.asset(shop.yard.server)
    inventory.change_asset(
        server.id, {"handles_cui": False, "category": "contractor_risk_managed"},
        actor=shop.yard.actor("iris"), clock=shop.clock,
    )  # fmt: skip
    assert assessor.population_of(Population.CLOSED_CUI) == (number,)


def test_a_chore_written_down_afterwards_is_closed_work_that_may_be_drawn(shop: PackageShop) -> None:
    yard, now = shop.yard, shop.clock.now()
    content = yard.content(
        title="Change the paper tray's roller", method=Method.ON_SITE, assets=(TicketAsset(yard.printer, ""),),
        technicians=(), escort="", agreement_id="", window=Window(now - timedelta(hours=1), now),
    )  # fmt: skip
    chore = request.log_quick(yard.actor("iris"), shop.clock, content, changed_configuration=False)
    assert assessor.population_of(Population.CLOSED) == (chore.number,)


def test_a_sample_that_was_tampered_with_does_not_repeat(shop: PackageShop) -> None:
    shop.closed()
    drawn = attend_assessor.draw_sample(shop.yard.actor("quinn"), shop.clock, Population.CLOSED, size=1, seed="s")
    assert assessor.repeat(drawn).allowed
    other = assessor.SampleView(**{name: getattr(drawn, name) for name in drawn.__slots__} | {"tickets": ("MT-1",)})
    assert assessor.repeat(other).codes == ("sample.differs",)


def test_a_question_is_asked_and_answered_and_no_word_stands_in_an_entry(shop: PackageShop) -> None:
    number = shop.closed()
    quinn, iris = caller(shop, "quinn"), caller(shop, "iris")
    asked = quinn.call("post", "/assessor/questions", {"text": "Who holds the vault key?", "ticket": number}).json()
    assert (asked["open"], asked["ticket"], asked["answers"]) == (True, number, [])
    path = f"/assessor/questions/{asked['id']}/answers"
    assert codes(quinn.call("post", path, {"text": "Nobody."})) == ["role.missing"]
    assert codes(caller(shop, "max").call("get", "/assessor/questions")) == ["role.missing"]
    answered = iris.call("post", path, {"text": "Casey, in the safe."}).json()
    assert (answered["open"], answered["answers"][0]["text"]) == (False, "Casey, in the safe.")
    entries = list(evidence.entries(events=["question.asked", "question.answered"]))
    assert [entry.event for entry in entries] == ["question.asked", "question.answered"]
    assert all(entry.ticket is None for entry in entries)
    assert b"vault" not in entries[0].body
    assert b"safe" not in entries[1].body
    assert quinn.call("get", "/assessor/questions").json() == [answered]


def test_a_question_about_an_objective_and_what_is_no_question(shop: PackageShop) -> None:
    quinn = caller(shop, "quinn")
    about = {"text": "Where is the list of tools?", "objective": "MA.L2-3.7.2.a"}
    assert quinn.call("post", "/assessor/questions", about).json()["objective"] == "MA.L2-3.7.2.a"
    assert codes(quinn.call("post", "/assessor/questions", {"text": " "})) == ["question.length"]
    assert codes(quinn.call("post", "/assessor/questions", {"text": "Why so?", "ticket": "MT-2026-00099"})) == [
        "ticket.unknown"
    ]
    assert codes(quinn.call("post", "/assessor/questions", {"text": "Why so?", "objective": "X"})) == [
        "objective.unknown"
    ]
    assert codes(caller(shop, "iris").call("post", "/assessor/questions", about)) == ["role.missing"]
    unknown = caller(shop, "iris").call("post", "/assessor/questions/qu_none/answers", {"text": "To whom?"})
    assert unknown.status_code == 404


def test_words_that_somebody_wrote_into_the_database_are_not_shown(shop: PackageShop) -> None:
    asked = attend_assessor.ask_question(shop.yard.actor("quinn"), shop.clock, "Who holds the vault key?")
    other = attend_assessor.ask_question(shop.yard.actor("quinn"), shop.clock, "Who watches the door?")
    digest = Question.objects.get(id=other.id).text
    with pytest.raises(UnrecordedWrite), transaction.atomic():
        Question.objects.filter(id=asked.id).update(text=digest)
    with evidence.act(shop.yard.actor("iris"), shop.clock):
        Question.objects.filter(id=asked.id).update(text=digest)
    assert assessor.question(asked.id).text.startswith("[These words are not what the ledger says")
    assert assessor.question(other.id).text == "Who watches the door?"


def test_consent_is_asked_for_given_withdrawn_and_refused(shop: PackageShop) -> None:
    number = shop.closed()
    casey, iris = caller(shop, "casey"), caller(shop, "iris")
    standing = iris.call("get", f"/packages/consent/{number}").json()
    assert (standing["state"], standing["consented"], standing["recordings"]) == ("undecided", False, 1)
    assert codes(casey.call("post", f"/packages/consent/{number}/ask")) == ["reading.denied"]
    assert iris.call("post", f"/packages/consent/{number}/ask").json()["state"] == "asked"
    assert assessor.consents_asked() == [number]
    assert codes(iris.call("post", f"/packages/consent/{number}/ask")) == ["consent.asked_already"]
    given = casey.call("post", f"/packages/consent/{number}").json()
    assert (given["state"], given["by"]) == ("given", shop.yard.shop.ids["casey"])
    assert assessor.consents_asked() == []
    no = {"reason": "The drawings are on the screen."}
    assert codes(iris.call("post", f"/packages/consent/{number}/refuse", no)) == ["role.missing"]
    assert codes(casey.call("post", f"/packages/consent/{number}/refuse", {"reason": "-"})) == ["reason.length"]
    assert casey.call("post", f"/packages/consent/{number}/refuse", no).json()["state"] == "refused"
    assert not assessor.consents(number)
    assert codes(casey.call("delete", f"/packages/consent/{number}")) == ["consent.none"]
    assert assessor.consent_of(number).state is ConsentState.REFUSED
    refusal = next(evidence.entries(events=["recording.consent_refused"]))
    assert b"drawings" not in refusal.body


def test_a_ticket_without_recordings_asks_nobody(shop: PackageShop) -> None:
    number = shop.closed(assets=(TicketAsset(shop.yard.server, shop.yard.connection),))
    view = assessor.consent_of(number)
    assert view.recordings == 1
    draft = shop.yard.submitted(title="Not done yet")
    assert refused(export_package.ask_consent, shop.yard.actor("iris"), shop.clock, draft.number) == (
        "consent.nothing",
    )


def test_what_a_package_holds_is_told_before_and_what_it_withholds_after(shop: PackageShop) -> None:
    number = shop.closed()
    iris = caller(shop, "iris")
    before = iris.call("post", "/packages/contents", {"ticket": number}).json()
    assert before["tickets"] == [number]
    assert [(one["role"], one["reason"]) for one in before["withheld"]] == [("recording", "no_consent")]
    assert "CUI owner" in before["withheld"][0]["sentence"]
    path = shop.package(who="iris", numbers=[number])
    order = iris.call("get", "/packages").json()[0]
    after = iris.call("get", f"/packages/{order['id']}/withheld").json()
    assert after == before["withheld"]
    export_package.consent(shop.yard.actor("casey"), shop.clock, number)
    told = iris.call("post", "/packages/contents", {"ticket": number}).json()["withheld"]
    assert [one["reason"] for one in told] == ["no_recipient"]
    told = iris.call("post", "/packages/contents", {"ticket": number, "recipient": "passphrase"}).json()["withheld"]
    assert [one["reason"] for one in told] == ["encrypted"]
    path.unlink()
    assert iris.call("get", f"/packages/{order['id']}/withheld").json() == []
    assert codes(iris.call("post", "/packages/contents", {})) == ["package.scope"]
    assert codes(caller(shop, "casey").call("post", "/packages/contents", {"ticket": number})) == ["reading.denied"]


def test_the_estimate_of_the_size_is_near_the_size(shop: PackageShop) -> None:
    number = shop.closed(recording=b"x" * 200_000)
    export_package.consent(shop.yard.actor("casey"), shop.clock, number)
    told = assessor.contents(assessor.Scope((number,)), assessor.Recipient(), shop.clock.now())
    size = shop.package(numbers=[number]).stat().st_size
    # Without the player of a built web, which this package does not have.
    assert 0.3 < size / told.bytes < 2
