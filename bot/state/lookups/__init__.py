"""Stores of tags, manifests, scans, pushed commits and opened proposals, which save later runs requests."""
