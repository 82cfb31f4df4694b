"""The list of receipts: one spelling, and files beside it that belong to it."""

from dataclasses import replace

import pytest

from quarterdeck_verify.receipts import Receipt, make_receipts, parse_receipts

MAIL = Receipt(64, "mail", "a@example.test", "person", "independent", "2026-11-23T14:00:00.000000Z", "250 Ok")
STAMP = Receipt(64, "rfc3161", "tsa", "authority", "independent", "2026-11-23T14:00:00.000000Z", "", "64.tsr")


def test_the_list_is_sorted_and_comes_back() -> None:
    data = make_receipts([STAMP, MAIL])
    assert parse_receipts(data) == [MAIL, STAMP]
    assert parse_receipts(b"") == []


@pytest.mark.parametrize(
    "data",
    [
        make_receipts([MAIL])[:-1],
        make_receipts([MAIL]) + b"\n",
        make_receipts([STAMP]) + make_receipts([MAIL]),
        make_receipts([MAIL]).replace(b":64", b": 64"),
        make_receipts([MAIL]).replace(b"independent", b"trusted-one"),
        make_receipts([MAIL]).replace(b"person", b"nobody"),
        make_receipts([MAIL]).replace(b"2026-11-23T", b"2026-11-23 "),
        make_receipts([MAIL]).replace(b"64", b'"64"'),
        make_receipts([replace(MAIL, receipt="x")]).replace(b'"x"', b"1"),
        b"[]\n",
        b"x\n",
    ],
)
def test_any_other_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_receipts(data)
