"""The command as an assessor runs it: verify.pyz under `python -I`, exit codes, words, JSON, rubbish arguments."""

import json
import os
import subprocess
import sys
import zipfile
from io import BytesIO

import pytest
from tests.attack.package_fixture import BASE, PRINCIPAL, Key, make_world

from quarterdeck_verify import __main__ as command
from quarterdeck_verify import bundle


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """What lies on the assessor's desk: package, pin, kept mail, verifier."""
    folder = tmp_path_factory.mktemp("desk")
    bundle.build_zipapp(folder / "verify.pyz")
    world = make_world(verifier=(folder / "verify.pyz").read_bytes())
    (folder / "package.zip").write_bytes(world.data)
    (folder / "allowed_signers").write_bytes(world.allowed)
    (folder / "kept.checkpoint").write_bytes(world.kept)
    (folder / "mail.eml").write_bytes(b"Subject: approved\n\nKeep this:\n\n> " + world.kept.replace(b"\n", b"\n> "))
    with zipfile.ZipFile(BytesIO(world.data)) as archive:
        archive.extractall(folder)
    return folder


def run(desk, *arguments):
    line = [sys.executable, "-I", "-S", "-W", "error", "verify.pyz", *map(str, arguments)]
    return subprocess.run(line, cwd=desk, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("package", ["package.zip", BASE])
@pytest.mark.parametrize("anchor", ["kept.checkpoint", "mail.eml"])
def test_intact(desk, package, anchor):
    done = run(desk, package, "--signers", "allowed_signers", "--anchor", anchor)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("INTACT: ")
    assert PRINCIPAL in done.stdout
    assert "MET" not in done.stdout.replace("META", "")


def test_unanchored(desk):
    for arguments in ((), ("--signers", "allowed_signers"), ("--anchor", "kept.checkpoint")):
        done = run(desk, "package.zip", *arguments)
        assert (done.returncode, done.stderr) == (3, "")
        assert done.stdout.splitlines()[-1].startswith("UNANCHORED: ")


def test_altered(desk):
    data = bytearray((desk / "package.zip").read_bytes())
    data[data.index(b"Two tickets")] ^= 1
    (desk / "altered.zip").write_bytes(data)
    done = run(desk, "altered.zip", "--signers", "allowed_signers", "--anchor", "kept.checkpoint")
    assert (done.returncode, done.stderr) == (1, "")
    assert "data/report.html" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("ALTERED: ")


def test_json(desk):
    done = run(desk, "package.zip", "--signers", "allowed_signers", "--anchor", "kept.checkpoint", "--json")
    document = json.loads(done.stdout)
    assert (document["verdict"], document["exit_code"], document["findings"]) == ("INTACT", 0, [])
    not_seen = {"witnessed": "not_checked", "time": "not_checked"}
    states = {name: check["state"] for name, check in document["checks"].items()}
    assert states == {"intact": "passed", "signed": "passed", "anchored": "passed", **not_seen}
    assert document["tickets"]["not_included"] == ["MT-2026-00003"]
    assert document["name"] == BASE


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("no-such-file",),
        ("package.zip", "--signers", "no-such-file"),
        ("package.zip", "--signers", "package.zip"),
        ("package.zip", "--signers", "kept.checkpoint"),
        ("package.zip", "--anchor", "allowed_signers"),
        ("package.zip", "--anchor", "."),
        ("package.zip", "--no-such-option"),
        ("package.zip", "second.zip"),
        (BASE, "--signers", f"{BASE}/keys/allowed_signers"),
        (BASE, "--anchor", f"{BASE}/data/ledger/checkpoint"),
        (f"{BASE}/", "--anchor", f"./{BASE}/keys/../data/ledger/checkpoint"),
    ],
)
def test_wrong_usage_is_two_and_a_sentence(desk, arguments):
    done = run(desk, *arguments)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["/dev/null", "allowed_signers", "verify.pyz", "empty", "keys"])
def test_other_files_are_altered_packages(desk, name):
    (desk / "empty").write_bytes(b"")
    (desk / "keys").mkdir(exist_ok=True)
    done = run(desk, name, "--signers", "allowed_signers")
    assert (done.returncode, done.stderr) == (1, "")


def test_a_closed_output_is_no_traceback(desk):
    read, write = os.pipe()
    os.close(read)
    line = [sys.executable, "-I", "verify.pyz", "package.zip"]
    done = subprocess.run(line, cwd=desk, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert "Traceback" not in done.stderr


def test_the_bundle_is_the_same_at_every_build(desk, tmp_path):
    bundle.build_zipapp(tmp_path / "again.pyz")
    assert (tmp_path / "again.pyz").read_bytes() == (desk / "verify.pyz").read_bytes()


def test_the_verifier_reaches_no_network_and_nothing_beyond_the_standard_library(desk):
    script = (
        "import runpy, sys\nsys.argv = ['verify.pyz', 'package.zip', '--signers', 'allowed_signers']\n"
        "sys.argv += ['--anchor', 'mail.eml']\n"
        "try:\n    runpy.run_path('verify.pyz', run_name='__main__')\nexcept SystemExit as end:\n    code = end.code\n"
        "print(code, sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))\n"
        "print([name for name in ('socket', 'ssl', 'http', 'urllib.request') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], cwd=desk, capture_output=True, text=True, check=True
    )
    loaded, networked = done.stdout.splitlines()[-2:]
    assert loaded == "0 ['__main__', 'quarterdeck_verify']"
    assert networked == "[]"


def test_several_pins_and_anchors(desk, tmp_path, capsys):
    (tmp_path / "other").write_bytes(Key.p256().allowed())
    arguments = ["--signers", tmp_path / "other", "--signers", desk / "allowed_signers"]
    arguments += ["--anchor", desk / "kept.checkpoint", "--anchor", desk / "mail.eml"]
    assert command.main([str(desk / "package.zip"), *map(str, arguments)]) == 0
    assert "INTACT" in capsys.readouterr().out
