"""A member of a room at a broker: publishing, reading, connecting."""

from __future__ import annotations

from typing import Final

# Publishing ----------------------------------------------------------------------------------------------
WINDOW_MESSAGES: Final = 8192
"""Unacknowledged messages of one publisher: below PUB_HWM, so a bus socket never has to drop."""
WINDOW_BYTES: Final = 8 * 1024 * 1024
RESEND_AFTER_S: Final = 1.0
"""An acknowledgement that is this late is asked for by resending; doubles up to RESEND_MOST_S."""
RESEND_MOST_S: Final = 8.0
HELD_S: Final = 2.0
"""Turned away for so long without anything stored in between, whoever waits is told why; what is shorter is pacing."""
OUTAGE_REASONS: Final = 8
"""So many different reasons why there is no way back are told in one outage; the rest is repetition."""
DEDUP_S: Final = 600.0
"""A repeated (sender, id) is answered with its first seq for this long, across restarts too."""
DEDUP_IDS: Final = 200_000
"""And for at most this many messages, so that memory stays bounded."""
PUBLISHERS_KEPT_S: Final = 7 * 86400.0
"""A publisher's number outlives its session by this long, so that a laptop may sleep over a weekend."""

# Reading -------------------------------------------------------------------------------------------------
REORDER_S: Final = 0.05
"""How long a hole may be reordering (two paths) before it is asked for."""
FETCH_TIMEOUT_S: Final = 2.0
FETCH_MOST_S: Final = 10.0
READER_BUFFER_ENTRIES: Final = 20_000
"""Entries held beyond a hole; past it the newest are let go, for the repair brings them again."""
BACKLOG_MOST: Final = 10_000

# Sessions ------------------------------------------------------------------------------------------------
PING_S: Final = 2.0
SILENT_S: Final = 8.0
"""Four missed pings: the session is gone."""
LINGER_S: Final = 3.0
"""A dropped connection may come back this soon without anybody hearing of it."""
NICK_GRACE_S: Final = 30.0
"""A nick is kept for its key this long after the last session broke off; a reconnect takes 5 s at most."""
WHISPER_S: Final = 5.0
"""A whisper that its addressee has not confirmed by then is reported undelivered."""

# Client --------------------------------------------------------------------------------------------------
CONNECT_S: Final = 5.0
CONNECT_STAGGER_S: Final = 0.25
"""One address of a name has this long before the next is tried beside it (RFC 8305, section 5)."""
LOOKUP_ADDRESSES: Final = 8
"""Addresses of one name that are tried: beyond them somebody waits for nothing."""
LOOKUP_SLOW_S: Final = 1.0
"""A look-up that takes longer is told of: a resolver nearby answers in milliseconds."""
NAME_S: Final = 7.0
"""A resolver asks its next server after 5 s; this leaves that one time, and a connection a second of FIND_S."""
BUS_S: Final = 1.5
"""Bus ports that do not answer within this mean the one-port way."""
RECONNECT_LEAST_S: Final = 0.2
RECONNECT_MOST_S: Final = 5.0
RECONNECT_STEADY_S: Final = 10.0
"""A connection that lasted this long was a good one; the pauses after others in a row grow as after failed attempts."""
CHOKED_S: Final = 5.0
"""What was sent and is stored by nobody for so long, while small questions are answered, is likely lost on the way for
its size; below QUIT_S, so that who gives up then knows why."""
CHOKED_BYTES: Final = 1000
"""Less than this fits any packet: if it does not arrive its size is not why."""
CHOKED_LINKS: Final = 2
"""Connections that come up and fall silent in a row with something large under way: one of them may be a cable."""
CHOKED_STILL_S: Final = 1.5
"""A connection on which something waits, and whose other end has taken nothing for so long, loses what is sent; on a
slow line some of it is taken all the time."""
QUIT_S: Final = 10.0
"""Leaving with unacknowledged messages waits this long without progress."""
CLOSE_S: Final = 5.0
"""Goodbyes to services and relays may take this long; each has a second of its own."""
EVENTS_WAITING: Final = 20_000
"""Events that a program has not taken yet; past it the bus waits, and repair brings what overflowed."""
EVENTS_A_TURN: Final = 100
"""Events that a program is handed in one turn of the loop. With the ten milliseconds that a slow one takes for each the
others still hear of the member once a second."""
