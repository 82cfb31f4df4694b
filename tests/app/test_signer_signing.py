"""What the signer signs: only what grant, ticket, people and inventory say, as the ledger sealed them."""

import base64
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop, open_ticket
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence.api import act
from quarterdeck.evidence.guard import open_guard
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.models import PolicyVersion
from quarterdeck.workflows import keep_policy

pytestmark = pytest.mark.django_db
SESSION = "se_abcdefghijkmnpqr"


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    made = make_shop(clock, {"web01": Place(watched_roots=("/etc", "/srv/www"))})
    authorise(made, "sam")
    return made


@pytest.fixture
def signer(tmp_path: Path, clock: StillClock) -> NearSigner:
    return near_signer(tmp_path / "signer", clock)


def work_grant(shop: Shop, *, bound_by: NearSigner | None = None, key: str = "") -> access.GrantView:
    key = key or fresh_key()
    personnel.register_key(shop.people["sam"], key, actor=shop.actor("sam"), clock=shop.clock)
    with act(shop.actor("sam"), shop.clock) as current:
        given = access.create_grant(
            current,
            ticket=shop.ticket,
            person=shop.people["sam"],
            asset=shop.asset,
            connection=shop.connection,
            purpose=access.Purpose.WORK,
            public_key=key,
            valid_from=current.at,
            valid_until=current.at + timedelta(hours=2),
        )
    if bound_by is not None:
        line = bound_by.entry(given.id)
        with act(shop.actor("sam"), shop.clock) as current:
            given = access.bind_certificate_line(current, given.id, line)
    return given


def measure_grant(shop: Shop, collector: str = "") -> access.GrantView:
    with act(system("ticker"), shop.clock) as current:
        return access.create_grant(
            current,
            ticket=shop.ticket,
            person="",
            asset=shop.asset,
            connection=shop.connection,
            purpose=access.Purpose.MEASURE,
            public_key=fresh_key(),
            valid_from=current.at,
            valid_until=current.at + timedelta(minutes=30),
            collector_sha256=collector or baselines.collector_sha256(),
        )


def fields(line: str) -> access.CertificateFields:
    return access.read_certificate(access.certificate_blob(line))


def codes(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes


def authority(signer: NearSigner, name: str) -> bytes:
    return access.read_public_key(str(signer.status()[name])).blob


def test_an_entry_certificate(shop: Shop, signer: NearSigner) -> None:
    open_ticket(shop)
    given = work_grant(shop)
    said = fields(signer.entry(given.id))
    assert said.authority == authority(signer, "entry_ca")
    assert said.principals == ("qd-entry-example-organisation",)
    assert said.key_id == f"{shop.ticket}:{shop.people['sam']}:{given.id}"
    assert said.key.line == given.public_key
    assert said.valid_before == int(given.valid_until.timestamp())


def test_a_target_certificate_leads_where_the_approved_connection_leads(shop: Shop, signer: NearSigner) -> None:
    open_ticket(shop)
    given = work_grant(shop, bound_by=signer)
    key = fresh_key()
    said = fields(signer.target(given.id, SESSION, key))
    assert said.authority == authority(signer, "target_ca")
    assert said.principals == ("qd:maint@web01",)
    assert said.critical_options == {"source-address": "127.0.0.1"}
    assert said.valid_before - int(shop.clock.now().timestamp()) == 90
    assert said.key.line == key


def test_a_measuring_certificate_runs_the_named_collector_only(shop: Shop, signer: NearSigner) -> None:
    approved_ticket(shop)
    given = measure_grant(shop)
    said = fields(signer.measure(given.id, fresh_key(), ["manifest", "/etc"]))
    assert said.extensions == ()
    command = said.critical_options["force-command"]
    assert baselines.collector_sha256() in command
    assert command.endswith(" manifest /etc")
    assert codes(lambda: signer.measure(given.id, fresh_key(), ["manifest", "/root"])) == ("measure.not_approved",)


def test_another_collector_than_the_installed_one_is_not_signed(shop: Shop, signer: NearSigner) -> None:
    approved_ticket(shop)
    given = measure_grant(shop, "ab" * 32)
    assert codes(lambda: signer.measure(given.id, fresh_key(), ["posture"])) == ("signer.other_collector",)


def test_each_grant_has_one_purpose_and_one_entry_certificate(shop: Shop, signer: NearSigner) -> None:
    open_ticket(shop)
    measuring, working = measure_grant(shop), work_grant(shop)
    assert codes(lambda: signer.entry(measuring.id)) == ("signer.other_purpose",)
    assert codes(lambda: signer.target(measuring.id, SESSION, fresh_key())) == ("signer.other_purpose",)
    assert codes(lambda: signer.measure(working.id, fresh_key(), ["posture"])) == ("signer.other_purpose",)
    assert codes(lambda: signer.target(working.id, SESSION, fresh_key())) == ("signer.no_session",)
    bound = work_grant(shop, bound_by=signer)
    assert codes(lambda: signer.entry(bound.id)) == ("signer.already_signed",)
    assert codes(lambda: signer.target(bound.id, "no session", fresh_key())) == ("signer.no_session",)


def test_nothing_is_signed_after_the_end(shop: Shop, signer: NearSigner, clock: StillClock) -> None:
    open_ticket(shop)
    revoked, late = work_grant(shop, bound_by=signer), work_grant(shop, bound_by=signer)
    with act(shop.actor("iris"), clock) as current:
        access.revoke(current, revoked.id, "lost_laptop")
    assert "access.revoked" in codes(lambda: signer.target(revoked.id, SESSION, fresh_key()))
    with act(shop.actor("sam"), clock) as current:
        tickets.end_work(current, shop.ticket)
    assert "ticket.not_open" in codes(lambda: signer.target(late.id, SESSION, fresh_key()))
    clock.advance(hours=5)
    refused = codes(lambda: signer.target(late.id, SESSION, fresh_key()))
    assert {"access.expired", "window.outside"} <= set(refused)


def test_a_person_who_is_no_longer_authorised_gets_nothing(shop: Shop, signer: NearSigner, clock: StillClock) -> None:
    open_ticket(shop)
    given = work_grant(shop, bound_by=signer)
    for one in personnel.authorisations(shop.people["sam"]):
        personnel.withdraw_authorisation(one.id, actor=shop.actor("iris"), clock=clock)
    refused = codes(lambda: signer.target(given.id, SESSION, fresh_key()))
    assert refused
    assert not any(code.startswith("access.") for code in refused)


def test_a_replaced_key_opens_nothing(shop: Shop, signer: NearSigner, clock: StillClock) -> None:
    open_ticket(shop)
    given = work_grant(shop)
    personnel.register_key(shop.people["sam"], fresh_key(), actor=shop.actor("sam"), clock=clock)
    assert codes(lambda: signer.entry(given.id)) == ("access.key_not_registered",)


@pytest.mark.parametrize(
    "change",
    [
        {"address": "192.0.2.66"},
        {"port": 2222},
        {"target_account": "deploy"},
        {"elevation": "sudo"},
        {"watched_roots": ("/",)},
        {"host_identity": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBISEhISEhISEhISEhISEhISEhISEhISEhISEhISEhIS"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_place_that_changed_after_approval_is_not_signed_for(
    shop: Shop, signer: NearSigner, change: dict[str, object]
) -> None:
    open_ticket(shop)
    given, measuring = work_grant(shop, bound_by=signer), measure_grant(shop)
    before = inventory.connection(shop.connection)
    assert before is not None
    changed = replace(before.fields, **change)  # type: ignore[arg-type]
    inventory.set_connection(
        shop.asset, changed, actor=shop.actor("iris"), clock=shop.clock, connection_id=shop.connection
    )
    assert "content.changed" in codes(lambda: signer.target(given.id, SESSION, fresh_key()))
    assert "content.changed" in codes(lambda: signer.measure(measuring.id, fresh_key(), ["posture"]))


def test_a_clock_behind_the_ledger_signs_nothing(shop: Shop, signer: NearSigner, clock: StillClock) -> None:
    open_ticket(shop)
    given = work_grant(shop)
    clock.set_wall(clock.now() - timedelta(seconds=6))
    assert codes(lambda: signer.entry(given.id)) == ("clock.behind",)


def test_a_ledger_older_than_the_signer_saw_it_signs_nothing(shop: Shop, clock: StillClock, tmp_path: Path) -> None:
    open_ticket(shop)
    signer = near_signer(tmp_path / "signer", clock)
    given = work_grant(shop, bound_by=signer)
    assert signer.signer is not None
    seen = signer.signer._log.lines[-1]
    signer.signer._log.lines[-1] = replace(seen, sight=replace(seen.sight, size=seen.sight.size + 50))
    assert codes(lambda: signer.target(given.id, SESSION, fresh_key())) == ("ledger.older",)
    signer.signer._log.lines[-1] = replace(seen, sight=replace(seen.sight, tip="00" * 32))
    assert codes(lambda: signer.target(given.id, SESSION, fresh_key())) == ("ledger.other",)
    assert signer.status()["ready"] is False
    with act(OPERATOR, clock) as current:
        access.begin_epoch(current, "restored")
    assert codes(lambda: signer.target(given.id, SESSION, fresh_key())) == ("access.old_epoch",)


def test_serials_without_an_entry_are_found(shop: Shop, signer: NearSigner, clock: StillClock) -> None:
    open_ticket(shop)
    given = work_grant(shop, bound_by=signer)
    told = fields(signer.target(given.id, SESSION, fresh_key())).serial
    with act(system("gate"), clock) as current:
        access.record_serial(current, given.id, told, "ab" * 32, session=SESSION)
    silent = fields(signer.target(given.id, SESSION, fresh_key())).serial
    assert signer.reconcile() == []
    clock.advance(minutes=6)
    assert [line["serial"] for line in signer.reconcile()] == [silent]


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"op": "sign"},
        {"op": ["entry"]},
        {"op": "entry"},
        {"op": "entry", "grant": 5},
        {"op": "entry", "grant": "ag_' OR 1=1 --"},
        {"op": "entry", "grant": "ag_abcdefghijkmnpqr"},
        {"op": "target", "grant": "ag_abcdefghijkmnpqr", "principal": "root"},
        {"op": "measure", "grant": "x" * 5000},
    ],
)
def test_rubbish_is_answered_with_a_reason(signer: NearSigner, request_: dict[str, object]) -> None:
    assert signer.signer is not None
    answer = json.loads(json.dumps(signer.signer.handle(request_)))
    assert answer["refused"][0]["sentence"]
    assert "certificate" not in answer


def test_a_request_cannot_say_what_the_grant_does_not(shop: Shop, signer: NearSigner) -> None:
    open_ticket(shop)
    given = work_grant(shop, bound_by=signer)
    assert signer.signer is not None
    answer = signer.signer.handle(
        {
            "op": "target",
            "grant": given.id,
            "session": SESSION,
            "public_key": fresh_key(),
            "principal": "qd:root@web01",
            "valid_until": "2030-01-01T00:00:00Z",
            "source_address": "0.0.0.0",  # noqa: S104
            "serial": 1,
        }
    )
    said = fields(str(answer["certificate"]))
    assert said.principals == ("qd:maint@web01",)
    assert said.critical_options == {"source-address": "127.0.0.1"}
    assert said.serial != 1


SK_KEY = (
    "sk-ecdsa-sha2-nistp256@openssh.com "
    + base64.b64encode(
        b"".join(
            len(part).to_bytes(4) + part
            for part in (
                b"sk-ecdsa-sha2-nistp256@openssh.com",
                b"nistp256",
                base64.b64decode(fresh_key().split()[1])[-65:],
                b"ssh:",
            )
        )
    ).decode()
)


def test_a_policy_of_verified_keys_refuses_files_and_marks_security_keys(
    shop: Shop, tmp_path: Path, clock: StillClock
) -> None:
    strict = near_signer(tmp_path / "strict", clock, keys=access.KeyPolicy("fips", "all"))
    open_ticket(shop)
    assert codes(lambda: strict.entry(work_grant(shop).id)) == ("access.key_not_verified",)
    given = work_grant(shop, key=SK_KEY)
    line = strict.entry(given.id)
    assert dict(fields(line).critical_options) == {"verify-required": ""}
    (tmp_path / "one-cert.pub").write_text(line + "\n")
    shown = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(tmp_path / "one-cert.pub")], capture_output=True, text=True, check=True
    ).stdout
    assert "verify-required" in shown


@pytest.mark.parametrize(("name", "refused"), [("verified_keys_for_all_assets", True), (None, False)])
def test_the_sealed_policy_raises_what_the_signer_demands(
    shop: Shop, signer: NearSigner, clock: StillClock, name: str | None, refused: bool
) -> None:
    """Policy is changed through the ledger; the signer asks it, not the web (design section 4)."""
    if name is not None:
        keep_policy.change_setting(shop.actor("iris"), clock, name, True, reason="The contract asks for it.")
    open_ticket(shop)
    given = work_grant(shop)
    if refused:
        assert codes(lambda: signer.entry(given.id)) == ("access.key_not_verified",)
        line = signer.entry(work_grant(shop, key=SK_KEY).id)
        assert dict(fields(line).critical_options) == {"verify-required": ""}
        with open_guard():
            PolicyVersion.objects.filter(version=2).update(settings={})
        assert codes(lambda: signer.entry(work_grant(shop, key=SK_KEY).id)) != ()
    else:
        signer.entry(given.id)


def test_without_the_policy_a_security_key_is_asked_for_a_touch_only(shop: Shop, signer: NearSigner) -> None:
    open_ticket(shop)
    assert dict(fields(signer.entry(work_grant(shop, key=SK_KEY).id)).critical_options) == {}


def test_a_policy_that_grew_stricter_stops_the_next_session(shop: Shop, tmp_path: Path, clock: StillClock) -> None:
    mild = near_signer(tmp_path / "keys", clock)
    open_ticket(shop)
    given = work_grant(shop, bound_by=mild)
    assert mild.signer is not None
    mild.signer._settings = replace(mild.signer._settings, keys=access.KeyPolicy("fips", "all"))
    assert codes(lambda: mild.target(given.id, SESSION, fresh_key())) == ("access.key_not_verified",)
