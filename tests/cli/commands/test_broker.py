from __future__ import annotations

from pathlib import Path

import pytest

from sandpiper.broker.service import BrokerConfig, BrokerReady
from sandpiper.cli.commands.broker import parse_rate, ready_text
from sandpiper.common.errors import UsageError

READY = BrokerReady("0.0.0.0:5000", "x", "y", None, None, "k")


def config(host: str, code: str | None = None) -> BrokerConfig:
    return BrokerConfig(host, 5000, Path("d"), code, True, False, 1, 1, 1, 1, None)


def test_rates() -> None:
    assert parse_rate("100:0.5") == (100, 512 * 1024)
    assert parse_rate("7")[0] == 7
    for bad in ("", "x", "0", "1:0", "-1", "inf", "nan", "1:x"):
        with pytest.raises(UsageError):
            parse_rate(bad)


def test_the_ready_text_says_how_to_join_and_keeps_the_code() -> None:
    text = ready_text(config("0.0.0.0", "s3cret"), READY, "192.168.1.7")
    assert "sandpiper connect 192.168.1.7:5000" in text
    assert "s3cret" not in text
    assert "sandpiper connect 127.0.0.1:5000" in ready_text(config("127.0.0.1"), READY, None)
    assert "it is open" in ready_text(config("10.0.0.1"), READY, None)
