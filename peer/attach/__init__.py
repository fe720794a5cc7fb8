"""`--attach`: doors at a member of a room, for the tools on its machine."""
