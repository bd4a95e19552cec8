"""Scans: where they come from, and how they become patterns, groups and splits."""
