"""Outputs of `check`."""
