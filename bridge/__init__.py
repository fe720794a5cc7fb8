"""Tongues for others: JSON lines. It talks to a small Room port, so that whoever has rooms can lend them."""
