"""Outputs of the core: things to send, which the service carries out in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sandpiper.bridge.port import Guest
from sandpiper.broker.fanout import Fanout
from sandpiper.broker.session import ClientSession
from sandpiper.common.control import Event, Reply
from sandpiper.common.items import Item


@dataclass(frozen=True, slots=True)
class ToBus:
    """Output: messages of a room, for every subscriber of the bus."""

    fanout: Fanout


@dataclass(frozen=True, slots=True)
class ToTools:
    """Output: notices for the tools at the plain doors alone, whom nothing else reaches."""

    fanout: Fanout


@dataclass(frozen=True, slots=True)
class ToGuest:
    """Output: items for one JSON-lines client, one write."""

    guest: Guest
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class ToSession:
    """Output: a reply or an event for one keyed session. Sessions that are told the same share one object."""

    session: ClientSession
    message: Reply | Event


Output: TypeAlias = ToBus | ToTools | ToGuest | ToSession
