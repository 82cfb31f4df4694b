"""The sudo rule and the order that places it: strict grammar, and nothing that the target did not read back."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quarterdeck.access import elevation
from quarterdeck.access.elevation import RuleFailed, SignedOrder, SudoRule, may_order, rule_seen, sudo_setup_script
from quarterdeck.adapters.openssh_ca import CertificateAuthority, init_keys
from quarterdeck.adapters.signed_order import sign_order
from quarterdeck.kernel.decision import Refused

NOW = datetime(2026, 11, 22, 5, 58, 27, 900_000, tzinfo=UTC)
TICKET = "MT-2026-00014"


def rule(**changes: object) -> SudoRule:
    fields = {"ticket": TICKET, "account": "maint", "not_before": NOW, "not_after": NOW + timedelta(hours=1)}
    return SudoRule(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_rule_is_time_boxed_logged_and_named_without_a_dot() -> None:
    made = rule()
    assert made.name == "quarterdeck-MT-2026-00014"
    assert "NOTBEFORE=20261122055827Z NOTAFTER=20261122065827Z TIMEOUT=3600 NOPASSWD: ALL\n" in made.text
    assert "Defaults:maint log_output, !log_input, iolog_dir=/var/log/sudo-io/quarterdeck/MT-2026-00014" in made.text
    assert "TIMEOUT=14400" in rule(not_after=NOW + timedelta(hours=11)).text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ticket": "MT-2026-00014\nALL ALL=(ALL) ALL"}, "sudo.ticket"),
        ({"ticket": "../x"}, "sudo.ticket"),
        ({"account": "maint, root"}, "sudo.account"),
        ({"account": "root"}, "sudo.account"),
        ({"account": "%wheel"}, "sudo.account"),
        ({"account": "a\nb"}, "sudo.account"),
        ({"not_after": NOW}, "sudo.window"),
        ({"not_after": NOW + timedelta(days=2)}, "sudo.window"),
        ({"commands": ()}, "sudo.command"),
        ({"commands": ("ALL", "/bin/sh")}, "sudo.command"),
        ({"commands": ("/usr/bin/*",)}, "sudo.command"),
        ({"commands": ("/usr/bin/id, ALL",)}, "sudo.command"),
        ({"commands": ("/usr/bin/id\nmaint ALL=(ALL) ALL",)}, "sudo.command"),
        ({"commands": ("/usr/../bin/sh",)}, "sudo.command"),
        ({"commands": ('/usr/bin/id ""',)}, "sudo.command"),
        ({"commands": ("id",)}, "sudo.command"),
    ],
)
def test_what_sudoers_would_read_otherwise_is_refused(changes: dict[str, object], code: str) -> None:
    with pytest.raises(Refused) as refused:
        rule(**changes)
    assert code in refused.value.decision.codes


def test_named_commands_are_listed() -> None:
    assert (
        "NOPASSWD: /usr/bin/systemctl restart smbd.service, /usr/bin/id\n"
        in rule(commands=("/usr/bin/systemctl restart smbd.service", "/usr/bin/id")).text
    )


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, ()),
        ({"action": "run"}, ("sudo.action", "sudo.not_open")),
        ({"elevation": "root"}, ("sudo.not_approved",)),
        ({"helper_sha256": "0" * 64}, ("sudo.other_helper",)),
        ({"is_open": False}, ("sudo.not_open",)),
        ({"until": NOW}, ("sudo.not_open",)),
        ({"action": "withdraw", "is_open": False, "until": NOW}, ()),
    ],
)
def test_what_the_signer_orders(changes: dict[str, object], codes: tuple[str, ...]) -> None:
    asked = {"elevation": "sudo", "helper_sha256": elevation.installed_helper_sha256(), "is_open": True,
             "until": NOW + timedelta(hours=1), "now": NOW, "action": "allow"}  # fmt: skip
    asked |= changes
    assert may_order(str(asked.pop("action")), **asked).codes == codes  # type: ignore[arg-type]


def said(**changes: object) -> dict[str, object]:
    return {
        "format": "quarterdeck-elevate-1", "action": "allow", "name": rule().name,
        "helper": elevation.installed_helper_sha256(), "standing": [],
        "ours": [rule().name, "quarterdeck-MT-2025-00001"],
        "file": {"sha256": rule().sha256, "mode": "0440", "uid": 0}, **changes,
    }  # fmt: skip


SIGNED = SignedOrder("cert", NOW + timedelta(hours=1), rule().text)


def test_what_the_target_reads_back_is_compared() -> None:
    seen = rule_seen("allow", TICKET, SIGNED, said())
    assert (seen.present, seen.sha256, seen.others) == (True, rule().sha256, ("quarterdeck-MT-2025-00001",))
    assert not rule_seen("withdraw", TICKET, SIGNED, said(action="withdraw", file=None)).present


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "x"},
        {"helper": "0" * 64},
        {"name": "quarterdeck-MT-2026-00015"},
        {"file": None},
        {"file": {"sha256": "0" * 64, "mode": "0440", "uid": 0}},
        {"file": {"sha256": rule().sha256, "mode": "0644", "uid": 0}},
        {"file": {"sha256": rule().sha256, "mode": "0440", "uid": 1000}},
        {"standing": "ALL"},
        {"action": "withdraw"},
    ],
)
def test_a_target_that_tells_anything_else_is_not_believed(changes: dict[str, object]) -> None:
    with pytest.raises(RuleFailed):
        rule_seen("allow", TICKET, SIGNED, said(**changes))


def test_a_rule_that_is_still_there_was_not_withdrawn() -> None:
    with pytest.raises(RuleFailed, match="still there"):
        rule_seen("withdraw", TICKET, SIGNED, said(action="withdraw"))


@pytest.mark.parametrize(
    "names", [{"hostname": "web01\nrm -rf /"}, {"accounts": ["root"]}, {"accounts": ["a b"]}, {"accounts": []}]
)
def test_the_setup_script_takes_no_odd_name(names: dict[str, object], tmp_path: Path) -> None:
    authority = init_keys(tmp_path / "signer")["target_ca"]
    with pytest.raises(Refused):
        sudo_setup_script(**{"hostname": "web01", "accounts": ["maint"], "authority": authority, **names})  # type: ignore[arg-type]


def test_ssh_keygen_believes_an_order_in_its_namespace_only(tmp_path: Path) -> None:
    init_keys(tmp_path / "signer")
    authority = CertificateAuthority.from_file(tmp_path / "signer" / "target_ca")
    order = elevation.order_bytes("allow", hostname="web01", account="maint", serial=1, now=NOW, more={})
    signature = tmp_path / "signature"
    signature.write_bytes(sign_order(authority, order, elevation.NAMESPACE))
    signers = tmp_path / "signers"
    signers.write_text(f'quarterdeck namespaces="{elevation.NAMESPACE}" {authority.public_key.line}\n')

    def believed(message: bytes, namespace: str) -> bool:
        words = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "quarterdeck", "-n", namespace]
        words += ["-s", str(signature)]
        return subprocess.run(words, input=message, capture_output=True, check=False, timeout=20).returncode == 0

    assert believed(order, elevation.NAMESPACE)
    assert not believed(order + b" ", elevation.NAMESPACE)
    assert not believed(order, "file")
