"""The bus of a broker: handshakes, batches, queues, memory."""

from __future__ import annotations

from typing import Final

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
