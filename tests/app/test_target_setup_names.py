"""`qd gate target-setup` speaks of hosts and accounts as the inventory does."""

import pytest
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.entrypoints.supervisor.target_setup import is_listed, parser
from quarterdeck.kernel.clock import SystemClock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def yard(settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    return build_yard(SystemClock())


def test_a_host_that_is_not_listed_names_the_near_ones():
    decision = is_listed("fs1.example.test", ["maint"])
    assert decision.codes == ("target.unlisted",)
    assert "Did you mean fs01.example.test" in decision.reasons[0].next_step


def test_an_account_that_no_connection_names_is_refused():
    decision = is_listed("fs01.example.test", ["maint", "root"])
    assert decision.codes == ("target.other_account",)
    assert "Its connections name maint" in decision.reasons[0].next_step


def test_what_the_inventory_says_passes_whatever_the_case():
    assert is_listed("FS01.example.test", ["maint"]).allowed


def test_one_form_is_asked_for_at_a_time(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["fs01", "--account", "maint", "--windows", "--ansible", "plays"])
    assert "not allowed with" in capsys.readouterr().err
