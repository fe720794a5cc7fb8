from __future__ import annotations

from pathlib import Path

import click
import pytest

from sandpiper.cli.options.common import access_options, checked_code, nick_of, resolve_access_code
from sandpiper.common.errors import UsageError


def resolved(words: list[str], config: dict[str, str] | None = None) -> str | None:
    """The access code that a command line gives."""
    found: list[str | None] = []

    @click.command()
    @access_options
    @click.pass_context
    def command(context: click.Context, /, **_: str) -> None:
        found.append(resolve_access_code(context))

    command.main(words, standalone_mode=False, default_map=config or {})
    return found[0]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "code"
    path.write_text("from file\nmore\n")
    return str(path)


def test_flag_then_environment_then_settings(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolved([]) is None
    assert resolved([], {"access_code": "config"}) == "config"
    monkeypatch.setenv("SANDPIPER_ACCESS_CODE", "environment")
    assert resolved([], {"access_code_file": file}) == "environment"
    assert resolved(["--access-code-file", file]) == "from file"
    assert resolved(["--access-code", "flag"], {"access_code_file": file}) == "flag"
    with pytest.raises(UsageError, match="not both"):
        resolved(["--access-code", "flag", "--access-code-file", file])


def test_a_code_is_never_quoted(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        checked_code("s3cret" * 100)
    assert "s3cret" not in str(caught.value)
    for bad in ("", "  "):
        with pytest.raises(UsageError, match="empty"):
            checked_code(bad)
    with pytest.raises(UsageError, match="cannot read"):
        resolved(["--access-code-file", str(tmp_path / "none")])


@pytest.mark.parametrize(
    ("login", "nick"),
    [("anna", "anna"), ("DOMAIN\\bea", "bea"), ("c@d.org", "c"), ("e f", "e-f"), ("", "anon"), ("x" * 99, "x" * 32)],
)
def test_a_login_becomes_a_nick(login: str, nick: str) -> None:
    assert nick_of(login) == nick
