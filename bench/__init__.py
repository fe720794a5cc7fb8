"""Benchmarks: ratios against other systems, both sides alternated in one run (docs/benchmarks.md)."""
