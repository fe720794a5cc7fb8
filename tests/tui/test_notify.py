from __future__ import annotations

import pytest

from sandpiper.common.limits import NOTIFY_EVERY_S
from sandpiper.tui.notify import Notifier, desktop, is_notified
from sandpiper.tui.port import ScreenSettings


@pytest.mark.parametrize(
    ("level", "mentioned", "said"),
    [
        ("all", False, True),
        ("all", True, True),
        ("mentions", False, False),
        ("mentions", True, True),
        ("none", True, False),
    ],
)
def test_what_a_level_lets_through(level: str, mentioned: bool, said: bool) -> None:
    assert is_notified(level, mentioned=mentioned) is said


def test_a_room_is_quiet_for_a_while_after_it_has_rung() -> None:
    notifier = Notifier(ScreenSettings())
    assert notifier.sequences("lobby", "bob", "hi", 100.0) == "\a"
    assert notifier.sequences("lobby", "bob", "hi", 100.0 + NOTIFY_EVERY_S / 2) is None
    assert notifier.sequences("ops", "bob", "hi", 100.0) == "\a"
    assert notifier.sequences("lobby", "bob", "hi", 100.0 + NOTIFY_EVERY_S) == "\a"


def test_a_terminal_is_told_in_its_own_way_or_not_at_all() -> None:
    assert desktop("xterm-kitty", "", "t", "b") == "\x1b]9;t: b\x1b\\"
    assert desktop("foot", "", "t", "b") == "\x1b]777;notify;t;b\x1b\\"
    assert desktop("xterm", "", "t", "b") is None
    assert desktop("foot", "", "t", "b", multiplexer=True) is None
