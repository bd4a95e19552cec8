"""The user's own events: NPZ or HDF5 files, read, checked, split and written."""
