"""The owners of the nicks in a room."""

from __future__ import annotations

from dataclasses import dataclass

from sandpiper.common.errors import Code, Refusal
from sandpiper.common.limits import NICK_GRACE_S
from sandpiper.common.nicks import ANON, fold, nick


@dataclass(slots=True)
class _Owned:
    owner: object
    nick: str
    holders: int
    free_at: float | None


class NickBook:
    """The nicks of a room and their owners.

    Nicks are compared folded. One owner may hold a nick from several sessions; when the last has let go, a person's
    stays reserved for a grace time. `anon` is everybody's.
    """

    def __init__(self) -> None:
        self._owned: dict[str, _Owned] = {}

    def reserve(self, owner: object, name: str, now: float) -> None:
        """Reserves a nick that the store remembers: its owner has the grace time, from now, to come back."""
        self._owned[fold(name)] = _Owned(owner, name, 0, now + NICK_GRACE_S)

    @property
    def owners(self) -> int:
        """How many nicks are owned, or kept for who had them."""
        return len(self._owned)

    def owner(self, name: str) -> object | None:
        """The owner of `name`, None if there is none."""
        owned = self._owned.get(fold(name))
        return owned.owner if owned else None

    def claim(self, owner: object, name: str) -> str:
        """Gives `name` to the owner. Raises Refusal: INVALID or NICK_TAKEN."""
        nick(name)
        folded = fold(name)
        if folded == ANON:
            return ANON
        owned = self._owned.get(folded)
        if owned is None:
            owned = self._owned[folded] = _Owned(owner, name, 0, None)
        elif owned.owner != owner:
            raise Refusal(Code.NICK_TAKEN, f"the nick {owned.nick} is taken")
        owned.nick = name
        owned.holders += 1
        owned.free_at = None
        return name

    def release(self, name: str, *, keep_until: float | None) -> None:
        """Gives up one holder's claim; after the last the nick is free at `keep_until`, None for at once."""
        folded = fold(name)
        owned = self._owned.get(folded)
        if owned is None:
            return
        owned.holders -= 1
        if owned.holders > 0:
            return
        if keep_until is None:
            del self._owned[folded]
        else:
            owned.free_at = keep_until

    def get_timer(self) -> float | None:
        """When `expire` has something to free."""
        return min((owned.free_at for owned in self._owned.values() if owned.free_at is not None), default=None)

    def expire(self, now: float) -> list[str]:
        """Frees what nobody came back for; gives those nicks."""
        due = [key for key, owned in self._owned.items() if owned.free_at is not None and owned.free_at <= now]
        return [self._owned.pop(key).nick for key in due]
