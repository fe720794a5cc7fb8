from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandpiper.cli.main import main
from sandpiper.cli.version import VERSION

HEAVY = (
    "zmq",
    "nacl",
    "prometheus_client",
    "prompt_toolkit",
    "wcwidth",
    "confusable_homoglyphs",
    "textual",
    "rich",
    "tomlkit",
    "segno",
    "zeroconf",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandpiper.cli.options import settings

    monkeypatch.setenv("SANDPIPER_HOME", str(tmp_path))
    settings.folders.cache_clear()


def loaded(code: str) -> set[str]:
    """The modules that are there after `code`."""
    program = f"import sys\nsys.argv = ['sandpiper']\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    return set(ran.stderr.split())


def test_the_version_is_the_package_s() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'\nversion = "{VERSION}"\n' in project


def test_the_version_is_told_before_anything_is_imported() -> None:
    modules = loaded("from sandpiper.cli.main import main; main(['--version'])")
    assert "sandpiper.cli.main" in modules
    assert not modules & {"click", "asyncio", *HEAVY}


@pytest.mark.parametrize("module", ["say", "listen", "who", "connect", "create", "join", "peer"])
def test_commands_leave_out_what_they_may_not_need(module: str) -> None:
    modules = loaded(f"import sandpiper.cli.commands.{module}")
    assert f"sandpiper.cli.commands.{module}" in modules
    assert not modules & (set(HEAVY) - {"zmq", "nacl"} | {"platformdirs", "tomllib", "sqlite3"})


def test_help_imports_no_command() -> None:
    modules = loaded("from sandpiper.cli.main import main; main(['--help'])")
    assert "sandpiper.cli.app" in modules
    assert not modules & set(HEAVY)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["brokr"], "did you mean 'broker'?"),
        (["say"], "Missing argument 'TARGET'"),
        (["say", "localhost", "--nik", "x"], "--nick"),
        (["say", "localhost", " "], "no text"),
        (["say", "pine-oceam-42", "x"], "did you mean 'ocean'?"),
        (["say", "localhost", "x", "--local", "--no-lan"], "--no-lan, --local: that is for room codes"),
        (["who", "localhost", "--code-file", "x"], "with @ as TARGET"),
        (["listen", "pine-ocean-42", "--after", "1"], "use --backlog"),
        (["join", "pine-oceam-42"], "did you mean 'ocean'?"),
        (["join", "pine-ocean"], "number"),
        (["join"], "SANDPIPER_CODE"),
        (["join", "sandpiper://connect/nas:5000/ops"], "sandpiper connect nas:5000/ops"),
        (["join", "pine-ocean-42", "--password"], "SANDPIPER_PASSWORD"),
        (["join", "pine-ocean-42", "--discovery", "a b/c"], "--discovery"),
        (["peer", "--room", "pine-ocean-42", "--path", "scenic"], "scenic"),
        (["peer", "--room", "pine-ocean-42", "--listen", "7000"], "--listen is ADDR:PORT"),
        (["create", "--words", "1"], "--words"),
        (["create", "--capacity", "999"], "--capacity"),
        (["create", "--nick", "a/b"], "invalid nick"),
        (["say", "localhost", "x", "--nick", "a/b"], "invalid nick"),
        (["listen", "localhost", "--after", "1", "--backlog", "1"], "not both"),
        (["listen", "localhost", "--count", "0"], "--count"),
        (["connect"], "where to?"),
        (["broker", "--host", "0.0.0.0"], "--open"),
        (["broker", "--open", "--access-code", "hush-hush"], "leave one of the two out"),
        (["broker", "--rate", "fast"], "--rate"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("sandpiper: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert "hush-hush" not in printed.err


def test_a_closed_port_is_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "127.0.0.1:9", "hello"]) == 3
    assert capsys.readouterr().err.startswith("sandpiper: cannot reach 127.0.0.1:9")


def test_broken_settings_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.toml").write_text("nick = ")
    assert main(["who", "localhost"]) == 2
    assert "config.toml" in capsys.readouterr().err


def test_no_words_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "sandpiper connect localhost" in capsys.readouterr().out


@pytest.mark.parametrize("group", ["id", "config"])
def test_a_group_without_a_command_shows_its_help(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([group]) == 0
    alone = capsys.readouterr()
    assert main([group, "--help"]) == 0
    assert capsys.readouterr().out == alone.out
    assert not alone.err


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's way to close a stream")
@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("words", "status"), [("--version", 0), ("config show", 0), ("nope", 2), ("join", 2)])
def test_a_closed_stream_is_no_trouble(closed: str, words: str, status: int) -> None:
    ran = subprocess.run(
        ["sh", "-c", f'"$0" -m sandpiper.cli {words} {closed}', sys.executable],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30,
    )  # fmt: skip
    assert ran.returncode == status
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", ["--version", "--help", "config show"])
def test_where_no_space_is_left_it_says_so(words: str) -> None:
    with open("/dev/full", "w") as full:
        argv = [sys.executable, "-m", "sandpiper.cli", *words.split()]
        ran = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert ran.returncode == 1
    assert ran.stderr.startswith("sandpiper: cannot write the output: no space is left there")
    assert ran.stderr.count("\n") == 1


def test_a_fault_of_our_own_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("sandpiper.cli.commands.config._file", fault)
    assert main(["config", "path"]) == 1
    assert capsys.readouterr().err.startswith("sandpiper: a fault of its own: ZeroDivisionError: by zero; ")
    monkeypatch.setenv("SANDPIPER_DEBUG", "1")
    assert main(["config", "path"]) == 1
    first, *_, last = capsys.readouterr().err.splitlines()
    assert (first, last) == ("Traceback (most recent call last):", "ZeroDivisionError: by zero")


@pytest.mark.parametrize("umask", ["0377", "0777"])
def test_what_it_makes_can_be_used_whatever_the_umask(umask: str, tmp_path: Path) -> None:
    program = f"umask {umask}; exec {sys.executable} -m sandpiper.cli config set nick bob"
    environment = {**os.environ, "SANDPIPER_HOME": str(tmp_path / "home")}
    assert subprocess.run(["sh", "-c", program], env=environment, timeout=30, check=False).returncode == 0
    made = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "home", *(tmp_path / "home").iterdir())}
    assert made == {"home": 0o700, "config.toml": 0o600}


def test_a_settings_file_as_windows_leaves_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b'\xef\xbb\xbfnick = "bob"\r\n')
    assert main(["config", "show", "connect"]) == 0
    assert "bob" in capsys.readouterr().out
    assert main(["config", "set", "connect.nick", "eve"]) == 0
    file.write_bytes("nick = 'bob'".encode("utf-16"))
    assert main(["config", "show", "connect"]) == 2
    assert "config.toml is UTF-16" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="there a pipe without a reader is another error")
@pytest.mark.parametrize(
    "words",
    ["--version", "--help", "say --help", "doctor", "doctor --json", "id show", "config show", "config path",
     "completion bash", "completion zsh"],
)  # fmt: skip
def test_without_a_reader_it_ends_as_any_tool_of_a_shell(words: str, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "sandpiper.cli", *words.split()],
            env={**os.environ, "SANDPIPER_HOME": str(tmp_path)}, stdin=subprocess.DEVNULL, stdout=write,
            stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    finally:
        os.close(write)
    assert (ran.returncode, ran.stderr) == (141, "")


@pytest.mark.skipif(sys.platform == "win32", reason="there a pipe without a reader is another error")
def test_an_error_that_nobody_reads_keeps_its_code() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "sandpiper.cli", "nope"], stdout=write, stderr=write, timeout=60
        )  # fmt: skip
    finally:
        os.close(write)
    assert ran.returncode == 2
