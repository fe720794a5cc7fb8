from __future__ import annotations

import pytest

from sandpiper.chat.members import own_place
from sandpiper.common.messages import Member
from tests.tui.fake import OWN


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ([], -1),
        ([Member("anna", "x" * 24, True, "bus")], -1),
        ([Member("bob", OWN, True, "bus"), Member("anna", OWN, True, "bus")], 1),
        ([Member("anna", OWN, True, "lan"), Member("anna", OWN, True, "self")], 1),
        ([Member("who", OWN, True, "bus")], 0),  # one's nick has just changed
    ],
)
def test_which_member_is_this_very_window(members: list[Member], place: int) -> None:
    assert own_place(members, OWN, "anna") == place
    assert own_place(members, "", "anna") == -1
