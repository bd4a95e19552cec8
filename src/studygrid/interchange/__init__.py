"""Results in the layouts that other programs read and write, each a writer and a reader.

The modules load pandas only where they need it: the Snakefile asks them for the names of files.
"""
