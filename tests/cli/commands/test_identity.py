from __future__ import annotations

import io
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.pwhash import argon2id

from sandpiper.cli.main import main
from sandpiper.cli.options import settings
from sandpiper.peer import backup

Home = Callable[[str], Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Moves to another machine, so to say."""
    cheap = backup.Cost(argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)
    monkeypatch.setattr(backup.lock, "__defaults__", (cheap,))

    def at(name: str) -> Path:
        monkeypatch.setenv("SANDPIPER_HOME", str(tmp_path / name))
        settings.folders.cache_clear()
        return tmp_path / name

    at("old")
    return at


@pytest.fixture
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDPIPER_PASSPHRASE", "correct horse")


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["id", "show", "--json"]) == 0
    return str(json.loads(capsys.readouterr().out)["fingerprint"])


def test_it_shows_the_fingerprint_and_the_file(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    name = shown(capsys)
    assert main(["id", "show"]) == 0
    assert capsys.readouterr().out == f"fingerprint  {name}\nkey file     {home('old') / 'identity.key'}\n"
    secret = (home("old") / "identity.key").read_text().strip()
    assert main(["id", "show", "--json"]) == 0
    assert secret not in capsys.readouterr().out


@pytest.mark.usefixtures("passphrase")
def test_one_is_the_same_person_on_another_machine(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = shown(capsys)
    file = tmp_path / "id.txt"
    assert main(["id", "export", str(file)]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    home("new")
    assert main(["id", "import", str(file)]) == 0
    assert capsys.readouterr().err.endswith(f"sandpiper: you are {name} now\n")
    assert shown(capsys) == name
    assert stat.S_IMODE((home("new") / "identity.key").stat().st_mode) == 0o600
    assert main(["id", "import", str(file)]) == 0  # once more changes nothing
    assert not (home("new") / "identity.key.old").exists()


@pytest.mark.usefixtures("passphrase")
def test_by_pipe(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    name = shown(capsys)
    assert main(["id", "export"]) == 0
    text = capsys.readouterr().out
    home("new")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["id", "import", "-"]) == 0
    assert shown(capsys) == name


@pytest.mark.usefixtures("passphrase")
def test_somebody_else_is_not_overwritten(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = shown(capsys)
    assert main(["id", "export", str(tmp_path / "id.txt")]) == 0
    home("new")
    other = shown(capsys)
    assert main(["id", "import", str(tmp_path / "id.txt")]) == 1
    assert "another identity already; --force" in capsys.readouterr().err
    assert shown(capsys) == other
    key = (home("new") / "identity.key").read_bytes()
    assert main(["id", "import", "--force", str(tmp_path / "id.txt")]) == 0
    assert shown(capsys) == name
    assert (home("new") / "identity.key.old").read_bytes() == key


@pytest.mark.usefixtures("home", "passphrase")
def test_a_file_that_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "id.txt"
    file.write_text("mine")
    assert main(["id", "export", str(file)]) == 2
    assert "--force" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert main(["id", "export", str(file), "--force"]) == 0
    assert file.read_text().startswith("sandpiper identity v1 ")
    assert main(["id", "export", str(tmp_path / "no" / "where")]) == 1


@pytest.mark.usefixtures("home")
def test_passphrases(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    file, secret = tmp_path / "id.txt", tmp_path / "passphrase"
    assert main(["id", "export", str(file)]) == 2
    assert "no terminal to ask" in capsys.readouterr().err
    secret.write_text("short\n")
    assert main(["id", "export", str(file), "--passphrase-file", str(secret)]) == 2
    secret.write_text("correct horse\n")
    assert main(["id", "export", str(file), "--passphrase-file", str(secret)]) == 0
    monkeypatch.setattr("sandpiper.cli.options.secrets.terminal", lambda: True)
    typed = ["correct horse", "correct house"]
    monkeypatch.setattr("getpass.getpass", lambda prompt, stream: typed.pop(0))
    assert main(["id", "export", str(tmp_path / "other")]) == 2
    assert "differ" in capsys.readouterr().err
    asked: list[str] = []

    def answer(prompt: str, stream: object) -> str:
        asked.append(prompt)
        return "short"

    monkeypatch.setattr("getpass.getpass", answer)
    assert main(["id", "export", str(tmp_path / "other")]) == 2
    assert asked == ["Passphrase (at least 8 characters): "]
    assert "at least 8 characters" in capsys.readouterr().err
    monkeypatch.setattr("getpass.getpass", lambda prompt, stream: "wrong wrong")
    assert main(["id", "import", str(file)]) == 4
    printed = capsys.readouterr().err
    assert "passphrase is wrong" in printed
    assert "wrong wrong" not in printed


@pytest.mark.usefixtures("home", "passphrase")
def test_what_is_no_identity_is_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for data, said in ((b"\xff\xfe" * 4000, "is UTF-16"), (b"\xc3\x28", "not UTF-8"), (b"x", "no exported identity")):
        (tmp_path / "x").write_bytes(data)
        assert main(["id", "import", str(tmp_path / "x")]) == 1
        assert said in capsys.readouterr().err
    assert main(["id", "import", str(tmp_path / "absent")]) == 1
    assert "cannot read" in capsys.readouterr().err
