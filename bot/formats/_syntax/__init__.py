"""Tokenisers that formats share: from bytes to words, nodes and places that know where in the file they stand."""
