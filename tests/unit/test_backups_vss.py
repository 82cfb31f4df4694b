"""Windows shadow copies on transcripts of documented answers (Win32_ShadowCopy, vssadmin), not on a Windows machine."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from quarterdeck.adapters.command_place import Ran
from quarterdeck.adapters.vss_snapshot import Vss
from quarterdeck.backups.api import Product, ProductFailed, Source

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SHADOW = "{3F2504E0-4F89-41D3-9A0C-0305E82C3301}"
SOURCE = Source("bs_x", "as_x", Product.VSS, "D:", "/etc/qd/vss", timedelta(hours=24), host="backup@fs01")


class Transcript:
    """A Windows host that answers from a list, and keeps the scripts that it was sent."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.answers = list(answers)
        self.scripts: list[str] = []

    def __call__(self, source: Source) -> "Transcript":
        assert source.host == "backup@fs01"
        return self

    def run(self, words: Sequence[str], *, stdin: bytes = b"") -> Ran:
        assert words[:4] == ["powershell", "-NoProfile", "-NonInteractive", "-EncodedCommand"]
        self.scripts.append(base64.b64decode(words[4]).decode("utf-16-le"))
        status, said = self.answers.pop(0)
        return Ran(tuple(words), status, said.encode() if status == 0 else b"", said.encode() if status else b"")


def answered(**fields: object) -> tuple[int, str]:
    return 0, json.dumps(fields) + "\r\n"


def test_a_shadow_copy_is_made_and_read_back() -> None:
    host = Transcript(
        answered(ReturnValue=0, ShadowID=SHADOW),
        answered(ID=SHADOW, State=12, VolumeName="\\\\?\\Volume{8b3a}\\"),
    )
    taken = Vss(host).take(SOURCE, "MT-2026-00001", NOW)
    assert taken.id == SHADOW
    assert Vss(host).look(SOURCE, SHADOW).verified
    assert "Volume='D:\\'" in host.scripts[0]
    assert SHADOW in host.scripts[1]


@pytest.mark.parametrize(("value", "word"), [(6, "room"), (1, "access denied"), (9, "under way"), (99, "no id")])
def test_windows_refusal_is_a_sentence(value: int, word: str) -> None:
    with pytest.raises(ProductFailed, match=word):
        Vss(Transcript(answered(ReturnValue=value, ShadowID=None))).take(SOURCE, "x", NOW)


def test_one_that_is_being_made_is_pending_and_one_that_is_gone_is_not_whole() -> None:
    assert Vss(Transcript(answered(ID=SHADOW, State=3))).look(SOURCE, SHADOW).pending
    assert not Vss(Transcript((0, ""))).look(SOURCE, SHADOW).verified
    assert not Vss(Transcript(answered(ID=SHADOW, State=13))).look(SOURCE, SHADOW).verified


def test_going_back_says_what_vssadmin_said() -> None:
    assert Vss(Transcript((0, "The shadow copy was reverted."))).revert(SOURCE, SHADOW, NOW).verified
    failed = Vss(Transcript((2, "Error: Invalid command."))).revert(SOURCE, SHADOW, NOW)
    assert "Invalid command" in failed.sentence


def test_a_name_that_is_no_id_reaches_no_shell() -> None:
    host = Transcript()
    with pytest.raises(ProductFailed):
        Vss(host).revert(SOURCE, "x'; Remove-Item C:\\ -Recurse; '", NOW)
    assert host.scripts == []


def test_an_answer_that_is_no_json_is_a_sentence() -> None:
    with pytest.raises(ProductFailed, match="not JSON"):
        Vss(Transcript((0, "Welcome to Windows"))).look(SOURCE, SHADOW)
