"""Compose files: their names and services, and the interpolation of variables."""
