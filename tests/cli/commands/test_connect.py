from __future__ import annotations

import pytest

from sandpiper.cli.commands.connect import chosen
from sandpiper.common.errors import UsageError


def test_a_target_or_host_and_port() -> None:
    assert str(chosen("nas", None, None, None)) == "nas:5000/lobby"
    assert str(chosen(None, "nas", 6000, "ops")) == "nas:6000/ops"
    assert str(chosen("nas:1/a", None, 2, None)) == "nas:2/a"
    assert str(chosen(None, "::1", None, None)) == "[::1]:5000/lobby"


def test_neither_or_both_is_an_error() -> None:
    for target, host, room in (("a", "b", None), (None, None, None), ("a", None, "a/b")):
        with pytest.raises(UsageError):
            chosen(target, host, None, room)
