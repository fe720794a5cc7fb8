"""Limits of what goes over the wire: sizes, names, room codes and invite links."""

from __future__ import annotations

from typing import Final

# Sizes ---------------------------------------------------------------------------------------------------
VERSION: Final = 1
"""The protocol's major version; a newer one is refused by name."""
LINE_BYTES: Final = 64 * 1024
"""One JSON line. The documented wire's own limit."""
BODY_BYTES: Final = 56 * 1024
"""One bus body before it is stamped: stamped and as a JSON line it still fits LINE_BYTES."""
TEXT_BYTES: Final = 57_000
"""The text of one message, in UTF-8. The rest of BODY_BYTES, 344, holds what travels beside it: a nick of 32 characters
of four bytes, the time, the number, the keys' names; so it fits in every kind of room, whoever says it."""
INPUT_LINE_BYTES: Final = 1024 * 1024
"""One JSON line on stdin: a text of TEXT_BYTES that is all escapes (six bytes for one), and far more. What is larger
still has no `id` that could be answered."""
LONG_LINES_NAMED: Final = 20
"""Lines that were left out, each on stderr; a log may have as many as it has lines, so the others are counted."""
CLUSTER_CHARS: Final = 32
"""So far back a line is cut that is too long, not to part a character from its marks."""
FRAME_BYTES: Final = 1024 * 1024
"""One frame on a control or bus socket (libzmq's MAXMSGSIZE): a page of replay or a batch of publications."""
PAGE_BYTES: Final = 256 * 1024
"""One page of replay: well below a frame, and many of them still fit a stalled client's queue."""
PAGE_ENTRIES: Final = 1000
ROOM_NAME_BYTES: Final = 64
NICK_CHARS: Final = 32
NICKS_CACHED: Final = 4096
"""Nicks whose rules need not be applied again: a tool says its own with every message."""
ID_CHARS: Final = 64
ERROR_CHARS: Final = 200
"""What a decoder complains about in a refusal: it quotes the stranger's own words, which have no bound."""
DATA_DEPTH: Final = 64
"""Nesting of a `data` value: every codec on its way can follow it. Far below the interpreter's own limit, which
depends on who is calling."""
ACCESS_CODE_CHARS: Final = 256
REPLAY_ENTRIES: Final = 200
"""Read from the log at once for a JSON-lines client; the next page waits until this one has gone out."""

# Room codes ----------------------------------------------------------------------------------------------
CODE_WORDS: Final = 2
"""22 bits, of which ten guesses are allowed: one room in 400,000 would be entered by guessing all ten."""
CODE_WORDS_LEAST: Final = 2
CODE_WORDS_MOST: Final = 8
"""88 bits: as much as anybody wants to type."""
CODE_CHARS: Final = 200
"""Of what is given as a code; eight words and a number are 80."""
PASSWORD_CHARS: Final = 256
INVITE_CHARS: Final = 2048
"""A link: with eight IPv6 addresses of each kind it has 900; a QR code takes no more than 2,953 bytes."""
INVITE_ADDRESSES: Final = 8
"""Of each kind in a link."""
