from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandpiper.cli.commands import completion
from sandpiper.cli.main import main
from sandpiper.cli.options import settings

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
SHELLS = ["bash", "zsh", "fish", "powershell"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SANDPIPER_HOME", str(tmp_path))
    settings.folders.cache_clear()
    (tmp_path / "known_brokers").write_text(
        f"chat.example.org:5000 {KEY}\n[::1]:5000 {KEY}\nchips.example:5001 {KEY}\n"
    )
    # As installed: the scripts run `sandpiper`.
    program = tmp_path / "bin" / "sandpiper"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sandpiper.cli "$@"\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{Path('/usr/bin')}:{Path('/bin')}")
    return tmp_path


def answered(line: str, shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setenv("_SANDPIPER_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_LINE", line)
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("sandpiper lis", ["listen"]),
        ("sandpiper co", ["connect", "config", "completion"]),
        ("sandpiper listen --js", ["--json"]),
        ("sandpiper server ch", ["chat.example.org:5000", "chips.example:5001"]),
        ("sandpiper listen --nick x [", ["[::1]:5000"]),
        ("sandpiper listen --discovery chi", ["chips.example:5001"]),
        ("sandpiper join pine-ocea", ["pine-ocean-"]),
        ("sandpiper say Pine-ocean-aard", ["pine-ocean-aardvark-"]),
        ("sandpiper peer --room aard", ["aardvark-"]),
        ("sandpiper join nosuch-oc", []),
        ("sandpiper join pine-ocean-4", []),
        ("sandpiper join ", []),
        ("sandpiper config s", ["set", "show"]),
        ("sandpiper config set ni", ["nick"]),
        ("sandpiper config unset broker.por", ["broker.port"]),
        ("sandpiper config set nosuch.", []),
        ("sandpiper completion ", SHELLS),
        ("sandpiper peer --path re", ["relay"]),
    ],
)
def test_what_can_stand_there(
    shell: str, line: str, values: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_WORDBREAKS", "")
    told = answered(line, shell, monkeypatch, capsys)
    assert [each.split("\t")[1] for each in told if each] == values


def test_files(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("sandpiper id import ", "sandpiper say x --access-code-file /et", "sandpiper broker --log-file "):
        assert [each.split("\t")[0] for each in answered(line, "zsh", monkeypatch, capsys)] == ["file"]
    assert answered("sandpiper broker --data ", "zsh", monkeypatch, capsys)[0].startswith("dir")


def test_bash_takes_a_colon_for_the_end_of_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_WORDBREAKS", " \t\n\"'@><=;|&(:")
    assert answered("sandpiper who chat.example.org:", "bash", monkeypatch, capsys) == ["plain\t5000\t"]
    assert answered("sandpiper peer --path=re", "bash", monkeypatch, capsys) == ["plain\trelay\t"]


def test_no_command_is_imported_to_name_them() -> None:
    program = (
        "import sys\nfrom sandpiper.cli.main import main\n"
        "try: main([])\nexcept SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    environment = {"_SANDPIPER_COMPLETE": "zsh_complete", "COMP_LINE": "sandpiper l", "PATH": "/bin"}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=30)
    assert ran.stdout == "plain\tlisten\tPrint a room's messages.\n"
    assert not {"zmq", "textual", "asyncio", "sandpiper.cli.commands.listen"} & set(ran.stderr.split())


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def run(words: list[str], program: str) -> list[str]:
    ran = subprocess.run(words, input=program, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_bash_itself(capsys: pytest.CaptureFixture[str]) -> None:
    if not (bash := shutil.which("bash")):
        pytest.skip("no bash")
    ask = """
ask() { COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _sandpiper_completion sandpiper "${COMP_WORDS[COMP_CWORD]}" ""; printf '<%s>\\n' "${COMPREPLY[@]}"; }
ask 'sandpiper lis'; ask 'sandpiper say aard'; ask 'sandpiper who [:'; ask 'sandpiper nothing '
"""
    told = run([bash, "--norc"], script("bash", capsys) + ask)
    assert told == ["<listen >", "<aardvark->", r"<:1\]:5000 >", "<>"]


def test_fish_itself(capsys: pytest.CaptureFixture[str]) -> None:
    if not (fish := shutil.which("fish")):
        pytest.skip("no fish")
    told = run(
        [fish, "--no-config"],
        script("fish", capsys) + "\ncomplete -C 'sandpiper lis'\ncomplete -C 'sandpiper say aard'",
    )
    assert told == ["listen\tPrint a room's messages.", "aardvark-"]


def test_zsh_itself(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    if not (zsh := shutil.which("zsh")):
        pytest.skip("no zsh")
    # Completion needs a terminal, so what would be drawn is written down.
    shims = """
compdef() { :; }
_describe() { local name=${@[-1]}; print -rl -- "whole: ${(@P)name}"; }
compadd() { print -rl -- "part: ${@[-1]}"; }
"""
    ask = "\nask() { words=($1); CURRENT=$#words; _sandpiper_completion; }\nask 'sandpiper lis'\n"
    ask = ask.replace("words=($1)", "words=(${=1})") + "ask 'sandpiper say aard'\nask 'sandpiper who [:'\ntrue\n"
    told = run([zsh, "-f"], shims + script("zsh", capsys) + ask)
    assert told == ["whole: listen:Print a room's messages.", "part: aardvark-", r"whole: [\:\:1]\:5000"]


def test_powershell_gets_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    text = script("powershell", capsys)
    assert text.startswith("Register-ArgumentCompleter -Native -CommandName sandpiper ")
    assert text.count("{") == text.count("}")
    if pwsh := shutil.which("pwsh"):
        ask = "\n(TabExpansion2 'sandpiper lis' 13).CompletionMatches.CompletionText"
        assert run([pwsh, "-NoProfile", "-Command", "-"], text + ask) == ["listen"]


def test_no_list_of_known_services_is_no_error(home: Path) -> None:
    (home / "known_brokers").write_bytes(b"\xff")
    assert list(completion.addresses("")) == []
    (home / "known_brokers").unlink()
    assert list(completion.targets("c")) != list(completion.addresses("c")) == []
