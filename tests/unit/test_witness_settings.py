"""What the settings take as witnesses and as logs to witness; a wrong word is named before anything starts."""

import pytest
from pydantic import ValidationError

from quarterdeck.config.api import Settings
from quarterdeck_verify.cosignature import VerifierKey

LOG = VerifierKey("acme.example/ledger", 1, bytes(range(32))).text
WITNESS = VerifierKey("msp.example/witness", 4, bytes(range(32))).text


def test_witnesses_are_grade_address_and_key():
    near = f"same_administrator http://127.0.0.1:8600/witness {WITNESS}"
    told = f"independent https://qd.msp.example/witness/ {WITNESS};\n {near}"
    first, second = Settings(witnesses=told).witness_list
    assert first == ("independent", "https://qd.msp.example/witness", WITNESS)
    assert second[:2] == ("same_administrator", "http://127.0.0.1:8600/witness")
    assert Settings().witness_list == []


@pytest.mark.parametrize(
    "text",
    ["independent", f"somebody https://a.example/w {WITNESS}", f"independent http://a.example/w {WITNESS}",
     f"independent ftp://127.0.0.1/w {WITNESS}", "independent https://a.example/w name+id+key",
     f"independent https://a.example/w {LOG}", f"independent https://a.example/w {WITNESS} more"],
)  # fmt: skip
def test_a_wrong_witness_is_named(text):
    with pytest.raises(ValidationError):
        Settings(witnesses=text)


def test_logs_are_named_by_their_own_keys():
    assert Settings(witnessed_logs=f"{LOG}; {LOG}").witnessed == [LOG, LOG]
    for text in ("acme.example/ledger", WITNESS):
        with pytest.raises(ValidationError):
            Settings(witnessed_logs=text)
