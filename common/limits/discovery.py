"""Discovery: the service, finding a room, the local network."""

from __future__ import annotations

from typing import Final

# Discovery -----------------------------------------------------------------------------------------------
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
"""40 MB, were all their cards of the largest size; twice that while all have moved to other keys (LEASES_PER_MOVE)."""
LEASES_PER_ADDRESS: Final = 256
LEASES_PER_CONNECTION: Final = 8
LEASES_PER_GROUP: Final = 128
"""Twice the members of a full room, for those who have just gone; their cards still fit one frame."""
LEASES_PER_MOVE: Final = 2
"""Of one connection at one nameplate: under the new key of its group, and the one before until the new one stands."""
GROUPS_PER_NAMEPLATE: Final = 32
"""One is the rule, two for a moment when its key changes; two services that lost sight of each other may bring another.
Strangers could bring any number: past it the last in order goes."""
GROUPS_PER_HOME: Final = 4
"""Of one household, at one nameplate: both halves of a room that is split, each while its key changes."""
GROUPS_FOUND: Final = GROUPS_PER_NAMEPLATE
"""All are shown to who looks up, the senior first: a stranger's must hide none."""
SENIORITY_BYTES: Final = 64
"""A service's token; ours has 48."""
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
LOOKUPS_OWN_PER_S: Final = 0.05
LOOKUPS_OWN_BURST: Final = 4.0
"""So much of a nameplate is each address's own, so that strangers who look it up without end hide it from nobody."""
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
LETTERS_OWN_PER_S: Final = 0.5
LETTERS_OWN_BURST: Final = 20.0
"""So much of a mailbox is each sending address's own: an admission takes three letters, and a busy member some more."""
DISCOVERY_LOOPBACK: Final = 20.0
"""How much wider the limits by address are for this machine: all clients of a tunnel look like it."""
ANNOUNCED_BROKERS: Final = 8
"""Brokers that one service names, and that a member ever tries of those that services name."""
ANNOUNCED_PORT_LEAST: Final = 1024
"""No such broker sits below: nobody can send members to somebody's mail or printer."""
ANNOUNCED_TRIES: Final = 3
"""One that has failed so often leaves its place to the next …"""
ANNOUNCED_RETRY_MOST_S: Final = 300.0
"""… and is tried again after RELAY_RETRY_S, twice that, and so on up to this: it may be nobody's broker."""
OBSERVED_MOST: Final = 2
"""Addresses of ours that services say they see and that we pass on: with two uplinks there are two."""
OBSERVED_CHANGES: Final = 4.0
OBSERVED_CHANGES_PER_S: Final = 1 / 300
"""A service may say so often that it sees us elsewhere: a laptop moves, but others dial what we pass on."""
OBSERVED_CHARS: Final = 64
SERVICE_TEXT_CHARS: Final = 1000
TICKET_CHARS: Final = 256
ANNOUNCED_CHARS: Final = 300
"""In what a service says: an address with a zone, a text for people, a ticket, a broker with port and fingerprint."""
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
"""Letters that a member sends again because they came too fast …"""
LETTER_TRIES: Final = 8
"""… so often, ever more slowly: a service that only ever refuses them costs half a minute."""
RENEW_LEAST_S: Final = 1.0
"""A lease is not claimed again sooner after a refusal or a missed step, whatever a service says."""
CARDS_PER_S: Final = 64.0
CARDS_BURST: Final = 512.0
"""Changed cards that a member takes from one service: four full groups at once. What comes beyond is fetched later."""
LETTERS_HEARD_PER_S: Final = 40.0
LETTERS_HEARD_BURST: Final = 400.0
"""Letters that a member takes from one service; an honest one passes few more on than LETTERS_TO_MAILBOX_PER_S."""
SERVICE_WAIT_MOST_S: Final = 3600.0
"""A wait that a service asks for is told to people up to this."""
ANSWER_S: Final = 5.0
"""A discovery service that answers no request for this long is not there any more."""

# Finding a room ------------------------------------------------------------------------------------------
FIND_S: Final = 8.0
"""A discovery service that was named has this long to answer: the person waits, and is told within ten seconds."""
FIND_PROBE_S: Final = 1.5
"""One on this machine or network answers at once, or is another program."""
PROBE_PAD_BYTES: Final = 8 * 1024
"""A question of so much takes several packets of full size on any network that is not a loopback …"""
PROBE_LARGE_S: Final = 3.5
"""… and so long for its answer, where a small one had its own: the system has sent each packet four times by then."""
FIND_LAN_S: Final = 2.5
"""mDNS answers within a second where it answers at all (RFC 6762, section 6)."""
LOOKUP_S: Final = 8.0
"""A service that has just started says "not yet"; members find their way back to it within RECONNECT_MOST_S."""
DISCOVERY_TRIES: Final = 8
"""Nameplates that are tried until one is free everywhere: with half of them taken at each of two services it fails once
in 250 times, and then one of the two is left out, as one that calls every number taken is."""
RELAY_RETRY_S: Final = 5.0
RELAY_OLD_TAG_S: Final = 120.0
"""Who slept through a new key is still at the old tag."""
CUT_AFTER_S: Final = 0.3
"""The news of a removal has this long to leave before connections are cut."""
PEOPLE_KNOWN: Final = 5000
"""Names with their keys that are remembered."""

# The local network ---------------------------------------------------------------------------------------
LAN_GATHER_S: Final = 0.2
"""Who answers this long after the first that was found is still waited for: answers are spread over 120 ms."""
LAN_AGAIN_LEAST_S: Final = 3.0
LAN_AGAIN_MOST_S: Final = 240.0
"""A member whose own addresses changed, or that lost a service which it had found, searches again after the one, then
ever more seldom up to the other: nine times in eight minutes. What has not come back by then is dialled no more."""
TAKE_OVER_MOST_S: Final = 240.0
"""A member that finds no service on its machine and can make none, as other programs have all ports, looks again after
a second, then ever more seldom up to this, and at once when its addresses change."""
LAN_NAMES: Final = 64
"""Services of our kind that one search looks into, of other rooms too. A flood of them hides ours."""
LAN_PLACES: Final = 16
LAN_ADDRESSES: Final = 4
"""Places that a search gives, and of one service: each is connected to, so nobody can send us to many."""
LAN_TXT_BYTES: Final = 128
"""A TXT record; ours has 15 bytes."""
LAN_SERVICES: Final = 32
"""Services of a network to which a member is connected at most, its own machine's among them."""
LAN_PORT_LEAST: Final = 1024
"""No meeting point sits below: nobody can send us to a neighbour's mail or printer."""
LAN_INTERFACES: Final = 8
"""Of one machine; a container host has dozens, of which the real ones come first."""
