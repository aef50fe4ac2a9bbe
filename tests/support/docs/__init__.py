"""Parsers of the documentation, and a stage on which its examples run."""
