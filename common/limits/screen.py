"""The screen, and text as it is shown."""

from __future__ import annotations

from typing import Final

# Display -------------------------------------------------------------------------------------------------
MARKS_PER_CHARACTER: Final = 8
"""Combining marks on one character: a Burmese syllable needs seven; a hundred paint over the lines around."""
EMOJI_JOINS: Final = 3
"""Joiners in one emoji: no standard one has more, and a terminal that cannot join draws each part."""
TAB_COLUMNS: Final = 4
SKELETONS: Final = 20_000
"""Nicks whose skeleton is remembered: two full rooms, a few MiB."""

# Screen --------------------------------------------------------------------------------------------------
SCROLLBACK_MESSAGES: Final = 20_000
"""Entries of one room that can be scrolled to; older ones stay in the history file."""
SCROLLBACK_BYTES: Final = 32 * 1024 * 1024
"""And so much text: 20,000 messages of the largest size would be a gigabyte."""
SHOWN_CHARS: Final = 4000
"""Of one message so much is shown; the rest is said in one line, and exported whole."""
SHOWN_ROWS: Final = 60
"""And in so many rows, or one message of line feeds would be a screen of its own."""
SCREEN_QUEUE_EVENTS: Final = 2000
"""Events of one room that wait for a frame; past it the room waits, and queues and repairs by its own rules."""
SCREEN_FRAME_S: Final = 1 / 20
"""Frames while events come in: smooth to the eye, and two thirds of the time is left for typing."""
SCREEN_INTAKE_S: Final = 0.010
"""Of a frame so long goes into taking events in …"""
SCREEN_PAINT_S: Final = 0.025
"""… and so long into making rows that nobody has made before; what is left is made in the next."""
SCREEN_GROUP_S: Final = 300
"""Messages of one sender this close together stand under one name."""
SCREEN_MEMBERS_S: Final = 5.0
"""The members' paths and round trips are asked for this often, in the room that is looked at …"""
SCREEN_MEMBERS_SETTLE_S: Final = 0.3
"""… and this long after somebody came or went, so that a crowd asks once."""
SCREEN_RTT_MS: Final = 1.0
SCREEN_RTT_SHARE: Final = 0.25
"""A round trip that has changed by less than either is shown as it was: each of its digits would be painted again."""
SCREEN_CLOSING_S: Final = 1.0
"""A window that has been closed leaves this long to hand over what is unsent; then it is kept as a draft."""
OLDER_MESSAGES: Final = 200
"""Fetched at once by who scrolls back: a few screens; of the longest messages 11 MiB."""
SCREEN_TAKEN_S: Final = 0.5
"""A terminal that takes nothing is waited for this long, up to three times, before it is left as it is."""
SCREEN_WORDS_CHARS: Final = 256 * 1024
"""What a terminal is told besides what it shows, and has not taken yet: a whole message for the clipboard fits, and in
base64."""
PASTE_LINES: Final = 4
"""A paste of more lines asks first."""
DRAFT_CHARS: Final = 16_000
"""One draft; a message of four-byte characters this long is BODY_BYTES and some."""
DRAFT_BYTES: Final = 56_000
"""Of each piece of a paste that is longer: the rest of BODY_BYTES is for who says it."""
PASTE_CHARS: Final = 4 * 1024 * 1024
"""One paste, and those added to it while one is asked about it: some 300 messages. Nothing is kept of a longer one."""
PASTE_QUIET_S: Final = 0.1
"""Lines that came at once are all there are when nothing has come for this long; the rest of a paste does."""
TYPED_LINES: Final = 500
"""Own lines that Up and Ctrl-R bring back."""
TYPED_AHEAD: Final = 100
"""Lines that have been entered and wait to be sent; past it the terminal is not read, so whoever feeds it waits."""
NOTIFY_EVERY_S: Final = 3.0
"""One room rings this often at most."""
HISTORY_MESSAGES: Final = 50_000
"""Stored of one room on this machine; the oldest go."""
HISTORY_SHOWN: Final = 10_000
"""Of them so many are read at the start."""
HISTORY_BATCH: Final = 2000
"""Messages that wait to be sealed and written together; and so many at most while they cannot be written."""
HISTORY_AGAIN_S: Final = 5.0
"""Writing that failed (a full disk) is tried again this long after, when there is something to write."""
HISTORY_WAL_BYTES: Final = 4 * 1024 * 1024
"""The history's write-ahead log is moved at 1,000 pages and given back down to this; all of it when a screen ends."""
