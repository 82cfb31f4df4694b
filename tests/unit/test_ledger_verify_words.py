"""`qd ledger verify` reads what a person brings and says what it did not check."""

from pathlib import Path

import pytest
from tests.attack.package_fixture import Key

from quarterdeck.entrypoints.supervisor.verify_ledger import not_checked, read_outside, with_memory
from quarterdeck.workflows.seal_checkpoint import SealerStatus
from quarterdeck_verify import checkpoint
from quarterdeck_verify.trust import Anchor

KEPT = checkpoint.body("quarterdeck.example/ledger", 7, b"\1" * 32)


def test_pins_and_anchors_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "allowed_signers").write_bytes(Key.p256().allowed())
    (tmp_path / "mail.eml").write_bytes(b"Subject: x\n\n" + KEPT)
    outside = read_outside([tmp_path / "allowed_signers"], [tmp_path / "mail.eml"], files=True)
    assert (len(outside.pins), outside.files) == (1, True)
    assert outside.kept == [Anchor(str(tmp_path / "mail.eml"), (checkpoint.parse(KEPT),))]
    assert outside.sizes == {7}
    assert not_checked(outside, None) == ["What the sealer remembers: it is not running."]


def test_a_file_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="holds no checkpoint"):
        read_outside([], [tmp_path / "mail.eml"], files=False)


def test_the_sealers_memory_joins_what_the_log_is_held_against() -> None:
    status = SealerStatus("quarterdeck.example/ledger", 9, "02" * 32, 1, 9, "", "", "")
    outside = with_memory(read_outside([], [], files=False), status)
    assert outside.memory == checkpoint.Checkpoint("quarterdeck.example/ledger", 9, b"\2" * 32)
    assert len(not_checked(outside, status)) == 3
