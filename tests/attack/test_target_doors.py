"""What somebody tries around host certificates, lists and security keys: the lax web, the cut option, the odd file."""

import base64
from pathlib import Path

import pytest
from tests.access_shop import Shop, authorise, make_shop, open_ticket
from tests.access_signer import fresh_key, near_signer
from tests.clock import StillClock

from quarterdeck.access import api as access
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.adapters.openssh_ca import CertificateAuthority, entry_order, init_keys, new_private_key
from quarterdeck.entrypoints.gate.revoked import write_list
from quarterdeck.evidence.api import act
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.workflows.take_access import take_access

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    made = make_shop(clock)
    authorise(made, "sam")
    open_ticket(made)
    return made


def test_a_web_that_forgets_the_policy_gets_no_certificate(shop: Shop, clock: StillClock, tmp_path: Path) -> None:
    """The signer's own settings demand the security key; what was granted on the lax word is taken back."""
    key = fresh_key()
    personnel.register_key(shop.people["sam"], key, actor=shop.actor("sam"), clock=clock)
    strict = near_signer(tmp_path / "signer", clock, keys=access.KeyPolicy("fips", "all"))
    door = access.GateDoor("127.0.0.1", 8622, "gate", fresh_key())
    with pytest.raises(Refused) as caught:
        take_access(
            shop.actor("sam"), clock, ticket=shop.ticket, public_key=key, signer=strict, door=door,
            policy=access.KeyPolicy("modern", "none"),
        )  # fmt: skip
    assert "access.key_not_verified" in caught.value.decision.codes
    assert {one.state for one in access.grants(ticket=shop.ticket)} == {access.GrantState.REVOKED}


def test_the_option_cannot_be_cut_out_of_a_certificate(clock: StillClock, tmp_path: Path) -> None:
    init_keys(tmp_path / "signer")
    authority = CertificateAuthority.from_file(tmp_path / "signer" / "entry_ca")
    order = entry_order(
        access.read_public_key(new_private_key()[1]), serial=5, key_id="MT-2026-00001:pe_a:ag_b",
        principal="qd-entry-example", now=clock.now(), valid_until=clock.advance(hours=1), verified=True,
    )  # fmt: skip
    minted = authority.mint(order)
    assert signed_by(minted.blob, authority.public_key.line)
    option = (15).to_bytes(4) + b"verify-required" + (0).to_bytes(4)
    assert option in minted.blob
    cut = minted.blob.replace((len(option)).to_bytes(4) + option, (0).to_bytes(4))
    assert len(cut) == len(minted.blob) - len(option)
    assert not signed_by(cut, authority.public_key.line)
    assert access.grant_for_certificate(cut) is None


def test_a_list_is_never_written_through_a_planted_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    listed = tmp_path / "revoked_keys"
    listed.with_name("revoked_keys.new").symlink_to(victim)
    write_list(listed, b"SSHKRL\n\0")
    assert victim.read_text() == "kept"
    assert not listed.is_symlink()
    assert listed.read_bytes() == b"SSHKRL\n\0"


@pytest.mark.parametrize(
    "key",
    [
        "x", "ssh-dss AAAAB3NzaC1kc3M=", "ecdsa-sha2-nistp256 " + base64.b64encode(b"\0" * 40).decode(),
        "sk-ecdsa-sha2-nistp256@openssh.com AAAA", "@cert-authority ssh-ed25519 AAAA", "-oProxyCommand=x y",
    ],
)  # fmt: skip
def test_no_odd_text_becomes_a_host_certificate(shop: Shop, clock: StillClock, tmp_path: Path, key: str) -> None:
    signer = near_signer(tmp_path / "signer", clock)
    with pytest.raises(Refused) as caught, act(shop.actor("iris"), clock) as current:
        access.order_host_certificate(current, asset=shop.asset, connection=shop.connection, host_key=key)
    assert caught.value.decision.codes == ("host.bad_key",)
    assert access.host_certificates() == []
    assert signer.status()["signed"] == 0
