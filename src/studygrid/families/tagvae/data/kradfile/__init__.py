"""Kanji and the components that they are made of."""
