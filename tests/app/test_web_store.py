"""The store on the Evidence page and over the API: who sees it, who has work done, progress, cancel, findings."""

import pytest
from tests.api_caller import Caller, codes
from tests.app.test_store_care import keep, spoil
from tests.shop import FAST_HASHER
from tests.web_shop_floor import floor
from tests.web_visitor import sign_in, text_of

from quarterdeck.config.api import load
from quarterdeck.entrypoints.supervisor.findings import Grade
from quarterdeck.entrypoints.supervisor.store_checks import store_findings
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import DirectoryStore, JobKind, JobState
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.workflows import keep_store, store_state

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")


@pytest.fixture
def shop(settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    return floor()


@pytest.fixture
def store():
    return DirectoryStore(load().objects_dir)


def test_the_it_lead_has_the_store_read_and_sees_how_far_it_is(shop, store):
    iris = sign_in(shop.yard.shop, "iris")
    page = text_of(iris.get("/evidence/"))
    assert "Where the files lie" in page
    assert f"file:{load().objects_dir}" in page
    assert "not yet; it is done every night" in page
    answer = iris.post("/evidence/store/scrub/", follow=True)
    assert "It goes on when you leave this page." in text_of(answer)
    job = evidence.take_job([JobKind.SCRUB], shop.clock.now())
    evidence.tell_job(job.id, shop.clock.now(), done=3, total=12)
    card = iris.get("/evidence/store/")
    assert "3 of 12" in text_of(card)
    assert 'hx-trigger="every 2s"' in card.content.decode()
    assert '<progress class="work" max="12" value="3"' in card.content.decode()
    assert "It stops at its next step." in text_of(iris.post(f"/evidence/store/{job.id}/cancel/", follow=True))
    assert not evidence.tell_job(job.id, shop.clock.now(), done=4, total=12)
    evidence.end_job(job.id, shop.clock.now(), JobState.CANCELLED, "Cancelled.")
    assert "no such work" in text_of(iris.post(f"/evidence/store/{job.id}/cancel/", follow=True))
    assert "every 2s" not in iris.get("/evidence/store/").content.decode()


def test_a_store_of_which_nothing_was_read_is_not_called_intact(settings, store):
    """The first night finds an empty store: its "0 files read" is no word about the files that came since."""
    settings.PASSWORD_HASHERS = FAST_HASHER
    keep_store.order_scrub(TICKER, SystemClock(), everything=True)
    keep_store.do_next_job(TICKER, SystemClock(), store)
    shop = floor()
    (doctor,) = [one for one in store_findings(load(), shop.clock) if "read" in one.sentence]
    assert (doctor.grade, doctor.sentence) == (Grade.NOTE, store_state.NOT_READ)
    assert store_state.NOT_READ in store_state.store_state().lines()
    iris = sign_in(shop.yard.shop, "iris")
    card = text_of(iris.get("/evidence/store/"))
    assert "Not read yet" in card
    assert "Intact" not in card
    keep(shop.clock, b"a note")
    keep_store.order_scrub(TICKER, shop.clock, everything=True)
    keep_store.do_next_job(TICKER, shop.clock, store)
    assert "Intact" in text_of(iris.get("/evidence/store/"))
    assert store_state.NOT_READ not in store_state.store_state().lines()


def test_a_finding_stands_on_the_page_with_its_hash(shop, store):
    (one,) = keep(shop.clock, b"note of somebody")
    spoil(store, one)
    keep_store.order_scrub(TICKER, shop.clock, everything=True)
    keep_store.do_next_job(TICKER, shop.clock, store)
    keep_store.read_facts_back(shop.clock, store)
    iris = sign_in(shop.yard.shop, "iris")
    assert "Files of evidence are wrong" in text_of(iris.get("/"))
    page = text_of(iris.get("/evidence/"))
    assert "1 file altered." in page
    assert one in page
    assert "A directory keeps nobody" in page


def test_who_only_reads_sees_it_and_starts_nothing(shop):
    quinn = sign_in(shop.yard.shop, "quinn")
    assert "Where the files lie" in text_of(quinn.get("/evidence/"))
    assert "Read every file now" not in text_of(quinn.get("/evidence/"))
    assert quinn.post("/evidence/store/scrub/").status_code == 403
    assert quinn.post("/evidence/store/sweep/").status_code == 403
    assert quinn.post("/evidence/store/sj_1/cancel/").status_code == 403


def test_who_has_no_business_with_it_does_not_see_it(shop):
    max_ = sign_in(shop.yard.shop, "max")
    assert "Where the files lie" not in text_of(max_.get("/evidence/"))
    assert max_.get("/evidence/store/").status_code == 403


def test_the_same_over_the_api(shop):
    iris, quinn, max_ = (Caller(shop.yard.shop, key) for key in ("iris", "quinn", "max"))
    assert iris.call("get", "/evidence/store").json()["locks"]["failing"] == 0
    assert quinn.call("get", "/evidence/store").json()["store"].startswith("file:")
    assert max_.call("get", "/evidence/store").status_code == 403
    job = iris.call("post", "/evidence/store/scrub", {"everything": True}).json()
    assert (job["kind"], job["scope"], job["state"]) == ("scrub", "all", "waiting")
    assert codes(iris.call("post", "/evidence/store/scrub", {})) == ["store.job_runs"]
    refused = quinn.call("post", "/evidence/store/sweep")
    assert (refused.status_code, codes(refused)) == (403, ["store.it_lead"])
    assert codes(quinn.call("delete", f"/evidence/store/jobs/{job['id']}")) == ["store.it_lead"]
    assert iris.call("delete", f"/evidence/store/jobs/{job['id']}").status_code == 200
    assert codes(iris.call("delete", "/evidence/store/jobs/sj_none")) == ["store.no_job"]
