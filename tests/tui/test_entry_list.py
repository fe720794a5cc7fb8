from __future__ import annotations

from sandpiper.tui.timeline_model import TimelineModel
from tests.tui.fake import FakeRoom

ROOM = FakeRoom()


def test_clearing_keeps_serials_apart() -> None:
    model = TimelineModel()
    model.message(ROOM.message("bob", "x"))
    model.clear()
    entry = model.message(ROOM.message("bob", "y"))
    assert entry is not None
    assert (entry.serial, model.first, model.end) == (1, 1, 2)
