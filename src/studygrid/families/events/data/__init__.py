"""Datasets of collision events, and how they are prepared."""
