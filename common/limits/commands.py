"""The command line and the commands."""

from __future__ import annotations

from typing import Final

# Command line --------------------------------------------------------------------------------------------
OUTPUT_BYTES: Final = 1024 * 1024
"""Unwritten bytes for stdout; past it a paused reader pauses the reading from the room."""
STATUS_BYTES: Final = 64 * 1024
"""Unwritten bytes for stderr; past it what is said there is dropped: it was news, and nobody has read it."""
STATUS_S: Final = 0.25
"""A line on stderr is waited for this long, so that it comes before what is written later; then for none of them until
the reader is back."""
ENDING_S: Final = 10.0
"""Goodbyes take 2 s at most, threads end at once: on the busiest of machines all is over by then, or never will be."""
ENDING_AGAIN_S: Final = 2.0
"""Who is told to end a second time is in a hurry."""
ENDING_SERVICE_S: Final = 60.0
"""A service closes its store, on a disk that others use as well."""
ENDING_LAST_WORDS_S: Final = 0.5
"""A process that is ended by force has this long to put its terminal right."""
NAMES_SEEN: Final = 500
"""Nicks remembered to notice one that only looks like another; comparing costs time for each."""
DATA_COLUMNS: Final = 200
"""Of a `data` value one line is shown, and of that so much."""
STARVED_SAID_S: Final = 60.0
"""A service without memory says so this often: each thing that it cannot do would be a line."""
LOG_BYTES: Final = 4 * 1024 * 1024
LOG_FILES: Final = 4
"""A service's log file is turned over at LOG_BYTES; so many old ones are kept."""

# Commands run for messages, and looking into what is wrong -----------------------------------------------
HOOK_JOBS_MOST: Final = 32
"""Commands that `listen --exec` runs at once at most: each is a process and a thread."""
HOOK_END_S: Final = 2.0
"""They have this long to end when `listen` is interrupted; then they are killed."""
PROBE_PATH_S: Final = 5.0
"""A broker's bus is in reach within a second, or found not to be within BUS_S; then `doctor` says what it has seen."""
PROBE_PATHS_S: Final = 10.0
"""Members are reached by the best way that there is within this, or their paths stand as they are."""
CLOCK_SKEW_S: Final = 30.0
"""Clocks further apart show messages at times that puzzle people."""

# Exported identities -------------------------------------------------------------------------------------
BACKUP_CHARS: Final = 4096
"""One has 220 characters."""
BACKUP_WORK_MOST: Final = 20
BACKUP_MEMORY_BYTES_MOST: Final = 1024 * 1024 * 1024
"""What a file may have us spend before we know whether it is any good; ours asks for 3 and 256 MB."""
PASSPHRASE_CHARS_LEAST: Final = 8
"""A shorter one is guessed, whatever each guess costs."""
