"""What doctor says of targets: nothing is asked anew, what is not known is said."""

import pytest
from tests import ticket_steps
from tests.ticket_yard import Yard

from quarterdeck.entrypoints.supervisor.findings import Grade
from quarterdeck.entrypoints.supervisor.machine_checks import module_used
from quarterdeck.entrypoints.supervisor.target_checks import target_findings
from quarterdeck.evidence.api import ObjectRef, act, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords


def proof(yard: Yard, document: bytes) -> None:
    kept = store_artifact(
        document, media_type="application/json", role="sole_path", name="sole-path.json", may_contain_cui=False
    )
    with act(system("ticker"), yard.clock) as current:
        current.record("sole_path.checked", ObjectRef("asset", yard.server), artifacts=[kept])


def said(yard: Yard) -> str:
    hostname = inventory.asset(yard.server).hostname
    (finding,) = [one for one in target_findings() if one.topic == hostname]
    assert finding.grade is Grade.NOTE
    return finding.sentence


def test_a_target_that_was_never_asked(yard: Yard) -> None:
    assert said(yard) == "Not known."


def test_a_target_in_fips_mode_and_one_without_the_flag(yard: Yard) -> None:
    proof(
        yard,
        b'{"cryptography": {"openssh": {"value": "OpenSSH_8.7p1"}, "openssl": {"value": "OpenSSL 3.0.7"},'
        b' "fips": {"value": "1"}, "providers": {"value": ["name: fips"]}}}',
    )
    assert said(yard).startswith("OpenSSH_8.7p1; OpenSSL 3.0.7; the kernel is in FIPS mode. Asked ")
    proof(yard, b'{"cryptography": {"openssh": {"error": "ENOENT"}, "fips": {"error": "ENOENT"}}}')
    assert said(yard).startswith("OpenSSH unknown; OpenSSL unknown; no FIPS flag.")


@pytest.mark.parametrize("document", [b"{}", b"[]", b"not json", b'{"cryptography": 7}', b'{"cryptography": null}'])
def test_a_proof_that_does_not_say_it_is_no_answer(yard: Yard, document: bytes) -> None:
    proof(yard, document)
    assert said(yard) == "Not known."


def test_this_host_names_its_module_and_claims_no_validation() -> None:
    finding = module_used()
    assert "OpenSSL" in finding.sentence
    assert "Whether a module is validated stands in its certificate" in finding.sentence
