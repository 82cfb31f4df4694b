"""The set-up script of a target, run for real on a configuration of its own: installs, keeps a backup, can go back."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.lab.loopback_sshd import SSHD, lab_folder, prepared_files

from quarterdeck.access.api import target_script

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not run here: the script asks for root")
OLD = "# our old settings\nPasswordAuthentication yes\nPort 2022\n"


def run_script(folder: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    script = target_script(
        files, main_config=str(folder / "sshd_config"), backups=str(folder / "backups"), reload="echo reloaded\n"
    )
    (folder / "script.sh").write_text(script)
    return subprocess.run(["sh", str(folder / "script.sh")], capture_output=True, text=True, timeout=60)


def machine(folder: Path) -> None:
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(folder / "host_key")], check=True)
    (folder / "sshd_config").write_text(OLD + f"HostKey {folder}/host_key\n")


def effective(folder: Path) -> str:
    spec = "user=root,host=elsewhere,addr=192.0.2.77"
    return subprocess.run(
        [SSHD, "-T", "-f", str(folder / "sshd_config"), "-C", spec], capture_output=True, text=True, check=True
    ).stdout


def test_a_prepared_machine_and_a_second_run() -> None:
    with lab_folder() as lab:
        machine(lab.folder)
        assert "passwordauthentication yes" in effective(lab.folder)
        done = run_script(lab.folder, prepared_files(lab))
        assert done.returncode == 0, done.stderr
        assert "reloaded\nPrepared." in done.stdout
        assert "passwordauthentication no" in effective(lab.folder)
        assert "port 2022" in effective(lab.folder)
        main = (lab.folder / "sshd_config").read_text()
        again = run_script(lab.folder, prepared_files(lab))
        assert again.returncode == 0, again.stderr
        assert (lab.folder / "sshd_config").read_text() == main
        assert main.count("Include ") == 1
        kept = list((lab.folder / "backups").glob("*/files" + str(lab.folder) + "/sshd_config"))
        assert OLD in kept[0].read_text()


def test_a_configuration_that_sshd_refuses_is_taken_back() -> None:
    with lab_folder() as lab:
        machine(lab.folder)
        before = (lab.folder / "sshd_config").read_text()
        files = prepared_files(lab)
        drop_in = next(path for path in files if path.endswith(".conf"))
        files[drop_in] += "NoSuchKeyword yes\n"
        done = run_script(lab.folder, files)
        assert done.returncode == 1
        assert "put back" in done.stderr
        assert "reloaded" not in done.stdout
        assert (lab.folder / "sshd_config").read_text() == before
        assert not Path(drop_in).exists()
