from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from sandpiper.cli.chat.code_prompt import CodeWords
from sandpiper.cli.options.network import Network
from sandpiper.cli.options.secrets import (
    CODE,
    ask_code,
    ask_password,
    chosen_code,
    code_options,
    password_options,
    resolve_password,
)
from sandpiper.common.codes import RoomCode
from sandpiper.common.errors import UsageError

PINE = RoomCode(("pine", "ocean"), 42)
LINK = "sandpiper://join?discovery=foo:8000&broker=bar:5000#pine-ocean-42"
DEADLINE_S = 30.0


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SANDPIPER_"):
            monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "secret"
    path.write_text("\ufeffpine-ocean-42\r\nmore\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A terminal at which these lines are typed unseen."""
    lines: list[str] = []
    monkeypatch.setattr("sandpiper.cli.options.secrets.terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt, stream: lines.pop(0))
    return lines


def run(words: list[str], config: dict[str, Any] | None = None, *, code: bool = True) -> Any:
    """The room code, the network and the password that a command line gives."""
    found: list[Any] = []

    @click.pass_context
    def command(context: click.Context, /, **rest: Any) -> None:
        assert rest.keys() <= {"code"}, "what belongs to secrets is nobody else's"
        chosen = chosen_code(context, Network()) if code else (None, None)
        found.append((*chosen, resolve_password(context)))

    made = password_options(code_options(command))
    if code:
        made = click.argument("code", required=False)(made)
    click.command("join")(made).main(words, standalone_mode=False, default_map=config, auto_envvar_prefix="SANDPIPER")
    return found[0]


def test_a_code_by_argument_environment_file_or_settings(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["Pine Ocean 42"])[0] == PINE
    assert run(["--code-file", file])[0] == PINE
    assert run([], {"code": "pine-river-42"})[0].words == ("pine", "river")
    assert run([], {"code_file": file})[0] == PINE
    monkeypatch.setenv("SANDPIPER_CODE_FILE", file)
    assert run([], {"code": "pine-river-42"})[0] == PINE
    monkeypatch.setenv("SANDPIPER_CODE", "pine-bright-42")
    assert run([])[0].words == ("pine", "bright")
    assert run(["pine-river-43"])[0].nameplate == 43
    assert run(["--code-file", file])[0] == PINE
    with pytest.raises(UsageError, match="give --code-file or CODE, not both"):
        run(["pine-ocean-42", "--code-file", file])


def test_an_argument_may_be_several_words() -> None:
    found: list[Any] = []

    @click.command()
    @click.argument("code", nargs=-1)
    @code_options
    @click.pass_context
    def command(context: click.Context, /, code: tuple[str, ...]) -> None:
        found.append(chosen_code(context, Network())[0])

    command.main(["pine", "ocean", "42"], standalone_mode=False)
    command.main([], standalone_mode=False, default_map={"code": "pine-ocean-42"})
    assert found == [PINE, PINE]


def test_a_link_says_how_to_get_there() -> None:
    code, network, password = run([LINK])
    assert (code, network.discovery, network.broker, password) == (PINE, ("foo:8000",), ("bar:5000",), None)
    with pytest.raises(UsageError, match="try sandpiper connect foo:5000/ops"):
        run(["sandpiper://connect/foo/ops"])


def test_a_link_to_a_room_with_a_password_has_it_asked_for(typed: list[str]) -> None:
    typed.append("s3cret")
    assert run([LINK.replace("#", "&password=1#")])[2] == "s3cret"


def test_only_what_was_typed_here_is_quoted_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="'oceon' is in no word list; did you mean 'ocean'"):
        run(["pine-oceon-42"])
    path = tmp_path / "code"
    path.write_text("pine-oceon-42")
    monkeypatch.setenv("SANDPIPER_CODE", "pine-oceon-42")
    for words in ([], ["--code-file", str(path)]):
        with pytest.raises(UsageError, match="word 2 of the room code is in no word list") as caught:
            run(words)
        assert "oceon" not in str(caught.value)


def test_without_a_terminal_it_says_how_to_give_a_code() -> None:
    with pytest.raises(UsageError, match="as an argument, in SANDPIPER_CODE, or with --code-file"):
        run([])
    with pytest.raises(UsageError, match="in SANDPIPER_PASSWORD, or with --password-file"):
        run(["pine-ocean-42", "--password"])


def test_a_password_by_environment_file_settings_or_terminal(
    file: str, typed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "pine-ocean-42"
    assert run([code])[2] is None
    typed.append("typed")
    assert run([code, "--password"])[2] == "typed"
    assert run([code], {"password": "from settings"})[2] == "from settings"
    assert run([code, "--password"], {"password": "from settings"})[2] == "from settings"
    monkeypatch.setenv("SANDPIPER_PASSWORD", "from environment")
    assert run([code], {"password": "from settings"})[2] == "from environment"
    assert run([code, "--password-file", file])[2] == "pine-ocean-42"


def test_a_new_password_is_asked_for_twice(typed: list[str]) -> None:
    typed += ["re\u0301sume\u0301", "r\u00e9sum\u00e9"]
    assert run(["--password"], code=False)[2] == "r\u00e9sum\u00e9"
    typed += ["s3cret", "s3cre"]
    with pytest.raises(UsageError, match="differ") as caught:
        run(["--password"], code=False)
    assert "s3cre" not in str(caught.value)


def test_a_password_keeps_its_spaces(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(" two words \n")
    assert run(["pine-ocean-42", "--password-file", str(path)])[2] == " two words "


def test_no_environment_makes_click_quote_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDPIPER_JOIN_PASSWORD", "s3cret")
    assert run(["pine-ocean-42"])[2] is None
    monkeypatch.setenv("SANDPIPER_PASSWORD", "s3cret" * 100)
    with pytest.raises(UsageError, match="at most 256") as caught:
        run(["pine-ocean-42"])
    assert "s3cret" not in str(caught.value)


def test_settings_of_another_type_are_refused_and_not_quoted() -> None:
    with pytest.raises(UsageError, match="'password' is a text in quotes"):
        run(["pine-ocean-42"], {"password": True})
    with pytest.raises(UsageError, match="the password is empty"):
        run(["pine-ocean-42"], {"password": ""})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xc3\x28", "is not UTF-8 text"),
        ("secret\n".encode("utf-16"), "is UTF-16"),
        (b"", "the password is empty"),
        (b"p" * 10_000, "at most 256 characters"),
    ],
)
def test_bad_files(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=says):
        run(["pine-ocean-42", "--password-file", str(path)])
    with pytest.raises(UsageError, match="cannot read the password file"):
        run(["pine-ocean-42", "--password-file", str(tmp_path)])


def test_stdin_gives_its_first_line_and_keeps_the_rest() -> None:
    script = (
        "import os\n"
        "from pathlib import Path\n"
        "from sandpiper.cli.options.secrets import CODE\n"
        "print(CODE.first_line(Path('-')), os.read(0, 100))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], input=b"pine-ocean-42\nhello\n", capture_output=True, check=True, timeout=30
    )
    assert ran.stdout.split() == [b"pine-ocean-42", b"b'hello\\n'"]


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("ocea", ["ocea", "ocean"]),
        ("pine-OCEA", ["OCEA", "ocean"]),
        ("pine ocea", ["ocea", "ocean"]),
        ("pine-", []),
        ("pine-ocean-4", []),
        ("sandpiper://join#oce", []),
        ("qqq", []),
    ],
)
def test_words_are_completed(text: str, completed: list[str]) -> None:
    found = list(CodeWords().get_completions(Document(text), CompleteEvent()))
    assert [each.text for each in found] == [f"{word}-" for word in completed[1:]]
    assert all(each.start_position == -len(completed[0]) for each in found)


def test_every_secret_is_prompted_for_on_a_terminal_only() -> None:
    for ask in (ask_code, ask_password):
        with pytest.raises(UsageError, match=r"terminal|as an argument"):
            ask()
    assert CODE.noun == "room code"


@contextlib.contextmanager
def on_a_terminal(script: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A program whose stdin and stderr are a terminal: what it shows there is read, what it prints stays a pipe."""
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    here, there = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    # Without a controlling terminal getpass asks at stdin, which is this one.
    program = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=there, stderr=there, stdout=subprocess.PIPE, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(there)
    try:
        yield here, program
    finally:
        program.kill()
        program.communicate()
        os.close(here)


def read_until(terminal: int, wanted: bytes) -> bytes:
    shown = b""
    deadline = time.monotonic() + DEADLINE_S
    while wanted not in shown:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{wanted!r} is not in {shown!r}"
        shown += os.read(terminal, 4096)
        if b"\x1b[6n" in shown:  # where is the cursor?
            os.write(terminal, b"\x1b[1;1R")
            shown = shown.replace(b"\x1b[6n", b"")
    return shown


def test_a_code_is_typed_completed_and_corrected() -> None:
    script = "from sandpiper.cli.options.secrets import ask_code\nprint(ask_code())"
    with on_a_terminal(script) as (terminal, program):
        read_until(terminal, b"Room code:")
        os.write(terminal, b"pine-oceon-42\r")
        read_until(terminal, b"did you mean")
        os.write(terminal, b"\x15pine-ocea")  # Ctrl-U
        read_until(terminal, b"ocean")
        os.write(terminal, b"\t42\r")
        out, _ = program.communicate(timeout=DEADLINE_S)
    assert out == b"pine-ocean-42\n"


def test_a_password_is_typed_unseen() -> None:
    script = "from sandpiper.cli.options.secrets import ask_password\nprint(ask_password(again=True))"
    with on_a_terminal(script) as (terminal, program):
        shown = read_until(terminal, b"Password: ")
        os.write(terminal, b"s3cret\n")
        shown += read_until(terminal, b"again: ")
        os.write(terminal, b"s3cret\n")
        out, _ = program.communicate(timeout=DEADLINE_S)
    assert out == b"s3cret\n"
    assert b"s3cret" not in shown


@pytest.mark.parametrize("ask", ["ask_code", "ask_password"])
def test_ctrl_c_and_ctrl_d_leave(ask: str) -> None:
    script = (
        f"import click\nfrom sandpiper.cli.options.secrets import {ask}\n"
        f"try:\n    {ask}()\nexcept click.Abort:\n    print(1)"
    )
    with on_a_terminal(script) as (terminal, program):
        read_until(terminal, b":")
        os.write(terminal, b"\x04")
        out, _ = program.communicate(timeout=DEADLINE_S)
    assert out == b"1\n"
