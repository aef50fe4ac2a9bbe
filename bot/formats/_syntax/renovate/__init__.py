"""Renovate configs: their settings for images."""
