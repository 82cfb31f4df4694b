"""Adopting another rules file: who may, what the ledger keeps, and that a row written by hand stops comparisons."""

import pytest
from tests.api_caller import Caller
from tests.shop import FAST_HASHER
from tests.ticket_steps import open_guard
from tests.ticket_yard import build_yard
from tests.web_shop_floor import RealClock
from tests.web_visitor import sign_in, text_of

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.models import DriftRules
from quarterdeck.evidence.api import entries, read_artifact
from quarterdeck.kernel.decision import Refused

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = '[[rule]]\nname = "spool"\nmeaning = "noise"\npaths = ["/var/spool/lpd/**"]\nbecause = "printing"\n'


@pytest.fixture
def yard(settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    return build_yard(RealClock())


def test_over_the_wire_and_in_the_ledger(yard) -> None:
    iris, max_ = Caller(yard.shop, "iris"), Caller(yard.shop, "max")
    assert [one["version"] for one in max_.call("get", "/drift-rules").json()] == [0]
    body = {"text": TEXT, "reason": "The print queue writes all day."}
    assert max_.call("post", "/drift-rules", body).status_code == 403
    assert iris.call("post", "/drift-rules", body | {"text": "[[rule]]\n"}).status_code == 409
    assert iris.call("post", "/drift-rules", body).json()["version"] == 1
    assert iris.call("post", "/drift-rules", body).status_code == 409
    (told,) = entries(events=["drift_rules.adopted"])
    assert read_artifact(str(told.artifacts[0]["sha256"])).decode() == TEXT
    assert told.data["sha256"] == baselines.adopted_rules().sha256
    with open_guard():
        DriftRules.objects.update(text=TEXT.replace("lpd", "x"))
    with pytest.raises(Refused, match="not what the ledger says"):
        baselines.adopted_rules()


def test_on_its_page(yard) -> None:
    iris, max_ = sign_in(yard.shop, "iris"), sign_in(yard.shop, "max")
    seen = text_of(max_.get("/registers/drift-rules/"))
    assert "rights to sudo" in seen
    assert "Adopt others" not in seen
    answer = iris.post("/registers/drift-rules/", {"text": TEXT, "reason": "The print queue writes all day."})
    assert answer.status_code == 302
    assert "spool" in text_of(iris.get("/registers/drift-rules/"))
    answer = max_.post("/registers/drift-rules/", {"text": TEXT + "# x\n", "reason": "Because I want to."})
    assert baselines.adopted_rules().version == 1
