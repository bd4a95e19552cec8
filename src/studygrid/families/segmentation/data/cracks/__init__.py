"""Cracks: pictures of cracked surfaces drawn by a generator, with masks that are exact."""
