"""Moments as people read them, in local time. A stranger's stamp may be no time at all."""

from __future__ import annotations

from datetime import datetime


def clock(ts: float) -> str:
    """Returns HH:MM; dashes for what is no time."""
    return _format("%H:%M", ts, "--:--")


def day(ts: float) -> str:
    """Returns a day, such as `Tuesday 4 March 2025`; nothing for what is no time."""
    return _format("%A %d %B %Y", ts, "").replace(" 0", " ", 1)


def moment(ts: float) -> str:
    """Returns date and time to the second."""
    return _format("%Y-%m-%d %H:%M:%S", ts, "-")


def stamp(ts: float) -> str:
    """Returns date and time for a file's name."""
    return _format("%Y%m%d-%H%M%S", ts, "undated")


def _format(form: str, ts: float, otherwise: str) -> str:
    try:
        return datetime.fromtimestamp(ts).strftime(form)
    except (OverflowError, ValueError, OSError):
        return otherwise
