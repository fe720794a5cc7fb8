"""Everybody's signed logs, as far as they are here, and how the rest is fetched."""
