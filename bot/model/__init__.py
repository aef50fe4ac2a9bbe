"""Frozen value classes that all other packages share; standard library only, no I/O."""
