# `make chat` and `make test` need Python 3.10+, pip and make; everything else goes into .venv of this checkout.
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
# Most of the suite waits, for deadlines that are the thing under test; a file's tests stay in order, in one worker. The
# files begin in the order of tests/conftest.py, the longest first: xdist's own would begin with those of many tests.
WORKERS := 4

.PHONY: help chat stop test test-core model lint bench docs clean

help:
	@echo 'make chat   open a room in this terminal, or join one (CODE=pine-ocean-42); NICK=you'
	@echo '            with ROOM=lobby or BROKER=1: through a broker on this machine, started if none runs'
	@echo 'make stop   stop the broker that make chat ROOM=... started'
	@echo 'make test   the test suite (ARGS="tests/common -x"; WORKERS=0 for pdb)'
	@echo 'make test-core   its part without sockets, processes and terminals, in seconds'
	@echo 'make model  all small rooms, in every order, against the rules of membership, in an hour (ARGS="--depth 2")'
	@echo 'make lint   ruff, its format check, mypy --strict'
	@echo 'make docs   the documentation as a site in build/site; and what is written from the code, written anew'
	@echo 'make bench  the benchmarks: docs/benchmarks.md says what they measure (ARGS=...)'
	@echo 'make clean  remove what the others made'

chat:
	@sh scripts/venv.sh
	@$(BIN)/python scripts/chat.py || { code=$$?; [ $$code = 130 ] || exit $$code; }

stop:
	@sh scripts/venv.sh
	@$(BIN)/python scripts/chat.py --stop

test:
	@sh scripts/venv.sh test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-core:
	@sh scripts/venv.sh test
	@$(BIN)/python -m pytest -n $(WORKERS) -m core $(ARGS)

model:
	@sh scripts/venv.sh test
	@$(BIN)/python -m tests.peer.p2p.membership.model.run $(ARGS)

lint:
	@sh scripts/venv.sh test lint
	@sh scripts/lint.sh

bench:
	@sh scripts/venv.sh bench
	@$(BIN)/python -m bench.server $(ARGS)

docs:
	@sh scripts/venv.sh docs
	@for script in commands man schema; do $(BIN)/python scripts/$$script.py || exit 1; done
	@$(BIN)/python -m mkdocs build --quiet --strict

clean:
	@rm -rf .venv .venv-lock build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache .nox
	@rm -rf examples/node/node_modules examples/c/thermo
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
