"""Determine which base branches a run need not read, and compute figures from the history of a fleet."""
