"""The terminal under the screen: Textual's driver, but one that outlives its terminal, and comes back from `fg`."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING or sys.platform != "win32":
    from textual.drivers.linux_driver import LinuxDriver

    class Terminal(LinuxDriver):
        """A window that is closed must not keep what is unsent from being kept: writing to it does nothing then."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._file = cast(Any, Output(self._file))

        def _get_terminal_size(self) -> tuple[int, int]:
            """The terminal's own word: COLUMNS, where a shell exports it, would outlive a change of the window."""
            try:
                columns, lines = os.get_terminal_size(self.fileno)
            except OSError:
                return super()._get_terminal_size()
            return columns, lines

        def hung_up(self) -> bool:
            """Whether the terminal is gone. Textual's reader takes the end of it for silence, and spins."""
            poll = select.poll()
            poll.register(self.fileno, 0)
            return any(mask & select.POLLHUP for _, mask in poll.poll(0))

        def _run_input_thread(self) -> None:
            try:
                self.run_input_thread()
            except OSError:
                self._app.call_later(getattr(self._app, "hung_up", self._app.exit))


class Output:
    """A file whose other end may be gone. Textual's writing thread would die of it, and the screen wait for it."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.gone = False

    def write(self, text: str) -> None:
        """Writes it, as long as anybody reads."""
        try:
            if not self.gone:
                self._file.write(text)
        except (OSError, ValueError):
            self.gone = True

    def flush(self) -> None:
        """The same."""
        try:
            if not self.gone:
                self._file.flush()
        except (OSError, ValueError):
            self.gone = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
