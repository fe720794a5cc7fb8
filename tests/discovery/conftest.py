from __future__ import annotations

import pytest

from tests.discovery.place import Place


@pytest.fixture
def place() -> Place:
    return Place()
