"""Images of any kind of file, to arrays of one size."""
