"""Outputs of `compare`."""
