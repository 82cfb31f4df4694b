"""The one command of a measure certificate: exact bytes, exact arguments, nothing else runs."""

import ast
import hashlib
import subprocess

import pytest

from quarterdeck.baselines.bootstrap import bootstrap_command, collector_bytes, collector_sha256


def _run(command: str, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["sh", "-c", command], input=stdin, capture_output=True, check=False, timeout=30)


def _command(program: bytes, *arguments: str) -> str:
    return bootstrap_command(hashlib.sha256(program).hexdigest(), len(program), arguments)


def test_the_program_gets_its_arguments_and_the_rest_of_standard_input():
    program = b"import sys\nsys.stdout.write(repr(sys.argv[1:]) + sys.stdin.read())\n"
    done = _run(_command(program, "manifest", "/etc/ssh"), program + b" rest")
    assert done.stdout == b"['manifest', '/etc/ssh'] rest"


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b[:-1] + b"#", lambda b: b"x" + b, lambda b: b""])
def test_other_bytes_than_the_approved_are_refused_and_do_not_run(change, tmp_path):
    program = f"open({str(tmp_path / 'ran')!r}, 'w')\n".encode()
    done = _run(_command(program), change(program))
    assert done.returncode == 1
    assert b"these are not the approved bytes" in done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "argument", ["-x", "--help", "a b", "a;b", "$(id)", "a'b", 'a"b', "a\nb", "", "a`b", "/etc/../root", "~", "é"]
)
def test_arguments_outside_the_grammar_are_refused(argument):
    with pytest.raises(ValueError, match="not allowed as an argument"):
        _command(b"pass", "manifest", argument)


@pytest.mark.parametrize(("sha256", "size"), [("0" * 63, 5), ("A" * 64, 5), ("0" * 64, 0), ("0" * 64, 1 << 21)])
def test_only_a_hash_and_a_sane_size_name_a_collector(sha256, size):
    with pytest.raises(ValueError, match="collector"):
        bootstrap_command(sha256, size, [])


def test_too_many_folders_are_refused_before_ssh_would_cut_the_command():
    with pytest.raises(ValueError, match="too many watched roots"):
        _command(b"pass", "manifest", *[f"/srv/{'x' * 200}{number}" for number in range(100)])


def test_the_collector_is_one_file_of_python_3_6_without_imports_of_ours():
    tree = ast.parse(collector_bytes(), feature_version=(3, 6))
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "quarterdeck" not in imported
    assert imported <= {
        "base64",
        "calendar",
        "collections",
        "ctypes",
        "errno",
        "fcntl",
        "glob",
        "grp",
        "gzip",
        "hashlib",
        "http",
        "json",
        "os",
        "platform",
        "posixpath",
        "pwd",
        "re",
        "select",
        "selectors",
        "signal",
        "socket",
        "ssl",
        "stat",
        "struct",
        "subprocess",
        "sys",
        "time",
        "zlib",
    }


def test_the_collector_defines_no_name_twice():
    tree = ast.parse(collector_bytes())
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert len(names) == len(set(names))


def test_the_hash_is_of_what_is_sent():
    assert collector_sha256() == hashlib.sha256(collector_bytes()).hexdigest()
    assert len(bootstrap_command(collector_sha256(), len(collector_bytes()), ["manifest", "/etc"])) < 500
