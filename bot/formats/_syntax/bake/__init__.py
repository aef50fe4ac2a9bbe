"""Bake files: their targets, variables and builds."""
