"""Tools at a member."""

from __future__ import annotations

from typing import Final

from sandpiper.common.limits.client import BACKLOG_MOST, EVENTS_WAITING

TRANSCRIPT_MESSAGES: Final = BACKLOG_MOST
"""What a member keeps for its tools to ask for again: as much as they may ask for …"""
TRANSCRIPT_BYTES: Final = 32 * 1024 * 1024
"""… and so many bytes of it, were they all large."""
FULL_PAUSE_S: Final = 0.05
"""A tool is read on this much later while its member can take no more."""
TOOL_WHISPERS: Final = 64
"""Whispers of tools that wait for an answer; past it the next is refused."""
PRESENT_S: Final = 2.0
"""What a member tells its tools about who is here is this old at most."""
UNPRINTED_EVENTS: Final = EVENTS_WAITING
"""Events that stdout has not taken from a member with tools; past it they are dropped there and counted, because
tools must not wait for a terminal."""
