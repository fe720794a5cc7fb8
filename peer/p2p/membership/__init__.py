"""Who is a member, who is an owner, and which key is current."""
