"""The user's own table of tags."""
