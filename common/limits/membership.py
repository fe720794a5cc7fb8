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
DEED_NUMBER_MOST: Final = (1 << 32) - 1
"""The number that an owner gives to another: how manieth it is, and so nobody comes near to it."""
READMIT_PERSONS: Final = 256
"""Persons that one deed lets in again, or puts out: more take another deed."""
REKEY_NAMES: Final = 1024
"""Persons for whom a new key is made; it costs each of the others that somebody lets it in again."""

# Taking in -----------------------------------------------------------------------------------------------
BRANCH_SOUGHT: Final = 64
"""Persons looked at, on the way up, for whose branch somebody is of: chains of invitation are short."""
