"""Rows that are drawn from a mixture with known probabilities."""
