from __future__ import annotations

import pytest

from sandpiper.chat.links import way_in
from sandpiper.common.invite import Invite, parse_invite
from sandpiper.common.target import Target
from tests.tui.fake import FakeRoom


@pytest.mark.parametrize(("where", "host"), [("chat.example.org:5000", "chat.example.org"), ("[::1]:5000", "::1")])
@pytest.mark.parametrize("broker", ["b" * 24, ""])
def test_who_follows_the_link_comes_to_this_room_of_this_broker(where: str, host: str, broker: str) -> None:
    room = FakeRoom("küche")
    room.where, room.broker = where, broker
    assert parse_invite(way_in(room)) == Invite(Target(host, 5000, "küche", broker or None))
