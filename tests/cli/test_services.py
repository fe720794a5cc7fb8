from __future__ import annotations

import pytest

from sandpiper.cli.options.settings import folders
from sandpiper.cli.services import data_folder, reached_at
from sandpiper.common.target import is_loopback


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("nas", False)],
)
def test_what_only_this_machine_reaches(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_where_others_reach_a_service() -> None:
    assert reached_at("0.0.0.0", "8000", "192.168.1.7") == "192.168.1.7:8000"
    assert reached_at("::", "8000", "2001:db8::7") == "[2001:db8::7]:8000"
    assert reached_at("nas", "8000", "192.168.1.7") == "nas:8000"
    assert reached_at("::1", "8000", None) == "[::1]:8000"


def test_each_port_has_a_folder_of_its_own() -> None:
    for port, name in ((8000, "discovery"), (8001, "discovery-8001")):
        with data_folder(None, port, name="discovery", default_port=8000) as folder:
            assert folder == folders().data / name
    with data_folder(None, 0, name="discovery", default_port=8000) as folder:
        assert folder.is_dir()
    assert not folder.exists()
