"""Every bound and timeout, its unit in its name and its reason beside it."""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
"""The protocol's major version; a newer one is refused by name."""

# Sizes -----------------------------------------------------------------------------------------------------
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
"""Nesting of a `data` value. Far below the interpreter's own limit, which depends on who is calling."""
ACCESS_CODE_CHARS: Final = 256

# Display ---------------------------------------------------------------------------------------------------
MARKS_PER_CHARACTER: Final = 8
"""Combining marks on one character: a Burmese syllable needs seven; a hundred paint over the lines around."""
EMOJI_JOINS: Final = 3
"""Joiners in one emoji: no standard one has more, and a terminal that cannot join draws each part."""
TAB_COLUMNS: Final = 4
SKELETONS: Final = 20_000
"""Nicks whose skeleton is remembered: two full rooms, a few MiB."""

# Rates -----------------------------------------------------------------------------------------------------
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

# Publishing ------------------------------------------------------------------------------------------------
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

# Reading ---------------------------------------------------------------------------------------------------
REORDER_S: Final = 0.05
"""How long a hole may be reordering (two paths) before it is asked for."""
FETCH_TIMEOUT_S: Final = 2.0
FETCH_MOST_S: Final = 10.0
READER_BUFFER_ENTRIES: Final = 20_000
"""Entries held beyond a hole; past it the newest are let go, for the repair brings them again."""
BACKLOG_MOST: Final = 10_000

# Sessions --------------------------------------------------------------------------------------------------
PING_S: Final = 2.0
SILENT_S: Final = 8.0
"""Four missed pings: the session is gone."""
LINGER_S: Final = 3.0
"""A dropped connection may come back this soon without anybody hearing of it."""
NICK_GRACE_S: Final = 30.0
"""A nick is kept for its key this long after the last session broke off; a reconnect takes 5 s at most."""
WHISPER_S: Final = 5.0
"""A whisper that its addressee has not confirmed by then is reported undelivered."""

# Doors -----------------------------------------------------------------------------------------------------
SNIFF_S: Final = 0.3
"""A client that is silent for this long speaks the original JSON lines."""
UNFINISHED_S: Final = 10.0
"""An unfinished line or handshake is given up after this."""
TICKET_S: Final = 60.0
DOOR_CONNECTIONS: Final = 4096
DOOR_PER_ADDRESS: Final = 256
"""Connections of one address; loopback, where a tunnel's clients all look alike, has only DOOR_CONNECTIONS."""
DOOR_UNFINISHED_PER_ADDRESS: Final = 64
DOOR_UNFINISHED_LOOPBACK: Final = 1024
SPLICE_STRANGER_BYTES: Final = 64 * 1024
"""Bytes a spliced connection may send before its first whole request has surfaced."""
SPLICE_STRANGER_FRAMES: Final = 64
"""And frames: the handshake's, and a few requests at once."""
SPLICE_AHEAD_BYTES: Final = 2 * 1024 * 1024
"""Bytes an enrolled one may be ahead of the requests that have surfaced: two whole frames."""
SPLICE_AHEAD_FRAMES: Final = 1024
"""And frames: twice what a member sends to the relay before it waits (RELAY_FLIGHT_BODIES)."""
SPLICE_QUIET_S: Final = 1.0
"""What was sent inward so long ago, and has not surfaced though nothing waits in the ROUTER, were no requests."""
BRIDGE_BACKLOG_BYTES: Final = 4 * 1024 * 1024
"""Unsent bytes of one JSON-lines client; past it the client is dropped and delays nobody."""
DOOR_READ_BYTES: Final = 64 * 1024
"""Read at once from one connection; one such buffer serves the whole door."""
DOOR_WRITE_BYTES: Final = 256 * 1024
"""Handed to the kernel's side at once; the rest waits where it can be counted cheaply."""
DOOR_LEAVE_S: Final = 2.0
"""Last words, and what is owed to a client that is shown out, may take this long without progress."""
DOOR_LEAVING: Final = 256
"""Connections that are being shown out at the same time; more are closed without waiting for their own end."""
DOOR_REFUSED: Final = 2048
"""Newcomers beyond a limit that are kept until it is known whether words mean anything to them, and whoever speaks
ZeroMQ for DOOR_LEAVE_S: libzmq tries again after a tenth of a second. More are cut off at once, without a word."""
SPLICE_FLUSH_S: Final = 0.1
"""A closing door leaves the ROUTER this long for its last words."""
HALF_CLOSE_S: Final = 2.0
"""A client that will send no more is owed its answers for this long without any coming."""
KEEPALIVE_IDLE_S: Final = 30
KEEPALIVE_INTERVAL_S: Final = 10
KEEPALIVE_PROBES: Final = 3
"""TCP keep-alive: a dead client is noticed after a minute, a quiet one never disturbed."""
UNTAKEN_S: Final = 60.0
"""What was sent to the other end of a bus or mesh connection, and not acknowledged by its system for so long, ends it:
by itself TCP tries for a quarter of an hour."""
REPLAY_ENTRIES: Final = 200
"""Read from the log at once for a JSON-lines client; the next page waits until this one has gone out."""
VALUE_DEPTH: Final = 64
"""Nesting of a `data` value: every codec on its way can follow it."""
ENROLLED_MOST: Final = 100_000
"""Enrolled keys remembered; past it the oldest goes, whose owner just enrols again."""
ACCESS_FAILURES: Final = 10
"""Wrong access codes from one address within ACCESS_WINDOW_S; more are refused unheard."""
ACCESS_WINDOW_S: Final = 60.0
PAKE_PER_S: Final = 50.0
"""SPAKE2 exchanges in all: 7 ms of CPU each, so a third of a core."""
PAKE_PER_S_AND_ADDRESS: Final = 10.0
PACES_MOST: Final = 10_000
"""Addresses whose rate is remembered; past it the oldest is forgotten."""

DOOR_ACCEPTS: Final = 64
"""Accepted in one turn of the loop: those who are in are not to wait for those who come."""
DOOR_AGAIN_S: Final = 1.0
"""Where the whole system has no descriptor left, this long is waited until the next attempt to accept."""
METRICS_REQUEST_S: Final = 5.0
"""A client of the metrics' port that says nothing for so long is hung up on."""
METRICS_REQUESTS: Final = 16
"""Requests at once there; past it the oldest goes, for it is none that anybody waits for."""

# File descriptors ------------------------------------------------------------------------------------------
DESCRIPTORS_SPARED_PART: Final = 10
"""A tenth of what the process may have is kept from others' connections, and another one from those at front doors:
for files, for names, for reaching others, and for a burst that libzmq has accepted before anybody could look …"""
DESCRIPTORS_SPARED_LEAST: Final = 6
"""… and so many at least: a log file that is turned over, a name that is looked up, a connection to a peer."""
DESCRIPTORS_TOLD_S: Final = 60.0
"""That people are turned away is logged this often."""
LOCAL_DESCRIPTORS: Final = 4096
"""With fewer no libzmq socket listens in the file system: at such a one libzmq ends the process when a burst takes the
last descriptor in the moment in which it accepts. Of 4096 a burst would have to take 400 in that moment."""
BROKER_DESCRIPTORS: Final = 52
"""Free ones that a broker needs at its start: it takes 44, and its first member five."""
DISCOVERY_DESCRIPTORS: Final = 32
MEMBER_DESCRIPTORS: Final = 40
"""A member of a room between peers takes 28 and seven for each other one."""
CONTEXT_DESCRIPTORS: Final = 16
"""For anything that speaks ZeroMQ: eight, and what it connects to."""

# Bus -------------------------------------------------------------------------------------------------------
HANDSHAKE_S: Final = 5.0
"""From an accepted connection to the end of its handshake …"""
HANDSHAKE_IN_LINE_S: Final = 30.0
"""… and at the bus, where it may have to wait for others': as long as libzmq's clients wait by themselves."""
HANDSHAKES: Final = 16
"""Newcomers that are in their handshakes at once: enough to keep two cores busy, few enough that a member's message,
which waits for each of them a few times, is not late."""
HANDSHAKES_PER_S: Final = 1250.0
"""And so many begin in a second: beside a crowd on the same two cores, half of what those could do, so that members'
messages find one idle."""
HANDSHAKE_TURN_S: Final = 0.1
"""Whoever has us wait for so long is not counted among them any longer, if it is on this machine, where it waits for a
core as we do …"""
HANDSHAKE_FAR_TURN_S: Final = 0.025
"""… and if it is elsewhere: then our cores are idle, and 640 in a second come in from any distance."""
BATCH_MESSAGES: Final = 500
"""Drained a wake-up: one commit, one publish; larger gains nothing, smaller costs throughput."""
BATCH_BYTES: Final = 128 * 1024
"""One batch frame: large enough that its own cost vanishes, small enough to share a path with others."""
SUBSCRIPTIONS_PER_CONNECTION: Final = 1024
SUBSCRIPTION_FRAME_BYTES: Final = 512
"""One frame that a publishing socket takes in: a subscription, which libzmq needs some 50 times as much to keep, or
CURVE's INITIATE, which with a plain client's metadata has 276 bytes."""
PUB_HWM: Final = 20_000
XPUB_HWM: Final = 5000
"""Messages that wait for one slow tool at the plain pair; past it libzmq drops for that one. 280 MB, were they all of
the largest size, but then GUARD_STALLED_S comes first."""
GUARD_S: Final = 0.025
"""How often the guard looks while anything comes in or goes out: on loopback 25 MB come in meanwhile."""
GUARD_MARGIN_BYTES: Final = 32 * 1024 * 1024
"""Growth over the size at the start from which the guard compares what came in with what came out."""
GUARD_CONNECTION_BYTES: Final = 32 * 1024
"""What a connection takes at the least, of libzmq's memory and ours, without having sent a thing."""
GUARD_STEP_BYTES: Final = 8 * 1024 * 1024
"""Growth since it last compared at which it does so again …"""
GUARD_IDLE_S: Final = 10.0
"""… or after so long, for those who fill slowly."""
GUARD_STALLED_S: Final = 0.25
"""A subscriber that has taken nothing for so long, while much waits for it, is cut; it comes back and repairs."""
GUARD_UNFINISHED_BYTES: Final = 4 * 1024 * 1024
"""What one connection may have sent since a message last came out: four whole frames."""
GUARD_BEHIND_BYTES: Final = 32 * 1024 * 1024
"""Memory that one connection may take for messages that have not come out: a publisher's window (WINDOW_BYTES), which
it sends again after 1, 2 and 4 s, or 200,000 short ones."""
GUARD_MESSAGE_BYTES: Final = 96
"""What libzmq takes for each, besides its octets: at the plain doors, where the shortest has 3, that is all."""

BATCH_HWM: Final = 500
"""Batches that wait for one subscriber: 64 MB at most."""
KEPT_BYTES: Final = 16 * 1024 * 1024
"""What waits for a slow reader here, of each connection; what comes on top is let go, for repair brings it again."""
CONTROL_HWM: Final = 4096
"""Control frames that wait for one client; they are counted in bytes too."""
CONTROL_BEHIND_BYTES: Final = 32 * 1024 * 1024
"""What waits for one client that does not read; past it control frames are dropped for that one. 128 pages."""

# Rooms -----------------------------------------------------------------------------------------------------
ROOMS: Final = 1000
MEMBERS_PER_ROOM: Final = 4000
"""So that a list of them all fits a control frame."""
MEMBERS_ON_A_LINE: Final = 256
"""And so many of them a JSON line."""
RETAIN_MESSAGES: Final = 100_000
RETAIN_S: Final = 30 * 86400.0

# Relay -----------------------------------------------------------------------------------------------------
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

# Store -----------------------------------------------------------------------------------------------------
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
RETAIN_CHUNK: Final = 100_000
"""Entries that retention deletes in one go; whole blocks of up to BATCH_MESSAGES, so it keeps up with any load."""
ENROLLED_KEPT_S: Final = 30 * 86400.0
"""A session's key stays admitted this long after it was last seen; an older one enrols again."""

EVENTS_WAITING: Final = 20_000
"""Events that a program has not taken yet; past it the bus waits, and repair brings what overflowed."""

# Client ----------------------------------------------------------------------------------------------------
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
QUIT_S: Final = 10.0
"""Leaving with unacknowledged messages waits this long without progress."""
CLOSE_S: Final = 5.0
"""Goodbyes to services and relays may take this long; each has a second of its own."""

# Room codes ------------------------------------------------------------------------------------------------
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

# Services --------------------------------------------------------------------------------------------------
TICK_S: Final = 0.5
"""What is over in a service is noticed so soon …"""
TICK_REST_S: Final = 2.0
"""… and while nothing is about to be over it looks this often only: half a wake-up a second. Shorter than LINGER_S, the
shortest time after which anything is over, so that it has always seen what it is to wait for."""

# Discovery -------------------------------------------------------------------------------------------------
CARD_BYTES: Final = 4 * 1024
"""A sealed card: a member's addresses and keys, with room to grow."""
LETTER_BYTES: Final = 192 * 1024
"""One letter between mailboxes: an admission hands over the roster of a full room."""
MAILBOX_BYTES: Final = 16
NAMEPLATE_MOST: Final = 999_999
NAMEPLATE_LEAST: Final = 10
"""Two digits are the shortest that are proposed, and so the lowest that can be asked for."""
NAMEPLATES_CROWDED: Final = 0.5
"""Once so many of the numbers of one length are taken, the next longer ones are proposed."""
LEASE_S: Final = 30.0
RENEW_S: Final = 10.0
"""Two renewals may be lost before a lease is."""
ROOM_EXPIRES_S: Final = 86400.0
"""A nameplate whose members were cut off is proposed to nobody else for this long: a laptop may sleep overnight."""
SETTLE_S: Final = 30.0
"""A service that has just started says `not yet`, not `no such room`: the members that it lost come back meanwhile."""
SETTLE_RETRY_S: Final = 0.5
LEASES: Final = 10_000
"""40 MB, were all their cards of the largest size."""
LEASES_PER_ADDRESS: Final = 256
LEASES_PER_CONNECTION: Final = 8
LEASES_PER_GROUP: Final = 128
"""Twice the members of a full room, for those who have just gone; their cards still fit one frame."""
GROUPS_PER_NAMEPLATE: Final = 8
"""One is the rule; two services that lost sight of each other may bring another. Strangers could bring any number."""
GROUPS_FOUND: Final = 3
MAILBOXES_FOUND: Final = 4
"""Shown of each group to somebody who looks up: enough to find one that answers, too few to count the room."""
RESERVED: Final = 20_000
"""Nameplates kept for those who were cut off; past it the oldest is free again."""
RENDEZVOUS_HWM: Final = 1000
"""Frames that wait for one connection, so that a burst of requests gets all its answers …"""
RENDEZVOUS_OWED_BYTES: Final = 768 * 1024
"""… and bytes: the cards of a full group and some letters; what comes beyond is lost."""
RENDEZVOUS_AHEAD_BYTES: Final = 2 * LETTER_BYTES + 16 * 1024
"""Bytes a greeted connection may be ahead of its requests: two of the largest."""
RENDEZVOUS_AHEAD_FRAMES: Final = 256
"""And frames: a burst of requests (RENDEZVOUS_REQUESTS_BURST) and a few."""
RENDEZVOUS_STALLED_S: Final = 60.0
"""A connection that takes nothing of what waits for it is cut after this."""
RENDEZVOUS_REQUESTS_PER_S: Final = 20.0
RENDEZVOUS_REQUESTS_BURST: Final = 200.0
LOOKUPS_PER_S_AND_ADDRESS: Final = 0.5
LOOKUPS_BURST: Final = 30.0
LOOKUPS_PER_S_AND_NAMEPLATE: Final = 5.0
LOOKUPS_NAMEPLATE_BURST: Final = 100.0
"""A guess at the words costs a look-up first; the guessing itself is counted by the room's members."""
CLAIMS_PER_S_AND_ADDRESS: Final = 2.0
CLAIMS_BURST: Final = 60.0
"""Claims that change something; a renewal costs nothing but its request."""
CREATES_PER_S_AND_ADDRESS: Final = 0.1
CREATES_BURST: Final = 20.0
LETTERS_PER_S: Final = 20.0
LETTER_BYTES_PER_S: Final = 256 * 1024
"""From one connection; LETTERS_BURST_S of it at once, which an admission needs."""
LETTERS_BURST_S: Final = 5.0
LETTERS_PER_S_AND_ADDRESS: Final = 100.0
LETTER_BYTES_PER_S_AND_ADDRESS: Final = 1024 * 1024
LETTERS_TO_MAILBOX_PER_S: Final = 20.0
LETTERS_TO_MAILBOX_BURST: Final = 200.0
DISCOVERY_LOOPBACK: Final = 20.0
"""How much wider the limits by address are for this machine: all clients of a tunnel look like it."""
ANNOUNCED_BROKERS: Final = 8

HOST_CHARS: Final = 255
"""A name in the DNS has no more."""
ORIGINAL_ROOMS: Final = 5000
ORIGINAL_ROOMS_PER_ADDRESS: Final = 100
ORIGINAL_PEERS: Final = 64
"""In one of the original's rooms."""
ORIGINAL_ROOMS_PER_CONNECTION: Final = 16
ORIGINAL_LINES_PER_S: Final = 20.0
ORIGINAL_LINES_BURST: Final = 100.0
"""A client that says more is read more slowly."""
ORIGINAL_GUESSES_PER_S: Final = 0.1
ORIGINAL_GUESSES: Final = 10.0
"""Wrong codes and passwords from one address at once …"""
ORIGINAL_ROOM_GUESSES_PER_S: Final = 0.2
ORIGINAL_ROOM_GUESSES: Final = 30.0
"""… and wrong passwords for one room."""

LETTERS_WAITING: Final = 64
"""Letters that a member sends again because they came too fast."""
ANSWER_S: Final = 5.0
"""A discovery service that answers no request for this long is not there any more."""

# Command line ----------------------------------------------------------------------------------------------
OUTPUT_BYTES: Final = 1024 * 1024
"""Unwritten bytes for stdout; past it a paused reader pauses the reading from the room."""
STATUS_BYTES: Final = 64 * 1024
"""Unwritten bytes for stderr; past it what is said there is dropped: it was news, and nobody has read it."""
STATUS_S: Final = 0.25
"""A line on stderr is waited for this long, so that it comes before what is written later; then for none of them until
the reader is back."""
ENDING_S: Final = 10.0
"""Goodbyes take 2 s at most, threads end at once: on the busiest of machines all is over by then, or never will be."""
ENDING_AGAIN_S: Final = 2.0
"""Who is told to end a second time is in a hurry."""
ENDING_SERVICE_S: Final = 60.0
"""A service closes its store, on a disk that others use as well."""
ENDING_LAST_WORDS_S: Final = 0.5
"""A process that is ended by force has this long to put its terminal right."""
NAMES_SEEN: Final = 500
"""Nicks remembered to notice one that only looks like another; comparing costs time for each."""
DATA_COLUMNS: Final = 200
"""Of a `data` value one line is shown, and of that so much."""
STARVED_SAID_S: Final = 60.0
"""A service without memory says so this often: each thing that it cannot do would be a line."""
LOG_BYTES: Final = 4 * 1024 * 1024
LOG_FILES: Final = 4
"""A service's log file is turned over at LOG_BYTES; so many old ones are kept."""

# Commands run for messages, and looking into what is wrong ---------------------------------------------------
HOOK_JOBS_MOST: Final = 32
"""Commands that `listen --exec` runs at once at most: each is a process and a thread."""
HOOK_END_S: Final = 2.0
"""They have this long to end when `listen` is interrupted; then they are killed."""
PROBE_PATH_S: Final = 5.0
"""A broker's bus is in reach within a second, or found not to be within BUS_S; then `doctor` says what it has seen."""
PROBE_PATHS_S: Final = 10.0
"""Members are reached by the best way that there is within this, or their paths stand as they are."""
CLOCK_SKEW_S: Final = 30.0
"""Clocks further apart show messages at times that puzzle people."""

# Exported identities -----------------------------------------------------------------------------------------
BACKUP_CHARS: Final = 4096
"""One has 220 characters."""
BACKUP_WORK_MOST: Final = 20
BACKUP_MEMORY_BYTES_MOST: Final = 1024 * 1024 * 1024
"""What a file may have us spend before we know whether it is any good; ours asks for 3 and 256 MB."""
PASSPHRASE_CHARS_LEAST: Final = 8
"""A shorter one is guessed, whatever each guess costs."""

# Screen ----------------------------------------------------------------------------------------------------
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

# Rooms between peers -----------------------------------------------------------------------------------------
ENVELOPE_ENTRIES: Final = 500
"""Entries under one signature: as BATCH_MESSAGES, larger gains nothing."""
ENVELOPE_BYTES: Final = 192 * 1024
"""One envelope: BATCH_BYTES of entries and one more of the largest, or a rekeying of a full room."""
PULLED_BYTES: Final = 128 * 1024
"""A page of envelopes, or one alone that is larger: sealed, it still fits what a relay takes."""
PAGES_BYTES_S: Final = 64 * 1024 * 1024
"""What one member is given in pages: more than a line carries, less than makes work for nothing else."""
PAGES_BURST: Final = 64 * 1024 * 1024
PAGE_LEAST: Final = 4096
"""What a page counts for at least, so that empty ones are bounded too."""
LOG_ENTRIES: Final = 200_000
LOG_BYTES_MOST: Final = 64 * 1024 * 1024
"""One session's log as each member keeps it; past either the oldest goes. A flooder only forgets itself."""
UNSHOWN_BYTES: Final = 256 * 1024 * 1024
"""Envelopes that wait for a reader who has stopped; past it the oldest are shown as lost."""
LOST_AFTER_S: Final = 5.0
"""What all who can be asked lack, whoever said it too, is still waited for so long: somebody else may be waking up."""
LOST_ORPHAN_S: Final = 8.0
"""And this long where whoever said it has fallen silent (GONE_S before that): it may be back, or who heard it."""
LOST_ALONE_S: Final = 60.0
"""And this long by whom nobody is heard, most likely because its own cable is out; and for what somebody has said whom
one has never heard, while nobody that is heard has it."""
LOST_LOOK_S: Final = 2.0
"""How often that is looked at; a stop of the process counts for no more than this."""
FINGERPRINT_LEAST: Final = 6
"""So much of a fingerprint says which person is meant."""
WHISPERS_HELD: Final = 1000
"""Whispers that wait for a reader who has stopped; more are not confirmed."""
WHISPERS_KNOWN: Final = 4096
"""Of one session, so that none that a relay says again is shown again."""
HELD_BYTES: Final = 16 * 1024 * 1024
"""Envelopes of one log that are held beyond a hole; what is over it is asked for again."""
STANDS: Final = 64
STANDS_S: Final = 10.0
STANDS_MOVED: Final = 256
"""A beacon tells of the logs that moved within so many seconds, of at most so many; and of so many of those who are
here, in turn. All others are in one sum: a room where thousands have come and gone has the beacons of a new one."""
STANDS_LATE_S: Final = 3.0
"""Sums that differ for longer are no message under way: one of the two lacks something …"""
STANDS_APART_S: Final = 1.0
STANDS_AGAIN_S: Final = 10.0
STANDS_AGAIN_MOST_S: Final = 600.0
STANDS_SAID: Final = 500
"""… and is told where all logs stand, so many in a packet of 40 kB; one member at a time, and one whom it does not
help more and more rarely."""
SOUGHT: Final = 16
SOUGHT_S: Final = 600.0
SOUGHT_PAUSE_S: Final = 20.0
"""Who has fallen silent without a goodbye is sought, so many at once and for so long, by a try this often: a cable
that is out for minutes. One that is reached tells of the others on its side. Whoever sleeps longer comes by itself."""
DESERTED: Final = 2
"""So many times in a row nothing listened at any of its addresses: who was there has ended, and is sought no more."""
CARDS_AWAY: Final = 256
"""Members that are not here, but whose card is kept, to dial back at once when they come. Others say theirs again."""
SPEAKERS_KNOWN: Final = 1024
"""Sessions whose last numbers of each kind are kept, for `prev`. One that is silent while so many speak begins anew."""
ADMITS_MOST: Final = 2000
"""Sessions that one session may admit: far above a room's, and an end to inventing them."""
CHEAT_PROOFS: Final = 8
"""Proofs against one session that a member writes down: more would be the cheat's doing."""
DEEDS_MOST: Final = 20_000
"""Entries of one session's deeds: past them it is heard no more, for they are never forgotten."""
BEACON_S: Final = 1.0
"""A sign of life this often; also how soon a lost last message is noticed."""
EVASIVE_S: Final = 3.5
"""Three missed beacons: shown as silent."""
GONE_S: Final = 12.0
"""Then it is gone, unless it comes back."""
EXPECTED_S: Final = 10.0
"""Somebody whom the roster names may take this long to be heard for the first time."""
DIRECT_S: Final = 3.5
"""A direct path counts for so long since it was last confirmed by the other end."""
RELAY_AFTER_S: Final = 1.5
"""Without a direct path within this a pair goes by the relay."""
BACKLOG_S: Final = 5.0
"""How long a joiner waits for history before it shows what there is."""
WHISPER_AGAIN_S: Final = 1.0
"""A whisper between peers is said again this often until it is confirmed."""
CARD_AGAIN_S: Final = 15.0
"""A card is said again this often, for whoever missed it."""
INTRODUCE_S: Final = 5.0
INTRODUCED: Final = 32
"""Who does not hear somebody whom we hear is given the card: so many cards at once, this often at most."""
HANDOVER_BYTES: Final = 96 * 1024
"""Deeds in one letter of a sponsor's handover; a room of CAPACITY has about half as much. No envelope of deeds is
larger, or it would fit no letter."""
HANDOVER_CARDS_BYTES: Final = 48 * 1024
HANDOVER_HEADS: Final = 500
HANDOVER_PRESENT: Final = 256
HANDOVER_LETTERS: Final = 64
"""What else is in one, and how many may follow: 6 MB, the deeds of a room where ten thousand have come and gone."""
KEY_WAIT_S: Final = 15.0
"""A member for whom a new key was not sealed has this long to be given it by another, while it hears any."""
REKEY_COPIES: Final = 512
REKEY_AWAY: Final = 64
REKEY_GONE: Final = 500
"""In one removal, so that it fits HANDOVER_BYTES even if somebody has invented thousands of members: those who are
here come first, then the last of those who fell silent; the others ask for the key when they come."""
EPOCH_ASKED: Final = 64
"""Logs of deeds that are asked for at once when somebody speaks by an unknown key: the owners', and some others'."""
CAPACITY: Final = 64
"""Sessions in a room, unless told otherwise: everyone holds a connection to everyone."""
CAPACITY_MOST: Final = 256
REUNITE_S: Final = 5.0
"""Who has a lease of our room, and was not heard for so long, may not know of us. It is written to then, and again
after twice that, and so on …"""
REUNITE_TRIES: Final = 6
"""… so often: within five minutes."""
REUNITE_AT_ONCE: Final = 4
"""And to so many a second: in a large room on busy machines everybody may be slow to be heard."""
GUESSES: Final = 10
"""Wrong codes until the room takes another one by itself."""
GENERATIONS: Final = 100_000
"""Forms of the code: an owner may skip some, but not so many that counting them takes time."""
ATTEMPT_S: Final = 30.0
"""After the sponsor's half, all but the right confirmation within this is a wrong guess."""
KNOCK_S: Final = 4.0
"""No answer to a knock within this: the next member is tried."""
JOIN_PATIENCE_S: Final = 45.0
"""A joiner keeps trying a busy room this long: one attempt that somebody left open ends within ATTEMPT_S."""
JOIN_GUESSES: Final = 3
"""A joiner stops after so many failed proofs: wrong code, or somebody in between."""
PAUSE_MOST_S: Final = 3600.0
"""The pause after a wrong guess doubles with each rotation, up to this."""
CLOCK_AHEAD_S: Final = 60
"""A message's time may be this far in the future as we see it; what is beyond is shown as now."""
CLOCK_HEARD_MOST: Final = 1 << 61
"""Lamport time is taken over from others up to this, so that nobody can push ours to where envelopes end (1 << 62)."""

# Mesh ------------------------------------------------------------------------------------------------------------
TOPIC_BYTES: Final = 16
"""What a packet on the mesh begins with: a tag that says nothing to a stranger."""
MESH_HWM: Final = BATCH_HWM
"""Packets that wait for one member: 64 MB of the usual size, 256 MB at most."""
MESH_STAGGER_S: Final = 0.15
"""One address has this long before the next is tried beside it: longer than a round trip within a continent."""
MESH_CONNECT_S: Final = 3.5
"""A TCP connection: its first packet may be lost twice (repeated after 1 s and 3 s)."""
MESH_HANDSHAKE_S: Final = 5.0
"""And CURVE over it: libzmq's other end gives up then as well. A stopped process answers when it is woken."""
MESH_STEADY_S: Final = 5.0
"""A connection that lasted this long was a good one: the next is made at once."""
MESH_REFUSED_S: Final = 0.7
"""The longest pause after a refusal: mostly the other's roster is just a moment behind."""
MESH_OVERLAP_S: Final = 0.5
"""How long the old line is still read when a new one stands: until the other end knows what the new one is to carry."""
MESH_HEARTBEAT_S: Final = 2.0
MESH_SILENT_S: Final = 6.0
"""Three heartbeats without a byte from the other end: the cable is out, or it is stopped."""
MESH_LINGER_S: Final = 0.5
"""What is queued when a member leaves, its goodbye, has this long to go out."""
MESH_ADDRESSES: Final = 16
"""Addresses of one member that are tried; a card with more is no honest one."""
MESH_GUARD_S: Final = 0.1
"""How often to look for messages that never end, once the process has grown by GUARD_MARGIN_BYTES: on a gigabit 12 MB
come in meanwhile."""
MESH_UNFINISHED_BYTES: Final = 16 * 1024 * 1024
"""What one connection may have sent since a message last came out: more than the system buffers and a frame."""
MESH_FLOOD_BYTES: Final = 48 * 1024 * 1024
"""What may have come by one connection since all was last read: three times as much, for reading is far quicker than
any honest sender."""
MESH_REBIND_S: Final = 0.005
"""libzmq closes a listener in its own time; the port is asked for again this often until then."""
INTERFACES_S: Final = 2.0
"""How often to look whether this machine's addresses changed; it takes a millisecond."""

# Finding a room ----------------------------------------------------------------------------------------------
FIND_S: Final = 8.0
"""A discovery service that was named has this long to answer: the person waits, and is told within ten seconds."""
FIND_PROBE_S: Final = 1.5
"""One on this machine or network answers at once, or is another program."""
FIND_LAN_S: Final = 2.5
"""mDNS answers within a second where it answers at all (RFC 6762, section 6)."""
LOOKUP_S: Final = 8.0
"""A service that has just started says "not yet"; members find their way back to it within RECONNECT_MOST_S."""
DISCOVERY_TRIES: Final = 20
"""Nameplates that are tried until one is free everywhere."""
RELAY_RETRY_S: Final = 5.0
RELAY_OLD_TAG_S: Final = 120.0
"""Who slept through a new key is still at the old tag."""
CUT_AFTER_S: Final = 0.3
"""The news of a removal has this long to leave before connections are cut."""
PEOPLE_KNOWN: Final = 5000
"""Names with their keys that are remembered."""

# The local network -------------------------------------------------------------------------------------------
LAN_GATHER_S: Final = 0.2
"""Who answers this long after the first that was found is still waited for: answers are spread over 120 ms."""
LAN_AGAIN_LEAST_S: Final = 3.0
LAN_AGAIN_MOST_S: Final = 240.0
"""A member whose own addresses changed, or that lost a service which it had found, searches again after the one, then
ever more seldom up to the other: nine times in eight minutes. What has not come back by then is dialled no more."""
LAN_NAMES: Final = 64
"""Services of our kind that one search looks into, of other rooms too. A flood of them hides ours."""
LAN_PLACES: Final = 16
LAN_ADDRESSES: Final = 4
"""Places that a search gives, and of one service: each is connected to, so nobody can send us to many."""
LAN_TXT_BYTES: Final = 128
"""A TXT record; ours has 15 bytes."""
LAN_PORT_LEAST: Final = 1024
"""No meeting point sits below: nobody can send us to a neighbour's mail or printer."""
LAN_INTERFACES: Final = 8
"""Of one machine; a container host has dozens, of which the real ones come first."""

# Tools at a member -------------------------------------------------------------------------------------------
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
