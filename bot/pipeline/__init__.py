"""The phases of a run, and their order."""
