"""Proposals: their content, and their next step in each run."""
