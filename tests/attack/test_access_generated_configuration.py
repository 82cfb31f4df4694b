"""Names that are options, lines or patterns never reach a command or a configuration (attacks.md row 12).

Whatever a strict place accepts is given to the real `ssh -G`, and comes out as exactly that name and nothing else.
"""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quarterdeck.access.api import Destination, GateDoor, ansible_inventory, client_config, target_files
from quarterdeck.adapters.openssh_ca import new_private_key
from quarterdeck.adapters.openssh_client import CredentialFiles, upstream_argv
from quarterdeck.kernel.decision import Refused

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="needs ssh")
KEY = " ".join(new_private_key()[1].split()[:2])
NASTY = st.sampled_from(["-o", "=", " ", "\n", "\r", "\0", "%", "$", "`", '"', "'", "\\", "#", ",", "*", "!", ";", "@"])
NAMES = st.lists(st.one_of(st.text(max_size=6), NASTY, st.sampled_from(["web01", "proxycommand", "a.b-c"])), max_size=5)
FOLDERS = st.text(st.sampled_from("abc /._-%$\"'\\\n#~+=é"), min_size=1, max_size=24)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def effective(arguments: list[str]) -> dict[str, str]:
    """What the real client makes of its arguments."""
    done = subprocess.run(
        [arguments[0], "-G", *arguments[1:]], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines())


def files(folder: str = "/run/qd") -> CredentialFiles:
    return CredentialFiles(Path(folder, "key"), Path(folder, "key-cert.pub"), Path(folder, "known_hosts"))


@FEW
@given(NAMES.map("".join), st.sampled_from(["hostname", "address", "account"]))
def test_whatever_passes_as_a_name_is_that_name_to_ssh(name: str, field: str) -> None:
    values = {"hostname": "web01", "address": "192.0.2.10", "port": 2222, "account": "maint", "host_identity": KEY}
    try:
        place = Destination(**(values | {field: name}))  # type: ignore[arg-type]
    except Refused:
        return
    seen = effective(upstream_argv(place, files(), command="true"))
    assert seen["hostkeyalias"] == place.hostname
    assert seen["hostname"] == place.address
    assert seen["user"] == place.account
    assert seen["port"] == "2222"
    assert "proxycommand" not in seen


@FEW
@given(FOLDERS)
def test_whatever_passes_as_a_folder_is_one_path_to_ssh(folder: str) -> None:
    place = Destination("web01", "192.0.2.10", 22, "maint", KEY)
    try:
        argv = upstream_argv(place, files("/run/" + folder))
    except ValueError:
        return
    seen = effective(argv)
    path = str(files("/run/" + folder).known_hosts)
    assert seen["userknownhostsfile"] in {path, path.replace("%", "%%")}  # expanded or not, by the client's version
    assert seen["batchmode"] == "yes"
    assert seen["permitlocalcommand"] == "no"


def test_the_upstream_client_may_do_one_thing_only() -> None:
    seen = effective(upstream_argv(Destination("web01", "192.0.2.10", 22, "maint", KEY), files()))
    wanted = {
        "batchmode": "yes",
        "clearallforwardings": "yes",
        "controlmaster": "false",
        "escapechar": "none",
        "forwardagent": "no",
        "forwardx11": "no",
        "globalknownhostsfile": "none",
        "identitiesonly": "yes",
        "identityagent": "none",
        "kbdinteractiveauthentication": "no",
        "passwordauthentication": "no",
        "permitlocalcommand": "no",
        "preferredauthentications": "publickey",
        "stricthostkeychecking": "true",
        "tunnel": "false",
        "updatehostkeys": "false",
    }
    assert {name: seen.get(name) for name in wanted} == wanted
    assert "aes256-gcm@openssh.com" in seen["ciphers"]
    assert "chacha20" not in seen["ciphers"]


@FEW
@given(NAMES.map("".join), NAMES.map("".join))
def test_a_technicians_snippet_is_what_it_says(tmp_path_factory: pytest.TempPathFactory, name: str, user: str) -> None:
    try:
        door = GateDoor("127.0.0.1", 8622, user, KEY)
        text = client_config("MT-2026-00001", [name], door, identity_file="~/.ssh/id_ecdsa")
    except Refused:
        return
    path = tmp_path_factory.mktemp("snippet") / "config"
    path.write_text(text)
    seen = effective(["ssh", "-F", str(path), name])
    assert (seen["user"], seen["port"], seen["hostname"]) == (user, "8622", "127.0.0.1")
    assert seen["hostkeyalias"] == "quarterdeck-gate"
    assert "proxycommand" not in seen
    other = effective(["ssh", "-F", str(path), "elsewhere.example"])
    assert other["hostname"] == "elsewhere.example"


@FEW
@given(NAMES.map("".join), FOLDERS.map(lambda text: "/" + text))
def test_an_inventory_is_these_hosts_and_this_configuration_to_ansible(
    tmp_path_factory: pytest.TempPathFactory, name: str, folder: str
) -> None:
    try:
        text = ansible_inventory("MT-2026-00001", [name, "db01"], folder=folder)
    except ValueError:
        return
    path = tmp_path_factory.mktemp("inventory") / "inventory.ini"
    path.write_text(text)
    seen = InventoryManager(loader=DataLoader(), sources=[str(path)])
    assert {str(host) for host in seen.get_hosts()} == {name, "db01"}
    for host in seen.get_hosts():
        given_ = VariableManager(loader=DataLoader(), inventory=seen).get_vars(host=host)
        assert shlex.split(given_["ansible_ssh_common_args"]) == ["-F", f"{folder}/config"]
        assert given_["ansible_connection"] == "ssh"
        assert "ansible_user" not in given_


@FEW
@given(NAMES.map("".join), NAMES.map("".join))
def test_a_set_up_script_holds_no_more_lines_for_any_name(hostname: str, account: str) -> None:
    expected = target_files(hostname="web01", accounts=["maint"], authority=KEY, gate_address="10.0.0.5")
    try:
        made = target_files(hostname=hostname, accounts=[account], authority=KEY, gate_address="10.0.0.5")
    except Refused:
        return
    assert len(made) == len(expected)
    assert [t.count("\n") for t in made.values()] == [t.count("\n") for t in expected.values()]
