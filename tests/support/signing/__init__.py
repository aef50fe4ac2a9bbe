"""Signatures made for tests, and the artifacts that carry them to a registry."""
