"""Events that are generated here: a background of jets and resonances that decay to two jets."""
