from __future__ import annotations

from pathlib import Path

import pytest

from sandpiper.cli.commands.discovery import announced_brokers, ready_text
from sandpiper.cli.main import main
from sandpiper.common.errors import UsageError
from sandpiper.common.rendezvous import BrokerAt
from sandpiper.discovery.service import DiscoveryConfig, DiscoveryReady

READY = DiscoveryReady("0.0.0.0:8000", "tcp://0.0.0.0:8000", "k" * 40)


def test_the_ready_text_says_what_to_type_and_keeps_the_code() -> None:
    config = DiscoveryConfig("0.0.0.0", 8000, Path("d"), announced_brokers(("relay:5001",), "s3cret"))
    text = ready_text(config, READY, "192.168.1.7")
    assert "sandpiper create --discovery 192.168.1.7:8000" in text
    assert "told of the broker relay:5001" in text
    assert "s3cret" not in text
    text = ready_text(DiscoveryConfig("127.0.0.1", 8000, Path("d")), READY, None)
    assert "from this machine:  sandpiper create --discovery 127.0.0.1:8000" in text


def test_brokers_are_addresses() -> None:
    fingerprint = "a" * 24
    assert announced_brokers(("relay", f"[2001:DB8::1]:5001#{fingerprint}"), None) == (
        BrokerAt("relay:5000"),
        BrokerAt(f"[2001:db8::1]:5001#{fingerprint}"),
    )
    for wrong in (("relay:x",), ("",), ("relay",) * 9):
        with pytest.raises(UsageError):
            announced_brokers(wrong, None)


def test_an_access_code_is_for_brokers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["discovery", "--port", "0", "--data", str(tmp_path), "--access-code", "s3cret"]) == 2
    said = capsys.readouterr().err
    assert "--broker" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("wrong", [["--port", "70000"], ["--metrics-port", "0"], ["--log-level", "loud"], ["here"]])
def test_usage(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["discovery", *wrong]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
