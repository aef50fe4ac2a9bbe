"""Adapters for vulnerability scanners, one module for each.

Modules whose names begin with `_` are parts of adapters.
"""
