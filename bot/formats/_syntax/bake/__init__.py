"""Bake files: targets, variables and what they are built from."""
