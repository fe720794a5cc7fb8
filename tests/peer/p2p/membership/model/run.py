"""Runs the whole model: `make model`; `ARGS="--depth 2"` for some minutes instead of an hour."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.peer.p2p.membership.model.hunt import hunt
from tests.peer.p2p.membership.model.lives import Life
from tests.peer.p2p.membership.model.mutants import MUTANTS
from tests.peer.p2p.membership.model.small_worlds import OPENINGS, Rules, Walk


def small(opening: str, depth: int, *, wild: bool) -> str:
    walk = Walk(depth=depth, wild=wild).through(opening)
    return f"{opening}, up to {depth} more{' of any kind' if wild else ''}: {len(walk.worlds)} worlds, all"


def larger(opening: str, seed: int) -> str:
    worlds = 0
    for depth, width in ((4, 8), (6, 3), (8, 2), (20, 1)):
        for wild in (False, True):
            worlds += len(Walk(depth=depth, width=width, seed=seed, wild=wild).through(opening).worlds)
    return f"{opening}, 4 to 20 more, seed {seed}: {worlds} worlds"


def lives(first: int, number: int) -> str:
    told = [Life(Rules(), seed).live() for seed in range(first, first + number)]
    waiting, due = sum(each.waiting > 0 for each in told), sum(each.due for each in told)
    return f"lives {first} to {first + number - 1}: somebody waits in {waiting}, a new key is due in {due}"


def mutant(name: str) -> str:
    return f"{name}: {hunt(MUTANTS[name]) or 'NOT CAUGHT'}"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=3, help="deeds after each opening, in every way")
    parser.add_argument("--lives", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    begun, failed = time.monotonic(), 0
    with ProcessPoolExecutor(options.workers) as pool:
        jobs = [pool.submit(mutant, name) for name in MUTANTS]
        jobs += [pool.submit(lives, first, 500) for first in range(0, options.lives, 500)]
        jobs += [pool.submit(larger, opening, seed) for opening in OPENINGS for seed in range(5)]
        jobs += [pool.submit(small, opening, 2, wild=True) for opening in OPENINGS]
        jobs += [pool.submit(small, opening, options.depth, wild=False) for opening in OPENINGS]
        for job in as_completed(jobs):
            error = job.exception()
            said = f"BROKEN: {error}" if error is not None else job.result()
            failed += error is not None or said.endswith("NOT CAUGHT")
            say(f"{time.monotonic() - begun:6.0f} s  {said}")
    say(f"{failed} failed" if failed else "all holds")
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
