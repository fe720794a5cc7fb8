"""What every test needs."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests import net
from tests.core import is_core


def pytest_configure() -> None:
    """A script's background job ignores Ctrl+C, and so would every command that the tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m core` is what `make test-core` runs."""
    for item in items:
        if is_core(item.path):
            item.add_marker("core")


@pytest.fixture(autouse=True)
def stores_are_closed() -> Iterator[None]:
    """SQLite's connections belong to a thread: they are closed here, not wherever the garbage collector runs."""
    yield
    while net.STORES:
        net.STORES.pop().close()
