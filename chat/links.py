"""The invite link to a broker's room. Those to rooms between peers are the command line's: it knows the options."""

from __future__ import annotations

from dataclasses import replace

from sandpiper.common.invite import Invite
from sandpiper.common.target import parse_host
from sandpiper.peer.view import RoomView


def way_in(room: RoomView) -> str:
    """Returns the link. It names the broker's key, so that it leads to this broker or to none."""
    return str(Invite(replace(parse_host(room.where), room=room.name, fingerprint=room.broker or None)))
