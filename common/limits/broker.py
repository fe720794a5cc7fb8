"""A broker: rates, rooms, relay, store."""

from __future__ import annotations

from typing import Final

# Rates ---------------------------------------------------------------------------------------------------
MESSAGES_PER_S: Final = 5000
"""One member's default rate; far above a person, well below what would starve the others."""
BYTES_PER_S: Final = 4 * 1024 * 1024
REQUESTS_PER_S: Final = 200.0
"""One session's questions: pages of history too, so a reader who is far behind still gets 200,000 messages a second."""
REQUESTS_BURST: Final = 1000.0
BURST_S: Final = 2.0
"""A bucket holds this many seconds of its rate."""
PLAIN_FACTOR: Final = 4
"""The plain doors' tools share one bucket; it is this many members wide."""

# Access --------------------------------------------------------------------------------------------------
ENROLLED_MOST: Final = 100_000
"""Enrolled keys remembered; past it the oldest goes, whose owner just enrols again."""
ACCESS_FAILURES: Final = 10
"""Access codes that a household (an IPv4 address, an IPv6 /64) may try within ACCESS_WINDOW_S, those that are not
judged yet among them; more are refused unheard. The right one is given back."""
ACCESS_FAILURES_ALL: Final = 100
"""And all together, whatever addresses somebody has: 53 million a year, where six random letters are 309 million. He
can spend it so that nobody new comes in meanwhile; who was here before shows no code."""
ACCESS_WINDOW_S: Final = 60.0
ACCESS_HASH_WORK: Final = 2
ACCESS_HASH_BYTES: Final = 64 * 1024 * 1024
"""Argon2id over the access code, in a file of the broker's: libsodium's "interactive", 90 ms. It is computed at the
start only, twice at most, so nobody from outside can have it computed."""
PAKE_PER_S: Final = 50.0
"""SPAKE2 exchanges in all: half a millisecond of CPU each."""
PAKE_PER_S_AND_ADDRESS: Final = 10.0
PACES_MOST: Final = 10_000
"""Addresses whose rate is remembered; past it the oldest is forgotten."""

# Rooms ---------------------------------------------------------------------------------------------------
ROOMS: Final = 1000
MEMBERS_PER_ROOM: Final = 4000
"""So that a list of them all fits a control frame."""
MEMBERS_ON_A_LINE: Final = 256
"""And so many of them a JSON line."""
RETAIN_MESSAGES: Final = 100_000
RETAIN_S: Final = 30 * 86400.0

# Relay ---------------------------------------------------------------------------------------------------
SEALED_BYTES: Final = 256 * 1024
"""One sealed body: a page of history fits, and four of them a frame."""
RELAY_TAGS_PER_SESSION: Final = 8
"""A room has one, and two while its key changes; a program may sit in several."""
RELAY_PER_TAG: Final = 256
"""Sessions at one tag: four times the largest room that is made without asking for more."""
RELAY_TAGS: Final = 16_384
"""Tags in use at one broker, some 16 MiB."""
RELAY_CHALLENGES_PER_S: Final = 1.0
RELAY_CHALLENGES_BURST: Final = 32.0
"""One session's: each may cost a signature to check and an event for everyone at the tag."""
RELAY_BEHIND_BYTES: Final = 16 * 1024 * 1024
"""What may wait for one addressee that reads slowly: two members' bursts. Past it what is sealed is dropped for that
one …"""
RELAY_WAITING_BYTES: Final = 256 * 1024 * 1024
"""… and for all of them together, each having an equal share, but always one body."""
RELAY_QUEUE_BYTES: Final = 16 * 1024 * 1024
RELAY_QUEUE_BODIES: Final = 8192
"""What waits at a member for its broker's rate, or for the connection; past either the oldest is dropped. Two whole
windows of its own messages (WINDOW_BYTES)."""
RELAY_QUEUED_S: Final = 10.0
"""What has waited for longer is dropped: by then it has been asked for again, and an old sign of life is none."""
RELAY_FLIGHT_BYTES: Final = 1024 * 1024
"""Sent by a member and not known to have been read by the broker: 10 MiB/s at a round trip of 100 ms."""
RELAY_FLIGHT_BODIES: Final = 512
RELAY_HWM: Final = 1024
"""Control frames that wait in a member's socket: twice what may be under way."""
RELAY_AGAIN_S: Final = 60.0
"""What only a person can put right (a wrong access code, a changed key) is tried again this seldom."""

# Store ---------------------------------------------------------------------------------------------------
STORE_CHECKPOINT_BYTES: Final = 16 * 1024 * 1024
"""The write-ahead log's file before its pages are moved, by a thread; begun anew, it is given back down to this. Each
time costs one commit the time of about three disk syncs, so it is to be rare: every three seconds at 1,000 commits a
second."""
STORE_WAL_BYTES: Final = 64 * 1024 * 1024
"""What the file may come to while a checkpoint runs; then commits wait for it. With one batch more this is its bound,
unless a program from outside reads for so long that nothing can be moved, which the log says."""
STORE_QUIET_S: Final = 10.0
"""Without a commit for this long, all of it is moved and the file is empty."""
STORE_WAL_WAIT_S: Final = 10.0
"""How long they wait: a disk that hangs for longer has them in the log all the same."""
STORE_LEFT_PAGES: Final = 64
"""Few enough pages to move while commits are held up: it takes no longer than the syncs do."""
STORE_SPARE_BYTES: Final = 256 * 1024
"""A disk with less is full: a batch and its index would not fit."""
STORE_CALM_S: Final = 3.0
"""A log that could not be written is in order once nothing has failed for so long: publishers try again each second,
and a disk with a few bytes left takes one message and not the next."""
STORE_GATHER_BLOCKS: Final = 64
"""Blocks of a room that are stored before its row and its publishers' are: 63 of 64 small commits are one page."""
STORE_CACHE_KIB: Final = 16 * 1024
"""Pages held in memory: the tips of a thousand rooms and then some."""
CLOCK_JUMP_S: Final = 60.0
"""A wall clock that is off by more at once has been set, or the machine has slept; NTP slews less."""
CLOCK_TRUST_S: Final = 3600.0
"""It has to stay for so long before anything is removed for its age: a wrong year must not cost a log."""
CLOCK_GAP_S: Final = 2 * CLOCK_TRUST_S
"""A broker that starts so soon after the last one was there goes on with its clock, or one that is restarted every few
minutes would never remove anything. More than the hour after which a broker notes that it has seen the clock."""
RETAIN_CHUNK: Final = 100_000
"""Entries that retention deletes in one go; whole blocks of up to BATCH_MESSAGES, so it keeps up with any load."""
ENROLLED_KEPT_S: Final = 30 * 86400.0
"""A session's key stays admitted this long after it was last seen; an older one enrols again."""

# Services ------------------------------------------------------------------------------------------------
TICK_S: Final = 0.5
"""What is over in a service is noticed so soon …"""
TICK_REST_S: Final = 2.0
"""… and while nothing is about to be over it looks this often only: half a wake-up a second. Shorter than LINGER_S, the
shortest time after which anything is over, so that it has always seen what it is to wait for."""
