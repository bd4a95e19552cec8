"""Rows of tags: where they come from, and how they become a vocabulary and splits."""
