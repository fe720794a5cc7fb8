"""Membership of rooms between peers: the size of deeds, and how fast they are taken in."""

from __future__ import annotations

from typing import Final

# One deed ------------------------------------------------------------------------------------------------
DEED_TIPS: Final = 64
"""Deeds that one deed names: 2 kB. Who knows more writes notes first, each of which joins so many in one."""
DEED_BYTES: Final = 96 * 1024
"""The largest, a rekeying of a full room. A letter of a handover has room for one (HANDOVER_BYTES)."""
DEED_KIND_CHARS: Final = 16
DEED_PROVEN_CHARS: Final = 16
DEED_UNKNOWN_BYTES: Final = 1024
"""What a deed of an unknown kind says: nobody can judge it, and everybody keeps it."""
DEED_NUMBER_MOST: Final = (1 << 32) - 1
"""The number that an owner gives to another: how manieth it is, and so nobody comes near to it."""
READMIT_PERSONS: Final = 256
"""Persons that one deed lets in again, or puts out: more take another deed."""
REMOVAL_WAIT_S: Final = 10.0
"""A removal waits so long for deeds that others here have, lest it put out who is in them: they may never come."""
REKEY_NAMES: Final = 1024
"""Persons for whom a new key is made; it costs each of the others that somebody lets it in again."""

# Taking in -----------------------------------------------------------------------------------------------
BRANCH_SOUGHT: Final = 512
"""Persons looked at, on the way up, for whose branch somebody is of: also who hundreds of invented people let in."""
BRANCH_DEEDS: Final = 64
BRANCH_DEEDS_H: Final = 32
BRANCH_BYTES: Final = 64 * 1024
BRANCH_BYTES_H: Final = 32 * 1024
"""Deeds of plain members, of one branch: so many at once, then so many an hour. A class of thirty, let in by one whom
the owner let in, fits; who invents people waits."""
BRANCH_BELOW_DEEDS: Final = 48
BRANCH_BELOW_DEEDS_H: Final = 20
BRANCH_BELOW_BYTES: Final = 48 * 1024
BRANCH_BELOW_BYTES_H: Final = 20 * 1024
"""Of these, all but the first person of the branch: so nobody whom it let in spends what it needs to let others in."""
OWNERS_LINE_DEEDS: Final = 2048
OWNERS_LINE_DEEDS_H: Final = 1024
OWNERS_LINE_BYTES: Final = 2 * 1024 * 1024
OWNERS_LINE_BYTES_H: Final = 1024 * 1024
"""What comes by one owner whom the founder named: whom he lets in, and the owners that he names and whom they let in.
The branches of a dishonest owner, each of which has its own, come to no more together."""
OWNER_DEEDS: Final = 1024
OWNER_DEEDS_H: Final = 512
OWNER_BYTES: Final = 8 * 1024 * 1024
OWNER_BYTES_H: Final = 4 * 1024 * 1024
"""Of one such owner himself, whose removals of a full room have 50 kB. The founder's have no limit: it is his room."""
RETURN_DEEDS: Final = 4
RETURN_DEEDS_H: Final = 2
RETURN_BYTES: Final = 8 * 1024
RETURN_BYTES_H: Final = 4 * 1024
"""Admissions of one person who is in the room, when the branch by which he comes in again has nothing left."""
BROUGHT_DEEDS: Final = 512
BROUGHT_DEEDS_H: Final = 256
BROUGHT_BYTES: Final = 1024 * 1024
BROUGHT_BYTES_H: Final = 512 * 1024
"""What one branch brings that others' deeds were built on, and that would have to wait by itself, or does not count."""
BROUGHT_FIRST_DEEDS: Final = 64
BROUGHT_FIRST_DEEDS_H: Final = 32
BROUGHT_FIRST_BYTES: Final = 128 * 1024
BROUGHT_FIRST_BYTES_H: Final = 64 * 1024
ALL_BROUGHT_DEEDS: Final = 2048
ALL_BROUGHT_DEEDS_H: Final = 1024
ALL_BROUGHT_BYTES: Final = 2 * 1024 * 1024
ALL_BROUGHT_BYTES_H: Final = 1024 * 1024
"""What all plain members bring together, beyond the first that each branch brings: new branches cost a code only."""
OWNER_BROUGHT_DEEDS: Final = 8192
OWNER_BROUGHT_DEEDS_H: Final = 4096
OWNER_BROUGHT_BYTES: Final = 12 * 1024 * 1024
OWNER_BROUGHT_BYTES_H: Final = 6 * 1024 * 1024
"""What an owner brings: more than all plain members can have brought him, or his removal of them would not come through
to the others. A senior owner ends one who abuses it."""
TRUSTED_DEEDS: Final = 16384
TRUSTED_BYTES: Final = 16 * 1024 * 1024
"""What a newcomer takes from its sponsor without any other budget: a room of years. The rest comes as usual."""
TRUSTED_OTHER_DEEDS: Final = 2048
TRUSTED_OTHER_BYTES: Final = 2 * 1024 * 1024
"""Of these so many count nowhere: honest ones are rare, and anybody can make them up."""

# Exchange ------------------------------------------------------------------------------------------------
DEED_PAGE: Final = 128
DEED_PAGE_BYTES: Final = 64 * 1024
"""Deeds in one answer; one alone may be larger. Each is two or three signatures to verify, about 0.2 ms."""
DEED_LANDMARKS: Final = 128
"""Deeds that one says to have when one asks for others: what these knew is not sent."""
DEEDS_LATE: Final = 64
DEEDS_LATE_BYTES: Final = 256 * 1024
"""Deeds of one sender that wait for what they were built on; of more the oldest is fetched again."""
DEEDS_APART_S: Final = 1.5
"""Tips that differ for longer are no deed under way: what is lacking is asked for."""
DEEDS_ASKED: Final = 3
"""Members that are asked at once: what one has, mostly the others have too."""
DEEDS_AGAIN_S: Final = 2.0
DEEDS_TRIES: Final = 3
"""An answer is waited for so long, so often."""
DEEDS_PAUSE_S: Final = 4.0
DEEDS_PAUSE_MOST_S: Final = 600.0
DEEDS_STRIKES: Final = 8
"""Who had nothing that could be taken is asked again after this, and after twice as long each time; and so is who does
not answer, or lies."""
DEEDS_IDLE_PAGES: Final = 16
"""Pages in a row of which nothing could be taken, after which somebody else is asked."""
DEEDS_GIVEN_BYTES_S: Final = 512 * 1024
DEEDS_GIVEN_BURST: Final = 4 * 1024 * 1024
"""What one member is given in answers: seven thousand admissions at once, then a thousand a second."""
DEEDS_GIVEN_LEAST: Final = 16 * 1024
"""What an answer counts for at least, for even an empty one takes a millisecond or two in a large room."""
DEEDS_TOLD_S: Final = 8.0
DEEDS_TOLD: Final = 64
"""Deeds of others that a sender tells unasked: so many at once, then so many a second; the rest is fetched."""
DIGESTS_KNOWN: Final = 64
"""Earlier digests of one's own: who says one of them lacks something, and has nothing for us."""
DEEDS_VERIFIED: Final = 2048
"""Deeds whose signatures were verified and that were not taken in: so many are not verified again, 0.5 MB."""
SECRETS_ASKED: Final = 16
"""Superseded secrets of which it is kept for whom they are: who slept asks for the last few."""
