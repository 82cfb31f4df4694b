"""The assessor's pages: desk, samples, questions, objectives as worksheets; every view is an entry. And consent."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.web_shop_floor import RealClock, closed, floor
from tests.web_visitor import sign_in, text_of

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import ConsentState
from quarterdeck.controls.api import MA_OBJECTIVES
from quarterdeck.evidence import api as evidence
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import export_package

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(settings: object) -> PackageShop:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return floor()


def views(key: str, shop: PackageShop) -> list[tuple[str, str]]:
    me = shop.yard.shop.ids[key]
    looks = evidence.entries(events=["evidence.viewed"])
    return [(look.object.type, look.object.id) for look in looks if look.actor_id == me]


def test_every_page_that_an_assessor_opens_is_an_entry_and_the_page_says_so(shop):
    number = closed(shop)
    quinn = sign_in(shop.yard.shop, "quinn")
    page = quinn.get(f"/tickets/{number}/")
    assert "View recorded" in text_of(page)
    quinn.get(f"/assets/{shop.yard.server}/")
    quinn.get("/objectives/MA.L2-3.7.5.b/")
    quinn.get("/objectives/")
    quinn.get(f"/tickets/{number}/?tab=plan")  # the same look within ten minutes
    quinn.get("/live/", headers={"HX-Request": "true"})
    quinn.get("/palette/?q=fs01")
    quinn.get("/tickets/MT-2026-09999/")
    assert views("quinn", shop) == [
        ("ticket", number), ("asset", shop.yard.server), ("objective", "MA.L2-3.7.5.b"), ("page", "objectives"),
    ]  # fmt: skip
    mine = [look for look in evidence.entries(events=["evidence.viewed"]) if look.data["of"] == number]
    assert all(look.ticket is None for look in mine)
    desk = text_of(quinn.get("/desk/"))
    assert f"Ticket {number}" in desk
    assert "Objective MA.L2-3.7.5[b]" in desk


def test_the_views_of_others_are_recorded_where_they_open_evidence_only(shop):
    number = closed(shop)
    iris = sign_in(shop.yard.shop, "iris")
    page = iris.get(f"/tickets/{number}/")
    assert "View recorded" not in text_of(page)
    iris.get("/objectives/")
    assert views("iris", shop) == []


def test_a_sample_is_drawn_shown_with_its_tickets_and_drawn_again(shop):
    number = closed(shop)
    quinn = sign_in(shop.yard.shop, "quinn")
    assert "closed tickets of assets that handle CUI (1)" in text_of(quinn.get("/desk/")).lower().replace("cui", "CUI")
    drawn = quinn.post("/desk/sample/", {"population": "closed_cui", "size": "5", "seed": "4-2-6"}, follow=True)
    page = text_of(drawn)
    assert number in page
    assert "Drawn again: the same" in page
    assert "replay" not in page  # the recording of this shop belongs to no session
    (sample,) = assessor.samples()
    assert (sample.seed, sample.tickets) == ("4-2-6", (number,))
    listed = quinn.get(f"/desk/samples/{sample.seq}/population.txt")
    assert listed.content.decode() == f"{number}\n"
    assert ("artifact", sample.list_sha256) in views("quinn", shop)
    wrong = text_of(quinn.post("/desk/sample/", {"population": "closed_cui", "size": "0", "seed": "a b"}))
    assert "greater than or equal to 1" in wrong
    none = quinn.post("/desk/sample/", {"population": "emergency", "size": "5", "seed": ""})
    assert "no such ticket to draw from" in text_of(none)
    assert sign_in(shop.yard.shop, "iris").get(f"/desk/samples/{sample.seq}/").status_code == 200
    assert sign_in(shop.yard.shop, "max").get(f"/desk/samples/{sample.seq}/").status_code == 403
    assert quinn.get("/desk/samples/1/").status_code == 404


def test_a_question_goes_to_the_it_lead_and_comes_back_answered(shop):
    quinn = sign_in(shop.yard.shop, "quinn")
    said = {"text": "Who reviews the list of tools?", "objective": "MA.L2-3.7.2.a", "ticket": ""}
    asked = quinn.post("/questions/ask/", said, follow=True)
    assert "has not answered yet" in text_of(asked)
    iris = sign_in(shop.yard.shop, "iris")
    work = text_of(iris.get("/"))
    assert "Answer the assessor's question" in work
    assert "Who reviews the list of tools?" in work
    (question,) = assessor.questions()
    iris.post(f"/questions/{question.id}/", {"text": "Iris, each quarter."}, follow=True)
    page = text_of(quinn.get(f"/questions/{question.id}/"))
    assert "Iris, each quarter." in page
    assert "Answered" in page
    assert "Answer the assessor's question" not in text_of(iris.get("/"))
    assert "Iris, each quarter." in text_of(quinn.get("/questions/"))
    assert "Who reviews the list of tools?" in text_of(quinn.get("/objectives/MA.L2-3.7.2.a/"))
    assert "Please fill this in." in text_of(quinn.post("/questions/ask/", {"text": ""}))
    refused = quinn.post("/questions/ask/", {"text": "Why?", "ticket": "MT-2026-09999"})
    assert "There is no ticket" in text_of(refused)
    assert quinn.get("/questions/qu_none/").status_code == 404
    assert sign_in(shop.yard.shop, "max").get("/questions/").status_code == 403


def test_objectives_show_what_is_proposed_with_gaps_points_and_poam(shop):
    number = closed(shop)
    iris = sign_in(shop.yard.shop, "iris")
    page = text_of(iris.get("/objectives/"))
    assert "Maintenance (MA)" in page
    assert "Evidence present" in page
    assert "No evidence yet" in page
    assert "proposes it" in page
    assert "MET is the assessor's word" in page
    worksheet = text_of(iris.get("/objectives/MA.L2-3.7.5.b/"))
    for part in ("Gaps", "Examine", "Interview", "Test", "At stake", number, "5 points", "Passwords changed after use"):
        assert part in worksheet, part
    empty = text_of(iris.get("/objectives/MA.L2-3.7.4.a/"))
    assert "No evidence yet; it would be: media scanned before use." in empty
    assert "Scan diagnostic media before use" in empty
    assert "3 points" in empty
    third = text_of(iris.get("/objectives/?r=3"))
    assert "A.03.07.05.c[02]" in third
    assert "Requirement 03.07.05" in third
    rows = iris.get("/objectives/?export=csv").content.decode()
    assert len(rows.strip().splitlines()) > len(MA_OBJECTIVES)
    assert iris.get("/objectives/MA.L2-9.9.9.z/").status_code == 404
    assert sign_in(shop.yard.shop, "max").get("/objectives/").status_code == 403


def test_consent_is_asked_for_where_a_package_is_made_and_decided_by_the_cui_owner(shop):
    number = closed(shop)
    iris = sign_in(shop.yard.shop, "iris")
    told = text_of(iris.get(f"/evidence/packages/contents/?ticket={number}"))
    assert "Recording of a session" in told
    assert "has not consented" in told
    assert "Ask the CUI owner" in told
    assert "May leave" not in text_of(iris.get(f"/tickets/{number}/"))
    iris.post(f"/tickets/{number}/consent/ask/", {"back": "evidence"})
    assert assessor.consent_of(number).state is ConsentState.ASKED
    casey = sign_in(shop.yard.shop, "casey")
    assert f"Decide whether recordings of {number} may leave" in text_of(casey.get("/"))
    without = casey.post(f"/tickets/{number}/consent/", {"verdict": "refuse", "reason": ""})
    assert "Say why they stay here." in text_of(without)
    casey.post(f"/tickets/{number}/consent/", {"verdict": "refuse", "reason": "Drawings are on the screen."})
    assert assessor.consent_of(number).state is ConsentState.REFUSED
    assert "Refused" in text_of(iris.get(f"/tickets/{number}/"))
    casey.post(f"/tickets/{number}/consent/", {"verdict": "give", "reason": ""})
    assert assessor.consents(number)
    page = casey.get(f"/tickets/{number}/")
    assert "May leave" in text_of(page)
    told = text_of(iris.get(f"/evidence/packages/contents/?ticket={number}"))
    assert "nobody was named to whom the package is encrypted" in told
    told = text_of(iris.get(f"/evidence/packages/contents/?ticket={number}&to=passphrase"))
    assert "It is in the package, encrypted" in told
    casey.post(f"/tickets/{number}/consent/withdraw/")
    assert assessor.consent_of(number).state is ConsentState.WITHDRAWN
    assert iris.post(f"/tickets/{number}/consent/", {"verdict": "give"}).status_code == 403


def test_what_a_finished_package_withholds_stands_on_the_evidence_page(settings, tmp_path):
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", RealClock()) as sealer:
        shop = floor(sealer)
        number = closed(shop)
        shop.package(who="iris", numbers=[number])
        iris = sign_in(shop.yard.shop, "iris")
        page = text_of(iris.get("/evidence/"))
        assert "Stays here: Recording of a session" in page
        assert "has not consented" in page
        archive = text_of(iris.get("/evidence/packages/all/"))
        assert "1 package" in archive
        assert "Ready" in archive
        shown = text_of(iris.get("/evidence/checkpoints/"))
        assert "a package left" in shown


def test_a_passphrase_is_shown_once_and_the_hashes_have_a_page(settings, tmp_path):
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", RealClock()) as sealer:
        shop = floor(sealer)
        number = closed(shop)
        export_package.consent(shop.yard.actor("casey"), shop.clock, number)
        iris = sign_in(shop.yard.shop, "iris")
        answer = iris.post("/evidence/packages/order/", {"ticket": number, "to": "passphrase"})
        page = text_of(answer)
        assert "no-store" in answer.headers["Cache-Control"]
        said = re.search(r"(?:[a-z0-9]{5}-){5}[a-z0-9]{5}", page)
        assert said is not None
        assert export_package.make_next_package(shop.clock, shop.press)
        evidence_page = iris.get("/evidence/").content.decode()
        assert said[0] not in evidence_page
        assert "encrypted" in evidence_page
        order = assessor.orders()[0]
        hashes = f"/evidence/packages/{order.id}/hashes/"
        assert "CMMCAssessmentLogHash.log" in text_of(iris.get(hashes))
        log = iris.get(f"{hashes}CMMCAssessmentArtifacts.log").getvalue()
        assert b".cast.cms" in log
        back = text_of(iris.post(hashes, {"log": SimpleUploadedFile("x.log", log)}))
        assert "All equal" in back
        first = log.splitlines()[3].split()[1]
        wrong = text_of(iris.post(hashes, {"log": SimpleUploadedFile("x.log", log.replace(first, b"0" * 64))}))
        assert "another hash" in wrong
        assert "no log of ArtifactHash.ps1" in text_of(iris.post(hashes, {"log": SimpleUploadedFile("x.log", b"?")}))
        refused = text_of(iris.post("/evidence/packages/order/", {"ticket": number, "to": "certificate"}, follow=True))
        assert "no certificate" in refused
        iris.post("/evidence/packages/order/", {"family": "ma", "since": "", "until": ""})
        assert assessor.orders()[0].kind is assessor.ScopeKind.ASSESSMENT
        assert iris.get("/evidence/packages/pk_none/hashes/").status_code == 404


def test_a_period_is_told_before_it_is_ordered_and_nonsense_is_not(shop):
    closed(shop)
    iris = sign_in(shop.yard.shop, "iris")
    told = text_of(iris.get("/evidence/packages/contents/", {"since": "yesterday is no moment", "until": "now"}))
    assert told.strip() == ""
    period = iris.get("/evidence/packages/contents/", {"since": "1 Jan 2026", "until": "now"})
    assert "1 ticket" in text_of(period)
    ahead = iris.get("/evidence/packages/contents/", {"since": "+1d", "until": "+2d"})
    assert "lies in the future" in text_of(ahead)
    assert sign_in(shop.yard.shop, "max").get("/evidence/packages/contents/").status_code == 403


def test_the_access_of_an_assessor_ends_by_itself(shop):
    iris = sign_in(shop.yard.shop, "iris")
    guest = shop.yard.shop.add("Gwen", kind=personnel.PersonKind.EXTERNAL, organisation="Assessing Body")
    form = {"role": "assessor", "valid_until": "+30d"}
    iris.post(f"/people/{guest}/role/", form)
    (grant,) = personnel.role_grants(guest)
    assert grant.role is Role.ASSESSOR
    assert (grant.valid_until - shop.clock.now()).days == 29
    assert "until" in text_of(iris.get(f"/people/{guest}/"))
    other = shop.yard.shop.add("Otto")
    wrong = iris.post(f"/people/{other}/role/", {"role": "technician", "valid_until": "+30d"})
    assert "Only an assessor's role ends by itself." in text_of(wrong)
