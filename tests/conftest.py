"""What every test needs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Final

import pytest

from tests import net
from tests.core import is_core

LONGEST: Final = (
    "test_p2p_hosts", "test_p2p", "test_names", "test_pages", "test_garbage", "test_strangers", "test_shortage",
    "test_discovery", "test_disk", "test_narrow", "test_cli", "test_troubleshooting", "test_past", "test_lan_netns",
)  # fmt: skip
"""The files that take longest, a minute or more each on a busy machine: begun last, one of them would end alone."""


def pytest_configure() -> None:
    """A script's background job ignores Ctrl+C, and so would every command that the tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m core` is what `make test-core` runs. The longest files come first."""
    items.sort(key=lambda item: LONGEST.index(name) if (name := item.path.stem) in LONGEST else len(LONGEST))
    for item in items:
        if is_core(item.path):
            item.add_marker("core")


@pytest.fixture(autouse=True)
def stores_are_closed() -> Iterator[None]:
    """SQLite's connections belong to a thread: they are closed here, not wherever the garbage collector runs."""
    yield
    while net.STORES:
        net.STORES.pop().close()
