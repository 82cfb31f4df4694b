import json
from dataclasses import replace
import pytest
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard
from quarterdeck.workflows import request, approve
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.inventory import api as inventory
from quarterdeck.personnel import api as personnel
@pytest.fixture
def yard(settings,on_postgresql,clock):
    settings.PASSWORD_HASHERS=FAST_HASHER
    return build_yard(clock)
def test_all(yard):
    a,c=yard.actor("iris"),yard.clock
    tries={}
    for field in ("title","plan","impact","rollback","agreement_id","pool_id","escort"):
        for name,bad in (("nul","a\0b"),("long","x"*70000)):
            tries[f"ticket.{field}.{name}"]=lambda field=field,bad=bad: request.request(a,c,yard.content(**{field:bad}))
    for field in ("conflicts_with","expected_paths","technicians","items"):
        for name,bad in (("nul","a\0b"),("long","x"*70000)):
            tries[f"ticket.{field}.{name}"]=lambda field=field,bad=bad: request.request(a,c,yard.content(**{field:(bad,)}))
    for field in ("hostname","title","owner","category_reason","location","operating_system","firmware","patch_level"):
        for name,bad in (("nul","a\0b"),("long","x"*70000)):
            tries[f"asset.{field}.{name}"]=lambda field=field,bad=bad: inventory.add_asset(inventory.AssetFields(**{**dict(hostname="fs09.example.test",category="out_of_scope",owner=yard.shop.ids["iris"],asset_kind="server",category_reason="x"),field:bad}),actor=a,clock=c)
    for name,bad in (("nul","a\0b"),("long","x"*70000)):
        tries[f"person.name.{name}"]=lambda bad=bad: personnel.add_person(bad,"p@example.test",actor=a,clock=c)
        tries[f"person.mail.{name}"]=lambda bad=bad: personnel.add_person("P",bad+"@example.test",actor=a,clock=c)
        tries[f"ticket.number.{name}"]=lambda bad=bad: tickets.ticket(bad)
        tries[f"asset.id.{name}"]=lambda bad=bad: inventory.asset(bad)
        tries[f"person.id.{name}"]=lambda bad=bad: personnel.person(bad)
        tries[f"login.mail.{name}"]=lambda bad=bad: personnel.issue_token(bad,"x","123456",clock=c)
        tries[f"token.{name}"]=lambda bad=bad: personnel.actor_for_token(bad,c)
        tries[f"approve.reason.{name}"]=lambda bad=bad: approve.approve(yard.actor("avery"),c,"MT-2026-00001",role=tickets.ApprovalRole.APPROVER,content_hash="0"*64,reason=bad)
        tries[f"approve.hash.{name}"]=lambda bad=bad: approve.approve(yard.actor("avery"),c,"MT-2026-00001",role=tickets.ApprovalRole.APPROVER,content_hash=bad,reason="ok then")
        tries[f"login.client.{name}"]=lambda bad=bad: personnel.issue_token("a@example.test","x","123456",clock=c,client=bad)
        tries[f"agreement.vendor.{name}"]=lambda bad=bad: personnel.add_agreement(bad,"n",permitted_actions=["any"],methods=["any"],valid_from=c.now(),valid_until=c.now().replace(year=2027),actor=a,clock=c)
    for k,f in tries.items():
        try: f(); r="ok"
        except Refused as e: r="refused "+",".join(e.decision.codes)
        except BaseException as e: r=f"!!! {type(e).__name__} {str(e)[:90]}"
        if not r.startswith("refused"): print(k,r)
