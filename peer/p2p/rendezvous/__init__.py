"""Connections to discovery services, where a room has its lease, its mailboxes and its cards."""
