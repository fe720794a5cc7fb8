"""A client process: `python -m bench.role MODULE ROLE JSON` calls that module's role with (where, load)."""

from __future__ import annotations

import importlib
import json
import sys

from bench.board import Load


def main() -> None:
    """Runs one role until the board says that the run is over."""
    module, role, arguments = sys.argv[1:]
    plan = json.loads(arguments)
    getattr(importlib.import_module(module), role)(plan["where"], Load(**plan["load"]))


if __name__ == "__main__":
    main()
