"""Compose files: their services, variables and environments."""
