"""Determines which base branches a run need not read, and computes figures from the history of a fleet."""
