"""Datasets: prepared once to arrays of images and masks."""
