"""One-time codes against the published vectors, enrolment and recovery codes, the secrets' box."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.clock import START

from quarterdeck.config.api import load
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import factor_secrets
from quarterdeck.personnel.one_time_codes import (
    matching_recovery_code,
    new_enrolment_code,
    new_recovery_seed,
    new_token_secret,
    recovery_codes,
    sha256_of,
    sha256_of_enrolment,
)
from quarterdeck.personnel.totp import code_of, counter_at, matching_counter, new_secret, provisioning_uri

RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("counter", "code"),
    list(enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
                    "520489"])),
)
def test_rfc_4226_appendix_d(counter: int, code: str) -> None:
    assert code_of(RFC_SECRET, counter) == code


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037"),
     (20000000000, "353130")],
)
def test_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert matching_counter(RFC_SECRET, code, at) == counter_at(at)


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_is_good_one_step_early_or_late(steps: int, accepted: bool) -> None:
    code = code_of(RFC_SECRET, counter_at(START))
    assert (matching_counter(RFC_SECRET, code, START + timedelta(seconds=30 * steps)) is not None) is accepted


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "000000", "٠٠٠٠٠٠", "1" * 10_000])
def test_wrong_codes(code: str) -> None:
    assert matching_counter(RFC_SECRET, code, START) is None


def test_spaces_in_a_code_are_forgiven() -> None:
    code = code_of(RFC_SECRET, counter_at(START))
    assert matching_counter(RFC_SECRET, f"{code[:3]} {code[3:]}", START) == counter_at(START)


def test_secrets_are_fresh_and_long() -> None:
    assert len({new_secret() for _ in range(50)}) == 50
    assert len(new_secret()) == 32


def test_the_provisioning_address_is_what_apps_scan() -> None:
    parts = urlsplit(provisioning_uri("ABC", account="o'k+1@example.test", issuer="Quarterdeck"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parse_qs(parts.query)["secret"] == ["ABC"]
    assert "&" not in parts.path


def test_enrolment_codes_read_well_and_forgive_typing() -> None:
    code = new_enrolment_code()
    assert len(code) == 24
    assert sha256_of_enrolment(code) == sha256_of_enrolment(code.lower().replace("-", " "))
    assert sha256_of_enrolment(code) != sha256_of_enrolment(new_enrolment_code())
    assert not set("01IO") & set(code.replace("-", ""))


def test_token_secrets_carry_their_mark() -> None:
    assert new_token_secret().startswith("qd_")
    assert len(sha256_of(new_token_secret())) == 64


def test_recovery_codes_derive_from_their_seed_and_work_once() -> None:
    seed = new_recovery_seed()
    codes = recovery_codes(seed)
    assert len(set(codes)) == 10
    assert codes == recovery_codes(seed)
    assert matching_recovery_code(seed, f" {codes[3].lower()} ", 0) == 3
    assert matching_recovery_code(seed, codes[3], 0b1000) is None
    assert matching_recovery_code(seed, "AAAAA-AAAAA", 0) is None
    assert matching_recovery_code(seed, "é", 0) is None


def test_secrets_are_stored_encrypted_and_compared_by_a_keyed_digest(data_dir: Path) -> None:
    factor_secrets.make_factor_key(load().factor_key_file)
    stored = factor_secrets.encrypt("SECRET")
    assert "SECRET" not in stored
    assert factor_secrets.decrypt(stored) == "SECRET"
    assert factor_secrets.digest("SECRET") == factor_secrets.digest("SECRET") != factor_secrets.digest("OTHER")


def test_the_key_file_is_for_its_owner_alone_and_is_never_replaced(data_dir: Path) -> None:
    path = load().factor_key_file
    factor_secrets.make_factor_key(path)
    before = path.read_bytes()
    factor_secrets.make_factor_key(path)
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_key_or_with_another_the_refusal_says_what_to_do(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="qd init") as refused:
        factor_secrets.encrypt("SECRET")
    assert refused.value.decision.codes == ("factor.key_missing",)
    factor_secrets.make_factor_key(load().factor_key_file)
    with pytest.raises(Refused) as refused:
        factor_secrets.decrypt("gAAAAABnot-ours")
    assert refused.value.decision.codes == ("factor.unreadable",)
