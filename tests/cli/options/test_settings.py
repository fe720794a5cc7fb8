from __future__ import annotations

from pathlib import Path

import pytest

from sandpiper.cli.options.settings import default_map, read_config
from sandpiper.common.errors import UsageError


def test_no_file_is_no_settings(tmp_path: Path) -> None:
    assert read_config(tmp_path) == {}


def test_shared_keys_hold_for_all_and_tables_for_one(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('nick = "anna"\n[connect]\none-port = true\nnick = "bea"\n')
    defaults = default_map(read_config(tmp_path), ["say", "connect", "server"], {"server": "connect"})
    assert defaults["say"] == {"nick": "anna"}
    assert defaults["server"] == defaults["connect"] == {"nick": "bea", "one_port": True}


def test_a_command_s_key_must_be_a_table() -> None:
    with pytest.raises(UsageError, match=r"\[say\]"):
        default_map({"say": 1}, ["say"], {})
