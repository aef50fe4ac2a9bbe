"""Adapters for vulnerability scanners, one module each; the modules with an underscore read their output."""
