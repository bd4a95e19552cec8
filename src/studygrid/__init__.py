"""Studies of PyTorch models over resolutions, training-set sizes and seeds."""

from studygrid.version import __version__

__all__ = ["__version__"]
