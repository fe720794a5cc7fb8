"""The lines of a log, for whoever reads it in a terminal."""

from __future__ import annotations

import logging
from typing import Any

from sandpiper.cli.stdio import say
from sandpiper.common.sanitise import printable


class LogFormatter(logging.Formatter):
    """Formats a record as one line, and its traceback below. Both may quote anybody, and are sanitised."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the standard library's name
        """See Formatter."""
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  # the standard library's name
        """See Formatter."""
        return printable(super().formatException(ei), newlines=True)


class Stderr(logging.Handler):
    """Writes the log on stderr; a terminal that takes nothing does not hold the process up."""

    def emit(self, record: logging.LogRecord) -> None:
        """See logging."""
        say(self.format(record))


def catch_the_rest() -> None:
    """Has what no handler takes, such as asyncio's complaints, come out as our lines do."""
    rest = Stderr(logging.WARNING)
    rest.setFormatter(LogFormatter())
    logging.lastResort = rest
