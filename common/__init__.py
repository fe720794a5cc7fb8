"""The protocol, pure: no sockets, no clock, no randomness, no environment.

Everything here takes bytes, messages and `now` (seconds, monotonic) and gives back values; the shells
under `common.io` and in the other packages do the rest.
"""
