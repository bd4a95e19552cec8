"""Datasets of classification: what can be told of them cheaply, and their preparation."""
