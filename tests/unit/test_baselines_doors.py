"""What the collector reads beside effective settings: Match blocks, also in included files, and keys left behind."""

import pwd
from pathlib import Path

import pytest

from quarterdeck.baselines.target import doors, module


def test_match_blocks_are_found_in_included_files_too(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "10.conf").write_text("Match User backup\n  PasswordAuthentication yes\n")
    (tmp_path / "sshd_config").write_text(
        f"# Match User nobody\nInclude {tmp_path}/more/*.conf\nPort=22\nMatch Address 198.51.100.0/24\n"
        "    AllowUsers *\n    # PermitRootLogin yes\n    AuthorizedKeysFile=.ssh/authorized_keys\n"
    )
    assert doors.match_blocks(str(tmp_path / "sshd_config")) == [
        {"criteria": "User backup", "keywords": ["passwordauthentication"]},
        {"criteria": "Address 198.51.100.0/24", "keywords": ["allowusers", "authorizedkeysfile"]},
    ]


def test_an_include_inside_a_match_block_belongs_to_it(tmp_path: Path) -> None:
    (tmp_path / "part").write_text("PasswordAuthentication yes\n")
    (tmp_path / "sshd_config").write_text(f"Match User backup\nInclude {tmp_path}/part\n")
    (block,) = doors.match_blocks(str(tmp_path / "sshd_config"))
    assert block["keywords"] == ["include", "passwordauthentication"]


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    path = tmp_path / "sshd_config"
    path.write_text(f"Include {path}\nMatch all\n")
    assert len(doors.match_blocks(str(path))) == doors.DEEPEST_INCLUDE + 1


def test_keys_left_behind_are_counted_by_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "authorized_keys").write_text("# old\nssh-ed25519 AAAA one\n\nssh-ed25519 AAAB two\n")
    account = pwd.struct_passwd(("backup", "x", 34, 34, "", str(tmp_path), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwall", lambda: [account])
    assert doors.keys_left() == ["backup 2"]


def test_the_system_names_its_cryptography() -> None:
    said = module.cryptography()
    assert str(said["openssh"]["value"]).startswith("OpenSSH_")
    assert "OpenSSL" in str(said["openssl"]["value"])
    assert set(said) == {"openssh", "openssl", "fips", "providers"}
