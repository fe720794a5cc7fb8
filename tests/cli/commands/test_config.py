from __future__ import annotations

import io
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from sandpiper.cli.main import main
from sandpiper.cli.options import settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("SANDPIPER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SANDPIPER_HOME", str(tmp_path))
    settings.folders.cache_clear()
    return tmp_path


@pytest.fixture
def file(home: Path) -> Path:
    return home / "config.toml"


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["config", "show", "--json", *words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["type"] == "config"
    found: list[dict[str, Any]] = told["settings"]
    return found


def test_where_it_is(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "path"]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert not file.exists()


def test_nothing_is_set(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show"]) == 0
    assert capsys.readouterr().out == f"{file} (not there)\nall is as by default; --all shows it\n"


def test_each_setting_says_where_it_comes_from(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('nick = "anna"\n[listen]\nbacklog = 7\njson = true\n')
    monkeypatch.setenv("SANDPIPER_DISCOVERY", "a:8000 b:8000")
    monkeypatch.setenv("SANDPIPER_LISTEN_COUNT", "3")
    found = {each["option"]: each for each in shown(capsys, "listen", "--backlog", "9")}
    assert found["nick"] == {
        "command": "listen",
        "option": "nick",
        "value": "anna",
        "source": "file",
        "name": "config.toml",
    }
    assert (found["backlog"]["value"], found["backlog"]["source"]) == (9, "flag")
    assert (found["json"]["value"], found["json"]["source"]) == (True, "file")
    assert (found["count"]["value"], found["count"]["name"]) == (3, "SANDPIPER_LISTEN_COUNT")
    assert (found["discovery"]["value"], found["discovery"]["name"]) == (["a:8000", "b:8000"], "SANDPIPER_DISCOVERY")


def test_what_is_shared_stands_once(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('nick = "anna"\nnik = 1\n[listen]\nbacklog = 7\n[lissen]\nx = 1\n')
    monkeypatch.setenv("SANDPIPER_SAY_ME", "maybe")
    assert main(["config", "show"]) == 0
    first, *rows, one, other = capsys.readouterr().out.splitlines()
    assert first == str(file)
    assert [row.split()[:3] for row in sorted(rows)] == [
        ["listen.backlog", "7", "config.toml"],
        ["me", "maybe", "SANDPIPER_SAY_ME:"],
        ["nick", "anna", "config.toml"],
    ]
    assert len({row.index(value) for row, value in zip(sorted(rows), ("7", "maybe", "anna"), strict=True)}) == 1
    assert one == "nik in config.toml is no option of any command"
    assert other == "lissen in config.toml is no option of any command"


def test_all_shows_the_defaults_too(capsys: pytest.CaptureFixture[str]) -> None:
    found = {(each["command"], each["option"]): each for each in shown(capsys, "--all")}
    assert found["broker", "port"]["value"] == 5000
    assert found["broker", "port"]["source"] == "default"
    assert found["broker", "open"]["value"] is False
    assert not any(command in ("config", "id") for command, _ in found)


def test_secrets_are_never_shown(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('password = "hush-1"\naccess-code = "hush-2"\n')
    monkeypatch.setenv("SANDPIPER_CODE", "hush-3")
    for words in (["config", "show"], ["config", "show", "--all"], ["config", "show", "--json"]):
        assert main(words) == 0
        printed = capsys.readouterr()
        assert "hush" not in printed.out + printed.err
        assert "(hidden)" in printed.out
    found = {each["option"]: each for each in shown(capsys, "join", "--access-code", "hush-4")}
    assert {name: each["source"] for name, each in found.items()} == {
        "access-code": "flag",
        "code": "environment",
        "password": "file",
    }
    assert "hush" not in json.dumps(found)


def test_setting_keeps_comments_and_order(file: Path) -> None:
    file.write_text("# mine\nnick = 'anna'  # me\n\n[listen]\n# many\nbacklog = 7\nas_of = 1\n")
    assert main(["config", "set", "nick", "bea"]) == 0
    assert main(["config", "set", "one-port", "true"]) == 0
    assert main(["config", "set", "listen.timeout", "2.5"]) == 0
    assert main(["config", "set", "say.me", "yes"]) == 0
    assert main(["config", "set", "discovery", "a:8000,b:8000"]) == 0
    text = file.read_text()
    assert text.startswith('# mine\nnick = "bea"  # me\n')
    assert "# many\nbacklog = 7\n" in text
    read = settings.read_config(file.parent)
    assert read == {
        "nick": "bea",
        "one-port": True,
        "discovery": ["a:8000", "b:8000"],
        "listen": {"backlog": 7, "as_of": 1, "timeout": 2.5},
        "say": {"me": True},
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_is_spelled_as_it_was(file: Path) -> None:
    file.write_text("one_port = true\n")
    assert main(["config", "set", "one-port", "false"]) == 0
    assert file.read_text() == "one_port = false\n"
    assert main(["config", "unset", "one-port"]) == 0
    assert file.read_text() == ""


def test_what_is_set_is_what_the_command_gets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "set", "listen.json", "true"]) == 0
    assert main(["config", "set", "listen.filter", "nick=ci"]) == 0
    found = {each["option"]: each["source"] for each in shown(capsys, "listen")}
    assert found == {"json": "file", "filter": "file"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "nik", "x"], "did you mean 'nick'?"),
        (["set", "listen.fsync", "x"], "listen has no option 'fsync'"),
        (["set", "lissen.backlog", "1"], "no command 'lissen'"),
        (["set", "listen.backlog", "-1"], "backlog: -1 is not in the range"),
        (["set", "backlog", "many"], "sets it for one command"),
        (["set", "path", "sideways"], "path: 'sideways' is not one of"),
        (["set", "listen.filter", "colour=red"], "begins with one of"),
        (["set", "nick"], "to what?"),
        (["set", "password", "hush-hush"], "leave VALUE out"),
        (["set", "code"], "no terminal"),
        (["unset", "nick"], "is not set"),
        (["unset", "listen"], "is not set"),
        (["show", "lissen"], "no command 'lissen'"),
        (["show", "listen", "--bakclog"], "--bakclog"),
        (["show", "--bad"], "no command '--bad'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(
    words: list[str], said: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", *words]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert "hush-hush" not in printed.err
    assert printed.err.count("\n") == 1
    assert not file.exists()


def test_a_secret_is_typed_unseen_or_piped(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandpiper.cli.options.secrets.terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt, stream: "hush-1")
    assert main(["config", "set", "join.password"]) == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("hush-2\nmore\n"))
    assert main(["config", "set", "access-code", "-"]) == 0
    assert settings.read_config(file.parent) == {"access-code": "hush-2", "join": {"password": "hush-1"}}
    printed = capsys.readouterr()
    assert "hush" not in printed.out + printed.err


def test_a_broken_file_is_left_alone(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("nick = ")
    assert main(["config", "set", "nick", "x"]) == 2
    assert "is not TOML" in capsys.readouterr().err
    assert file.read_text() == "nick = "


@pytest.mark.parametrize("option", ["discovery", "broker"])
def test_what_is_an_option_and_a_command_is_either(file: Path, capsys: pytest.CaptureFixture[str], option: str) -> None:
    assert main(["config", "set", option, "a:8000"]) == 0
    assert main(["config", "show", "join"]) == 0
    assert "a:8000" in capsys.readouterr().out
    assert main(["config", "set", f"{option}.port", "9000"]) == 2
    assert f"create.{option}" in capsys.readouterr().err
    assert main(["config", "unset", f"{option}.port"]) == 2
    assert main(["config", "unset", option]) == 0
    assert main(["config", "set", f"{option}.port", "9000"]) == 0
    before = file.read_text()
    assert main(["config", "set", option, "a:8000"]) == 2
    assert file.read_text() == before
    assert main(["config", "set", f"join.{option}", "a:8000"]) == 0
