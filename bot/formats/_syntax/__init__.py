"""Parsers that several formats share. They return tokens, nodes and image references with byte offsets."""
