"""Adapters for forges, one folder each; they carry out steps and decide nothing. `hosted/` is common to servers."""
