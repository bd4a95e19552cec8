"""Scans that are simulated: objects of two images each, a probe, a raster, photons."""
