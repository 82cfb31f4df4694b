"""Host certificates and the targets' revocation list on a real `sshd`, as `target-setup` installs them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.lab.loopback_sshd import ACCOUNT, GATE, Lab, RunningSshd, lab_folder, prepared_files, running_sshd
from tests.lab.test_target_certificates import Pass, attempt, refused

from quarterdeck.access.api import Revoked, read_public_key, revocation_list, target_files
from quarterdeck.adapters.openssh_ca import CertificateAuthority, Minted, new_private_key
from quarterdeck.adapters.openssh_client import Credential
from quarterdeck.adapters.openssh_host_ca import HostOrder, mint_host
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused

NOW = SystemClock().now()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with lab_folder() as made:
        yield made


def host_authority(lab: Lab) -> CertificateAuthority:
    return CertificateAuthority.from_file(lab.folder / "signer" / "host_ca")


def certified(lab: Lab, public: str, hostname: str = "web01", authority: CertificateAuthority | None = None) -> Minted:
    order = HostOrder(
        key=read_public_key(public),
        serial=77,
        key_id=f"host:{hostname}:hc_x",
        hostname=hostname,
        address="127.0.0.1",
        now=NOW,
        valid_until=NOW + timedelta(days=365),
    )
    return mint_host(authority or host_authority(lab), order)


@pytest.fixture(scope="module")
def target(lab: Lab) -> Iterator[RunningSshd]:
    """A target whose certificate is installed after its start, as on a machine that runs already."""
    with running_sshd(lab, prepared_files(lab), more=f"HostCertificate {lab.folder}/shown-cert.pub\n") as server:
        yield server


def shows(lab: Lab, server: RunningSshd, minted: Minted) -> None:
    (lab.folder / "shown-cert.pub").write_text(minted.line + "\n")
    server.process.send_signal(1)


def work(lab: Lab, server: RunningSshd) -> bool:
    one = Pass()
    return attempt(server, one.signed(lab.target, one.target())).stdout == b"opened\n"


def pinned(server: RunningSshd, authority: CertificateAuthority) -> RunningSshd:
    identity = f"@cert-authority {authority.public_key.line}"
    return replace(server, destination=replace(server.destination, host_identity=identity))


def eventually(answer: bool, ask: Callable[[], bool]) -> None:
    """A reload takes sshd a moment: ask again, at most twenty times; each asking is a whole connection."""
    for _ in range(20):
        if ask() is answer:
            return
    raise AssertionError(f"it did not become {answer}")


def test_the_pinned_authority_lets_a_host_key_be_any_that_it_signed(lab: Lab, target: RunningSshd) -> None:
    by_authority = pinned(target, host_authority(lab))
    assert not work(lab, by_authority)
    shows(lab, target, certified(lab, target.destination.host_identity))
    eventually(True, lambda: work(lab, by_authority))
    assert work(lab, target), "the plain pinned key goes on to count"


@pytest.mark.parametrize("name", ["another host's", "another authority's", "the target authority's"])
def test_a_certificate_for_something_else_is_not_believed(lab: Lab, target: RunningSshd, name: str) -> None:
    shows(lab, target, certified(lab, target.destination.host_identity))
    by_authority = pinned(target, host_authority(lab))
    eventually(True, lambda: work(lab, by_authority))
    key = target.destination.host_identity
    wrong = {
        "another host's": lambda: certified(lab, key, hostname="web02"),
        "another authority's": lambda: certified(lab, key, authority=lab.entry),
        "the target authority's": lambda: certified(lab, key, authority=lab.target),
    }[name]()
    shows(lab, target, wrong)
    eventually(False, lambda: work(lab, by_authority))


def test_a_host_key_that_was_given_up_is_not_believed_with_its_certificate(lab: Lab, target: RunningSshd) -> None:
    shows(lab, target, certified(lab, target.destination.host_identity))
    by_authority = pinned(target, host_authority(lab))
    eventually(True, lambda: work(lab, by_authority))
    for identity in (by_authority.destination.host_identity, target.destination.host_identity):
        given_up = replace(target.destination, host_identity=identity, revoked_keys=(target.destination.host_identity,))
        assert not work(lab, replace(target, destination=given_up))


def test_a_host_certificate_opens_no_account(lab: Lab, target: RunningSshd) -> None:
    """Neither by its own authority, nor if the target authority had signed it with an account's principal."""
    private, public = new_private_key()
    for authority in (host_authority(lab), lab.target):
        assert refused(attempt(target, Credential(private, certified(lab, public, authority=authority).line)))


def test_a_user_certificate_is_no_host_certificate(lab: Lab) -> None:
    one = Pass()
    user = lab.target.mint(one.target())
    with pytest.raises(Refused) as caught:
        target_files(
            hostname="web01", accounts=[ACCOUNT], authority=lab.target.public_key.line, gate_address=GATE,
            host_certificate=user.line,
        )  # fmt: skip
    assert caught.value.decision.codes == ("host.other_certificate",)


def test_a_prepared_target_names_its_host_certificate(lab: Lab, target: RunningSshd) -> None:
    made = certified(lab, target.destination.host_identity)
    files = target_files(
        hostname="web01", accounts=[ACCOUNT], authority=lab.target.public_key.line, gate_address=GATE,
        host_certificate=made.line,
    )  # fmt: skip
    assert files["/etc/ssh/quarterdeck/host_key-cert.pub"] == made.line + "\n"
    drop_in = next(text for path, text in files.items() if path.endswith(".conf"))
    assert drop_in.endswith("HostCertificate /etc/ssh/quarterdeck/host_key-cert.pub\n")


def test_a_revoked_serial_is_refused_at_once_and_accepted_when_given_back(lab: Lab, target: RunningSshd) -> None:
    one = Pass()
    credential = one.signed(lab.target, one.target(serial=6161))
    path: Path = lab.folder / "etc" / "revoked_keys"
    try:
        assert attempt(target, credential).stdout == b"opened\n"
        path.write_bytes(revocation_list(Revoked(lab.target.public_key.line, frozenset({6161})), NOW))
        assert refused(attempt(target, credential))
        assert work(lab, target)
        path.write_bytes(revocation_list(Revoked(lab.target.public_key.line), NOW))
        assert attempt(target, credential).stdout == b"opened\n"
        authority = lab.target.public_key.line
        path.write_bytes(revocation_list(Revoked(authority, retired=(authority,)), NOW))
        assert not work(lab, target)
    finally:
        path.write_bytes(b"")
