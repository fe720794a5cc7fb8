"""A front door, and the file descriptors that connections take."""

from __future__ import annotations

from typing import Final

# Doors ---------------------------------------------------------------------------------------------------
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
DOOR_ACCEPTS: Final = 64
"""Accepted in one turn of the loop: those who are in are not to wait for those who come."""
DOOR_AGAIN_S: Final = 1.0
"""Where the whole system has no descriptor left, this long is waited until the next attempt to accept."""
METRICS_REQUEST_S: Final = 5.0
"""A client of the metrics' port that says nothing for so long is hung up on."""
METRICS_REQUESTS: Final = 16
"""Requests at once there; past it the oldest goes, for it is none that anybody waits for."""

FREE_PORT_LEAST: Final = 20_000
FREE_PORT_MOST: Final = 32_000
"""Where a free port is looked for: below the ephemeral range, where a reconnecting client could meet itself."""
FREE_PORT_TRIES: Final = 200

# File descriptors ----------------------------------------------------------------------------------------
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
