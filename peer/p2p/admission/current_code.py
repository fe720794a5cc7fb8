"""The current code: the words and the password by which others come in, as they follow from the room's key."""

from __future__ import annotations

from sandpiper.common.codes import RoomCode, derive_words
from sandpiper.common.p2p.sealing import derive
from sandpiper.peer.events import CodeChanged
from sandpiper.peer.p2p.admission.guesses import CodeGuesses
from sandpiper.peer.p2p.admission.sponsor import CodeState
from sandpiper.peer.p2p.membership.roster import Roster
from sandpiper.peer.p2p.state.context import Context

_PASSWORD_WORDS = 3


class CurrentCode:
    """Derives the code anew when the room's key or the generation has changed. The first words are the founder's."""

    def __init__(self, context: Context, roster: Roster, guesses: CodeGuesses, password: str | None) -> None:
        self.password = password
        self._context = context
        self._roster = roster
        self._guesses = guesses
        self._of = self._now()
        self._begun = context.code.words
        """With which this member came in: the first of all follow from nothing that it could derive."""

    def _now(self) -> tuple[bytes, int]:
        return self._context.keyring.epoch.id, self._guesses.generation

    def state(self) -> CodeState:
        """The code as the sponsor is to ask for it now."""
        code, guesses, secrets = self._context.code, self._guesses, self._context.keyring.secrets
        # Whoever lacks a part of the room's key cannot hand it over, and knows an old code at most.
        lacks = any(secrets.get(head) is None for head in self._roster.heads())
        return CodeState(
            code.nameplate,
            guesses.generation,
            code.secret,
            self.password,
            guesses.forced,
            guesses.missed_at,
            spent=guesses.spent or lacks,
        )

    def follow(self) -> bool:
        """Takes the words that all members have now; returns whether they are others."""
        context, founding, now = self._context, self._roster.founding, self._now()
        if now == self._of:
            return False
        self._of = now
        key, renewed = context.keyring.epoch.key, not self._roster.is_first_key
        first = now[1] == 1 and not renewed
        words = self._begun if first else derive_words(derive(key, "words"), now[1], founding.words)
        context.code = RoomCode(words, context.code.nameplate)
        if founding.password and renewed:
            self.password = "-".join(derive_words(derive(key, "password"), 0, _PASSWORD_WORDS))
        context.events.append(CodeChanged(context.room_name, self.password if renewed else None))
        return True
