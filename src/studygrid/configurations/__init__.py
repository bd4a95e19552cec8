"""Configurations: models that are made on the command line, and the study that keeps them."""
