import pytest, collections
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard
from quarterdeck.tickets import api as tickets
pytestmark = pytest.mark.django_db
def test_q(clock, settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    y = build_yard(clock); v = y.scheduled()
    for name, call in [("hold_points", lambda: tickets.hold_points(v.number, clock.now())), ("ticket", lambda: tickets.ticket(v.number)), ("may_admit", lambda: tickets.may_admit(v.number, y.shop.ids["max"], y.server, clock.now())), ("meter", lambda: tickets.evidence_meter(v.number, clock.now())), ("waiting", lambda: tickets.waiting_for(v.number, clock.now())), ("snapshot", lambda: tickets.current_snapshot(v.number)), ("standing", lambda: tickets.admission_terms(v.number, y.shop.ids["max"]))]:
        with CaptureQueriesContext(connection, ) as c: call()
        print(name, len(c))
        if name == "hold_points":
            n = collections.Counter(q["sql"].split("FROM")[1].split()[0] if "FROM" in q["sql"] else q["sql"][:30] for q in c.captured_queries)
            print(n.most_common(30))
