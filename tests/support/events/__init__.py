"""Requests by which registries report events."""
