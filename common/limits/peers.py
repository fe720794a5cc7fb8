"""Rooms between peers: logs, presence, admission, mesh."""

from __future__ import annotations

from typing import Final

from sandpiper.common.limits.bus import BATCH_HWM

# Rooms between peers -------------------------------------------------------------------------------------
ENVELOPE_ENTRIES: Final = 500
"""Entries under one signature: as BATCH_MESSAGES, larger gains nothing."""
ENVELOPE_BYTES: Final = 192 * 1024
"""One envelope: BATCH_BYTES of entries and one more of the largest, or a rekeying of a full room."""
PULLED_BYTES: Final = 128 * 1024
"""A page of envelopes, or one alone that is larger: sealed, it still fits what a relay takes."""
PULLS_KNOWN: Final = 10_000
"""Requests for pages whose answer is still taken; of more the oldest are forgotten, and asked anew by the clock."""
PAGES_BYTES_S: Final = 64 * 1024 * 1024
"""What one member is given in pages: more than a line carries, less than makes work for nothing else."""
PAGES_BURST: Final = 16 * 1024 * 1024
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
"""And this long by whom nobody is heard, most likely because its own cable is out."""
LOST_UNMET_S: Final = 12.0
"""And this long what somebody has said whom one has never heard, while nobody that is heard has it: as long as others
take to be found gone."""
LOST_LOOK_S: Final = 2.0
"""How often that is looked at; a stop of the process counts for no more than this."""
LOST_RANGES: Final = 64
LOST_LOGS: Final = 256
"""What was given up and is still taken if somebody turns out to have it: so many holes of a log, in so many logs; the
newest. Who makes holes in its own log forgets its own first."""
LOST_ASKED: Final = 8
"""Logs for whose losses one member is asked at one sign of life: each answer is a page."""
LOST_AGAIN_S: Final = 5.0
LOST_AGAIN_MOST_S: Final = 600.0
"""A member that did not answer, or tells of a log of which it lacked the same, is asked again after this;
the last more and more rarely, for it tells of everybody who is present, once a second."""
FINGERPRINT_LEAST: Final = 12
"""So much of a fingerprint says which person is meant: 60 bits, so that nobody finds a key that begins as a name is
spelt, or as another's key."""
NOTICES_S: Final = 7.5
NOTICES_BURST: Final = 8
"""What one member has others told of itself, that it has come, gone or is called otherwise: so many at once, then one
in so many seconds. What is over that is told later, as it stands then; until then it goes by the name it had."""
COMPARE_S: Final = 6.0
COMPARE_AGAIN_S: Final = 1.0
"""Who compares words waits so long for the other's program, which is said everything again this often; below QUIT_S."""
COMPARE_TRIES: Final = 8
"""How often words are compared with one person in a session, whoever asks: somebody in between has one chance in 2^33
each time, and could have as many as there are tries."""
COMPARED_SESSIONS: Final = 4
"""Windows of one person that are asked at once."""
COMPARED_PERSONS: Final = 1024
"""Persons of whom that is counted; with more nobody else is compared with."""
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
HEARSAY_SOUGHT: Final = 4
"""So many of them at once, and none again within SOUGHT_S, because another member says that it hears them: each says
something itself in a moment. A member that lies has us dial no more than these."""
DESERTED: Final = 2
"""So many times in a row nothing listened at any of its addresses: who was there has ended, and is sought no more."""
NICKS_LEFT: Final = 256
"""Persons put out whose nick is kept, for it to be said that they are in again."""
CARDS_AWAY: Final = 256
"""Members that are not here, but whose card is kept, to dial back at once when they come. Others say theirs again."""
NAMESAKES_TOLD: Final = 1024
"""Pairs of persons, each with the name they share, of which a rename does not warn again; of older ones it does."""
SPEAKERS_KNOWN: Final = 1024
"""Sessions whose last numbers of each kind are kept, for `prev`. One that is silent while so many speak begins anew."""
NICKS_SIGNED: Final = 64
"""Nicks that one session signs as and that are kept as they are shown; a member has one, and its tools some more."""
REQUESTS_KNOWN: Final = 4096
"""So many numbers below a member's highest are known to be answered or not; one further below is a relay's replay."""
PROBED: Final = 8
"""Members of whom another is asked for a sign of life, at once: each is asked for every second at most."""
SIGN_BYTES: Final = 48 * 1024
"""A beacon that is kept to be passed on: one of a room of CAPACITY_MOST has less."""
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
PAST_ASKED: Final = 16
"""Logs of which older pages are asked for at once, by who scrolls back."""
PAST_SOURCES: Final = 8
"""So many members are asked for what comes before a log begins here: whose it is, and who has been here longest."""
PAST_TRIES: Final = 2
"""How often one is, who does not answer: packets get lost, and pages have a rate."""
PAST_BYTES: Final = 16 * 1024 * 1024
"""Older envelopes held until their turn in the room's order comes, about: a page of each of a hundred logs."""
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
HANDOVER_LETTERS: Final = 1024
"""What else is in one, and how many may follow: 96 MiB, where ten thousand who have come and gone are 6 MB."""
HANDOVER_AHEAD: Final = 4
"""So many follow unasked, and then each time that more are asked for: a service keeps what waits for a joiner only up
to RENDEZVOUS_OWED_BYTES."""
HANDOVER_TRIES: Final = 3
"""So often a joiner asks for one in vain, KNOCK_S each, before it tries another sponsor."""
HANDOVERS_AT_ONCE: Final = 8
"""Joiners to whom a sponsor hands over long histories at once; the one that it has heard of longest ago goes."""
KEY_WAIT_S: Final = 15.0
"""A secret of the room's key that nobody gives within this, while others are heard, is lost: an owner makes another."""
WANTS_HEADS: Final = 8
WANTS_AT_ONCE: Final = 64
"""Secrets that are asked for in one tick, and packets that ask for them, of so many peers in turn: an owner can make
any number of keys at once."""
SUPERSEDED_S: Final = 3600.0
"""Keys are kept so long after they were superseded, for who was away or has not heard yet."""
SESSIONS_OF_PERSON: Final = 16
"""So many sessions of one person are heard at once, those heard first: windows and machines, and no crowd."""
REKEY_COPIES: Final = 512
REKEY_AWAY: Final = 64
REKEY_GONE: Final = 500
"""In one removal, so that it fits a letter even if somebody has invented thousands of members: those who are here come
first, then the last of those who fell silent; the others ask for the secret when they come."""
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
DOORKEEPERS: Final = 5
"""So many persons answer who knocks, whoever else is here: of more that are asked at once each would judge a guess
before it has heard of the others'. With two each they are the ten; one alone has them all."""
GENERATIONS: Final = 32
"""Forms of the code under one key of the room: 310 wrong guesses. At the last nobody more comes in until an owner makes
a new key. What proves the guesses fits a letter."""
MISS_CREDIT_S: Final = 12.0
"""Wrong guesses that others say they have met count at this rate for each branch of the room, once it has said as many
as a person may meet. Who lies needs minutes for a generation, and his name is told with each; and where five members
have met two each, the generation ends in 24 s, within the patience of a joiner who knows the code (JOIN_PATIENCE_S).
No faster than the pause after a wrong guess either, which grows: so no liar uses all generations up in a day."""
MISSES_BELIEVED_S: Final = 60.0
"""How far a sponsor said that the code has gone may be corrected for so long, from when others are heard."""
MISSES_TOLD: Final = 64
"""Counts of wrong guesses in one packet: each may cost a signature to check."""
GUESS_WARNINGS: Final = 20
GUESS_WARNINGS_PER_S: Final = 0.1
"""Warnings of wrong guesses, at once and then: more say nothing more."""
MISSES_BYTES: Final = 8
"""The digest in beacons of who has met how many wrong guesses."""
ATTEMPT_S: Final = 30.0
"""After the sponsor's half, all but the right confirmation within this is a wrong guess."""
KNOCK_S: Final = 4.0
"""No answer to a knock within this: it is not waited for any more."""
KNOCK_ANSWERED_S: Final = 2.0
"""A sponsor's answer to a knock holds for this long; it shows nothing, so others may knock meanwhile …"""
KNOCKS_ANSWERED: Final = 256
"""… so many, the oldest is forgotten first: what three services may pass on in that time (LETTERS_HEARD_PER_S)."""
KNOCK_STAGGER_S: Final = 1.0
"""A mailbox has this long before the next is asked beside it, so that silent ones do not use a joiner's patience up."""
JOIN_BOXES: Final = 256
"""Mailboxes of one service that a joiner keeps in mind: two look-ups of a crowded nameplate with other ones in each."""
BOX_SOON_S: Final = 0.05
BOX_AGAIN_S: Final = 1.0
BOX_PATIENT: Final = 40
"""A mailbox that is busy is asked again after the one at the earliest, and once it was asked so often, the other."""
JOIN_PATIENCE_S: Final = 45.0
"""A joiner keeps trying a busy room this long: one attempt that somebody left open ends within ATTEMPT_S."""
JOIN_SEARCH_S: Final = 5.0
"""A joiner that is not in by then looks the room up again and searches the network: those found first may be liars."""
JOIN_GUESSES: Final = 3
"""Failed proofs at the mailboxes of one service: wrong code, or somebody in between. No more are shown there …"""
JOIN_GUESSES_MOST: Final = 10
"""… and so many in all, for there may be many services; a room gives strangers as many (GUESSES)."""
GUESSES_REPORTED: Final = 2
"""A newcomer reports so many of its own failed proofs to the room as guesses of strangers, and not more."""
PAUSE_MOST_S: Final = 3600.0
"""The pause after a wrong guess doubles with each rotation, up to this."""
CLOCK_AHEAD_S: Final = 60
"""A message's time may be this far in the future as we see it; what is beyond is shown as now."""
CLOCK_HEARD_MOST: Final = 1 << 61
"""Lamport time is taken over from others up to this, so that nobody can push ours to where envelopes end (1 << 62)."""

# Mesh ----------------------------------------------------------------------------------------------------
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
MESH_FITFUL_S: Final = 12.0
"""One that falls silent within this, as the second in a row, is no way to rely on until it has lasted so long: it takes
up to 8 s (MESH_HEARTBEAT_S and MESH_SILENT_S) to find a connection silent on which something got stuck at once."""
MESH_FITFUL: Final = 2
"""So many in a row: one silence may be a cable that was out."""
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
REBIND_S: Final = 0.005
"""libzmq closes a listener in its own time; the port is asked for again this often until then."""
INTERFACES_S: Final = 2.0
"""How often to look whether this machine's addresses changed; it takes a millisecond."""
