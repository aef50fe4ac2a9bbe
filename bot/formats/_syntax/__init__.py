"""Parsers that formats share: they turn bytes into tokens, nodes and image references with byte positions."""
