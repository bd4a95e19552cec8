"""Layouts of other programs, read as runs of ours."""
