"""Errors, in two families.

`SandpiperError` is for people: one line that says what happened, why and what to try, and the exit code that a
command ends with. `Refusal` is for the wire: what one end answers to a request that it will not carry out. A
receiving loop catches `Refusal`, answers it, and goes on.
"""

from __future__ import annotations

from enum import Enum


class Code(str, Enum):
    """Reasons why a request is refused, in the wire's stable words."""

    INVALID = "invalid"  # malformed, or breaks a stated rule
    ACCESS = "access"  # no or a wrong access code
    NICK_TAKEN = "nick_taken"
    NOT_HERE = "not_here"  # the addressee is not in the room
    NOT_JOINED = "not_joined"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"  # a bound on rooms, members or connections is reached
    RATE = "rate"  # slow down; `retry_ms` says for how long
    GAP = "gap"  # a publisher's number came past a hole; resend from `n`
    STORE = "store"  # the log cannot be written now; resend later
    VERSION = "version"
    CLOSING = "closing"
    NO_ROOM = "no_room"  # nobody has a room at this nameplate
    NOT_YET = "not_yet"  # nor does anybody so far, but the service has only just started; ask again after `retry_ms`
    TAKEN = "taken"  # a room to be opened is open already

    def __str__(self) -> str:
        return self.value


class Refusal(Exception):
    """A request that will not be carried out. `text` is one line for the person at the other end."""

    def __init__(self, code: Code, text: str, *, retry_ms: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.retry_ms = retry_ms


class SandpiperError(Exception):
    """An error that a person is told in one line. Subclasses fix the exit code."""

    exit_code = 1


class UsageError(SandpiperError):
    """Error: a command or a call was given something that it does not take."""

    exit_code = 2


class RoomClosed(SandpiperError):
    """Error: the room has been closed by this program: nothing can be asked of it, or sent, any more."""


class Unreachable(SandpiperError):
    """Error: no connection could be made."""

    exit_code = 3


class SocketError(Unreachable):
    """Error: this machine has no socket left, or the endpoint is none that libzmq would use."""

    exit_code = 1


class AccessDenied(SandpiperError):
    """Error: a wrong code, password or access code.

    `asks_for` is the secret that would let one in: "access code" or "password"; empty where none that is typed would.
    """

    exit_code = 4

    def __init__(self, text: str, *, asks_for: str = "access code") -> None:
        super().__init__(text)
        self.asks_for = asks_for


class PasswordNeeded(AccessDenied):
    """Error: the room has a password, and none was given; nothing was tried, and no guess is spent."""

    def __init__(self) -> None:
        super().__init__(
            "this room has a password; use --password-file or SANDPIPER_PASSWORD, or --password at a terminal",
            asks_for="password",
        )


class NoSuchRoom(SandpiperError):
    """Error: nobody has a room by that code."""

    exit_code = 5


class Rejected(SandpiperError):
    """Error: the other end would not have us: full, rate limited, banned, nick taken."""

    exit_code = 6


class Removed(Rejected):
    """Error: an owner has removed this person from the room, for good."""


class TrustError(SandpiperError):
    """Error: a key that was pinned has changed."""
