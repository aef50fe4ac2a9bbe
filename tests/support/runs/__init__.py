"""Whole runs: a registry with moving tags, a scanner with preset findings, and the results."""
