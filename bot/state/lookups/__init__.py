"""Stores of tags, manifests, pushed commits and opened proposals, which save later runs requests."""
