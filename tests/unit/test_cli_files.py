"""The files of `qd`: token, ticket, ssh material; private from the first byte; malformed ones are a sentence."""

import json
import re
import stat
from datetime import datetime, timedelta

import pytest

from quarterdeck.entrypoints.api.allowance_schemas import AllowanceIn
from quarterdeck.entrypoints.api.ticket_schemas import PlaceIn, RequestIn
from quarterdeck.entrypoints.cli import access_folder, access_verbs, token_file
from quarterdeck.entrypoints.cli.server import Failed
from quarterdeck.entrypoints.cli.ticket_file import ALLOWANCE_KEYS, KEYS, PLACE_KEYS, example, read_ticket
from quarterdeck.entrypoints.cli.ticket_page import notice_warning
from quarterdeck.entrypoints.cli.token_file import NoToken, Token

NOW = datetime.fromisoformat("2026-11-23T18:00:00-05:00")
TOKEN = Token("https://qd.example.test", "max@example.test", "secret", "2026-11-24T00:00:00Z")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_token_is_its_owners_alone():
    path = token_file.write(TOKEN)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert token_file.read(TOKEN.url) == TOKEN


def test_a_token_counts_only_where_it_was_given():
    token_file.write(TOKEN)
    with pytest.raises(NoToken, match=r"not for https://other"):
        token_file.read("https://other.example.test")


def test_a_token_that_others_may_read_is_not_used():
    token_file.write(TOKEN).chmod(0o644)
    with pytest.raises(NoToken, match="others may read it"):
        token_file.read(TOKEN.url)


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json", '{"url": "x"}'])
def test_a_broken_token_is_a_sentence(content):
    path = token_file.write(TOKEN)
    path.write_text(content)
    with pytest.raises(NoToken, match="Run `qd login` again"):
        token_file.read(TOKEN.url)


def test_no_token_is_a_sentence():
    with pytest.raises(NoToken, match="not logged in"):
        token_file.read(TOKEN.url)


def test_forgetting_twice_is_fine():
    token_file.write(TOKEN)
    token_file.forget()
    token_file.forget()
    assert not token_file.path().exists()


def test_the_example_of_a_ticket_can_be_read(tmp_path):
    (tmp_path / "t.toml").write_text(example(NOW))
    body = read_ticket(tmp_path / "t.toml")
    assert body["window_from"] == "2026-11-23T18:15:00-05:00"
    assert body["allowance"] == {"command": True, "from_target": False}
    json.dumps(body)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("rsk = 'low'", "no field rsk. Did you mean risk?"),
        ("[allowance]\ncomand = true", "no field allowance.comand. Did you mean command?"),
        ("[[assets]]\nconection = 'co_1'", "no field assets.conection. Did you mean connection?"),
    ],
)
def test_a_mistyped_field_is_refused_with_the_near_one(tmp_path, text, part):
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(Failed, match=re.escape(part)):
        read_ticket(tmp_path / "t.toml")


def test_the_known_fields_are_those_of_the_server():
    assert set(RequestIn.model_fields) == KEYS
    assert set(PlaceIn.model_fields) == PLACE_KEYS
    assert set(AllowanceIn.model_fields) == ALLOWANCE_KEYS


@pytest.mark.parametrize(
    ("hours", "starts", "said"), [(0, 1, ""), (24, 25, ""), (24, 23, "later than its window"), (24, 2, "has ended")]
)
def test_a_window_nearer_than_the_notice_is_said(hours, starts, said):
    start = NOW + timedelta(hours=starts)
    told = {"notice_hours": hours, "maintenance_type": "preventive", "window_from": start.isoformat(),
            "window_until": (start + timedelta(hours=2)).isoformat()}  # fmt: skip
    assert said in notice_warning(told, NOW)
    assert bool(said) == bool(notice_warning(told, NOW))


def test_a_moment_without_offset_is_refused(tmp_path):
    (tmp_path / "t.toml").write_text("window_from = 2026-11-23T18:00:00")
    with pytest.raises(Failed, match="window_from has no offset"):
        read_ticket(tmp_path / "t.toml")


@pytest.mark.parametrize("content", [b"= 1", b"\xff\xfe", b"[["])
def test_a_file_that_is_no_toml_is_a_sentence(tmp_path, content):
    (tmp_path / "t.toml").write_bytes(content)
    with pytest.raises(Failed, match="is no TOML file"):
        read_ticket(tmp_path / "t.toml")


def told(name="MT-2026-00001-web01-cert.pub"):
    asset = {"hostname": "web01", "file_name": name, "certificate": "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA",
             "valid_until": "2026-11-23T23:00:00Z"}  # fmt: skip
    return {
        "assets": [asset],
        "known_hosts_line": "gate ssh-ed25519 AAAA",
        "ssh_config": "Host web01\n",
        "ansible_inventory": "[quarterdeck]\nweb01\n",
    }


def test_ssh_material_is_its_owners_alone():
    folder = access_folder.ticket_folder("MT-2026-00001")
    config = access_folder.write(folder, told())
    assert config.read_text() == "Host web01\n"
    assert {path.name for path in folder.iterdir()} == {
        "MT-2026-00001-web01-cert.pub", "known_hosts", "config", "inventory.ini", "access.json"
    }  # fmt: skip
    assert {mode(path) for path in folder.iterdir()} == {0o600}
    assert mode(folder) == 0o700


@pytest.mark.parametrize(
    "name", ["../../.ssh/authorized_keys", "/etc/passwd", "", ".", "a b", "-x", "config", "id.pub"]
)
def test_a_server_cannot_name_a_file_elsewhere(name):
    with pytest.raises(Failed, match="nothing was written"):
        access_folder.write(access_folder.ticket_folder("MT-2026-00001"), told(name))


@pytest.mark.parametrize(
    "changed",
    [
        {"ssh_config": "Host web01\n    ProxyCommand touch /tmp/x\n"},
        {"ssh_config": "Host web01\n    LocalCommand touch /tmp/x\n"},
        {"ssh_config": "Host web01\n\tproxycommand touch /tmp/x\n"},
        {"ssh_config": "Host web01\n    ProxyCommand=touch /tmp/x\n"},
        {"ssh_config": "Host web01\r    ProxyCommand touch /tmp/x\n"},
        {"ssh_config": 'Match exec "touch /tmp/x"\n'},
        {"ssh_config": "Host *\n"},
        {"ssh_config": "Include /tmp/x\n"},
        {"ansible_inventory": "[quarterdeck]\nweb01 ansible_connection=local\n"},
        {"ansible_inventory": "[quarterdeck:vars]\nansible_ssh_common_args=-o ProxyCommand=x\n"},
    ],
)
def test_a_server_cannot_have_this_machine_run_anything(changed):
    folder = access_folder.ticket_folder("MT-2026-00001")
    with pytest.raises(Failed, match="nothing was written"):
        access_folder.write(folder, told() | changed)
    assert not folder.exists()


def test_an_answer_without_certificates_leaves_what_is_there():
    folder = access_folder.ticket_folder("MT-2026-00001")
    access_folder.write(folder, told())
    with pytest.raises(Failed, match="no certificate"):
        access_folder.write(folder, told() | {"assets": []})
    assert (folder / "config").exists()


def test_a_host_name_of_the_server_is_no_inventory_line():
    said = told() | {"ansible_inventory": "[quarterdeck]\nx ansible_connection=local\n"}
    said["assets"][0]["hostname"] = "x ansible_connection=local"
    with pytest.raises(Failed, match="nothing was written"):
        access_folder.write(access_folder.ticket_folder("MT-2026-00001"), said)


@pytest.mark.parametrize("number", ["", "MT-2026-1", "../x", "MT-2026-00001/..", "MT-2026-00001\n"])
def test_a_malformed_number_names_no_folder(number):
    with pytest.raises(Failed, match="no ticket number"):
        access_folder.ticket_folder(number)


def test_the_include_line_is_added_once_on_top(home):
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text("Host old\n    Port 2222\n")
    base = token_file.folder()
    assert access_verbs.included(base, write_it=True)
    assert access_verbs.included(base, write_it=True)
    lines = (home / ".ssh" / "config").read_text().splitlines()
    assert lines.count(f"Include {base}/*/config") == 1
    assert lines.index(f"Include {base}/*/config") < lines.index("Host old")
    assert mode(home / ".ssh" / "config") == 0o600


def test_nothing_is_included_unasked(home):
    assert not access_verbs.included(token_file.folder(), write_it=False)
    assert not (home / ".ssh" / "config").exists()
