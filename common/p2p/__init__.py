"""What the members of a room between peers sign, seal and send: shapes and codecs, pure."""
