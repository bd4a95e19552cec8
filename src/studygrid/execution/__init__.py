"""How jobs run: locks, worker processes, logs, provenance, fingerprints of code."""
