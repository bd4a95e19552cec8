"""What the figures of the built-in reports share, and the figures themselves, one a module."""
