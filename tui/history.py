"""What was said, kept on this machine: an SQLite file in which every message is sealed.

The key is in a file of its own beside it (0600). Rooms are found by a keyed hash of their name, so that the file alone
says neither what was said nor where nor by whom; only how much, and in which order it was stored. The seal of a message
covers its room: rows cannot be moved. One thread writes, in batches.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from nacl.exceptions import CryptoError
from nacl.secret import Aead

from sandpiper.common.errors import SandpiperError
from sandpiper.common.io.files import open_private, private_folder, write_private
from sandpiper.common.limits import HISTORY_AGAIN_S, HISTORY_BATCH, HISTORY_MESSAGES, HISTORY_WAL_BYTES
from sandpiper.common.messages import Data, Me, Message, Msg
from sandpiper.common.text_files import NotText, decoded

KEY: Final = "history.key"
FILE: Final = "history.db"
T = TypeVar("T")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, room BLOB NOT NULL, name BLOB NOT NULL UNIQUE, sealed BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_room ON message (room, id);
CREATE TABLE IF NOT EXISTS note (name BLOB PRIMARY KEY, sealed BLOB NOT NULL);
"""
_BUSY_MS: Final = 3000
_KEY_BYTES: Final = 32
_SLACK: Final = 500  # messages over HISTORY_MESSAGES before the oldest go together


class History:
    """Messages by room, and notes (drafts, settings) by name."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Opens it in `folder`, or makes it. Raises SandpiperError."""
        self._clock = clock
        self.fault = ""
        """Why nothing is kept for now, if so; for a person."""
        self.missed = 0
        """Messages that are not in it because of that."""
        try:
            private_folder(folder)
            key = _key(folder / KEY)
            self._box = Aead(hashlib.blake2b(b"seal", key=key, digest_size=32).digest())
            self._names = hashlib.blake2b(b"names", key=key, digest_size=32).digest()
            self._file = self._open(folder / FILE)
            self._notes = self._read_notes()
        except (OSError, sqlite3.Error) as error:
            why = getattr(error, "strerror", None) or error
            raise SandpiperError(f"cannot keep a history in {folder}: {why}; mend it, or use --no-history") from error
        self._waiting: deque[tuple[str, Message]] = deque()
        self._unwritten: dict[str, Any] = {}
        self._failed_at = 0.0
        self._counts: dict[bytes, int] = {}
        self._worker = ThreadPoolExecutor(1, "sandpiper-history")
        self._writing: Future[None] | None = None

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        os.close(open_private(path, os.O_RDWR))
        file = sqlite3.connect(path, timeout=_BUSY_MS / 1000, check_same_thread=False, isolation_level=None)
        try:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = NORMAL")
            file.execute(f"PRAGMA journal_size_limit = {HISTORY_WAL_BYTES}")
            file.executescript(_SCHEMA)
        except sqlite3.Error:
            file.close()
            raise
        return file

    # Messages ----------------------------------------------------------------------------------------------

    def add(self, room: str, message: Message) -> None:
        """Keeps a message; it is written soon."""
        self._waiting.append((room, message))
        if len(self._waiting) == 1 or self.fault:  # else the thread is at it, and takes this one too
            self._have_written()

    @property
    def behind(self) -> bool:
        """Whether it has so much to write that whoever adds should wait (`caught_up`)."""
        return not self.fault and len(self._waiting) > 4 * HISTORY_BATCH

    def _have_written(self) -> None:
        """Has the thread write what waits; after a failure not at once again, and no more waits than fits a batch."""
        if self.fault:
            self._trim_waiting()
            if self._clock() - self._failed_at < HISTORY_AGAIN_S or not (self._writing is None or self._writing.done()):
                return
        self._writing = self._worker.submit(self._write)

    def _trim_waiting(self) -> None:
        while len(self._waiting) > HISTORY_BATCH:
            self._waiting.popleft()
            self.missed += 1

    async def caught_up(self) -> None:
        """Returns when what was added is written."""
        while (writing := self._writing) is not None and not writing.done():
            await asyncio.wrap_future(writing)

    async def recent(self, room: str, limit: int) -> list[Message]:
        """The newest messages of a room, oldest first."""
        return await self._in_thread(lambda: self._recent(room, limit)) or []

    async def upto(self, room: str, message: Message, limit: int, *, with_it: bool) -> list[Message]:
        """The messages of a room from before that one, which is here, or up to it; oldest first."""
        return await self._in_thread(lambda: self._upto(room, message, limit, with_it)) or []

    def _write(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(HISTORY_BATCH, len(self._waiting)))]
                try:
                    self._store(batch)
                except (sqlite3.Error, MemoryError):
                    self._waiting.extendleft(reversed(batch))
                    raise
                except (ValueError, TypeError, msgspec.MsgspecError):
                    self.missed += len(batch)  # it would be in the way for ever
                    raise
            while self._unwritten:
                name, value = self._unwritten.popitem()
                try:
                    self._write_note(name, value)
                except (sqlite3.Error, MemoryError):
                    self._unwritten.setdefault(name, value)
                    raise
        except (sqlite3.Error, MemoryError, ValueError, TypeError, msgspec.MsgspecError) as error:
            self._failed_at = self._clock()
            self.fault = f"this history cannot be kept: {str(error) or 'no memory is left'}"
        else:
            self.fault = ""

    def _store(self, batch: list[tuple[str, Message]]) -> None:
        rows = []
        for room, message in batch:
            place = self._hash(room)
            name = self._name(room, message)
            rows.append((place, name, self._seal(msgspec.msgpack.encode(message), place)))
        with _transaction(self._file):
            self._file.executemany("INSERT OR IGNORE INTO message (room, name, sealed) VALUES (?, ?, ?)", rows)
            for place in {row[0] for row in rows}:
                self._trim(place, sum(row[0] == place for row in rows))

    def _trim(self, place: bytes, added: int) -> None:
        known = self._counts.get(place)
        if known is None:
            known = self._file.execute("SELECT count(*) FROM message WHERE room = ?", (place,)).fetchone()[0] - added
        count = known + added
        if count > HISTORY_MESSAGES + _SLACK:
            self._file.execute(
                "DELETE FROM message WHERE room = ?1 AND id <= (SELECT id FROM message WHERE room = ?1 "
                "ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                (place, HISTORY_MESSAGES),
            )
            count = HISTORY_MESSAGES
        self._counts[place] = count

    def _recent(self, room: str, limit: int) -> list[Message]:
        place = self._hash(room)
        return self._read(
            place,
            self._file.execute("SELECT sealed FROM message WHERE room = ? ORDER BY id DESC LIMIT ?", (place, limit)),
        )

    def _upto(self, room: str, message: Message, limit: int, with_it: bool) -> list[Message]:
        place, name = self._hash(room), self._name(room, message)
        return self._read(
            place,
            self._file.execute(
                "SELECT sealed FROM message WHERE room = ?1 AND id < (SELECT id FROM message WHERE name = ?2) + ?3 "
                "ORDER BY id DESC LIMIT ?4",
                (place, name, int(with_it), limit),
            ),
        )

    def _name(self, room: str, message: Message) -> bytes:
        return self._hash(f"{room}\n{message.run}\n{message.seq}\n{message.from_}")

    def _read(self, place: bytes, found: sqlite3.Cursor) -> list[Message]:
        rows = found.fetchall()
        return [message for (sealed,) in reversed(rows) if (message := self._opened(sealed, place)) is not None]

    def _opened(self, sealed: bytes, place: bytes) -> Message | None:
        try:
            message: Message = _DECODER.decode(self._box.decrypt(sealed, place))
            return message
        except (CryptoError, ValueError, msgspec.MsgspecError):
            return None  # of another key, or damaged: it is as if it were not there

    # Notes -------------------------------------------------------------------------------------------------

    def recall(self, name: str) -> Any:
        """Returns what was noted under a name; None for nothing."""
        return self._notes.get(name)

    def note(self, name: str, value: Any) -> None:
        """Keeps a value under a name, until it is another; None removes it."""
        if value == self._notes.get(name):
            return
        if value is None:
            del self._notes[name]
        else:
            self._notes[name] = value
        self._unwritten[name] = value
        self._have_written()

    def _write_note(self, name: str, value: Any) -> None:
        place = self._hash(f"note\n{name}")
        if value is None:
            self._file.execute("DELETE FROM note WHERE name = ?", (place,))
        else:
            sealed = self._seal(msgspec.msgpack.encode((name, value)), place)
            self._file.execute("INSERT OR REPLACE INTO note (name, sealed) VALUES (?, ?)", (place, sealed))

    def _read_notes(self) -> dict[str, Any]:
        notes: dict[str, Any] = {}
        for place, sealed in self._file.execute("SELECT name, sealed FROM note"):
            try:
                name, value = msgspec.msgpack.decode(self._box.decrypt(sealed, place))
            except (CryptoError, ValueError, TypeError, msgspec.MsgspecError):
                continue
            notes[str(name)] = value
        return notes

    # The rest ----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Writes what waits, and lets go of the file."""
        self._worker.shutdown(wait=True)
        if self._waiting or self._unwritten:
            self._write()
        self._file.close()

    async def _in_thread(self, job: Callable[[], T]) -> T | None:
        try:
            return await asyncio.wrap_future(self._worker.submit(job))
        except sqlite3.Error as error:
            self.fault = f"this history cannot be read: {error}"
            return None

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._names, digest_size=16).digest()

    def _seal(self, data: bytes, place: bytes) -> bytes:
        return bytes(self._box.encrypt(data, place))


class _transaction:  # noqa: N801  # reads as a word
    """BEGIN and COMMIT around a block, ROLLBACK if either fails."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def __enter__(self) -> None:
        self._file.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._file.execute("COMMIT")
        finally:
            # SQLite has undone it by itself after some errors, a full disk among them; what it said then is the reason.
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")


_DECODER: Final = msgspec.msgpack.Decoder(Msg | Me | Data)


def _key(path: Path) -> bytes:
    try:
        text = decoded(path.read_bytes())
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):  # another screen was faster
            write_private(path, os.urandom(_KEY_BYTES).hex().encode() + b"\n", replace=False)
        text = decoded(path.read_bytes())
    except NotText:
        text = ""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SandpiperError(f"{path} is no history key; move it away with {FILE}, to begin a new history")
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return key
