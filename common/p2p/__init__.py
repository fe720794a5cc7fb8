"""Signing, sealing and packets of a room between peers: shapes and codecs, pure."""
