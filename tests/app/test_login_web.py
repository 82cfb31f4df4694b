"""The web login through the login library: second factor always, entries, replay, recovery codes, forged sessions."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.test import Client, RequestFactory
from django.urls import include, path
from tests.cast import AVERY, CASEY, IRIS
from tests.clock import StillClock
from tests.shop import FAST_HASHER, Shop, found_shop, password_of

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel import web_login
from quarterdeck.personnel.models import Account

pytestmark = pytest.mark.django_db
urlpatterns = [path("a/", include("allauth.account.urls")), path("m/", include("allauth.mfa.urls"))]


@pytest.fixture
def shop(clock: StillClock, settings, monkeypatch) -> Shop:
    settings.PASSWORD_HASHERS = FAST_HASHER
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("quarterdeck.")]
    settings.TEMPLATES = [{
        "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }]
    monkeypatch.setattr(web_login, "CLOCK", clock)
    shop = found_shop(clock, (IRIS, AVERY, CASEY))
    shop.enrol("iris", "avery")
    clock.advance(minutes=1)
    return shop


def first_step(client: Client, key: str = "iris", **changed: str):
    return client.post("/a/login/", {"login": f"{key}@example.test", "password": password_of(key)} | changed)


def second_step(client: Client, code: str):
    return client.post("/m/authenticate/", {"code": code})


def log_in(shop: Shop, key: str = "iris") -> Client:
    client = Client()
    assert first_step(client, key).headers["Location"] == "/m/authenticate/"
    assert second_step(client, shop.totp(key)).status_code == 302
    return client


def actor_of(client: Client):
    request = RequestFactory().get("/")
    request.session = client.session
    user_id = client.session.get("_auth_user_id")
    request.user = web_login.SealedAccountBackend().get_user(user_id) if user_id else None
    return personnel.actor_for_request(request)


def request_of(client: Client):
    request = RequestFactory().get("/")
    request.session = client.session
    request.user = Account.objects.select_related("person").get(pk=client.session["_auth_user_id"])
    return request


def test_password_and_code_open_a_session_that_the_ledger_knows(shop: Shop, clock: StillClock) -> None:
    actor = actor_of(log_in(shop))
    assert (actor.id, actor.auth, actor.mfa_at) == (shop.ids["iris"], "mfa", clock.now())
    assert actor.factor == "totp"
    entry = evidence.last_entry(["login.accepted"])
    assert entry.data == {"person": shop.ids["iris"], "factor": "totp"}


def test_the_password_alone_opens_nothing(shop: Shop) -> None:
    client = Client()
    first_step(client)
    assert "_auth_user_id" not in client.session
    assert actor_of(client) is None


def test_not_even_when_the_factors_row_is_deleted(shop: Shop) -> None:
    Authenticator.objects.all().delete()
    client = Client()
    assert first_step(client).headers["Location"] == "/m/authenticate/"
    assert second_step(client, shop.totp("iris")).status_code == 200
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("changed", [{"password": "wrong"}, {"login": "nobody@example.test"},
                                     {"login": "casey@example.test"}, {"login": ""}])
def test_failures_look_alike_and_are_recorded(shop: Shop, changed: dict) -> None:
    client = Client()
    answer = first_step(client, **changed)
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session


def test_a_failed_password_is_a_folded_entry(shop: Shop) -> None:
    first_step(Client(), password="wrong")
    first_step(Client(), password="wrong")
    refused = [entry for entry in evidence.entries(events=["act.refused"])]
    assert len(refused) == 1
    assert (refused[0].actor_id, refused[0].object.id) == ("login", "personnel.login")


def test_five_failures_stop_the_address(shop: Shop, clock: StillClock) -> None:
    for _ in range(5):
        first_step(Client(), password="wrong")
    client = Client()
    assert first_step(client).status_code == 200
    clock.advance(minutes=5)
    assert first_step(client).status_code == 302


def test_a_used_code_is_refused_on_the_web_and_over_the_wire(shop: Shop, clock: StillClock) -> None:
    code = shop.totp("iris")
    client = Client()
    first_step(client)
    assert second_step(client, code).status_code == 302
    other = Client()
    first_step(other)
    assert second_step(other, code).status_code == 200
    with pytest.raises(Refused):
        personnel.issue_token("iris@example.test", password_of("iris"), code, clock=clock)


def test_a_wrong_code_is_told_as_a_wrong_code(shop: Shop) -> None:
    client = Client()
    first_step(client)
    told = second_step(client, "000000").content.decode()
    assert "The code was not accepted." in told
    assert "Mail address, password" not in told


def test_a_recovery_code_works_once_and_its_owner_is_told(shop: Shop) -> None:
    code = shop.recovery["iris"][0]
    client = Client()
    first_step(client)
    assert second_step(client, code.lower()).status_code == 302
    assert evidence.last_entry(["login.accepted"]).data["factor"] == "recovery"
    assert any("recovery code" in notice.subject for notice in personnel.notices_for(shop.ids["iris"]))
    other = Client()
    first_step(other)
    assert second_step(other, code).status_code == 200


def test_someone_elses_codes_do_not_work(shop: Shop) -> None:
    client = Client()
    first_step(client)
    assert second_step(client, shop.totp("avery")).status_code == 200
    assert second_step(client, shop.recovery["avery"][0]).status_code == 200


def test_guessing_the_second_factor_is_stopped(shop: Shop) -> None:
    client = Client()
    first_step(client)
    for _ in range(5):
        second_step(client, "000000")
    assert second_step(client, shop.totp("iris")).status_code == 200


def test_logging_out_ends_the_session_in_the_ledger_too(shop: Shop) -> None:
    client = log_in(shop)
    key = client.session.session_key
    client.post("/a/logout/")
    assert evidence.last_entry(["login.ended"]).actor_id == shop.ids["iris"]
    assert not Session.objects.filter(session_key=key).exists()


def test_step_up_renews_the_moment(shop: Shop, clock: StillClock) -> None:
    client = log_in(shop)
    clock.advance(minutes=11)
    assert not actor_of(client).stepped_up(clock.now())
    with pytest.raises(Refused):
        personnel.step_up_session(request_of(client), "000000")
    personnel.step_up_session(request_of(client), shop.totp("iris"))
    assert actor_of(client).stepped_up(clock.now())


def test_the_librarys_own_page_for_it_counts_too(shop: Shop, clock: StillClock) -> None:
    client = log_in(shop)
    clock.advance(minutes=11)
    client.post("/m/reauthenticate/", {"code": shop.totp("iris")})
    assert evidence.last_entry(["login.stepped_up"]).actor_id == shop.ids["iris"]
    assert actor_of(client).stepped_up(clock.now())


def test_the_password_alone_is_no_step_up(shop: Shop, clock: StillClock) -> None:
    client = log_in(shop)
    clock.advance(minutes=11)
    client.post("/a/reauthenticate/", {"password": password_of("iris")})
    assert not actor_of(client).stepped_up(clock.now())


def test_a_session_row_made_by_hand_is_nobody(shop: Shop) -> None:
    client = Client()
    client.force_login(Account.objects.get(person_id=shop.ids["avery"]))
    assert client.session["_auth_user_id"]
    assert actor_of(client) is None


def test_a_session_turned_to_somebody_else_by_hand_is_nobody(shop: Shop) -> None:
    client = log_in(shop)
    session = client.session
    session["_auth_user_id"] = Account.objects.get(person_id=shop.ids["avery"]).pk
    session.save()
    assert actor_of(client) is None


def test_a_deactivated_persons_session_is_over(shop: Shop, clock: StillClock) -> None:
    client = log_in(shop, "avery")
    personnel.deactivate_person(shop.ids["avery"], actor=shop.actor("iris"), clock=clock)
    assert actor_of(client) is None


def test_an_account_edited_by_hand_does_not_log_in(shop: Shop) -> None:
    with open_guard():
        Account.objects.filter(person_id=shop.ids["iris"]).update(email="mallory@example.test")
    client = Client()
    assert first_step(client, login="mallory@example.test").status_code == 200


def test_a_second_address_in_the_librarys_table_is_no_login(shop: Shop) -> None:
    account = Account.objects.get(person_id=shop.ids["avery"])
    account.emailaddress_set.create(email="mallory@example.test", verified=True, primary=True)
    answer = first_step(Client(), "avery", login="mallory@example.test")
    assert answer.status_code == 200


@pytest.mark.parametrize("page", ["/a/signup/", "/a/password/set/", "/a/password/change/", "/m/totp/deactivate/"])
def test_the_librarys_other_doors_change_nothing(shop: Shop, page: str) -> None:
    client = log_in(shop)
    before = Account.objects.get(person_id=shop.ids["iris"]).password
    client.post(page, {
        "email": "new@example.test", "password1": "a long new secret", "password2": "a long new secret",
        "oldpassword": password_of("iris"),
    })
    assert Account.objects.count() == 2
    assert Account.objects.get(person_id=shop.ids["iris"]).password == before
    assert Authenticator.objects.filter(type="totp").count() == 2


def test_logging_in_writes_no_account_row(shop: Shop) -> None:
    before = Account.objects.filter(person_id=shop.ids["iris"]).values().get()
    log_in(shop)
    assert Account.objects.filter(person_id=shop.ids["iris"]).values().get() == before
