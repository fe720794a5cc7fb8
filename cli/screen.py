"""A prompt line that stays below while messages print above it (prompt_toolkit). The full screen is another matter."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

from sandpiper.cli.chat_commands import COMMANDS
from sandpiper.common.limits import PENDING_SHOWN

_PROMPT = "> "


class Interrupted(Exception):
    """Ctrl-C at the prompt."""


class Screen:
    """A View and a Source at once. Own lines stand dimmed above the prompt until they come back from the log."""

    def __init__(self, nicks: AbstractSet[str]) -> None:
        self._session: PromptSession[str] = PromptSession(
            self._prompt,
            completer=Words(nicks),
            key_bindings=self._keys(),
            complete_while_typing=False,
            erase_when_done=True,
            enable_suspend=True,
        )
        self._pending: dict[str, str] = {}
        self._lines: asyncio.Queue[str | Interrupted | None] = asyncio.Queue()
        self._prompting: asyncio.Task[None] | None = None

    async def read(self) -> bytes | None:
        """The next line; None for Ctrl-D. Raises Interrupted for Ctrl-C. The first call brings the prompt."""
        if self._prompting is None:
            self._prompting = asyncio.create_task(self._keep_prompting())
        line = await self._lines.get()
        if isinstance(line, Interrupted):
            raise line
        return None if line is None else line.encode("utf-8", "replace")

    async def close(self) -> None:
        """Gives the terminal back."""
        if self._prompting is not None:
            self._prompting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._prompting

    async def show(self, line: str) -> None:
        """Prints above the prompt."""
        sys.stdout.write(line + "\n")

    def status(self, line: str) -> None:
        """The same: a person looks at one place."""
        sys.stdout.write(line + "\n")

    def sent(self, name: str, line: str) -> None:
        """Shows an own line above the prompt until it is settled."""
        self._pending[name] = line
        self._session.app.invalidate()

    def settled(self, name: str) -> None:
        """It has its place in the log now, or was refused."""
        if self._pending.pop(name, None) is not None:
            self._session.app.invalidate()

    async def _keep_prompting(self) -> None:
        # One prompt for good, because between two of them the terminal would echo what is typed.
        with patch_stdout(raw=True):
            try:
                await self._session.prompt_async()
            except EOFError:
                self._lines.put_nowait(None)
            except KeyboardInterrupt:
                self._lines.put_nowait(Interrupted())

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            self._lines.put_nowait(buffer.text)
            buffer.append_to_history()
            buffer.reset()

        return keys

    def _prompt(self) -> StyleAndTextTuples:
        lines = list(self._pending.values())
        hidden = len(lines) - PENDING_SHOWN
        shown: StyleAndTextTuples = [("fg:ansibrightblack", f"{line}\n") for line in lines[:PENDING_SHOWN]]
        if hidden > 0:
            shown.append(("fg:ansibrightblack", f"and {hidden} more under way …\n"))
        return [*shown, ("", _PROMPT)]


class Words(Completer):
    """Completes commands at the start of the line, and nicks anywhere."""

    def __init__(self, nicks: AbstractSet[str]) -> None:
        self._nicks = nicks

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What the word before the cursor may become."""
        before = document.text_before_cursor
        if before.startswith("/") and " " not in before:
            for command in COMMANDS:
                if command.name.startswith(before[1:].lower()):
                    yield Completion(f"/{command.name} ", -len(before), display_meta=command.help)
            return
        word = before.rpartition(" ")[2]
        ending = ": " if word == before else " "
        for nick in sorted(self._nicks):
            if word and nick.lower().startswith(word.lower()):
                yield Completion(nick + ending, -len(word), display=nick)
