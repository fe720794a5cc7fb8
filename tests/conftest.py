"""What every test needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import net


@pytest.fixture(autouse=True)
def stores_are_closed() -> Iterator[None]:
    """SQLite's connections belong to a thread: they are closed here, not wherever the garbage collector runs."""
    yield
    while net.STORES:
        net.STORES.pop().close()
